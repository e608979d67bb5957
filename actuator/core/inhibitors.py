"""Why the engine may not run. Pure: what each reason holds, what it ends, who is exempt, and when it clears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core.limits import budget_left, rested
from actuator.core.rules import EXEMPT
from actuator.core.state import REASONS, Cause, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.inputs import Inputs
    from actuator.core.state import State


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
