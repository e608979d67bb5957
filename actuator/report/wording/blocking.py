"""All words about what blocks a start, one reason after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from actuator.core import ags, short_runs
from actuator.core.limits import budget_left, reserve_left
from actuator.core.settings import Settings
from actuator.core.state import Durable, Reason
from actuator.report.wording.phases import relay_unknown
from actuator.report.wording.terms import (
    AGS_CODES,
    CHECK_DATA,
    CHECK_ENGINE,
    Words,
    ags_code,
    inverter,
)
from toolkit.formatting import percent, span

SHOWN: Final = 3
"""Most alerts that one sentence names."""


def reason(it: Reason, durable: Durable, settings: Settings, code: int | None, now: float) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch a reason
    """Return what blocks the engine, as a part of a sentence.

    Args:
        it: the reason.
        durable: what it is judged by.
        settings: in force.
        code: the AGS's fresh status.
        now: monotonic seconds.
    """
    limits, word = settings.limits, ags_code(code)
    match it:
        case "mode_off":
            return "switched off by the operator"
        case "locked_out":
            failed = "a failed attempt" if durable.attempts == 1 else f"{durable.attempts} failed attempts"
            return f"locked out after {failed}, until the lock-out is reset"
        case "inhibit_alert":
            shown = [inhibit.summary for inhibit in list(durable.inhibits.values())[:SHOWN]]
            others = len(durable.inhibits) - len(shown)
            return "blocked by an alert: " + ", ".join([*shown, f"and {others} more"] if others else shown)
        case "no_evidence":
            return f"no data that would show whether the engine runs (is {inverter(settings)} on its bus?)"
        case "journal":
            return "neither the journal nor its mirror can be written, so only an emergency starts the engine"
        case "relay_fault":
            return "the relay is not where it was commanded"
        case "max_run":
            return "the last run reached its limit"
        case "budget":
            few, budget = f"less than {span(limits.least_budget)}", f"the daily budget of {span(limits.daily_budget)}"
            if budget_left(durable, settings, now, reserve=limits.emergency_reserve) < limits.least_budget:
                return f"{few} of {budget} and its emergency reserve of {span(limits.emergency_reserve)} are left"
            rest = span(reserve_left(durable, settings, now))
            return f"{few} of {budget} are left, and only an emergency may use {rest} more"
        case "short_cycle":
            return short_cycle(durable.short_runs.in_a_row, limits.min_run)
        case "min_off":
            return f"at least {span(limits.min_off)} after each stop of the engine"
        case "back_off":
            which = f" {durable.attempts} of {limits.attempts}" if durable.attempts else ""
            return f"a pause after failed attempt{which}"
        case "quiet_hours":
            hours = settings.quiet_hours
            return "" if hours is None else f"quiet hours from {hours.from_} to {hours.to}"
        case "ags_refuses":
            reset = ", reset it at the remote: OFF, then AUTO" if code in ags.FAULTS else ""
            return f"the AGS refuses ({word}{reset})"
        case "foreign_run":
            return f"the AGS runs the engine for another reason ({word})"
        case "ac_live":
            return "AC at the inverter's input already"


def short_cycle(in_a_row: int, min_run: float) -> str:
    """Return that short runs delay the next start; without one in a row, their number in a day does."""
    if in_a_row == 1:
        return f"a pause, because the last run ended before {span(min_run)}"
    which = f"{in_a_row} runs in a row" if in_a_row else f"{short_runs.A_DAY} runs in 24 h"
    return f"a pause, because {which} ended before {span(min_run)}"


SHORT: Final = 60
"""Characters of somebody else's text that a sentence has room for."""


def _shortened(text: str, room: int = SHORT) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number} times"


def blocked(it: Reason, durable: Durable, settings: Settings, code: int | None, now: float) -> Words:  # noqa: C901, PLR0911, PLR0912 - one branch a reason
    """Return headline, reason and remedy for what blocks a start."""
    limits = settings.limits
    match it:
        case "locked_out":
            failed = f": failed to start {_times(durable.attempts)}" if durable.attempts else ""
            why = "It does not try again by itself."
            return Words(f"Locked out{failed}.", why, remedy="Check the engine, then press Reset lock-out.")
        case "inhibit_alert":
            return _inhibited(durable)
        case "relay_fault":
            return relay_unknown(None, None)
        case "ags_refuses":
            return _refused(code)
        case "journal":
            return Words(
                "The disk cannot be written.",
                "Without a record, only an emergency may start the generator.",
                remedy="Free some space on its disk. If that fails, change the memory card while the generator is off.",
            )
        case "no_evidence":
            return Words(
                f"Starts are blocked: no data from {inverter(settings)}.",
                "Nothing would show whether the generator runs.",
                remedy=CHECK_DATA,
            )
        case "mode_off":
            return Words(
                "Switched off.",
                "The operator chose Off.",
                remedy="If nobody is at the engine, press Automatic: it may start at once.",
            )
        case "budget":
            left, whole = span(limits.least_budget), span(limits.daily_budget)
            why = f"It may run for {whole} in 24 h, and less than {left} of that is left."
            remedy = "Switch off large loads."
            if budget_left(durable, settings, now, reserve=limits.emergency_reserve) < limits.least_budget:
                reserve = span(limits.emergency_reserve)
                why = f"It may run for {whole} in 24 h, and {reserve} more in an emergency: both are used up."
                remedy = "Switch off all you can. If the battery cannot wait, start the generator by hand."
            return Words("Daily running time used up.", why, remedy=remedy)
        case "back_off":
            which = f" (attempt {durable.attempts} of {limits.attempts})" if durable.attempts else ""
            return Words(
                f"Failed to start{which}.",
                "A pause follows each failed attempt.",
                remedy=CHECK_ENGINE,
            )
        case "short_cycle":
            many = durable.short_runs.in_a_row
            which = f"{many} runs in a row" if many else f"{short_runs.A_DAY} runs in 24 h"
            return Words(
                "Paused after short runs." if many != 1 else "Paused after a short run.",
                f"{'The last run was' if many == 1 else f'{which} were'} shorter than {span(limits.min_run)}.",
                remedy="History shows why they ended. Mend that, then press Reset lock-out.",
            )
        case "max_run":
            return Words(
                "Resting: the last run reached its time limit.",
                f"The generator rests for {span(limits.min_off)} after each stop.",
                remedy="If the battery is still low, check the charger and switch off large loads.",
            )
        case "foreign_run":
            return Words(
                "Running, but not started by this system.",
                f'The generator starter (AGS) runs it by its own settings: "{ags_code(code)}".',
            )
        case "ac_live":
            return Words(
                "Power at the generator input, but not from this system.",
                "Somebody started the generator by hand, or it is another source, such as shore power.",
            )
        case "quiet_hours":
            hours = settings.quiet_hours
            between = "" if hours is None else f"They last from {hours.from_} to {hours.to}."
            return Words("Quiet hours: no start.", between)
        case "min_off":
            return Words("Resting after a run.", f"The generator rests for {span(limits.min_off)} after each stop.")


def ended_by(it: Reason, durable: Durable, settings: Settings, code: int | None, now: float) -> str:
    """Return what ended the run that stops now, as what blocks the next one shows; empty: that does not show it."""
    words = blocked(it, durable, settings, code, now)
    if it == "max_run":
        return "The run reached its time limit."
    if it == "mode_off":
        return words.reason
    if it == "quiet_hours":
        return "Quiet hours have begun."
    return words.headline if it in ("locked_out", "inhibit_alert", "ags_refuses", "budget", "back_off") else ""


def _inhibited(durable: Durable) -> Words:
    summaries = [one.summary for one in durable.inhibits.values()]
    named = " and ".join(_shortened(summary, SHORT if len(summaries) == 1 else SHORT // 2) for summary in summaries[:2])
    more = f" (and {len(summaries) - 2} more)" if len(summaries) > 2 else ""
    ending = bool(durable.inhibits) and all(one.beats_left is not None for one in durable.inhibits.values())
    return Words(
        f"Blocked by {'an alert' if len(summaries) < 2 else 'alerts'}: {named}{more}.",
        "The end of the alert is being confirmed." if ending else "The alert has not ended.",
        remedy="Wait 5 min. If it still blocks, check on site that the cause is gone, then press Reset inhibit."
        if ending
        else "If it may be carbon monoxide, stay out and air the place. Remove the cause. Then press Reset inhibit.",
    )


def _refused(code: int | None) -> Words:
    shows = f'Its remote shows "{ags_code(code)}".' if code in AGS_CODES else "Its status is not known."
    if code in ags.FAULTS:
        remedy = "Set Gen Control to OFF at the remote, check fuel, oil and starter battery, then set it to AUTO."
        return Words("The generator starter (AGS) has a fault.", shows, remedy=remedy)
    remedies = {
        0: "Check the cable of the generator starter.",
        1: "If nobody is at the engine, set Gen Control at the remote to AUTO.",
        ags.AC_IN: "Switch off the other power source if the generator is needed.",
        5: "If the generator is needed, change the quiet time at the remote.",
    }
    remedy = remedies.get(-1 if code is None else code, "Check the generator settings at the remote.")
    return Words("The generator starter (AGS) is not ready.", shows, remedy=remedy)


CLEARED_BY_HAND: Final[dict[Reason, str]] = {
    "locked_out": "the lock-out is reset",
    "mode_off": "Automatic or On is pressed",
    "inhibit_alert": "the alert is over",
    "relay_fault": "the relay works again",
    "ags_refuses": "its starter (AGS) is ready",
    "journal": "the disk can be written",
    "no_evidence": "data arrives again",
    "foreign_run": "that run has ended",
    "ac_live": "that power is gone",
}
"""What ends each block that does not end by its time."""


def nothing_before(reasons: Iterable[Reason], emergency_soc: float | None) -> str:
    """Return what must happen before a start; a battery at `emergency_soc` starts the engine anyway."""
    reasons = tuple(reasons)
    by_hand = "" if "journal" in reasons else "On or "
    clauses = [CLEARED_BY_HAND[reason] for reason in reasons]
    until = " and ".join(clauses) if len(clauses) < 3 else f"{', '.join(clauses[:2])} and {clauses[2]}"
    if emergency_soc is None:
        return f"This system does not start it until {until}."
    return f"Only {by_hand}a battery at {percent(emergency_soc)} starts the generator until {until}."


RUNS_BY_OTHERS: Final = "The generator runs, but this system did not start it."

LEFT_ALONE: Final = "This system leaves it alone until it has stopped."


def not_before(at: str | None, emergency_soc: float | None, *, requested: bool) -> str:
    """Return when a start is possible at the earliest; a battery at `emergency_soc` starts the engine sooner."""
    sooner = "" if emergency_soc is None else f", sooner if the battery falls to {percent(emergency_soc)}"
    if at is None:
        return f"Can start again when enough running time is free{sooner}."
    return f"Starts {at} at the earliest{sooner}." if requested else f"Can start again {at}{sooner}."
