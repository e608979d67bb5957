"""Play a recorded battery through the decision with other settings, and count what the engine would have done. Pure.

What the recorded engine added is taken out of the record; what remains is sun and load. Each playing adds what the
engine that the decision starts would have added. `ASSUMPTIONS` lists what this takes for granted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from actuator.core import controller
from actuator.core.inputs import Inputs, Page, ReadBack
from actuator.core.settings import HOUR, MINUTE, Evidence, Settings
from actuator.core.state import State
from toolkit.config import Ratio
from toolkit.formatting import percent, span
from toolkit.replace import replace

IDLE_TICK: Final = 10 * MINUTE
"""Seconds of a step while nothing can happen: the engine is off, and the battery well over start."""
SAMPLED_TICK: Final = 50.0
"""The same with settings that judge a battery over start, such as an exercise: a state of charge is fresh for 60 s."""
FINE_TICK: Final = 28.0
"""Seconds of a step during a run and near start; evidence is fresh for 30."""
NEAR: Final = 0.02
START_SECONDS: Final = MINUTE
"""From the contact to the engine's power; less where `start_confirm` expects it sooner."""
NEIGHBOURS: Final = 2 * HOUR
"""Sun and load during a recorded run are taken to be what they were in this time before and after it."""
GAP: Final = 10 * MINUTE
"""Without a state of charge for longer than this, the record has a gap."""
BANDS: Final = 10
MEASURED_SECONDS: Final = 30 * MINUTE
MEASURED_SOC: Final = 0.02
"""Time in a band, and charge added there, without which its rate counts as not measured."""
RESOLUTION: Final = 0.01
"""Of most monitors: 60 % on the way up is counted to the band that ends there."""
ALIKE: Final = 1.02
"""Engine hours that differ by less than this factor count as equal: then fewer starts are better."""
FULL: Final = 0.99
CURVE_POINTS: Final = 1000

ASSUMPTIONS: Final = f"""\
What the recorded engine added is taken out, also of runs by hand. Sun and load during a recorded run are taken to be \
the mean of the {span(NEIGHBOURS)} before and after it.
The engine starts each time, gives power {span(START_SECONDS)} after the contact closes, and charges as fast as the \
recorded runs did at the same state of charge. Warming up and cooling down are not added, so many short runs need more \
engine than shown.
Sun that the recorded battery could not take, because it was full, is not known: an emptier battery is not given it. \
So a lower stop_soc may need less engine than shown.
The decision is the real one, on its own reading of the battery (fallback). Alerts from Prometheus start and stop at \
the same thresholds, up to two minutes later.
Not played: emergencies by volts, inhibits, commands by hand, failed starts, and profiles or edits in force.
""".splitlines()


class Sample(NamedTuple):
    """One moment of the record: Unix time, state of charge 0 to 1, and whether the engine ran."""

    at: float
    soc: float
    runs: bool


class Run(NamedTuple):
    """From when to when the engine ran, Unix time."""

    begin: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """How much the engine adds to the state of charge in a second, for each tenth of it; None: not measured."""

    rates: tuple[float | None, ...]

    @property
    def measured(self) -> bool:
        """Whether any rate is known."""
        return any(self.rates)

    def rate(self, soc: float) -> float:
        """Return the rate at a state of charge: measured there, else in the nearest band that was, else 0."""
        band = _band(soc)
        known = [index for index, rate in enumerate(self.rates) if rate is not None]
        if not known:
            return 0.0
        return self.rates[min(known, key=lambda index: abs(index - band))] or 0.0

    @property
    def mean(self) -> float:
        """The mean of the measured rates."""
        known = [rate for rate in self.rates if rate is not None]
        return sum(known) / len(known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What was recorded, with the engine taken out.

    Attributes:
        samples: in order.
        natural: at each sample, what sun and load have changed the state of charge by since the first.
        charge: how fast the recorded engine charged.
    """

    samples: tuple[Sample, ...]
    natural: tuple[float, ...]
    charge: Charge

    @property
    def begin(self) -> float:
        """Unix time of the first sample."""
        return self.samples[0].at

    @property
    def end(self) -> float:
        """Unix time of the last sample."""
        return self.samples[-1].at

    @property
    def gaps(self) -> float:
        """Seconds without a state of charge, in gaps longer than `GAP`."""
        spans = (later.at - sooner.at for sooner, later in _pairs(self.samples))
        return sum(one for one in spans if one > GAP)

    @property
    def full_seconds(self) -> float:
        """Seconds for which the recorded battery was full."""
        return sum(later.at - sooner.at for sooner, later in _pairs(self.samples) if sooner.soc >= FULL)

    def natural_at(self, at: float) -> float:
        """Return what sun and load have changed the state of charge by since the begin; linear between samples."""
        index = min(bisect_right(self.samples, at, key=lambda sample: sample.at), len(self.samples) - 1)
        before, after = self.samples[index - 1], self.samples[index]
        share = min(1.0, (at - before.at) / (after.at - before.at))
        return self.natural[index - 1] + share * (self.natural[index] - self.natural[index - 1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the engine did, or would have done.

    Attributes:
        runs: of the engine.
        quiet_seconds: of them in quiet hours; None: there are no quiet hours.
        lowest: lowest state of charge.
        last: state of charge at the end.
        emergencies: how often the battery came to the emergency threshold.
        curve: Unix time and state of charge, at most `CURVE_POINTS`.
    """

    runs: tuple[Run, ...]
    quiet_seconds: float | None
    lowest: float
    last: float
    emergencies: int
    curve: tuple[tuple[float, float], ...]

    @property
    def engine_seconds(self) -> float:
        """How long the engine ran."""
        return sum(run.end - run.begin for run in self.runs)


def _band(soc: float) -> int:
    return min(max(0, int((soc - RESOLUTION) * BANDS + 1e-9)), BANDS - 1)


def _pairs(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    return pairwise(samples)


def record(samples: Sequence[Sample], charge_per_hour: float | None = None) -> Record:
    """Return the record of these samples, at least two and in order.

    Args:
        samples: what was recorded.
        charge_per_hour: what the engine adds to the state of charge in an hour; None: as measured.
    """
    running = [sooner.runs or later.runs for sooner, later in _pairs(samples)]
    changes = [later.soc - sooner.soc for sooner, later in _pairs(samples)]
    seconds = [later.at - sooner.at for sooner, later in _pairs(samples)]
    natural = [0.0 if runs else change for runs, change in zip(running, changes, strict=True)]
    added, lasted = [0.0] * BANDS, [0.0] * BANDS
    for begin, end in _blocks(running):
        rate = _rate_around(samples, running, begin, end)
        for index in range(begin, end):
            natural[index] = rate * seconds[index]
            band = _band(samples[index].soc)
            added[band] += changes[index] - natural[index]
            lasted[band] += seconds[index]
    measured = tuple(
        one / seconds_ if seconds_ >= MEASURED_SECONDS and one >= MEASURED_SOC else None
        for one, seconds_ in zip(added, lasted, strict=True)
    )
    rates = measured if charge_per_hour is None else (charge_per_hour / HOUR,) * BANDS
    total, sums = 0.0, [0.0]
    for change in natural:
        total += change
        sums.append(total)
    return Record(samples=tuple(samples), natural=tuple(sums), charge=Charge(rates=rates))


def _blocks(running: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield from which interval to before which one the engine ran."""
    begin = None
    for index, runs in enumerate([*running, False]):
        if runs and begin is None:
            begin = index
        elif not runs and begin is not None:
            yield begin, index
            begin = None


def _rate_around(samples: Sequence[Sample], running: Sequence[bool], begin: int, end: int) -> float:
    """Return the change of the state of charge in a second, by sun and load, around the intervals of a run."""
    first = bisect_right(samples, samples[begin].at - NEIGHBOURS, key=lambda sample: sample.at)
    last = bisect_right(samples, samples[end].at + NEIGHBOURS, key=lambda sample: sample.at) - 1
    around = [
        (later.soc - sooner.soc, later.at - sooner.at)
        for index, (sooner, later) in enumerate(_pairs(samples[first : last + 1]), first)
        if not running[index]
    ]
    seconds = sum(lasted for _, lasted in around)
    return sum(change for change, _ in around) / seconds if seconds else 0.0


def recorded(record: Record, settings: Settings, minute_of_day: Callable[[float], int]) -> Outcome:
    """Return what the recorded engine did."""
    running = [sooner.runs or later.runs for sooner, later in _pairs(record.samples)]
    runs = tuple(Run(record.samples[begin].at, record.samples[end].at) for begin, end in _blocks(running))
    return _outcome([(sample.at, sample.soc) for sample in record.samples], runs, settings, minute_of_day)


def play(record: Record, settings: Settings, minute_of_day: Callable[[float], int]) -> Outcome:
    """Return what the engine would have done with these settings.

    Args:
        record: what was recorded.
        settings: of the decision.
        minute_of_day: returns the local minute of the day, 0 to 1439, of a Unix time.
    """
    # The record has neither the AGS nor volts of this battery.
    settings = replace(settings, evidence=Evidence(ags=False), emergency_volts="none")
    state = State(started_at=0.0)
    at, soc = record.begin, record.samples[0].soc
    natural = record.natural[0]
    closed_at: float | None = None
    began: float | None = None
    moved_at = -HOUR
    confirm = (settings.limits.start_confirm, settings.limits.stop_confirm)
    start_seconds = min(START_SECONDS, confirm[0] / 4)
    runs: list[Run] = []
    curve = [(at, soc)]
    prepares = settings.quiet_hours is not None and settings.quiet_hours.prepare
    sampled = prepares or settings.exercise is not None or settings.full_charge is not None
    idle = SAMPLED_TICK if sampled else IDLE_TICK
    while at < record.end:
        quick = closed_at is not None or state.causes or state.phase != "off" or soc <= settings.start_soc + NEAR
        # Three samples confirm the engine, and its stop, in good time: here it never fails.
        tick = min(FINE_TICK, min(confirm) / 8) if at - moved_at < max(confirm) else FINE_TICK if quick else idle
        before, at = at, min(record.end, at + tick)
        power = closed_at is not None and at - closed_at > start_seconds
        began = at if power and began is None else began
        rate = record.charge.rate(soc) if power else 0.0
        later = record.natural_at(at)
        soc = min(1.0, max(0.0, soc + later - natural + rate * (at - before)))
        natural = later
        now = at - record.begin
        inputs = Inputs(
            settings=settings,
            page=_page(soc, now, ac_volts=2 * settings.evidence.min_volts if power else 0.0, charging=rate > 0),
            read_back=ReadBack(closed=closed_at is not None, at=now),
            wall=at,
            wall_sane=True,
            minute_of_day=minute_of_day(at),
        )
        step = controller.step(state, inputs, now)
        state = step.state
        if step.close and closed_at is None:
            closed_at = moved_at = at
        elif not step.close and closed_at is not None:
            if began is not None:
                runs.append(Run(began, at))
            closed_at, began, moved_at = None, None, at
        curve.append((at, soc))
    if began is not None:
        runs.append(Run(began, record.end))
    return _outcome(curve, tuple(runs), settings, minute_of_day)


def _page(soc: float, now: float, *, ac_volts: float, charging: bool) -> Page:
    return Page(
        soc=soc,
        soc_stamp=now,
        device_stamp=now,
        ac_input_volts=ac_volts,
        charging=charging,
        full=soc >= FULL,
        full_stamp=now,
    )


def _outcome(
    curve: Sequence[tuple[float, float]],
    runs: tuple[Run, ...],
    settings: Settings,
    minute_of_day: Callable[[float], int],
) -> Outcome:
    emergencies, low = 0, False
    for _, soc in curve:
        if soc <= settings.emergency_soc and not low:
            emergencies, low = emergencies + 1, True
        elif soc > settings.emergency_soc + NEAR:
            low = False
    hours = settings.quiet_hours
    quiet = None
    if hours is not None:
        quiet = sum(
            min(MINUTE, run.end - minute)
            for run in runs
            for minute in _minutes(run)
            if hours.contain(minute_of_day(minute))
        )
    return Outcome(
        runs=runs,
        quiet_seconds=quiet,
        lowest=min(soc for _, soc in curve),
        last=curve[-1][1],
        emergencies=emergencies,
        curve=tuple(curve[:: max(1, len(curve) // CURVE_POINTS)]),
    )


def _minutes(run: Run) -> Iterator[float]:
    at = run.begin
    while at < run.end:
        yield at
        at += MINUTE


class Best(NamedTuple):
    """The thresholds with which the engine would have run least."""

    start_soc: Ratio
    stop_soc: Ratio
    outcome: Outcome


def best(record: Record, settings: Settings, minute_of_day: Callable[[float], int]) -> Best | None:
    """Return the start and stop with the fewest engine hours that never come under the emergency threshold.

    Of those with about as few hours, the one with the fewest starts. Outcomes that end with more or less in the battery
    than they began with are compared as if the engine had made up the difference. Returns None when no pair stays over
    the threshold.
    """
    search = _Search(record, settings, minute_of_day)
    for start in range(15, 66, 10):
        for stop in range(start + 10, 96, 20):
            search.attempt(start, stop)
    for width in (10, 5):
        search.try_around(width)
    found = search.safest()
    if found is None:
        return None
    chosen = replaced(settings, *found)
    return Best(chosen.start_soc, chosen.stop_soc, search.tried[found])


@dataclass
class _Search:
    """Tries pairs of thresholds, in percent; `tried` has the result of each."""

    record: Record
    settings: Settings
    minute_of_day: Callable[[float], int]
    tried: dict[tuple[int, int], Outcome] = field(default_factory=dict)

    def attempt(self, start: int, stop: int) -> None:
        """Play with these thresholds, unless they are not valid or have been played."""
        lowest = self.settings.emergency_soc * 100 + 1
        if (start, stop) not in self.tried and lowest <= start <= stop - 10 and stop <= 95:
            self.tried[start, stop] = play(self.record, replaced(self.settings, start, stop), self.minute_of_day)

    def try_around(self, width: int) -> None:
        """Play with the neighbours of the best pair so far."""
        middle = self.safest()
        if middle is not None:
            for start in (-width, 0, width):
                for stop in (-width, 0, width):
                    self.attempt(middle[0] + start, middle[1] + stop)

    def safest(self) -> tuple[int, int] | None:
        """Return the best pair that never comes under the emergency threshold."""
        safe = [pair for pair, outcome in self.tried.items() if outcome.lowest >= self.settings.emergency_soc]
        if not safe:
            return None
        most = min(map(self._engine_seconds, safe)) * ALIKE
        alike = [pair for pair in safe if self._engine_seconds(pair) <= most]
        return min(alike, key=lambda pair: (len(self.tried[pair].runs), self._engine_seconds(pair)))

    def _engine_seconds(self, pair: tuple[int, int]) -> float:
        """Return how long the engine runs, and would run to end with as much in the battery as it began with."""
        outcome = self.tried[pair]
        owed = (self.record.samples[0].soc - outcome.last) / self.record.charge.mean
        return max(0.0, outcome.engine_seconds + owed)


def replaced(settings: Settings, start: int, stop: int) -> Settings:
    """Return the settings with these thresholds, in percent."""
    return replace(settings, start_soc=Ratio(start / 100), stop_soc=Ratio(stop / 100))


def charge_sentence(charge: Charge) -> str:
    """Return how fast the engine charges, as far as it is known."""
    known = [(index, rate) for index, rate in enumerate(charge.rates) if rate is not None]
    if len({rate for _, rate in known}) == 1 and len(known) == BANDS:
        return f"The engine adds {percent(round(known[0][1] * HOUR, 3))} in an hour at every state of charge, as given."
    bands = ", ".join(
        f"{percent(round(rate * HOUR, 3))} in an hour from {percent(index / BANDS)} to {percent((index + 1) / BANDS)}"
        for index, rate in known
    )
    return (
        f"The engine adds, as measured: {bands}. Elsewhere it is taken to add as much as in the nearest of these; a "
        "charger slows down when the battery is nearly full, so a stop_soc over them may take longer than shown."
    )
