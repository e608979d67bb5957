"""What has ended a run. Pure."""

from __future__ import annotations

from typing import Final

from actuator.core.endings import End
from actuator.report.wording.problems import no_charge
from actuator.report.wording.terms import Values, ags_code, alert_text, full_stop, lack, number, span_of
from toolkit.formatting import percent

ENDED: Final[dict[str, str]] = {
    "mode_off": "switched off",
    "inhibit_alert": "blocked by an alert",
    "relay_fault": "relay fault",
    "locked_out": "locked out",
    "max_run": "time limit",
    "budget": "daily budget used up",
    "foreign_run": "the AGS went on by itself",
    "ags_fault": "fault of the AGS",
    "ags_refuses": "the AGS refused",
    "died": "the engine died",
    "start_failed": "the engine did not start",
    "no_charge": "no charge arrived",
    "blind": "without data",
    "demand_gone": "no longer needed",
    "quiet_hours": "quiet hours",
    "restart": "interrupted by a restart",
    "end": "the actuator ended",
    "unknown": "not known",
}
"""What ended a recorded run, for the list of runs."""


def ending(end: End, values: Values) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch an end
    """Return what ended a run."""
    code = ags_code(values.get("ags"))
    match end:
        case "mode_off":
            return "The operator switched off."
        case "inhibit_alert":
            return full_stop(f"An alert blocks the engine: {_alerts(values)}")
        case "relay_fault":
            return "The relay is not where it was commanded."
        case "locked_out":
            return "Locked out."
        case "deadline":
            return f"The run has reached {_deadline(values)}."
        case "budget":
            return _budget_used(values)
        case "foreign_run":
            return f"The AGS runs the engine for another reason: {code}."
        case "ags_fault":
            return f"The AGS has latched a fault ({code}). Reset it at the remote: OFF, then AUTO."
        case "ags_refuses":
            return f"The AGS refuses: {code}."
        case "died":
            return f"The engine has died: {'no AC' if values['by_ac'] else 'the AGS does not run it'} any more."
        case "start_failed":
            absent = "no AC" if values["by_ac"] else "the AGS does not run it"
            return f"The engine has not started: {absent} {span_of(values['seconds'])} after closing."
        case "no_charge":
            return no_charge(number(values["missing"])).line
        case "quiet_hours":
            return "Quiet hours: only an emergency or the operator keeps the engine running."
        case "blind":
            return lack("no_path" if values["lack"] == "no_path" else "no_evidence")
        case "demand_gone":
            soc = values["soc"]
            return f"Nothing requests the engine any more{'' if soc is None else f', at {percent(number(soc))}'}."


def _alerts(values: Values) -> str:
    more = alert_text("") if values["more"] else ""
    summaries = str(values["summaries"]).replace(".; ", "; ").rstrip(".")
    return "; ".join(filter(None, (summaries, more)))


def _budget_used(values: Values) -> str:
    budget = f"The daily budget of {span_of(values['budget'])}"
    return f"{budget} and its emergency reserve are used up." if values["reserve"] else f"{budget} is used up."


def _deadline(values: Values) -> str:
    length = span_of(values["length"])
    return {
        "max_run": f"max_run, {length}",
        "ags": f"{length}, all that the AGS's own cap leaves",
        "journal": f"{length}, the limit while neither the journal nor its mirror can be written",
        "settings": f"{length}, the lowest limit while it ran",
    }[str(values["set_by"])]
