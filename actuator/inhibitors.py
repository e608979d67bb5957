"""Why the engine may not run. Pure: what each reason holds, what it ends, who is exempt, and when it clears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.model import REASONS, Cause, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.model import Durable, Inputs, State
    from actuator.settings import Settings

DAY: Final = 86400.0
"""The window of the budget, seconds."""

EXEMPT: Final[dict[Reason, frozenset[Cause]]] = {
    "back_off": frozenset({"manual"}),
    "quiet_hours": frozenset({"emergency", "manual"}),
}
"""Causes that a reason does not hold."""


def reasons(state: State, inputs: Inputs, now: float) -> tuple[Reason, ...]:
    """Return every reason that holds now, in the order in which people should read them."""
    settings, durable = inputs.settings, state.durable
    closed = durable.run is not None
    # What holds a start clears by three samples in a row; the newest holds it by itself.
    ags = (state.ags_stands.verdict, state.ags_stands.last)
    holding: dict[Reason, bool] = {
        "mode_off": durable.mode == "off",
        "locked_out": durable.locked_out,
        "inhibit_alert": bool(durable.inhibits),
        "relay_fault": state.relay_fault,
        "max_run": durable.max_run_reached,
        "budget": budget_left(durable, settings, now) <= 0,
        "min_off": not closed and not rested(state, settings, now),
        "back_off": not closed and durable.back_off_until is not None and now < durable.back_off_until,
        "quiet_hours": quiet(inputs),
        "ags_refuses": "refuses" in ags,
        "foreign_run": "foreign" in ags,
        "ac_live": state.ac_live,
    }
    return tuple(reason for reason in REASONS if holding[reason])


def held(holding: Iterable[Reason], causes: Iterable[Cause]) -> bool:
    """Return whether the reasons keep every one of the causes from starting the engine."""
    return all(any(cause not in EXEMPT.get(reason, frozenset()) for reason in holding) for cause in causes)


def quiet(inputs: Inputs) -> bool:
    """Return whether these are quiet hours; a clock that is not sane knows of none."""
    hours = inputs.settings.quiet_hours
    return hours is not None and inputs.wall_sane and hours.contain(inputs.minute_of_day)


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
