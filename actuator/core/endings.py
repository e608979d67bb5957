"""Why a run ends: one table of the ends, in their order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actuator.core import ags
from actuator.core.alert_path import MORE
from actuator.core.demand import CAUSES, lack
from actuator.core.events import Level, Value
from actuator.core.inhibitors import INHIBITORS
from actuator.core.proof import confirm_by

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs
    from actuator.core.state import Reason, Run, State

End = Literal[
    "mode_off",
    "inhibit_alert",
    "relay_fault",
    "locked_out",
    "deadline",
    "budget",
    "foreign_run",
    "ags_fault",
    "ags_refuses",
    "died",
    "start_failed",
    "no_charge",
    "blind",
    "demand_gone",
    "quiet_hours",
]

Judgement = Callable[["Case"], bool]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A run in progress, with everything that decides whether it ends."""

    run: Run
    state: State
    inputs: Inputs
    now: float

    @property
    def seconds(self) -> float:
        """Seconds since the contact closed."""
        return self.now - self.run.closed_at


def never(_case: Case) -> bool:
    """Return False."""
    return False


def always(_case: Case) -> bool:
    """Return True."""
    return True


def _nothing(_case: Case) -> Mapping[str, Value]:
    return {}


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of one end.

    Attributes:
        applies: returns whether it ends the run now.
        failed: returns whether it counts as a failed attempt.
        meant: somebody or something wanted the run to end, so a start alert that still fires is answered. After any
            other end it requests the engine again.
        level: how much it matters to a person.
        values: returns what its sentence needs.
        recorded: its name in the journal, if that differs.
    """

    applies: Judgement
    failed: Judgement = never
    meant: bool = False
    level: Level
    values: Callable[[Case], Mapping[str, Value]] = _nothing
    recorded: str | None = None


def _inhibited(reason: Reason) -> Judgement:
    rule = INHIBITORS[reason]
    return lambda case: rule.ends(case.state, case.inputs, case.now)


# --- the run's own deadline

ROUNDED: Final = 0.001
"""Seconds. A deadline is a sum of two times, and a sum is rounded: what it leaves of them may be a little less."""


def longest(state: State, inputs: Inputs) -> float:
    """Return how long a run may last, seconds."""
    max_run = inputs.settings.limits.max_run
    # Without journal and mirror nothing limits the run after a crash, so it may last half as long.
    return min(max_run if inputs.journal_ok else max_run / 2, state.ags.longest_run)


def _deadline_values(case: Case) -> Mapping[str, Value]:
    length, most = case.run.deadline - case.run.closed_at, case.inputs.settings.limits.max_run
    if length >= most - ROUNDED:
        return {"set_by": "max_run", "length": most}
    if length >= case.state.ags.longest_run - ROUNDED:
        return {"set_by": "ags", "length": length}
    return {"set_by": "settings" if case.inputs.journal_ok else "journal", "length": length}


def _deadline_failed(case: Case) -> bool:
    limits = case.inputs.settings.limits
    # A deadline before start_confirm fails only if the AGS or the journal shortened it. If max_run itself is so short,
    # the owner has been warned, and the attempt is not counted.
    return case.state.engine.proof.certain is False and limits.max_run >= limits.start_confirm


# --- the AGS


def _ags_fault(case: Case) -> bool:
    return case.state.ags.response.verdict == "refuses" and case.state.ags.code(case.now) in ags.FAULTS


# --- the evidence; absent evidence ends nothing


def _evidence_values(case: Case) -> Mapping[str, Value]:
    return {"by_ac": case.inputs.settings.evidence.ac_input}


def _died(case: Case) -> bool:
    return case.state.engine.proof.certain is False and case.run.proven_at is not None


def _start_failed(case: Case) -> bool:
    if case.state.engine.proof.certain is not False or case.run.proven_at is not None:
        return False
    return case.now >= confirm_by(case.run, case.state, case.inputs.settings, case.now)


def _no_charge(case: Case) -> bool:
    settings = case.inputs.settings
    # Without AC as evidence, only the charge shows whether the engine runs that the AGS reports.
    return case.state.charge.missing and (settings.on_no_charge == "stop" or not settings.evidence.ac_input)


def _without_charge_values(case: Case) -> Mapping[str, Value]:
    since = case.state.charge.missing_since
    return {"missing": 0.0 if since is None else case.now - since}


# --- the demand


def _blind(case: Case) -> bool:
    state = case.state
    uninformed = {cause for cause in state.causes if not CAUSES[cause].needs_information}
    if state.alerts.path == "blind" and case.run.volts_until is None:
        # An emergency by the state of charge is only remembered then; it does not justify the run.
        uninformed.discard("emergency")
    return bool(state.causes) and not uninformed and lack(state, case.inputs, case.now) is not None


def _inhibit_values(case: Case) -> dict[str, Value]:
    inhibits = case.state.durable.inhibits
    return {
        "summaries": "; ".join(filter(None, (inhibit.summary for inhibit in inhibits.values()))),
        "more": MORE in inhibits,
    }


def _demand_gone(case: Case) -> bool:
    if case.state.causes:
        return False
    return not case.run.lasting or case.seconds >= case.inputs.settings.limits.min_run


def _fruitless(case: Case) -> bool:
    run = case.run
    return case.state.engine.proof.certain is False and not run.lasting and CAUSES[run.cause].fruitless


ENDS: Final[dict[End, Ending]] = {
    "mode_off": Ending(applies=_inhibited("mode_off"), meant=True, level=Level.INFO),
    "inhibit_alert": Ending(
        applies=_inhibited("inhibit_alert"),
        level=Level.WARNING,
        values=_inhibit_values,
    ),
    "relay_fault": Ending(applies=_inhibited("relay_fault"), level=Level.ERROR),
    "locked_out": Ending(applies=_inhibited("locked_out"), level=Level.WARNING),
    "deadline": Ending(
        applies=lambda case: case.now >= case.run.deadline,
        failed=_deadline_failed,
        level=Level.WARNING,
        values=_deadline_values,
        recorded="max_run",
    ),
    "budget": Ending(
        applies=_inhibited("budget"),
        level=Level.WARNING,
        values=lambda case: {"budget": case.inputs.settings.limits.daily_budget, "reserve": case.state.reserve},
    ),
    "foreign_run": Ending(applies=_inhibited("foreign_run"), level=Level.INFO),
    "ags_fault": Ending(applies=_ags_fault, failed=always, level=Level.ERROR),
    "ags_refuses": Ending(applies=_inhibited("ags_refuses"), level=Level.WARNING),
    "died": Ending(applies=_died, failed=always, level=Level.ERROR, values=_evidence_values),
    "start_failed": Ending(applies=_start_failed, failed=always, level=Level.ERROR, values=_evidence_values),
    "no_charge": Ending(applies=_no_charge, failed=always, level=Level.ERROR, values=_without_charge_values),
    "blind": Ending(
        applies=_blind,
        level=Level.WARNING,
        values=lambda case: {"lack": lack(case.state, case.inputs, case.now)},
    ),
    "demand_gone": Ending(applies=_demand_gone, failed=_fruitless, meant=True, level=Level.INFO),
    # Last, so that a run that ends anyway is not reported as cut short.
    "quiet_hours": Ending(applies=_inhibited("quiet_hours"), level=Level.INFO),
}
"""In order: the first that applies ends the run."""


def ending(case: Case) -> End | None:
    """Return the end that applies now; None: the run goes on."""
    return next((end for end, rule in ENDS.items() if rule.applies(case)), None)


def recorded(end: End) -> str:
    """Return an end's name in the journal."""
    return ENDS[end].recorded or end
