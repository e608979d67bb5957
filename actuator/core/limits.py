"""How long the engine may run, and how long it must rest. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core.settings import DAY

if TYPE_CHECKING:
    from actuator.core.settings import Settings
    from actuator.core.state import Durable, Run


def budget_left(durable: Durable, settings: Settings, now: float, *, reserve: float = 0.0) -> float:
    """Return the seconds of the budget of the sliding 24 hours that are left, with a reserve for an emergency."""
    used = sum(max(0.0, closure.end - max(closure.start, now - DAY)) for closure in durable.closures)
    open_run = durable.run or durable.candidate
    if open_run is not None:
        used += now - max(open_run.closed_at, now - DAY)
    return settings.limits.daily_budget + reserve - used


def reserve_left(durable: Durable, settings: Settings, now: float) -> float:
    """Return the seconds of the emergency reserve that are left; it is used after the budget."""
    reserve = settings.limits.emergency_reserve
    return min(reserve, max(0.0, budget_left(durable, settings, now, reserve=reserve)))


def budget_until(durable: Durable, settings: Settings, now: float, *, reserve: float) -> float | None:
    """Return when past closures have left the sliding window so far that a useful run has budget again."""
    excess = settings.limits.least_budget - budget_left(durable, settings, now, reserve=reserve)
    for closure in sorted(durable.closures, key=lambda closure: closure.start):
        start = max(closure.start, now - DAY)
        length = max(0.0, closure.end - start)
        if length > excess:
            return start + excess + DAY
        excess -= length
    return None


def rest_until(durable: Durable, settings: Settings) -> float | None:
    """Return when min off has passed; None: nothing has run. Without a confirmed stop it counts from the tail's end."""
    stops = [] if durable.engine_stopped_at is None else [durable.engine_stopped_at]
    if durable.released_at is not None:
        stopped_at = durable.stopped_at
        stops.append(durable.released_at + settings.limits.tail if stopped_at is None else stopped_at)
    return max(stops) + settings.limits.min_off if stops else None


def rested(durable: Durable, settings: Settings, now: float, *, runs_on: bool) -> bool:
    """Return whether min off has passed since the stop; it has not if the engine is confirmed to run on."""
    until = rest_until(durable, settings)
    running = runs_on and durable.released_at is not None and durable.stopped_at is None
    return until is None or (now >= until and not running)


def bound(durable: Durable, run: Run, settings: Settings, now: float, *, reserve: float) -> float:
    """Return when a run ends at the latest, monotonic: its deadline, or before that the end of budget and reserve."""
    end = now + budget_left(durable, settings, now, reserve=reserve)
    for closure in sorted(durable.closures, key=lambda closure: closure.start):
        leaves = max(closure.start + DAY, now)
        if leaves >= end:
            break
        # While an old closure leaves the sliding window, the budget does not decrease.
        end += max(0.0, closure.end + DAY - leaves)
    return min(end, run.deadline)
