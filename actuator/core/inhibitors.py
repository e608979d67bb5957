"""What blocks the engine: one table of the reasons. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from actuator.core.limits import budget_left, budget_until, rest_until, rested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Durable, Reason, State

Clearing = Literal[
    "ac_gone",
    "acknowledge",
    "ags_ready",
    "budget",
    "min_off",
    "mode",
    "read_backs",
    "resolve_or_acknowledge",
    "quiet_hours_end",
    "time",
]


def _never(_state: State) -> bool:
    return False


def _no_time(_durable: Durable, _settings: Settings, _now: float) -> float | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inhibitor:
    """The rule of one reason.

    Attributes:
        holds: whether it is there now, and with that blocks a start.
        exempt: the causes that it neither blocks nor ends.
        blocks_resume: whether it blocks going on with a broken-off run as well.
        ends_run: whether it ends a run: never, as soon as it is there, or once `confirmed`. One with exempt causes
            leaves a run alone that nothing requests any more: that ends by its min run.
        confirmed: for what one sample blocks but only three end.
        clears: what ends it.
        until: when it ends by itself, monotonic, as far as that is known.
    """

    holds: Callable[[State, Inputs, float], bool]
    exempt: frozenset[Cause] = frozenset()
    blocks_resume: bool = True
    ends_run: Literal["never", "at once", "once confirmed"]
    confirmed: Callable[[State], bool] = _never
    clears: Clearing
    until: Callable[[Durable, Settings, float], float | None] = _no_time

    def ends(self, state: State, inputs: Inputs, now: float) -> bool:
        """Return whether it ends the run in progress."""
        match self.ends_run:
            case "never":
                return False
            case "once confirmed":
                return self.confirmed(state)
            case "at once":
                if self.exempt and (not state.causes or not self.exempt.isdisjoint(state.causes)):
                    return False
                return self.holds(state, inputs, now)


def _min_off(state: State, inputs: Inputs, now: float) -> bool:
    return state.durable.run is None and not has_rested(state, inputs.settings, now)


def _back_off(state: State, _inputs: Inputs, now: float) -> bool:
    durable = state.durable
    return durable.run is None and durable.back_off_until is not None and now < durable.back_off_until


def _quiet_hours(_state: State, inputs: Inputs, _now: float) -> bool:
    # A clock that is not known to be right knows of no quiet hours.
    hours = inputs.settings.quiet_hours
    return hours is not None and inputs.wall_sane and hours.contain(inputs.minute_of_day)


def _response(response: str) -> Callable[[State, Inputs, float], bool]:
    # What blocks a start clears by three samples in a row; the newest one blocks by itself.
    return lambda state, _inputs, _now: response in (state.ags.response.verdict, state.ags.response.last)


INHIBITORS: Final[dict[Reason, Inhibitor]] = {
    "mode_off": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.mode == "off", ends_run="at once", clears="mode"
    ),
    "locked_out": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.locked_out, ends_run="at once", clears="acknowledge"
    ),
    "inhibit_alert": Inhibitor(
        holds=lambda state, _inputs, _now: bool(state.durable.inhibits),
        ends_run="at once",
        clears="resolve_or_acknowledge",
    ),
    "relay_fault": Inhibitor(
        holds=lambda state, _inputs, _now: state.board.fault, ends_run="at once", clears="read_backs"
    ),
    "max_run": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.max_run_reached,
        ends_run="never",  # it is there because a run has ended
        clears="min_off",
        until=lambda durable, settings, _now: rest_until(durable, settings),
    ),
    "budget": Inhibitor(
        holds=lambda state, inputs, now: budget_left(state.durable, inputs.settings, now) <= 0,
        ends_run="at once",
        clears="budget",
        until=budget_until,
    ),
    "min_off": Inhibitor(
        holds=_min_off,
        ends_run="never",
        clears="min_off",
        until=lambda durable, settings, _now: rest_until(durable, settings),
    ),
    "back_off": Inhibitor(
        holds=_back_off,
        exempt=frozenset({"manual"}),
        ends_run="never",
        clears="time",
        until=lambda durable, _settings, _now: durable.back_off_until,
    ),
    "quiet_hours": Inhibitor(
        holds=_quiet_hours, exempt=frozenset({"emergency", "manual"}), ends_run="at once", clears="quiet_hours_end"
    ),
    "ags_refuses": Inhibitor(
        holds=_response("refuses"),
        ends_run="once confirmed",
        confirmed=lambda state: state.ags.response.verdict == "refuses",
        clears="ags_ready",
    ),
    "foreign_run": Inhibitor(
        holds=_response("foreign"),
        ends_run="once confirmed",
        confirmed=lambda state: state.ags.response.verdict == "foreign",
        clears="ags_ready",
    ),
    "ac_live": Inhibitor(
        holds=lambda state, _inputs, _now: state.engine.ac_live,
        blocks_resume=False,  # AC at the input is the resumed engine's own
        ends_run="never",
        clears="ac_gone",
    ),
}
"""In the order in which people should read them."""


def standing(state: State, inputs: Inputs, now: float) -> tuple[Reason, ...]:
    """Return every reason that is there now."""
    return tuple(reason for reason, rule in INHIBITORS.items() if rule.holds(state, inputs, now))


def blocked(reasons: Iterable[Reason], causes: Iterable[Cause]) -> bool:
    """Return whether the reasons block every one of the causes."""
    return all(any(cause not in INHIBITORS[reason].exempt for reason in reasons) for cause in causes)


def has_rested(state: State, settings: Settings, now: float) -> bool:
    """Return whether the engine has stopped, and for min off."""
    return rested(state.durable, settings, now, runs_on=state.engine.proof.verdict is True)
