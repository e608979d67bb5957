"""When a run ends by itself, as far as can be known now. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from actuator.core.demand import LASTING
from actuator.core.rules import EXEMPT
from actuator.core.settings import AGS_MARGIN

if TYPE_CHECKING:
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Durable, Run, State


DAY: Final = 86400.0
"""The window of the budget, seconds."""


def budget_left(durable: Durable, settings: Settings, now: float) -> float:
    """Return how many seconds the contact may still be closed, of the budget of any sliding 24 hours."""
    used = sum(max(0.0, closure.end - max(closure.start, now - DAY)) for closure in durable.closures)
    open_run = durable.run or durable.candidate
    if open_run is not None:
        used += now - max(open_run.closed_at, now - DAY)
    return settings.limits.daily_budget - used


def rest_until(durable: Durable, settings: Settings) -> float | None:
    """Return when min off has passed; None: nothing has run. Without a proven stop it counts from the tail's end."""
    if durable.released_at is None:
        return None
    stopped_at = durable.released_at + settings.limits.tail if durable.stopped_at is None else durable.stopped_at
    return stopped_at + settings.limits.min_off


def rested(state: State, settings: Settings, now: float) -> bool:
    """Return whether the engine has stopped, and for min off; one that is proven to run on has not."""
    until = rest_until(state.durable, settings)
    runs_on = state.durable.stopped_at is None and state.proof.verdict is True
    return until is None or (now >= until and not runs_on)


def allowed_by_ags(state: State) -> float:
    """Return how long a run may last for the AGS not to end it, seconds; its own cap is latched as a fault."""
    cap = state.ags_cap.verdict
    return max(cap - AGS_MARGIN, cap / 2) if cap else math.inf


def bound(durable: Durable, run: Run, settings: Settings, now: float) -> float:
    """Return when a run ends whatever happens, monotonic: its deadline, or before that its budget's end."""
    end = now + budget_left(durable, settings, now)
    for closure in sorted(durable.closures, key=lambda closure: closure.start):
        leaves = max(closure.start + DAY, now)
        if leaves >= end:
            break
        # While the sliding window lets go of a closure, nothing is used up.
        end += max(0.0, closure.end + DAY - leaves)
    return min(end, run.deadline)


def latest(durable: Durable, run: Run, settings: Settings, now: float, *, quiet_in: float | None) -> float:
    """Return when a run ends if nothing else comes to want it, monotonic.

    Args:
        durable: what it is bounded by.
        run: the one in progress.
        settings: in force.
        now: monotonic seconds.
        quiet_in: seconds until quiet hours begin; None: they are not known to.
    """
    ends = [bound(durable, run, settings, now)]
    if not run.causes:
        ends.append(run.closed_at + settings.limits.min_run)
    else:
        ends.append(max(_own(cause, durable, run, settings) for cause in run.causes))
        if quiet_in is not None and EXEMPT["quiet_hours"].isdisjoint(run.causes):
            ends.append(now + quiet_in)
    return max(now, min(ends))


def by_charge(run: Run) -> bool:
    """Return whether a charged battery ends the run: every cause that holds it is one that ends so."""
    return bool(run.causes) and LASTING.issuperset(run.causes) and run.volts_until is None


def quiet_in(settings: Settings, wall: float, minute_of_day: int, *, wall_sane: bool) -> float | None:
    """Return the seconds until quiet hours begin; None: there are none, or the clock is not known to be right."""
    hours = settings.quiet_hours
    if hours is None or not wall_sane:
        return None
    return 0.0 if hours.contain(minute_of_day) else (hours.from_ - minute_of_day) % 1440 * 60 - wall % 60


def _own(cause: Cause, durable: Durable, run: Run, settings: Settings) -> float:
    """Return the end that a cause sets to itself; infinity: the battery's charge ends it."""
    if cause == "manual" and durable.manual_until is not None:
        return durable.manual_until
    if cause == "exercise" and settings.exercise is not None:
        return (run.proven_at or run.closed_at) + settings.exercise.for_
    if cause == "blind":
        return run.closed_at + settings.blind.run
    if cause == "emergency" and not run.soc_emergency and run.volts_until is not None:
        return run.volts_until
    return math.inf
