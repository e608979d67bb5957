"""One battery of a stack: what it says, and its metrics. Pure.

Source: Pylontech, RS485 protocol V3.3, section 4.3; captures of each dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from exporter.fields import Confidence, Kind, Metric, Sample
from exporter.readings import Charge, Pack
from exporter.sources.plausibility import Facts

ABOUT_EMPTY = 0.02


@dataclass(frozen=True, kw_only=True)
class Module:
    """One battery of a stack; amperes are + into it. None: unknown, or not in this dialect.

    Attributes:
        soc: state of charge as the battery reports it, 0 to 1.
    """

    cell_volts: tuple[float | None, ...]
    celsius: tuple[float | None, ...]
    amperes: float
    volts: float
    remaining: float | None
    full: float | None
    cycles: int
    design: float | None = None
    soc: float | None = None
    soh: float | None = None

    @property
    def ratio(self) -> float | None:
        """State of charge, 0 to 1; None when unknown. A reported 0 counts only when hardly any ampere-hours remain."""
        if self.soc:
            return self.soc
        if not self.full or not self.remaining or self.remaining <= 0:
            return None
        share = self.remaining / self.full
        # A battery may hold a little more than when it was last measured as full.
        return min(share, 1.0) if self.soc is None or share < ABOUT_EMPTY else None

    @property
    def facts(self) -> Facts:
        """What it says of itself."""
        return Facts(
            volts=self.volts,
            cells=tuple(volts for volts in self.cell_volts if volts is not None),
            amperes=self.amperes,
            soc=self.soc,
            soh=self.soh,
            remaining=self.remaining,
            full=self.full,
        )

    def pack(self, name: str) -> Pack:
        """Return it as a pack of a bank."""
        cells = self.facts.cells
        return Pack(
            name,
            ratio=self.ratio,
            amperes=self.amperes,
            volts=self.volts,
            full=self.full,
            lowest=min(cells, default=None),
            highest=max(cells, default=None),
        )


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
        _metric(
            "pylontech_remaining_amphours",
            "Ampere-hours left in each module; absent while the device's 0 means unknown.",
        ),
        lambda module: module.remaining,
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


def samples(modules: Mapping[str, Module]) -> tuple[Sample, ...]:
    """Return every measurement of modules by name; cells and sensors are counted from 1."""
    found: list[Sample] = []
    for name, module in modules.items():
        values = ((quantity.metric.name, quantity.of(module)) for quantity in _QUANTITIES)
        found += (Sample(metric, value, (name,)) for metric, value in values if value is not None)
        for metric, several in ((_CELL_VOLTS, module.cell_volts), (_CELSIUS, module.celsius)):
            found += (
                Sample(metric.name, value, (name, str(number)))
                for number, value in enumerate(several, 1)
                if value is not None
            )
    return tuple(found)


def charge(modules: Sequence[Module]) -> Charge:
    """Return the charge of the whole battery; its ratio is None when that of one module is unknown."""
    known = [module.ratio * module.full for module in modules if module.ratio is not None and module.full]
    whole = sum(module.full or 0.0 for module in modules)
    ratio = sum(known) / whole if whole > 0 and len(known) == len(modules) else None
    return Charge(ratio, sum(module.amperes for module in modules) if modules else None)
