"""Battery banks: several packs in parallel, added up. Pure: no clock and no I/O.

A bank is one source for the judge. Its reading is as old as its oldest pack's, so that it becomes stale when one pack
is missing: a part of a bank is never taken for the whole, unless `missing: tolerate` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.readings import Charge, Pack


@dataclass(frozen=True, slots=True)
class Seen:
    """A pack's last reading.

    Attributes:
        pack: its values.
        at: monotonic seconds when it was received.
        wall: Unix seconds of the same moment.
    """

    pack: Pack
    at: float
    wall: float


class Extreme(NamedTuple):
    """The lowest or highest cell of a bank."""

    volts: float
    pack: str


@dataclass(frozen=True, slots=True)
class State:
    """A bank at one moment; None: unknown, or a pack is missing.

    Attributes:
        missing: by pack, whether it is missing.
        ratio: state of charge, weighted by the packs' capacities; equally where one of them is unknown.
        amperes: sum of the currents, positive into the bank.
        watts: sum of the powers.
        volts: mean of the packs that are there.
        full: sum of the capacities, in ampere-hours.
        lowest: the lowest cell of the packs that are there.
        highest: the highest cell of the packs that are there.
        at: monotonic seconds of the oldest of the readings that count.
        wall: Unix seconds of the same.
    """

    missing: Mapping[str, bool]
    ratio: float | None = None
    amperes: float | None = None
    watts: float | None = None
    volts: float | None = None
    full: float | None = None
    lowest: Extreme | None = None
    highest: Extreme | None = None
    at: float | None = None
    wall: float | None = None

    @property
    def charge(self) -> Charge:
        """Its reading for the judge."""
        return Charge(self.ratio, self.amperes)


@dataclass(slots=True)
class Bank:
    """The packs of one bank, by name.

    Attributes:
        tolerant: whether the packs that are there count for the whole bank.
        max_age: seconds after which a pack is missing.
        packs: their last readings; None: not yet received.
    """

    tolerant: bool
    max_age: float
    packs: dict[str, Seen | None] = field(default_factory=dict)

    def state(self, now: float) -> State:
        """Return the bank at monotonic `now`."""
        fresh = {name: seen for name, seen in self.packs.items() if seen is not None and now - seen.at <= self.max_age}
        missing = {name: name not in fresh for name in self.packs}
        if not fresh:
            return State(missing)
        oldest = min(fresh.values(), key=lambda seen: seen.at)
        packs = {name: seen.pack for name, seen in fresh.items()}
        volts = [pack.volts for pack in packs.values() if pack.volts is not None]
        lowest = [Extreme(pack.lowest, name) for name, pack in packs.items() if pack.lowest is not None]
        highest = [Extreme(pack.highest, name) for name, pack in packs.items() if pack.highest is not None]
        whole = self.tolerant or len(fresh) == len(self.packs)
        return State(
            missing,
            ratio=_weighted(packs) if whole else None,
            amperes=_sum(packs, lambda pack: pack.amperes) if whole else None,
            watts=_sum(packs, lambda pack: pack.power) if whole else None,
            volts=sum(volts) / len(volts) if volts else None,
            full=_sum(packs, lambda pack: pack.full) if whole else None,
            lowest=min(lowest, default=None),
            highest=max(highest, default=None),
            at=oldest.at if whole else None,
            wall=oldest.wall if whole else None,
        )


def _sum(packs: Mapping[str, Pack], of: Callable[[Pack], float | None]) -> float | None:
    """Return the sum over the packs; None when one of them does not know it."""
    values = [of(pack) for pack in packs.values()]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _weighted(packs: Mapping[str, Pack]) -> float | None:
    """Return the state of charge of the whole; None when that of one pack is unknown."""
    ratios = {name: pack.ratio for name, pack in packs.items()}
    weights = {name: pack.full or 0.0 for name, pack in packs.items()}
    if not all(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    known = [ratio * weights[name] for name, ratio in ratios.items() if ratio is not None]
    return sum(known) / sum(weights.values()) if len(known) == len(packs) else None
