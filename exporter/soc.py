"""Decides which state of charge leads, and which is refused and why. Pure: no clock and no I/O.

Each source is judged by itself. A state of charge is refused as

* `absent`: the device has not answered yet, or does not know it;
* `stale`: its last reading is older than `max_age`;
* `range`: outside 0 to 1;
* `frozen`: it did not change while current moved 3 % of the capacity: the source's own current, or another trusted
  source's while this one repeats the same reading;
* `jump`: it changed faster than twice what the current allows, plus 2 percentage points;
* `outvoted`: more other sources agree with each other, within 5 percentage points, than with it.

The first three end with their cause, but the source does not take the lead back within the first minute. The last
three end when the source has earned trust again: by staying within 5 points of a trusted source for a while, or,
without one, by changing plausibly for `recover_after`. In the latter case it stays suspect until the next full charge:
it leads only when no other source can, and other sources are not compared with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from exporter.readings import Charge

AGREEMENT = 0.05
JUMP_FACTOR = 2.0
JUMP_ALLOWANCE = 0.02
JUMP_UNKNOWN_CURRENT = 0.05
JUMP_UNKNOWN_SECONDS = 60.0
LOOKS_BACK = 1800.0
FROZEN_MOVE = 0.03
FULL = 0.99
TAIL_CURRENT = 0.02
"""Of the capacity, per hour: a battery at `FULL` whose current is no more takes no more charge."""
EMPTY = 0.01
NEARLY_FULL = 0.98
REJOIN_SECONDS = 60.0
SPIKE_SECONDS = 60.0
CHARGER_MAX_AGE = 60.0

_SECONDS_IN_HOUR = 3600.0
_REMEMBER_EVERY = 5.0
_ENOUGH_TO_OUTVOTE = 2
_ROUNDING = 1e-9


class Reason(StrEnum):
    """Why a source's state of charge is refused."""

    ABSENT = "absent"
    STALE = "stale"
    RANGE = "range"
    FROZEN = "frozen"
    JUMP = "jump"
    OUTVOTED = "outvoted"


class Lead(StrEnum):
    """Which of the trusted sources leads."""

    FIRST = "first"
    LOWEST = "lowest"
    MEDIAN = "median"


class Opinion(NamedTuple):
    """The judgement on one source.

    Attributes:
        ratio: its own state of charge, 0 to 1; None unless fresh, known and in range.
        refused: why it is refused; None when it is trusted.
    """

    ratio: float | None
    refused: Reason | None


class Verdict(NamedTuple):
    """The judgement on all sources.

    Attributes:
        lead: the leading source, or None.
        ratio: its state of charge, 0 to 1.
        wall: Unix seconds of its last trusted reading.
        spread: highest minus lowest of the fresh ones, trusted or not; None with fewer than two.
        amperes: the battery's current, positive into it, by the lead, else by another source; None when unknown.
        seconds_to_empty: by lead, current and capacity; None when one is unknown or the battery is not discharging.
        full: a charger floats, or the lead is at 99 % or more and its current at most 2 % of the capacity; None when
            neither can be judged.
        opinions: by source, in the order of trust.
    """

    lead: str | None
    ratio: float | None
    wall: float | None
    spread: float | None
    amperes: float | None
    seconds_to_empty: float | None
    full: bool | None
    opinions: Mapping[str, Opinion]


class _Point(NamedTuple):
    """One reading in a source's track.

    Attributes:
        at: monotonic seconds.
        ratio: the state of charge.
        moved: the part of the capacity that has flowed in either direction so far.
        gaps: how often the current was unknown so far.
    """

    at: float
    ratio: float
    moved: float
    gaps: int


def _plausible(track: Iterable[_Point], point: _Point) -> bool:
    """Return whether the battery can have reached this point from every point of the track."""
    for earlier in track:
        if point.gaps == earlier.gaps:
            allowed = JUMP_FACTOR * (point.moved - earlier.moved) + JUMP_ALLOWANCE
        else:
            allowed = JUMP_UNKNOWN_CURRENT * max(1.0, (point.at - earlier.at) / JUMP_UNKNOWN_SECONDS)
        if abs(point.ratio - earlier.ratio) > allowed + _ROUNDING:
            return False
    return True


def _still(flowed: float, ratio: float, flow: float | None) -> float:
    """Return the part of the capacity that has flowed while the ratio did not change."""
    if flow is None:
        return flowed
    # At either end the ratio cannot follow the current.
    at_the_end = (ratio >= FULL and flow > 0) or (ratio <= EMPTY and flow < 0)
    return 0.0 if at_the_end else flowed + flow


def _remember(track: list[_Point], point: _Point) -> None:
    """Add a point to a track, which keeps one every 5 s of the last 30 min, and always the newest."""
    if len(track) > 1 and track[-1].at - track[-2].at < _REMEMBER_EVERY:
        track.pop()
    track.append(point)
    while track[0].at < point.at - LOOKS_BACK:
        track.pop(0)


@dataclass(slots=True)
class _Source:
    """The state of one source.

    Attributes:
        charge: its last reading, of monotonic `at` and Unix time `wall`.
        good_wall: Unix time of the last trusted reading.
        changed_at: when a reading last differed from the one before it.
        steady_since: since when it has reported a state of charge without a break.
        moved: the part of the capacity that has flowed in either direction so far.
        gaps: how often the current was unknown.
        track: its points while it was trusted.
        probation: its points since it was refused.
        last: its last point.
        refused: why it is refused until it has earned trust again.
        refused_at: since when it is refused.
        behaving_since: since when it has changed plausibly and no trusted source has contradicted it.
        agreeing_since: since when it has been within 5 points of a trusted source; None when it is not.
        forgiven_at: when a single spike was last forgiven.
        suspect: whether it earned trust alone and the battery has not been full since.
        still: the part of the capacity that has flowed since its ratio last changed, by its own current.
        still_by_other: the same by another source's current.
    """

    charge: Charge | None = None
    at: float = -math.inf
    wall: float = 0.0
    good_wall: float = 0.0
    changed_at: float = -math.inf
    steady_since: float = -math.inf
    moved: float = 0.0
    gaps: int = 0
    track: list[_Point] = field(default_factory=list)
    probation: list[_Point] = field(default_factory=list)
    last: _Point | None = None
    refused: Reason | None = None
    refused_at: float = -math.inf
    behaving_since: float = -math.inf
    agreeing_since: float | None = None
    forgiven_at: float = -math.inf
    suspect: bool = False
    still: float = 0.0
    still_by_other: float = 0.0

    @property
    def ratio(self) -> float | None:
        """The state of charge when it is known and in range."""
        ratio = None if self.charge is None else self.charge.ratio
        return ratio if ratio is not None and 0 <= ratio <= 1 else None

    @property
    def frozen(self) -> bool:
        """Whether too much has flowed for the ratio not to change."""
        return max(abs(self.still), abs(self.still_by_other)) >= FROZEN_MOVE

    def interrupted(self, at: float) -> None:
        """Restart the observation of a source that has not reported a state of charge for a while."""
        self.steady_since = self.behaving_since = at
        self.agreeing_since = None

    def refuse(self, reason: Reason, at: float) -> None:
        """Refuse it until it has earned trust again."""
        self.refused, self.refused_at, self.behaving_since, self.agreeing_since = reason, at, at, None
        self.probation = []

    def trust(self) -> None:
        """Trust it again, from its present state of charge on."""
        self.refused = None
        self.track, self.probation = self.probation or self.track, []


class Judge:
    """Takes readings in the order of time and returns a verdict for any moment.

    Args:
        sources: names in the order of trust.
        lead: which of the trusted sources leads.
        max_age: seconds after which a reading is stale.
        recover_after: seconds of plausible changes after which a source without others is trusted again.
        capacity_ampere_hours: the battery's capacity; None when unknown.
    """

    def __init__(
        self,
        sources: Iterable[str],
        *,
        lead: Lead = Lead.FIRST,
        max_age: float = 60.0,
        recover_after: float = 1800.0,
        capacity_ampere_hours: float | None = None,
    ) -> None:
        self._sources = {name: _Source() for name in sources}
        self._lead = lead
        self._max_age = max_age
        self._recover_after = recover_after
        self._rejoin_after = min(REJOIN_SECONDS, recover_after)
        self._coulombs = None if capacity_ampere_hours is None else capacity_ampere_hours * _SECONDS_IN_HOUR
        self._full_at: dict[str, float] = {}

    def inherit(self, before: Judge, names: Iterable[str]) -> None:
        """Take over the state of these sources from another judge, so that a reload does not reset them."""
        self._sources.update(
            {name: before._sources[name] for name in names if name in self._sources and name in before._sources}
        )
        self._full_at.update(before._full_at)

    def update_charger(self, name: str, *, full: bool, at: float) -> None:
        """Take whether a charger considers the battery full; every charger of the site counts, listed or not."""
        if full:
            self._full_at[name] = at
        else:
            self._full_at.pop(name, None)

    def update(self, name: str, charge: Charge, *, at: float, wall: float) -> None:
        """Take a battery monitor's reading, received at monotonic `at` and Unix time `wall`."""
        source = self._sources.get(name)
        if source is None or at < source.at:
            return
        if charge.amperes is not None and not math.isfinite(charge.amperes):
            # It would make every sum of what has flowed undefined, and no jump is larger than that.
            charge = replace(charge, amperes=None)
        net, most = self._flow(source, charge, at)
        by_other = self._flow_by_other(source, at)
        source.moved += most or 0.0
        source.gaps += most is None
        if source.charge is not None and (source.ratio is None or at - source.at > self._max_age):
            source.interrupted(at)
        if charge != source.charge:
            source.changed_at = at
        source.charge, source.at, source.wall = charge, at, wall
        ratio = source.ratio
        if ratio is None:
            return
        last = source.last
        source.last = point = _Point(at, ratio, source.moved, source.gaps)
        moves = last is None or ratio != last.ratio
        source.still = 0.0 if moves else _still(source.still, ratio, net)
        source.still_by_other = (
            0.0 if moves or source.changed_at == at else _still(source.still_by_other, ratio, by_other)
        )
        if source.refused is None:
            self._check(name, source, point)
        else:
            self._reconsider(name, source, point)
        self._vote(at)
        if source.refused is None:
            source.good_wall = wall

    def verdict(self, now: float) -> Verdict:
        """Return the verdict at monotonic `now`."""
        opinions = {name: self._opinion(source, now) for name, source in self._sources.items()}
        ratios = [opinion.ratio for opinion in opinions.values() if opinion.ratio is not None]
        name = self._leader(opinions, now)
        lead = self._sources[name] if name else None
        return Verdict(
            lead=name,
            ratio=lead.ratio if lead else None,
            wall=lead.good_wall if lead else None,
            spread=max(ratios) - min(ratios) if len(ratios) > 1 else None,
            amperes=self._amperes(lead.charge, now) if lead and lead.charge else None,
            seconds_to_empty=self._seconds_to_empty(lead, now) if lead else None,
            full=self._full(lead, now),
            opinions=opinions,
        )

    def has_reading(self, name: str) -> bool:
        """Return whether this source has ever reported a state of charge."""
        return name in self._sources and self._sources[name].last is not None

    # -- one source by itself

    def _flow(self, source: _Source, charge: Charge, at: float) -> tuple[float | None, float | None]:
        """Return the parts of the capacity that have flowed since the last reading; None when unknown.

        The first is the likely flow, positive into the battery; the second the most that can have flowed.
        """
        if self._coulombs is None or at - source.at > self._max_age:
            return None, None
        now = self._amperes(charge, at)
        before = now if source.charge is None or source.charge.amperes is None else source.charge.amperes
        if now is None or before is None:
            return None, None
        parts = (at - source.at) / self._coulombs
        return (now + before) / 2 * parts, max(abs(now), abs(before)) * parts

    def _amperes(self, charge: Charge, at: float) -> float | None:
        """Return the battery's current by this reading, else by the first other source that has a fresh one."""
        if charge.amperes is not None:
            return charge.amperes
        fresh = (other.charge for other in self._sources.values() if at - other.at <= self._max_age)
        return next((other.amperes for other in fresh if other and other.amperes is not None), None)

    def _flow_by_other(self, source: _Source, at: float) -> float | None:
        """Return what has flowed by another trusted source whose readings change; None when unknown."""
        if self._coulombs is None or at - source.at > self._max_age:
            return None
        changing = (
            other.charge.amperes
            for other in self._trusted(at)
            if other is not source and other.charge and at - other.changed_at <= self._max_age
        )
        amperes = next((amperes for amperes in changing if amperes is not None), None)
        return None if amperes is None else amperes * (at - source.at) / self._coulombs

    def _check(self, name: str, source: _Source, point: _Point) -> None:
        """Take the reading of a trusted source, or refuse the source."""
        full = self._truly_full(name, point)
        if not _plausible(source.track, point):
            if not full:
                source.refuse(Reason.JUMP, point.at)
                source.probation = [point]
                return
            source.track.clear()
        source.suspect = source.suspect and not full
        _remember(source.track, point)
        if source.frozen:
            source.refuse(Reason.FROZEN, point.at)

    def _reconsider(self, name: str, source: _Source, point: _Point) -> None:
        """Take the reading of a refused source, which may earn trust again with it."""
        at = point.at
        if source.refused is Reason.JUMP and self._was_spike(source, point):
            source.forgiven_at, source.probation = at, []
            source.trust()
            _remember(source.track, point)
            return
        full = self._truly_full(name, point)
        if source.refused is Reason.JUMP and full:
            source.probation = [point]
            source.trust()
            return
        if source.frozen or not (full or _plausible(source.probation, point)):
            source.probation.clear()
            source.behaving_since = at
        _remember(source.probation, point)
        others = [other.ratio for other in self._references(source, at) if other.ratio is not None]
        if not any(abs(ratio - point.ratio) <= AGREEMENT + _ROUNDING for ratio in others):
            source.agreeing_since = None
        elif source.agreeing_since is None:
            source.agreeing_since = at
        if others:
            if source.agreeing_since is None:
                source.behaving_since = at
            elif at - max(source.agreeing_since, source.behaving_since) >= self._rejoin_after:
                source.trust()
        elif at - source.behaving_since >= self._recover_after:
            source.trust()
            source.suspect = not full

    def _was_spike(self, source: _Source, point: _Point) -> bool:
        """Return whether a jump was one stray reading and the source is back where it was."""
        return (
            point.at - source.refused_at <= SPIKE_SECONDS
            and point.at - source.forgiven_at > self._recover_after
            and _plausible(source.track, point)
        )

    def _truly_full(self, name: str, point: _Point) -> bool:
        """Return whether 100 % is confirmed by a charger, or by another trusted source at nearly 100 %."""
        if point.ratio < FULL:
            return False
        if self._charger_full(point.at):
            return True
        return any((other.ratio or 0) >= NEARLY_FULL for other in self._references(self._sources[name], point.at))

    def _charger_full(self, now: float) -> bool:
        return any(0 <= now - at <= CHARGER_MAX_AGE for at in self._full_at.values())

    # -- all together

    def _trusted(self, now: float) -> list[_Source]:
        return [source for source in self._sources.values() if self._opinion(source, now).refused is None]

    def _references(self, source: _Source, now: float) -> list[_Source]:
        """Return the other sources with which this one may be compared."""
        return [other for other in self._trusted(now) if other is not source and not other.suspect]

    def _vote(self, now: float) -> None:
        """Refuse every source when more others agree against it than with it; outvoted sources vote too."""
        electorate = [
            source for source in self._sources.values() if self._opinion(source, now).refused in (None, Reason.OUTVOTED)
        ]
        voters = [(source, source.ratio) for source in electorate if source.ratio is not None]
        for source, ratio in voters:
            if source.refused is not None:
                continue
            against = [other for _, other in voters if abs(other - ratio) > AGREEMENT + _ROUNDING]
            allies = len(voters) - len(against)
            united = max((sum(abs(a - b) <= AGREEMENT + _ROUNDING for b in against) for a in against), default=0)
            if united >= _ENOUGH_TO_OUTVOTE and united > allies:
                source.refuse(Reason.OUTVOTED, now)

    def _opinion(self, source: _Source, now: float) -> Opinion:
        if source.charge is None:
            return Opinion(None, Reason.ABSENT)
        if now - source.at > self._max_age:
            return Opinion(None, Reason.STALE)
        if source.charge.ratio is None:
            return Opinion(None, Reason.ABSENT)
        if source.ratio is None:
            return Opinion(None, Reason.RANGE)
        return Opinion(source.ratio, source.refused)

    def _leader(self, opinions: Mapping[str, Opinion], now: float) -> str | None:
        trusted = [name for name, opinion in opinions.items() if opinion.refused is None]
        trusted = [name for name in trusted if not self._sources[name].suspect] or trusted
        trusted = [name for name in trusted if now - self._sources[name].steady_since >= self._rejoin_after] or trusted
        if not trusted:
            return None
        if self._lead is Lead.FIRST:
            return trusted[0]
        rising = sorted(trusted, key=lambda name: opinions[name].ratio or 0.0)
        return rising[0] if self._lead is Lead.LOWEST else rising[(len(rising) - 1) // 2]

    def _seconds_to_empty(self, lead: _Source, now: float) -> float | None:
        amperes = self._amperes(lead.charge, now) if lead.charge else None
        if self._coulombs is None or amperes is None or amperes >= 0 or lead.ratio is None:
            return None
        return lead.ratio * self._coulombs / -amperes

    def _full(self, lead: _Source | None, now: float) -> bool | None:
        if self._charger_full(now):
            return True
        if lead is None or lead.charge is None or lead.ratio is None:
            return None
        if lead.ratio < FULL:
            return False
        amperes = self._amperes(lead.charge, now)
        if self._coulombs is None or amperes is None:
            return None
        return abs(amperes) * _SECONDS_IN_HOUR <= TAIL_CURRENT * self._coulombs + _ROUNDING
