"""Why the engine is wanted. Pure.

With the contact open a cause is what holds at this moment; it becomes a cause of the run when the contact closes, and
from then on lasts until its own end. So `resolved` ends nothing, and a value between the thresholds keeps a run going
but never begins one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.core.state import BUS_FRESH, CAUSES, SOC_FRESH, Cause, Run, evidence_lost
from toolkit.formatting import percent, span

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs
    from actuator.core.state import State

LASTING: Final = frozenset({"alert", "fallback", "emergency"})
"""Causes whose end is a recovered battery; the others end by their own clock, and then at once."""

HALF_A_DAY: Final = 43200.0

FIRST: Final[tuple[Cause, ...]] = ("manual", "emergency", "alert", "fallback", "exercise", "blind")
"""Which of several causes a run is recorded for."""


def causes(state: State, inputs: Inputs, now: float) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Return what wants the engine now, and in words what holds a demand back, or a run that nothing wants going."""
    run = state.durable.run or state.durable.candidate
    begun, notes = _begun(state, inputs, now)
    if run is not None:
        begun = {cause for cause in begun | {*run.causes} if not _ended(cause, run, state, inputs, now)}
        min_run = inputs.settings.limits.min_run
        goes_on = not begun and run.lasting and now - run.closed_at < min_run
        notes = (f"Nothing wants the engine any more: it runs its shortest, {span(min_run)}.",) if goes_on else ()
    elif begun and not looked(state, inputs, now):
        notes = (*notes, f"No start before the exporter's page has been read once, or for {span(BUS_FRESH)}.")
    return tuple(cause for cause in CAUSES if cause in begun), notes


def looked(state: State, inputs: Inputs, now: float) -> bool:
    """Return whether the page has been looked at once for what forbids a start, or cannot be had."""
    return state.page_at is not None or inputs.page_fault or now - state.started_at >= BUS_FRESH


def emergencies(state: State, inputs: Inputs) -> tuple[bool, bool]:
    """Return whether the state of charge, and whether the battery's volts, are an emergency now."""
    if state.durable.mode == "off":
        return False, False
    debounce = inputs.settings.debounce.emergency
    return state.soc_emergency.holds(debounce), state.volts_emergency.holds(debounce)


def undecidable(state: State, inputs: Inputs, now: float) -> str:
    """Return what an ordinary run lacks where the owner wants none without it (`on_blind: stop`); empty: nothing."""
    settings = inputs.settings
    if settings.on_blind != "stop":
        return ""
    if state.path == "blind":
        return "Neither alerts nor a state of charge are left to decide by."
    if (settings.evidence.ac_input or settings.evidence.ags) and evidence_lost(state, now):
        return "Nothing is left to prove the engine by."
    return ""


def _begun(state: State, inputs: Inputs, now: float) -> tuple[set[Cause], tuple[str, ...]]:
    settings, durable = inputs.settings, state.durable
    begun: set[Cause] = set()
    notes: tuple[str, ...] = ()
    if state.path == "alerts":
        begun, notes = _by_alerts(state, inputs, now)
    if state.path == "fallback" and state.low.holds(settings.debounce.start):
        begun.add("fallback")
    if state.path == "blind" and settings.on_blind == "start" and _due(durable.blind_at, settings.blind.every, now):
        begun.add("blind")
    if state.path != "waiting" and _exercise_due(state, inputs, now):
        begun.add("exercise")
    if begun and (lack := undecidable(state, inputs, now)):
        begun, notes = set(), (f"{lack} No start, by on_blind: stop.",)
    if durable.mode == "on":
        begun.add("manual")
    if any(emergencies(state, inputs)):
        begun.add("emergency")
    return begun, notes


def _due(last: float | None, every: float, now: float) -> bool:
    return last is None or now - last >= every


def _by_alerts(state: State, inputs: Inputs, now: float) -> tuple[set[Cause], tuple[str, ...]]:
    settings, beliefs = inputs.settings, state.beliefs
    start, grace = settings.alerts.start, settings.alerts.alert_grace
    if not beliefs.start:
        if not state.low.holds(settings.debounce.start):
            return set(), ()
        note = f"The state of charge is low and heartbeats arrive, but {start} does not: "
        if not state.low.holds(settings.debounce.start + grace):
            return set(), (f"{note}it is waited for, and after {span(grace)} the engine starts without it.",)
        return {"fallback"}, (f"{note}is the rule renamed, or the alert silenced?",)
    if beliefs.stop():
        return set(), (f"{start} and {settings.alerts.stop} both fire: the stop wins.",)
    if not beliefs.start_counts:
        note = (
            f"{settings.alerts.start} still fires from before the last stop: no start until it has resolved and "
            f"fired anew, or the state of charge has been at {percent(settings.start_soc)} or less for "
            f"{span(settings.debounce.start)}."
        )
        return set(), (note,)
    contradiction = _contradiction(state, inputs, now)
    return (set(), (contradiction,)) if contradiction else ({"alert"}, ())


def _contradiction(state: State, inputs: Inputs, now: float) -> str:
    """Return what the exporter's own page says against a start alert; a page that cannot be reached says nothing."""
    settings, soc = inputs.settings, state.soc.standing(now, SOC_FRESH)
    if soc is not None and soc >= settings.stop_soc:
        return (
            f"{settings.alerts.start} fires, but the exporter's page has a state of charge "
            f"not under the stop at {percent(settings.stop_soc)}: no start."
        )
    if soc is None and state.soc_refused and state.page_at is not None and now - state.page_at < SOC_FRESH:
        return f"{settings.alerts.start} fires, but the exporter refuses the state of charge it has: no start."
    return ""


def _exercise_due(state: State, inputs: Inputs, now: float) -> bool:
    exercise, last = inputs.settings.exercise, state.durable.exercised_wall
    if exercise is None or not inputs.wall_sane or last is None or inputs.wall - last < exercise.every:
        return False
    # One that could not be proven is due again, but not at once.
    at_its_hour = (inputs.minute_of_day - exercise.at) % 1440 < 60
    return at_its_hour and _due(state.durable.exercise_at, HALF_A_DAY, now)


def _ended(cause: Cause, run: Run, state: State, inputs: Inputs, now: float) -> bool:
    settings = inputs.settings
    recovered = state.high.holds(settings.debounce.stop)
    match cause:
        case "alert":
            return recovered or state.beliefs.stop()
        case "fallback":
            # A stop believed since before the run is what the alerts last said, not what they say of this battery.
            return recovered or state.beliefs.stop(since=run.closed_at)
        case "emergency":
            by_volts = run.volts_until is not None and now < run.volts_until
            by_soc = run.soc_emergency and not recovered
            return not (by_volts or by_soc or any(emergencies(state, inputs)))
        case "blind":
            return now >= run.closed_at + settings.blind.run
        case "exercise":
            length = settings.exercise.for_ if settings.exercise is not None else 0.0
            return now >= (run.proven_at or run.closed_at) + length
        case "manual":
            return state.durable.mode != "on"
