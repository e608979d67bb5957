"""What the data of a reply means in each dialect, and its metrics. Pure.

Source: Pylontech, RS485 protocol V3.3, section 4.3; syssi/esphome-pace-bms, pbmstools; syssi/esphome-seplos-bms;
captures of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from exporter.fields import Confidence, Kind, Metric, Sample
from exporter.readings import Charge

ABOUT_EMPTY = 0.02
_MOST = 64
_IN_THREE_BYTES = 0xFFFF
_WITHOUT_LATER = 2
_PYLONTECH_ZERO = 2731
_PACE_ZERO = 2730
_SEPLOS_ZERO = 2731


class ContentError(Exception):
    """A frame's data does not fit the dialect; `str` is the reason."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """One battery of a stack; amperes are + into it.

    Attributes:
        soc: state of charge as the battery reports it, 0 to 1; None in dialects without it.
    """

    cell_volts: tuple[float, ...]
    celsius: tuple[float, ...]
    amperes: float
    volts: float
    remaining: float
    full: float
    cycles: int
    design: float | None = None
    soc: float | None = None
    soh: float | None = None

    @property
    def ratio(self) -> float | None:
        """State of charge, 0 to 1; None when unknown. A reported 0 counts only when hardly any ampere-hours remain."""
        if self.soc:
            return self.soc
        if self.full <= 0 or self.remaining <= 0:
            return None
        share = self.remaining / self.full
        return share if self.soc is None or share < ABOUT_EMPTY else None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, width: int = 1, *, signed: bool = False) -> int:
        part = self._data[self._at : self._at + width]
        if len(part) < width:
            raise ContentError(f"{len(self._data)} bytes end where more are needed")
        self._at += width
        return int.from_bytes(part, "big", signed=signed)

    def several(self) -> tuple[int, ...]:
        """Return numbers of two bytes; the byte before them is their count."""
        count = self.take()
        if count > _MOST:
            raise ContentError(f"{count} cells or sensors in a row")
        return tuple(self.take(2) for _ in range(count))


def pylontech(info: bytes) -> tuple[Module, ...]:
    """Return all modules of a stack. Capacities are in two bytes, larger ones in three bytes further on."""
    data = _Reader(info)
    data.take()
    return tuple(_pylontech_module(data) for _ in range(data.take()))


def _pylontech_module(data: _Reader) -> Module:
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    items, full, cycles = data.take(), data.take(2), data.take(2)
    if items > _WITHOUT_LATER:
        later_remaining, later_full = data.take(3), data.take(3)
        if remaining == _IN_THREE_BYTES:
            remaining, full = later_remaining, later_full
    return Module(
        cell_volts=tuple(cell / 1000 for cell in cells),
        celsius=tuple((sensor - _PYLONTECH_ZERO) / 10 for sensor in sensors),
        amperes=amperes / 10,
        volts=volts / 1000,
        remaining=remaining / 1000,
        full=full / 1000,
        cycles=cycles,
    )


def pace(info: bytes) -> tuple[Module, ...]:
    """Return the one pack of a reply in version 25."""
    data = _Reader(info)
    data.take(2)
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    data.take()
    full, cycles, design = data.take(2), data.take(2), data.take(2)
    module = Module(
        cell_volts=tuple(cell / 1000 for cell in cells),
        celsius=tuple((sensor - _PACE_ZERO) / 10 for sensor in sensors),
        amperes=amperes / 100,
        volts=volts / 1000,
        remaining=remaining / 100,
        full=full / 100,
        cycles=cycles,
        design=design / 100,
    )
    return (module,)


def seplos(info: bytes) -> tuple[Module, ...]:
    """Return the one pack of a reply of Seplos V2."""
    data = _Reader(info)
    data.take(2)
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    data.take()
    full, soc, design, cycles, soh = (data.take(2) for _ in range(5))
    module = Module(
        cell_volts=tuple(cell / 1000 for cell in cells),
        celsius=tuple((sensor - _SEPLOS_ZERO) / 10 for sensor in sensors),
        amperes=amperes / 100,
        volts=volts / 100,
        remaining=remaining / 100,
        full=full / 100,
        cycles=cycles,
        design=design / 100,
        soc=soc / 1000,
        soh=soh / 1000,
    )
    return (module,)


class Dialect(NamedTuple):
    """A dialect of the protocol.

    Attributes:
        version: the protocol version that its frames carry.
        address: the battery's address as delivered.
        every: the data of a request for all modules; None: the address is sent instead.
        read: decodes a reply's data into modules.
    """

    version: int
    address: int
    every: int | None
    read: Callable[[bytes], tuple[Module, ...]]


DIALECTS: Mapping[str, Dialect] = {
    "pylontech": Dialect(0x20, 2, 0xFF, pylontech),
    "pace": Dialect(0x25, 1, None, pace),
    "seplos-v2": Dialect(0x20, 0, None, seplos),
}


class _Quantity(NamedTuple):
    metric: Metric
    of: Callable[[Module], float | None]


_metric = partial(Metric, labels=("module",), source="Pylontech RS485 protocol V3.3, and captures of each dialect")
_QUANTITIES = (
    _Quantity(_metric("pylontech_battery_volts", "Voltage of each module."), lambda module: module.volts),
    _Quantity(
        _metric("pylontech_battery_amperes", "Current of each module, + into it, - out of it."),
        lambda module: module.amperes,
    ),
    _Quantity(
        _metric(
            "pylontech_soc_ratio", "State of charge of each module, as reported, else remaining over full capacity."
        ),
        lambda module: module.ratio,
    ),
    _Quantity(_metric("pylontech_soh_ratio", "State of health of each module."), lambda module: module.soh),
    _Quantity(
        _metric("pylontech_remaining_amphours", "Ampere-hours left in each module."), lambda module: module.remaining
    ),
    _Quantity(_metric("pylontech_full_amphours", "Capacity of each module when full."), lambda module: module.full),
    _Quantity(
        _metric("pylontech_design_amphours", "Capacity of each module when new."),
        lambda module: module.design,
    ),
    _Quantity(
        _metric("pylontech_cycles_total", "Charge cycles of each module.", Kind.COUNTER), lambda module: module.cycles
    ),
)
_CELL_VOLTS = Metric(
    "pylontech_cell_volts",
    "Voltage of each cell.",
    labels=("module", "cell"),
    source=_QUANTITIES[0].metric.source,
)
_CELSIUS = Metric(
    "pylontech_celsius",
    "Temperature at each sensor of each module.",
    labels=("module", "sensor"),
    source=_QUANTITIES[0].metric.source,
    confidence=Confidence.LIKELY,
)
METRICS = (*(quantity.metric for quantity in _QUANTITIES), _CELL_VOLTS, _CELSIUS)


def samples(modules: tuple[Module, ...]) -> tuple[Sample, ...]:
    """Return every measurement; modules, cells and sensors are counted from 1."""
    found: list[Sample] = []
    for number, module in enumerate(modules, 1):
        name = str(number)
        values = ((quantity.metric.name, quantity.of(module)) for quantity in _QUANTITIES)
        found += (Sample(metric, value, (name,)) for metric, value in values if value is not None)
        found += (Sample(_CELL_VOLTS.name, volts, (name, str(n))) for n, volts in enumerate(module.cell_volts, 1))
        found += (Sample(_CELSIUS.name, celsius, (name, str(n))) for n, celsius in enumerate(module.celsius, 1))
    return tuple(found)


def charge(modules: tuple[Module, ...]) -> Charge:
    """Return the charge of the whole battery; its ratio is None when that of one module is unknown."""
    known = [module.ratio * module.full for module in modules if module.ratio is not None]
    whole = sum(module.full for module in modules)
    ratio = sum(known) / whole if whole > 0 and len(known) == len(modules) else None
    return Charge(ratio, sum(module.amperes for module in modules) if modules else None)
