"""What blocks the engine: one table of the reasons. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actuator.core.limits import budget_left, budget_until, rest_until, rested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Reason, State

Clearing = Literal[
    "ac_gone",
    "ags_ready",
    "budget_free",
    "evidence_back",
    "good_run",
    "journal_written",
    "min_off_over",
    "mode",
    "pause_over",
    "quiet_hours_over",
    "read_backs",
    "reset_inhibit",
    "reset_lockout",
    "resolved",
]

BY_TIME: Final[frozenset[Clearing]] = frozenset({"budget_free", "min_off_over", "pause_over", "quiet_hours_over"})
"""What comes by itself as time passes."""


def _never(_state: State) -> bool:
    return False


def _no_time(_state: State, _settings: Settings, _now: float) -> float | None:
    return None


class Inhibitor(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of one reason.

    Attributes:
        holds: returns whether it holds now; it then blocks a start.
        exempt: the causes that it neither blocks nor ends.
        blocks_resume: whether it also blocks the resumption of an interrupted run.
        ends_run: whether it ends a run: never, as soon as it holds, or once `confirmed`.
        confirmed: returns whether three samples agree; a start is blocked by one, a run is ended by three.
        clears: what ends it, each alone. Only `good_run` does not end every pause: see `short_runs`.
        until: returns when it ends by itself, monotonic; None: not by time, or not known.
    """

    holds: Callable[[State, Inputs, float], bool]
    exempt: frozenset[Cause] = frozenset()
    blocks_resume: bool = True
    ends_run: Literal["never", "at once", "once confirmed"]
    confirmed: Callable[[State], bool] = _never
    clears: frozenset[Clearing]
    until: Callable[[State, Settings, float], float | None] = _no_time

    def ends(self, state: State, inputs: Inputs, now: float) -> bool:
        """Return whether it ends the run in progress."""
        match self.ends_run:
            case "never":
                return False
            case "once confirmed":
                return self.confirmed(state)
            case "at once":
                return self.exempt.isdisjoint(state.causes) and self.holds(state, inputs, now)


def _no_evidence(state: State, inputs: Inputs, now: float) -> bool:
    # With a state of charge but no evidence, only the bus that shows the engine is missing: an engine that fails to
    # start, or dies, would be noticed at the deadline.
    if state.durable.run is not None or not inputs.settings.evidence.configured:
        return False
    absent = state.engine.evidence_lost(now, started_at=state.started_at)
    return absent and state.battery.fresh_soc(now) is not None


def _short_cycle(state: State, inputs: Inputs, now: float) -> bool:
    until = _short_cycle_until(state, inputs.settings, now)
    return state.durable.run is None and until is not None and now < until


def _short_cycle_until(state: State, settings: Settings, _now: float) -> float | None:
    return state.durable.short_runs.until(settings.limits, emergency="emergency" in state.causes)


def _budget(state: State, inputs: Inputs, now: float) -> bool:
    left = budget_left(state.durable, inputs.settings, now, reserve=state.reserve)
    # A run that could not be confirmed and then last for min run is not begun; one in progress uses up the rest.
    goes_on = state.durable.run or state.durable.candidate
    return left <= 0 if goes_on else left < inputs.settings.limits.least_budget


def _min_off(state: State, inputs: Inputs, now: float) -> bool:
    return state.durable.run is None and not has_rested(state, inputs.settings, now)


def _back_off(state: State, _inputs: Inputs, now: float) -> bool:
    durable = state.durable
    return durable.run is None and durable.back_off_until is not None and now < durable.back_off_until


def _quiet_hours(state: State, inputs: Inputs, _now: float) -> bool:
    # A clock that may be wrong must not block a start.
    hours = inputs.settings.quiet_hours
    if hours is None or not inputs.wall_sane:
        return False
    begin_in = hours.begin_in(inputs.minute_of_day, inputs.wall)
    # A run that they would cut off is not begun; one in progress, or to be resumed, lasts until they begin.
    lead = 0.0 if state.durable.run or state.durable.candidate else inputs.settings.limits.useful_run
    return begin_in <= lead


def _response(response: str) -> Callable[[State, Inputs, float], bool]:
    # One sample is enough to block a start; three in a row are needed to clear it.
    return lambda state, _inputs, _now: response in (state.ags.response.verdict, state.ags.response.last)


INHIBITORS: Final[dict[Reason, Inhibitor]] = {
    "mode_off": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.mode == "off", ends_run="at once", clears=frozenset({"mode"})
    ),
    "locked_out": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.locked_out,
        ends_run="at once",
        clears=frozenset({"reset_lockout"}),
    ),
    "inhibit_alert": Inhibitor(
        holds=lambda state, _inputs, _now: bool(state.durable.inhibits),
        ends_run="at once",
        clears=frozenset({"resolved", "reset_inhibit"}),
    ),
    "no_evidence": Inhibitor(
        holds=_no_evidence,
        exempt=frozenset({"emergency", "manual", "blind"}),
        blocks_resume=False,
        ends_run="never",
        clears=frozenset({"evidence_back"}),
    ),
    "short_cycle": Inhibitor(
        holds=_short_cycle,
        exempt=frozenset({"manual"}),
        blocks_resume=False,
        ends_run="never",
        clears=frozenset({"pause_over", "good_run", "reset_lockout"}),
        until=_short_cycle_until,
    ),
    "journal": Inhibitor(
        holds=lambda _state, inputs, _now: not inputs.journal_ok,
        exempt=frozenset({"emergency"}),
        blocks_resume=False,  # its record was written when it began
        ends_run="never",
        clears=frozenset({"journal_written"}),
    ),
    "relay_fault": Inhibitor(
        holds=lambda state, _inputs, _now: state.board.fault, ends_run="at once", clears=frozenset({"read_backs"})
    ),
    "max_run": Inhibitor(
        holds=lambda state, _inputs, _now: state.durable.max_run_reached,
        ends_run="never",  # it holds because a run has ended
        clears=frozenset({"min_off_over"}),
        until=lambda state, settings, _now: rest_until(state.durable, settings),
    ),
    "budget": Inhibitor(
        holds=_budget,
        ends_run="at once",
        clears=frozenset({"budget_free"}),
        until=lambda state, settings, now: budget_until(state.durable, settings, now, reserve=state.reserve),
    ),
    "min_off": Inhibitor(
        holds=_min_off,
        blocks_resume=False,
        ends_run="never",
        clears=frozenset({"min_off_over"}),
        until=lambda state, settings, _now: rest_until(state.durable, settings),
    ),
    "back_off": Inhibitor(
        holds=_back_off,
        exempt=frozenset({"manual"}),
        blocks_resume=False,
        ends_run="never",
        clears=frozenset({"pause_over", "reset_lockout"}),
        until=lambda state, _settings, _now: state.durable.back_off_until,
    ),
    "quiet_hours": Inhibitor(
        holds=_quiet_hours,
        exempt=frozenset({"emergency", "manual"}),
        ends_run="at once",
        clears=frozenset({"quiet_hours_over"}),
    ),
    "ags_refuses": Inhibitor(
        holds=_response("refuses"),
        ends_run="once confirmed",
        confirmed=lambda state: state.ags.response.verdict == "refuses",
        clears=frozenset({"ags_ready"}),
    ),
    "foreign_run": Inhibitor(
        holds=_response("foreign"),
        ends_run="once confirmed",
        confirmed=lambda state: state.ags.response.verdict == "foreign",
        clears=frozenset({"ags_ready"}),
    ),
    "ac_live": Inhibitor(
        holds=lambda state, _inputs, _now: state.engine.ac_live,
        blocks_resume=False,  # AC at the input is the resumed engine's own
        ends_run="never",
        clears=frozenset({"ac_gone"}),
    ),
}
"""In the order in which they are shown."""

NOT_CLEARED_BY_TIME: Final[frozenset[Reason]] = frozenset(
    reason for reason, rule in INHIBITORS.items() if rule.clears.isdisjoint(BY_TIME)
)


def active_reasons(state: State, inputs: Inputs, now: float) -> tuple[Reason, ...]:
    """Return every reason that holds now."""
    return tuple(reason for reason, rule in INHIBITORS.items() if rule.holds(state, inputs, now))


def blocked(reasons: Iterable[Reason], causes: Iterable[Cause]) -> bool:
    """Return whether each cause is blocked by at least one of the reasons."""
    return all(any(cause not in INHIBITORS[reason].exempt for reason in reasons) for cause in causes)


def has_rested(state: State, settings: Settings, now: float) -> bool:
    """Return whether the engine has been stopped for min off."""
    return rested(state.durable, settings, now, runs_on=state.engine.proof.verdict is True)
