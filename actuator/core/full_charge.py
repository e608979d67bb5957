"""When the battery was last full, and when it is due to be charged until it is. Pure.

A battery monitor corrects itself at a full battery. One that never sees it shows a state of charge that is further off
each week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.core.events import Event, Level
from actuator.core.limits import budget_left
from actuator.core.settings import HOUR
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Durable, State

MOST_RUNS: Final = 2
"""Runs for one due date."""


def due_at(durable: Durable, settings: Settings) -> float | None:
    """Return when a full charge is due, monotonic; None: never, or not yet known."""
    if settings.full_charge is None or durable.full_at is None:
        return None
    due = durable.full_at + settings.full_charge.every
    return due if durable.full_retry_at is None else max(due, durable.full_retry_at)


def begins(state: State, inputs: Inputs, now: float) -> bool:
    """Return whether a full charge is due and may begin."""
    durable, battery, settings = state.durable, state.battery, inputs.settings
    due = due_at(durable, settings)
    if due is None or now < due or len(durable.full_runs) >= MOST_RUNS:
        return False
    # Without `battery_full` its end could not be seen, and it would run to max run each time.
    chargeable = battery.is_full.verdict is False and battery.chargeable.holds(settings.debounce.start)
    return chargeable and _leaves_a_run(durable, settings, now)


def ended(state: State, inputs: Inputs, now: float) -> bool:
    """Return whether the full charge that holds a run is over."""
    wanted = inputs.settings.full_charge is not None and not state.battery.is_full.verdict
    return not (wanted and _leaves_a_run(state.durable, inputs.settings, now))


def _leaves_a_run(durable: Durable, settings: Settings, now: float) -> bool:
    # What is left after it must be enough for a run that the battery needs.
    return budget_left(durable, settings, now) > settings.limits.max_run


def with_run(durable: Durable, run: int) -> Durable:
    """Return the record with a run counted for the present due date."""
    return durable if run in durable.full_runs else replace(durable, full_runs=(*durable.full_runs, run))


def follow(state: State, settings: Settings, now: float) -> tuple[Durable, list[Event]]:
    """Return the record with the battery seen full, or with the present due date given up, and the events to report."""
    durable = state.durable
    if durable.full_at is None:
        return replace(durable, full_at=now), []
    if state.battery.is_full.verdict:
        # The interval is in days, so one update an hour is enough.
        if now - durable.full_at >= HOUR or durable.full_runs or durable.full_retry_at is not None:
            durable = replace(durable, full_at=now, full_runs=(), full_retry_at=None)
        return durable, []
    used_up = len(durable.full_runs) >= MOST_RUNS and durable.run is None and durable.candidate is None
    if settings.full_charge is None or not used_up:
        return durable, []
    pause = settings.full_charge.every / 2
    values = {"runs": MOST_RUNS, "pause": pause}
    event = Event(kind="full_charge_failed", level=Level.WARNING, values=values)
    return replace(durable, full_runs=(), full_retry_at=now + pause), [event]
