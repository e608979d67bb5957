"""Why the engine is wanted. Pure.

With the contact open a cause is what holds at this moment; it becomes a cause of the run when the contact closes, and
from then on lasts until its own end. So `resolved` ends nothing, and a value between the thresholds keeps a run going
but never begins one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.model import CAUSES, Cause, Run
from actuator.perception import SOC_FRESH, fresh_soc
from actuator.words import percent, span

if TYPE_CHECKING:
    from actuator.model import Inputs, State

LASTING: Final = frozenset({"alert", "fallback", "emergency"})
"""Causes whose end is a recovered battery; the others end by their own clock, and then at once."""

FIRST: Final[tuple[Cause, ...]] = ("manual", "emergency", "alert", "fallback", "exercise", "blind")
"""Which of several causes a run is recorded for."""


def causes(state: State, inputs: Inputs, now: float) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Return what wants the engine now, and in words what holds a demand back."""
    run = state.durable.run
    begun, notes = _begun(state, inputs, now)
    if run is None:
        return tuple(cause for cause in CAUSES if cause in begun), notes
    held = {cause for cause in {*run.causes, *begun} if not _ended(cause, run, state, inputs, now)}
    held |= begun & {"emergency"}
    return tuple(cause for cause in CAUSES if cause in held), notes


def emergencies(state: State, inputs: Inputs, now: float) -> tuple[bool, bool]:
    """Return whether the state of charge, and whether the battery's volts, are an emergency now."""
    if state.durable.mode == "off":
        return False, False
    debounce = inputs.settings.debounce.emergency
    soc = state.soc_emergency.holds(debounce) and fresh_soc(state, now) is not None
    return soc, state.volts_emergency.holds(debounce)


def _begun(state: State, inputs: Inputs, now: float) -> tuple[set[Cause], tuple[str, ...]]:
    settings, durable = inputs.settings, state.durable
    soc = fresh_soc(state, now)
    low = soc is not None and state.low.holds(settings.debounce.start)
    begun, notes = _by_alerts(state, inputs, now, low=low) if state.path == "alerts" else (set[Cause](), ())
    if durable.mode == "on":
        begun.add("manual")
    if any(emergencies(state, inputs, now)):
        begun.add("emergency")
    if state.path == "fallback" and low:
        begun.add("fallback")
    if state.path == "blind" and settings.on_blind == "start":
        due = durable.blind_at is None or now - durable.blind_at >= settings.blind.every
        if due:
            begun.add("blind")
    if state.path != "waiting" and _exercise_due(state, inputs):
        begun.add("exercise")
    return begun, notes


def _by_alerts(state: State, inputs: Inputs, now: float, *, low: bool) -> tuple[set[Cause], tuple[str, ...]]:
    settings, beliefs = inputs.settings, state.beliefs
    if not beliefs.start:
        if low and state.low.holds(settings.debounce.start + settings.alerts.alert_grace):
            return {"fallback"}, (
                (
                    f"The state of charge is low and heartbeats arrive, but {settings.alerts.start} does not: "
                    "is the rule renamed, or the alert silenced?"
                ),
            )
        return set(), ()
    if beliefs.stop():
        return set(), ()
    if not beliefs.start_counts:
        if state.durable.run is not None:
            return set(), ()
        return set(), (
            (
                f"{settings.alerts.start} still fires from before the last stop: no start until it has resolved and "
                f"fired anew, or the state of charge has been at {percent(settings.start_soc)} or less for "
                f"{span(settings.debounce.start)}."
            ),
        )
    contradiction = _contradiction(state, inputs, now)
    return (set(), (contradiction,)) if contradiction else ({"alert"}, ())


def _contradiction(state: State, inputs: Inputs, now: float) -> str:
    """Return what the exporter's own page says against a start alert; a page that cannot be reached says nothing."""
    settings, soc = inputs.settings, fresh_soc(state, now)
    if soc is not None and soc >= settings.stop_soc:
        return (
            f"{settings.alerts.start} fires, but the exporter's page has a state of charge "
            f"not under the stop at {percent(settings.stop_soc)}: no start."
        )
    if soc is None and state.soc_refused and state.page_at is not None and now - state.page_at < SOC_FRESH:
        return f"{settings.alerts.start} fires, but the exporter refuses the state of charge it has: no start."
    return ""


def _exercise_due(state: State, inputs: Inputs) -> bool:
    exercise, last = inputs.settings.exercise, state.durable.exercised_wall
    if exercise is None or not inputs.wall_sane or last is None or inputs.wall - last < exercise.every:
        return False
    return 0 <= inputs.minute_of_day - exercise.at < 60


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
            return not by_volts and (recovered or not run.soc_emergency)
        case "blind":
            return now >= run.closed_at + settings.blind.run
        case "exercise":
            length = settings.exercise.for_ if settings.exercise is not None else 0.0
            return now >= (run.proven_at or run.closed_at) + length
        case "manual":
            return state.durable.mode != "on"
