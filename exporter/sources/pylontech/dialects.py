"""What the data of a reply means in each dialect, how it is asked for, and what it must agree with. Pure.

The length of the data decides what is in it: a byte that one battery uses for the number of modules is the module's own
number in the reply of another, and bytes that no value accounts for mean that the dialect is another one.

Source: Pylontech, RS485 protocol V3.3, section 4.3; syssi/esphome-pace-bms, pbmstools; syssi/esphome-seplos-bms;
nkinnan/esphome-pace-bms; captures of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from exporter.sources.plausibility import CELLS, HEALTH, LEFT_OVER, REMAINING, SOC, Check, reasons
from exporter.sources.pylontech.frame import BATTERY, Frame
from exporter.sources.pylontech.modules import Module

_MOST = 64
_WITHOUT_LATER = 2
_PYLONTECH_ZERO = 2731
_PACE_ZERO = 2730
_SEPLOS_ZERO = 2731
_PACE_LONGEST_TAIL = 16
"""Bytes after the cycles of a Pace pack: design capacity, then up to 14 that depend on the firmware."""

_MIDNITE_TAIL = 32
_LIFEPOWER_SENSORS = 4
_LIFEPOWER_TAIL = 38


class ContentError(Exception):
    """A frame's data does not fit the dialect; `str` is the reason."""


class LeftOverError(ContentError):
    """The data goes on after the last value that the dialect knows."""


class _Reader:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self.at

    def take(self, width: int = 1, *, signed: bool = False) -> int:
        part = self._data[self.at : self.at + width]
        if len(part) < width:
            raise ContentError(f"{len(self._data)} bytes end where more are needed")
        self.at += width
        return int.from_bytes(part, "big", signed=signed)

    def several(self, *, also: Mapping[int, int] | None = None) -> tuple[int, ...]:
        """Return numbers of two bytes; the byte before them is their count, which `also` may correct."""
        count = self.take()
        if count > _MOST:
            raise ContentError(f"{count} cells or sensors in a row")
        return tuple(self.take(2) for _ in range((also or {}).get(count, count)))

    def refuse_rest(self, of: str) -> None:
        if self.left:
            raise LeftOverError(f"{self.left} of {len(self._data)} bytes are left over after {of}")


def _module(
    cells: tuple[int, ...],
    sensors: tuple[int, ...],
    *,
    zero: int,
    amperes: float,
    volts: float,
    remaining: float,
    full: float,
    cycles: int,
    design: float | None = None,
    soc: float | None = None,
    soh: float | None = None,
) -> Module:
    """Return a module; a 0 that means unknown is absent.

    Batteries report cells, sensors, capacities and health that they do not know or do not have as 0
    (python-pylontech, esphome-pace-bms, esphome-seplos-bms).
    """
    return Module(
        cell_volts=tuple(cell / 1000 if cell else None for cell in cells),
        celsius=tuple((sensor - zero) / 10 if sensor else None for sensor in sensors),
        amperes=amperes,
        volts=volts,
        remaining=remaining or None,
        full=full or None,
        cycles=cycles,
        design=design or None,
        soc=soc,
        soh=soh or None,
    )


def pylontech(frame: Frame) -> tuple[Module, ...]:
    """Return all modules of a reply. Capacities are in two bytes, of larger batteries in three bytes further on."""
    data = _Reader(frame.info)
    data.take()
    number = data.take()
    found: list[Module] = []
    while data.left:
        begin = data.at
        try:
            found.append(_pylontech_module(data))
        except ContentError:
            if not found:
                raise
            data.at = begin
            data.refuse_rest(f"{len(found)} modules")
    # Where only one module follows, the byte may be its own number.
    if len(found) != number and len(found) != 1:
        raise LeftOverError(f"{len(found)} modules, where {number} are announced")
    return tuple(found)


def _pylontech_module(data: _Reader) -> Module:
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    items, full, cycles = data.take(), data.take(2), data.take(2)
    if items > _WITHOUT_LATER:
        # A constant of the model: not the present charge, but the number of items decides which capacities count.
        remaining, full = data.take(3), data.take(3)
    return _module(
        cells,
        sensors,
        zero=_PYLONTECH_ZERO,
        amperes=amperes / 10,
        volts=volts / 1000,
        remaining=remaining / 1000,
        full=full / 1000,
        cycles=cycles,
    )


def pace(frame: Frame) -> tuple[Module, ...]:
    """Return the packs of a reply; those of a master follow each other without a sign between them."""
    data = _Reader(frame.info)
    data.take()
    number = data.take()
    for count in dict.fromkeys((number, 1)):
        for tail in range(_PACE_LONGEST_TAIL + 1):
            found = _pace_packs(_Reader(frame.info, data.at), count, tail)
            if found:
                return found
    first = _Reader(frame.info, data.at)
    _pace_pack(first, 0)
    raise LeftOverError(f"{first.left} of {len(frame.info)} bytes are left over after a pack, and are no whole packs")


def _pace_packs(data: _Reader, count: int, tail: int) -> tuple[Module, ...] | None:
    """Return so many alike packs, each with a tail of so many bytes; None unless they take up all bytes."""
    try:
        found = tuple(_pace_pack(data, tail) for _ in range(count))
    except ContentError:
        return None
    return found if not data.left and len({len(module.cell_volts) for module in found}) == 1 else None


def _pace_pack(data: _Reader, tail: int) -> Module:
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    data.take()
    full, cycles = data.take(2), data.take(2)
    design = data.take(2) if tail > 1 else None
    data.take(tail - 2 if tail > 1 else tail)
    return _module(
        cells,
        sensors,
        zero=_PACE_ZERO,
        amperes=amperes / 100,
        volts=volts / 1000,
        remaining=remaining / 100,
        full=full / 100,
        cycles=cycles,
        design=None if design is None else design / 100,
    )


def seplos(frame: Frame) -> tuple[Module, ...]:
    """Return the one pack of a reply of Seplos V2."""
    data = _Reader(frame.info)
    data.take(2)
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    items = data.take()
    rest = data.left - 2 * items
    full, soc, design, cycles, soh = (data.take(2) for _ in range(5))
    if rest > 0:
        raise LeftOverError(f"{rest} of {len(frame.info)} bytes are left over after {items} items")
    if rest < 0:
        raise ContentError(f"{len(frame.info)} bytes end where more are needed")
    module = _module(
        cells,
        sensors,
        zero=_SEPLOS_ZERO,
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


def midnite(frame: Frame) -> tuple[Module, ...]:
    """Return the one pack of a MidNite PowerFlo; four characters of its status are sent as they are, not as digits."""
    data = _Reader(frame.info)
    data.take(2)
    cells, sensors = data.several(), data.several()
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    data.take()
    full, cycles, design = data.take(2), data.take(2), data.take(2)
    if 2 * data.left + frame.unread != 2 * _MIDNITE_TAIL:
        raise LeftOverError(f"{data.left} of {len(frame.info)} bytes and {frame.unread} characters are left over")
    module = _module(
        cells,
        sensors,
        zero=_PACE_ZERO,
        amperes=amperes / 100,
        volts=volts / 100,
        remaining=remaining / 100,
        full=full / 100,
        cycles=cycles,
        design=design / 100,
    )
    return (module,)


def lifepower(frame: Frame) -> tuple[Module, ...]:
    """Return the one pack of an EG4 LifePower4; two more sensors follow the four that it counts."""
    data = _Reader(frame.info)
    data.take(2)
    cells, sensors = data.several(), data.several(also={_LIFEPOWER_SENSORS: _LIFEPOWER_SENSORS + 2})
    amperes, volts, remaining = data.take(2, signed=True), data.take(2), data.take(2)
    full, cycles = data.take(2), data.take(2)
    data.take()
    soc, soh = data.take(2), data.take(2)
    data.take(_LIFEPOWER_TAIL)
    data.refuse_rest("the last counter")
    module = _module(
        cells,
        sensors,
        zero=_PACE_ZERO,
        amperes=amperes / 100,
        volts=volts / 100,
        remaining=remaining / 100,
        full=full / 100,
        cycles=cycles,
        soc=soc / 100,
        soh=soh / 100,
    )
    return (module,)


class Form(Enum):
    """A form of the question for measurements: the data that follows the battery's address."""

    EVERY = "all modules"
    OWN = "its own number"
    NOTHING = "no data"

    def data(self, address: int) -> bytes:
        """Return the data."""
        return {Form.EVERY: b"\xff", Form.OWN: bytes((address,)), Form.NOTHING: b""}[self]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A dialect of the protocol.

    Attributes:
        version: the protocol version that its frames carry.
        address: the battery's address as delivered.
        forms: of the question, in the order in which they are tried for a battery that may answer for others.
        read: decodes a reply's data into modules.
        checks: what each module must agree with.
        kind: of device (CID1) in a request.
        reply_kind: the same in a reply.
        success: the code of a reply that is no refusal.
        in_digits: whether all data is sent as hexadecimal digits.
        models: who makes batteries with it, in words.
    """

    version: int
    address: int
    forms: tuple[Form, ...]
    read: Callable[[Frame], tuple[Module, ...]]
    checks: tuple[Check, ...]
    kind: int = BATTERY
    reply_kind: int = BATTERY
    success: int = 0
    in_digits: bool = True
    models: str

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason for which a reading can be refused."""
        return reasons(self.checks, LEFT_OVER)

    def alone(self) -> Dialect:
        """Return the dialect for a battery that is to answer for itself only."""
        return replace(self, forms=tuple(form for form in self.forms if form is not Form.EVERY))


DIALECTS: Mapping[str, Dialect] = {
    "pylontech": Dialect(
        version=0x20,
        address=2,
        forms=(Form.EVERY, Form.OWN),
        read=pylontech,
        checks=(CELLS, REMAINING),
        models="Pylontech",
    ),
    "pace": Dialect(
        version=0x25,
        address=1,
        forms=(Form.EVERY, Form.OWN),
        read=pace,
        checks=(CELLS, REMAINING),
        models="Pace",
    ),
    "seplos-v2": Dialect(
        version=0x20,
        address=0,
        forms=(Form.OWN,),
        read=seplos,
        checks=(CELLS, SOC, REMAINING, HEALTH),
        models="Seplos V2",
    ),
    "midnite": Dialect(
        version=0x01,
        address=1,
        forms=(Form.OWN,),
        read=midnite,
        checks=(CELLS, REMAINING),
        reply_kind=0x4F,
        success=0x42,
        in_digits=False,
        models="MidNite PowerFlo",
    ),
    "lifepower4": Dialect(
        version=0x20,
        address=1,
        forms=(Form.NOTHING,),
        read=lifepower,
        checks=(CELLS, SOC, REMAINING, HEALTH),
        kind=0x4A,
        reply_kind=0x4A,
        models="EG4 LifePower4",
    ),
}


def remedy(frame: Frame) -> str:
    """Return which dialect reads a battery that answers with this version and kind, in words."""
    fitting = [
        f"`dialect: {name}` ({dialect.models})"
        for name, dialect in DIALECTS.items()
        if (dialect.version, dialect.reply_kind) == (frame.version, frame.kind)
    ]
    return f"write {' or '.join(fitting)}" if fitting else "a model that is not supported"
