"""When the run in progress ends at the latest, if no other cause begins. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core.demand import CAUSES, LASTING
from actuator.core.inhibitors import INHIBITORS
from actuator.core.limits import bound

if TYPE_CHECKING:
    from actuator.core.settings import Settings
    from actuator.core.state import Durable, Run


def latest(
    durable: Durable, run: Run, settings: Settings, now: float, *, reserve: float, quiet_in: float | None
) -> float:
    """Return when the run ends, monotonic.

    Args:
        durable: with the closures that use up the budget.
        run: the run in progress.
        settings: in force.
        now: monotonic seconds.
        reserve: seconds beyond the budget that the run may use.
        quiet_in: seconds until quiet hours begin; None: there are none, or the clock may be wrong.
    """
    ends = [bound(durable, run, settings, now, reserve=reserve)]
    if not run.causes:
        ends.append(run.closed_at + settings.limits.min_run)
    else:
        ends.append(max(CAUSES[cause].bound(run, durable, settings) for cause in run.causes))
    if quiet_in is not None and INHIBITORS["quiet_hours"].exempt.isdisjoint(run.causes):
        ends.append(now + quiet_in)
    return max(now, min(ends))


def by_charge(run: Run) -> bool:
    """Return whether a battery at stop ends the run: all its causes end that way."""
    at_stop = LASTING - {"full_charge"}
    return bool(run.causes) and at_stop.issuperset(run.causes) and run.volts_until is None


def quiet_in(settings: Settings, wall: float, minute_of_day: int, *, wall_sane: bool) -> float | None:
    """Return the seconds until quiet hours begin; None: there are none, or the clock may be wrong."""
    hours = settings.quiet_hours
    if hours is None or not wall_sane:
        return None
    return hours.begin_in(minute_of_day, wall)
