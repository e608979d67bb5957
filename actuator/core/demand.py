"""What requests the engine: one table of the causes. Pure.

While the contact is open, a cause holds only as long as its condition does. When the contact closes, each cause becomes
a cause of the run and lasts until its own end. So `resolved` ends nothing, and a state of charge between the thresholds
keeps a run going but never begins one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actuator.core import full_charge
from actuator.core.alert_path import PATHS, Path
from actuator.core.battery import SOC_FRESH
from actuator.core.events import Note, Value
from actuator.core.settings import HOUR
from actuator.core.signals import BUS_FRESH
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Durable, Run, State

EXERCISE_RETRY: Final = 12 * HOUR
"""Seconds after which an exercise that could not be confirmed is due again."""
EXERCISE_WINDOW: Final = 60
"""Minutes from its hour in which an exercise begins."""
EVENING: Final = 12 * HOUR
"""Seconds in which there is one run for the quiet hours to come."""
QUIET_AHEAD_MARGIN: Final = 0.05
"""Below stop by more than this, a battery takes enough charge to justify a run for the quiet hours to come."""

Lack = Literal["no_path", "no_evidence"]
"""What information is missing: everything to decide by, or everything to confirm the engine by."""


def no_clock(_run: Run, _durable: Durable, _settings: Settings) -> float:
    """Return infinity: no clock ends the cause."""
    return math.inf


def _nothing_recorded(durable: Durable, _run: int, _now: float) -> Durable:
    return durable


class CauseRule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of one cause.

    Attributes:
        rank: a run with several causes is recorded for the one with the lowest rank.
        paths: the alert paths on which it can begin.
        begins: returns whether it requests the engine now.
        ended: returns whether it is over, for a run that it holds.
        lasting: the battery ends it, and then the run goes on until min run. Other causes end by their own clock, and
            the run ends at once.
        bound: returns when it ends by its own clock, monotonic; infinity: the state of charge ends it.
        needs_information: with `on_blind: stop` it begins and goes on only while there is something to decide by.
        fruitless: its own end counts as a failed attempt if the engine has not run.
        record: returns the record with what it keeps of the cause when that begins in a run of this number: the time,
            or the number.
    """

    rank: int
    paths: frozenset[Path] = frozenset(PATHS)
    begins: Callable[[State, Inputs, float], bool]
    ended: Callable[[Run, State, Inputs, float], bool]
    lasting: bool = False
    bound: Callable[[Run, Durable, Settings], float] = no_clock
    needs_information: bool = True
    fruitless: bool = False
    record: Callable[[Durable, int, float], Durable] = _nothing_recorded


# --- alert and fallback


def _recovered(state: State, inputs: Inputs) -> bool:
    return state.battery.high.holds(inputs.settings.debounce.stop)


def _low(state: State, inputs: Inputs, *, longer: float = 0.0) -> bool:
    return state.battery.low.holds(inputs.settings.debounce.start + longer)


def _alert_begins(state: State, inputs: Inputs, now: float) -> bool:
    return _alert_cause_and_note(state, inputs, now)[0] == "alert"


def _fallback_begins(state: State, inputs: Inputs, now: float) -> bool:
    if state.alerts.path == "fallback":
        return _low(state, inputs)
    return _alert_cause_and_note(state, inputs, now)[0] == "fallback"


def _alert_cause_and_note(state: State, inputs: Inputs, now: float) -> tuple[Cause | None, Note | None]:
    """Return the cause that holds on path `alerts`, `alert` or `fallback`, and the note that explains the result."""
    settings, beliefs = inputs.settings, state.alerts.beliefs
    alert, grace = settings.alerts.start, settings.alerts.alert_grace
    if not beliefs.start:
        if not _low(state, inputs):
            return None, None
        if not _low(state, inputs, longer=grace):
            return None, Note(kind="start_alert_awaited", values={"alert": alert, "grace": grace})
        return "fallback", Note(kind="start_alert_absent", values={"alert": alert})
    if beliefs.stop():
        return None, Note(kind="both_alerts", values={"start": alert, "stop": settings.alerts.stop})
    if not beliefs.start_counts:
        values: dict[str, Value] = {
            "alert": alert,
            "start_soc": settings.start_soc,
            "debounce": settings.debounce.start,
        }
        return None, Note(kind="alert_answered", values=values)
    contradiction = _contradiction(state, inputs, now)
    return ("alert", None) if contradiction is None else (None, contradiction)


def _contradiction(state: State, inputs: Inputs, now: float) -> Note | None:
    """Return how the exporter's page contradicts a start alert; a page that cannot be read contradicts nothing."""
    settings, battery = inputs.settings, state.battery
    if state.alerts.beliefs.start_late and battery.over_start(now):
        return Note(kind="alert_late", values={"alert": settings.alerts.start, "start_soc": settings.start_soc})
    soc = battery.soc.possibly_fresh(now, SOC_FRESH)
    if soc is not None and soc >= settings.stop_soc:
        return Note(kind="soc_contradicts", values={"alert": settings.alerts.start, "stop_soc": settings.stop_soc})
    if soc is None and state.soc_refused(now):
        return Note(kind="soc_refused", values={"alert": settings.alerts.start})
    return None


def _alert_ended(_run: Run, state: State, inputs: Inputs, _now: float) -> bool:
    return _recovered(state, inputs) or state.alerts.beliefs.stop()


def _fallback_ended(run: Run, state: State, inputs: Inputs, _now: float) -> bool:
    # The alerts have failed since: a stop alert from before the run shows an older state of the battery.
    return _recovered(state, inputs) or state.alerts.beliefs.stop(since=run.closed_at)


# --- emergency


def emergencies(state: State, inputs: Inputs) -> tuple[bool, bool]:
    """Return whether the state of charge, and whether the battery's volts, are an emergency now."""
    if state.durable.mode == "off":
        return False, False
    settings, battery = inputs.settings, state.battery
    by_soc = battery.soc_emergency.holds(settings.debounce.emergency)
    return by_soc, battery.volts_emergency.holds(battery.volts_debounce(settings))


def reserve(state: State, inputs: Inputs) -> float:
    """Return the seconds beyond the budget that the emergency that holds now may use; 0 without one."""
    run = state.durable.run or state.durable.candidate
    by_soc = emergencies(state, inputs)[0] or (run is not None and run.soc_emergency)
    # A SOC that is present and is no emergency contradicts the volts; three samples show that it is present.
    by_volts_alone = state.battery.ample.verdict is None
    granted = "emergency" in state.causes and (by_soc or by_volts_alone)
    return inputs.settings.limits.emergency_reserve if granted else 0.0


def _sag(state: State, inputs: Inputs) -> Note | None:
    """Return that the volts would be an emergency if the state of charge were lower."""
    settings, volts = inputs.settings, state.battery.volts_emergency
    longer = state.battery.volts_debounce(settings)
    if state.durable.mode == "off" or not volts.holds(settings.debounce.emergency) or volts.holds(longer):
        return None
    return Note(kind="volts_under_load", values={"seconds": longer})


def _emergency_begins(state: State, inputs: Inputs, _now: float) -> bool:
    return any(emergencies(state, inputs))


def _emergency_ended(run: Run, state: State, inputs: Inputs, now: float) -> bool:
    by_volts = run.volts_until is not None and now < run.volts_until
    by_soc = run.soc_emergency and not _recovered(state, inputs)
    return not (by_volts or by_soc or any(emergencies(state, inputs)))


def _emergency_bound(run: Run, _durable: Durable, _settings: Settings) -> float:
    return math.inf if run.soc_emergency or run.volts_until is None else run.volts_until


# --- by the clock


def _due(last: float | None, every: float, now: float) -> bool:
    return last is None or now - last >= every


def _blind_begins(state: State, inputs: Inputs, now: float) -> bool:
    settings = inputs.settings
    return settings.on_blind == "start" and _due(state.durable.blind_at, settings.blind.every, now)


def _blind_bound(run: Run, _durable: Durable, settings: Settings) -> float:
    return run.closed_at + settings.blind.run


def _exercise_begins(state: State, inputs: Inputs, now: float) -> bool:
    exercise, last = inputs.settings.exercise, state.durable.exercised_wall
    if exercise is None or not inputs.wall_sane or last is None or inputs.wall - last < exercise.every:
        return False
    at_its_hour = (inputs.minute_of_day - exercise.at) % 1440 < EXERCISE_WINDOW
    return at_its_hour and _due(state.durable.exercise_at, EXERCISE_RETRY, now)


def _exercise_bound(run: Run, _durable: Durable, settings: Settings) -> float:
    length = 0.0 if settings.exercise is None else settings.exercise.for_
    return (run.proven_at or run.closed_at) + length


def _quiet_ahead_begins(state: State, inputs: Inputs, now: float) -> bool:
    settings, hours = inputs.settings, inputs.settings.quiet_hours
    if hours is None or not hours.prepare or not inputs.wall_sane:
        return False
    begin_in, limits = hours.begin_in(inputs.minute_of_day, inputs.wall), settings.limits
    in_time = limits.useful_run < begin_in <= min(limits.max_run, EVENING)
    # A stop alert would end it at once, and it is the only run of the evening.
    if not in_time or state.alerts.beliefs.stop() or not _due(state.durable.quiet_ahead_at, EVENING, now):
        return False
    soc, level, fall = state.battery.fresh_soc(now), state.soc_trend.level, state.soc_trend.fall
    if soc is None or level is None or fall is None or fall <= 0:
        return False
    # Judged by the last three minutes too, so that one wrong sample starts nothing.
    level_at_their_end = level - fall * (begin_in + hours.seconds)
    return max(soc, level) < settings.stop_soc - QUIET_AHEAD_MARGIN and level_at_their_end <= settings.start_soc


def _quiet_ahead_ended(run: Run, state: State, inputs: Inputs, now: float) -> bool:
    hours = inputs.settings.quiet_hours
    begun = hours is not None and inputs.wall_sane and hours.contain(inputs.minute_of_day)
    return begun or _alert_ended(run, state, inputs, now)


def _manual_bound(_run: Run, durable: Durable, _settings: Settings) -> float:
    return math.inf if durable.manual_until is None else durable.manual_until


CAUSES: Final[dict[Cause, CauseRule]] = {
    "alert": CauseRule(rank=3, paths=frozenset({"alerts"}), begins=_alert_begins, ended=_alert_ended, lasting=True),
    "fallback": CauseRule(
        rank=4, paths=frozenset({"alerts", "fallback"}), begins=_fallback_begins, ended=_fallback_ended, lasting=True
    ),
    "emergency": CauseRule(
        rank=2,
        begins=_emergency_begins,
        ended=_emergency_ended,
        lasting=True,
        bound=_emergency_bound,
        needs_information=False,
    ),
    "blind": CauseRule(
        rank=8,
        paths=frozenset({"blind"}),
        begins=_blind_begins,
        ended=lambda run, state, inputs, now: now >= _blind_bound(run, state.durable, inputs.settings),
        bound=_blind_bound,
        fruitless=True,
        record=lambda durable, _run, now: replace(durable, blind_at=now),
    ),
    "exercise": CauseRule(
        rank=7,
        paths=frozenset({"alerts", "fallback", "blind"}),
        begins=_exercise_begins,
        ended=lambda run, state, inputs, now: now >= _exercise_bound(run, state.durable, inputs.settings),
        bound=_exercise_bound,
        fruitless=True,
        record=lambda durable, _run, now: replace(durable, exercise_at=now),
    ),
    "manual": CauseRule(
        rank=1,
        begins=lambda state, _inputs, _now: state.durable.mode == "on",
        ended=lambda _run, state, _inputs, _now: state.durable.mode != "on",
        bound=_manual_bound,
        needs_information=False,
    ),
    "full_charge": CauseRule(
        rank=6,
        paths=frozenset({"alerts", "fallback"}),
        begins=full_charge.begins,
        ended=lambda _run, state, inputs, now: full_charge.ended(state, inputs, now),
        lasting=True,
        record=lambda durable, run, _now: full_charge.with_run(durable, run),
    ),
    "quiet_ahead": CauseRule(
        rank=5,
        paths=frozenset({"alerts", "fallback"}),
        begins=_quiet_ahead_begins,
        ended=_quiet_ahead_ended,
        lasting=True,
        record=lambda durable, _run, now: replace(durable, quiet_ahead_at=now),
    ),
}
"""In the order in which they are shown."""

LASTING: Final = frozenset(cause for cause, rule in CAUSES.items() if rule.lasting)


def first(causes: tuple[Cause, ...]) -> Cause:
    """Return which of several causes a run is recorded for."""
    return min(causes, key=lambda cause: CAUSES[cause].rank)


def causes(state: State, inputs: Inputs, now: float) -> tuple[tuple[Cause, ...], tuple[Note, ...]]:
    """Return the causes that hold now, and notes: what else delays a start, or keeps a run going without a cause."""
    run = state.durable.run or state.durable.candidate
    begun, notes = _begun(state, inputs, now)
    if run is not None:
        begun = {cause for cause in begun | {*run.causes} if not CAUSES[cause].ended(run, state, inputs, now)}
        min_run = inputs.settings.limits.min_run
        goes_on = not begun and run.lasting and now - run.closed_at < min_run
        notes = (Note(kind="min_run", values={"min_run": min_run}),) if goes_on else ()
    elif begun and not has_data(state, inputs, now):
        notes = (*notes, Note(kind="first_page", values={"seconds": BUS_FRESH}))
    return (tuple(cause for cause in CAUSES if cause in begun) if begun else ()), notes


def has_data(state: State, inputs: Inputs, now: float) -> bool:
    """Return whether a start may be judged: the page has been read once, cannot be read, or 30 s have passed."""
    return state.page_at is not None or inputs.page_fault or now - state.started_at >= BUS_FRESH


def lack(state: State, inputs: Inputs, now: float) -> Lack | None:
    """Return what information is missing for an ordinary run with `on_blind: stop`; None: nothing."""
    settings = inputs.settings
    if settings.on_blind != "stop":
        return None
    if state.alerts.path == "blind":
        return "no_path"
    if settings.evidence.configured and state.engine.evidence_lost(now, started_at=state.started_at):
        return "no_evidence"
    return None


def _begun(state: State, inputs: Inputs, now: float) -> tuple[set[Cause], tuple[Note, ...]]:
    path = state.alerts.path
    begun = {cause for cause, rule in CAUSES.items() if path in rule.paths and rule.begins(state, inputs, now)}
    note = _alert_cause_and_note(state, inputs, now)[1] if path == "alerts" else None
    uninformed = {cause for cause in begun if CAUSES[cause].needs_information}
    if uninformed and (lacking := lack(state, inputs, now)):
        return begun - uninformed, (Note(kind=lacking, values={"by_ac": inputs.settings.evidence.ac_input}),)
    notes = tuple(one for one in (note, _sag(state, inputs)) if one is not None)
    return begun, notes
