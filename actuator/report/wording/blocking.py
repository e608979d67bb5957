"""All words about what blocks a start, reason by reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from actuator.core import ags, short_runs
from actuator.core.limits import budget_left, reserve_left
from actuator.core.state import Cause, Reason
from actuator.report.snapshot import Snapshot
from actuator.report.wording.phases import relay_unknown
from actuator.report.wording.problems import RESTART_EXPORTER
from actuator.report.wording.terms import (
    AGS_CODES,
    CHECK_ENGINE,
    RESET_LOCKOUT,
    Words,
    ags_code,
    alert_text,
    check_data,
    evidence_device,
    full_stop,
    requested,
)
from toolkit.formatting import percent, span

SHOWN: Final = 3
"""Most alerts that one sentence names."""

SHORT: Final = 60
"""Characters of an alert's own text that a headline has room for."""


class Blocked(NamedTuple):
    """What blocks a start, with its numbers.

    Attributes:
        words: headline, reason and remedy.
        part: the same as a part of a sentence; empty: the name of the reason.
        ended: what ended the run that stops now, if that blocks the next one; empty: it does not show that.
    """

    words: Words
    part: str = ""
    ended: str = ""


def _mode_off(_: Snapshot) -> Blocked:
    why = "The operator chose Off."
    remedy = "If nobody is at the engine, press Automatic: it may start at once."
    return Blocked(Words("Switched off.", why, remedy=remedy), ended=why)


def _locked_out(snapshot: Snapshot) -> Blocked:
    attempts = snapshot.state.durable.attempts
    failed = "a failed attempt" if attempts == 1 else f"{attempts} failed attempts"
    headline = f"Locked out: failed to start {_times(attempts)}." if attempts else "Locked out."
    return Blocked(
        Words(headline, "It does not try again by itself.", remedy=RESET_LOCKOUT),
        f"locked out after {failed}, until the lock-out is reset",
        headline,
    )


def _inhibit_alert(snapshot: Snapshot) -> Blocked:
    inhibits = snapshot.state.durable.inhibits.values()
    summaries = [alert_text(inhibit.summary) for inhibit in inhibits]
    room = SHORT if len(summaries) == 1 else SHORT // 2
    named = " and ".join(_shortened(summary, room) for summary in summaries[:2])
    more = f" (and {len(summaries) - 2} more)" if len(summaries) > 2 else ""
    ending = bool(inhibits) and all(inhibit.beats_left is not None for inhibit in inhibits)
    headline = full_stop(f"Blocked by {'an alert' if len(summaries) < 2 else 'alerts'}: {named}{more}")
    why = "The end of the alert is being confirmed." if ending else "The alert has not ended."
    others = [f"and {len(summaries) - SHOWN} more"] if len(summaries) > SHOWN else []
    part = "blocked by an alert: " + ", ".join(summaries[:SHOWN] + others)
    return Blocked(Words(headline, why, remedy=_end_inhibit(snapshot, ending=ending)), part, headline)


def _end_inhibit(snapshot: Snapshot, *, ending: bool) -> str:
    """Return what ends the block of the alerts, without a reset that would be refused; `ending`: all have resolved."""
    inhibits, lease = snapshot.state.durable.inhibits, snapshot.config.alerts.lease
    free = any(
        snapshot.reset_from(fingerprint) <= snapshot.now
        for fingerprint, inhibit in inhibits.items()
        if ending or inhibit.beats_left is None
    )
    if ending:
        wait = "5 min" if free else span(lease)
        return (
            f"Wait {wait}. If it still blocks, check on site that the cause is gone, then press Reset inhibit: the "
            "engine may start at once."
        )
    first = "If it may be carbon monoxide, stay out and air the place."
    if free:
        return f"{first} Remove the cause. If the block stays, press Reset inhibit: the engine may start at once."
    if snapshot.state.alerts.path in ("fallback", "blind"):
        return (
            f"{first} Remove the cause. While no alerts arrive, the block does not end by itself. Wait {span(lease)}, "
            "then press Reset inhibit: the engine may start at once."
        )
    return f"{first} Remove the cause: the block then ends by itself."


def _no_evidence(snapshot: Snapshot) -> Blocked:
    device = evidence_device(snapshot.config)
    why = "Nothing would show whether the generator runs."
    return Blocked(
        Words(
            f"Starts are blocked: no data from {device}.",
            why,
            remedy=RESTART_EXPORTER if snapshot.page_fault else check_data(by_ac=snapshot.config.evidence.ac_input),
        ),
        f"no data that would show whether the engine runs (is {device} on its bus?)",
    )


def _short_cycle(snapshot: Snapshot) -> Blocked:
    in_a_row, least = snapshot.state.durable.short_runs.in_a_row, span(snapshot.config.limits.min_run)
    which = f"{in_a_row} runs in a row" if in_a_row else f"{short_runs.A_DAY} runs in 24 h"
    one = in_a_row == 1
    ended = "it ended" if one else "they ended"
    return Blocked(
        Words(
            "Paused after a short run." if one else "Paused after short runs.",
            f"{'The last run was' if one else f'{which} were'} shorter than {least}.",
            remedy=f"History shows why {ended}. Mend that; when nobody is at the engine, press Reset lock-out: it may "
            "start at once.",
        ),
        f"a pause, because {'the last run' if one else which} ended before {least}",
    )


def _journal(_: Snapshot) -> Blocked:
    why = "Without a record, only an emergency may start the generator."
    remedy = "Free some space on its disk. If that fails, change the memory card while the generator is off."
    return Blocked(
        Words("The disk cannot be written.", why, remedy=remedy),
        "neither the journal nor its mirror can be written, so only an emergency starts the engine",
    )


def _relay_fault(_: Snapshot) -> Blocked:
    return Blocked(relay_unknown(None, None))


def _max_run(snapshot: Snapshot) -> Blocked:
    headline, why = "Resting: the last run reached its time limit.", _rest(snapshot)
    remedy = "If the battery is still low, check the charger and switch off large loads."
    return Blocked(Words(headline, why, remedy=remedy), ended="The run reached its time limit.")


def _budget(snapshot: Snapshot) -> Blocked:
    durable, limits = snapshot.state.durable, snapshot.config.limits
    least, whole, reserve = span(limits.least_budget), span(limits.daily_budget), span(limits.emergency_reserve)
    headline, part = "Daily running time used up.", f"less than {least} of the daily budget of {whole}"
    if budget_left(durable, snapshot.config, snapshot.now, reserve=limits.emergency_reserve) < limits.least_budget:
        why = f"It may run for {whole} in 24 h, and {reserve} more in an emergency: both are used up."
        remedy = "Switch off all you can. If the battery cannot wait, start the generator by hand."
        part = f"{part} and its emergency reserve of {reserve} are left"
    else:
        why = f"It may run for {whole} in 24 h, and less than {least} of that is left."
        remedy = "Switch off large loads."
        left = span(reserve_left(durable, snapshot.config, snapshot.now))
        part = f"{part} are left, and only an emergency may use {left} more"
    return Blocked(Words(headline, why, remedy=remedy), part, headline)


def _min_off(snapshot: Snapshot) -> Blocked:
    part = f"at least {span(snapshot.config.limits.min_off)} after each stop of the engine"
    return Blocked(Words("Resting after a run.", _rest(snapshot)), part)


def _back_off(snapshot: Snapshot) -> Blocked:
    attempts, allowed = snapshot.state.durable.attempts, snapshot.config.limits.attempts
    headline = f"Failed to start (attempt {attempts} of {allowed})." if attempts else "Failed to start."
    which = f" {attempts} of {allowed}" if attempts else ""
    return Blocked(
        Words(headline, "A pause follows each failed attempt.", remedy=CHECK_ENGINE),
        f"a pause after failed attempt{which}",
        headline,
    )


def _quiet_hours(snapshot: Snapshot) -> Blocked:
    hours, ended = snapshot.config.quiet_hours, "Quiet hours have begun."
    if hours is None:
        return Blocked(Words("Quiet hours: no start."), ended=ended)
    between = f"from {hours.from_} to {hours.to}"
    return Blocked(Words("Quiet hours: no start.", f"They last {between}."), f"quiet hours {between}", ended)


def _ags_refuses(snapshot: Snapshot) -> Blocked:
    code = snapshot.state.ags.code(snapshot.now)
    fault = code in ags.FAULTS
    headline = f"The generator starter (AGS) {'has a fault' if fault else 'is not ready'}."
    shows = f'Its remote shows "{ags_code(code)}".' if code in AGS_CODES else "Its status is not known."
    remedies = {
        0: "Check the cable of the generator starter.",
        1: "If nobody is at the engine, set Gen Control at the remote to AUTO.",
        ags.AC_IN: "Switch off the other power source if the generator is needed.",
        5: "If the generator is needed, change the quiet time at the remote.",
    }
    remedy = remedies.get(-1 if code is None else code, "Check the generator settings at the remote.")
    if fault:
        remedy = "Set Gen Control to OFF at the remote, check fuel, oil and starter battery, then set it to AUTO."
    reset = ", reset it at the remote: OFF, then AUTO" if fault else ""
    part = f"the AGS refuses ({ags_code(code)}{reset})"
    return Blocked(Words(headline, shows, remedy=remedy), part, headline)


def _foreign_run(snapshot: Snapshot) -> Blocked:
    code = ags_code(snapshot.state.ags.code(snapshot.now))
    why = f'The generator starter (AGS) runs it by its own settings: "{code}".'
    part = f"the AGS runs the engine for another reason ({code})"
    return Blocked(Words("Running, but not started by this system.", why), part)


def _ac_live(_: Snapshot) -> Blocked:
    why = "Somebody started the generator by hand, or it is another source, such as shore power."
    return Blocked(Words("Power at the generator input, but not from this system.", why))


def _rest(snapshot: Snapshot) -> str:
    return f"The generator rests for {span(snapshot.config.limits.min_off)} after each stop."


def _shortened(text: str, room: int) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number} times"


class Blocking(NamedTuple):
    """The words of one reason.

    Attributes:
        name: the reason, as a part of a sentence without numbers.
        words: returns the rest, with its numbers.
        cleared: what ends it, as a part of a sentence; empty: its time.
    """

    name: str
    words: Callable[[Snapshot], Blocked]
    cleared: str = ""


BLOCKING: Final[dict[Reason, Blocking]] = {
    "mode_off": Blocking("switched off by the operator", _mode_off, "Automatic or On is pressed"),
    "locked_out": Blocking("locked out after failed attempts", _locked_out, "the lock-out is reset"),
    "inhibit_alert": Blocking("an alert", _inhibit_alert, "the alert is over"),
    "no_evidence": Blocking("no data that would show whether the engine runs", _no_evidence, "data arrives again"),
    "short_cycle": Blocking("a pause after short runs", _short_cycle),
    "journal": Blocking("the disk cannot be written", _journal, "the disk can be written"),
    "relay_fault": Blocking("the relay is not where it was commanded", _relay_fault, "the relay works again"),
    "max_run": Blocking("the last run reached its limit", _max_run),
    "budget": Blocking("the daily running time is used up", _budget),
    "min_off": Blocking("the rest after a run", _min_off),
    "back_off": Blocking("a pause after a failed attempt", _back_off),
    "quiet_hours": Blocking("quiet hours", _quiet_hours),
    "ags_refuses": Blocking("the generator starter (AGS) refuses", _ags_refuses, "its starter (AGS) is ready"),
    "foreign_run": Blocking("the AGS runs the engine for another reason", _foreign_run, "that run has ended"),
    "ac_live": Blocking("AC at the inverter's input already", _ac_live, "that power is gone"),
}
"""The words of each reason that blocks a start."""


def blocked(reason: Reason, snapshot: Snapshot) -> Blocked:
    """Return what blocks a start, with its numbers."""
    found = BLOCKING[reason].words(snapshot)
    return found if found.part else found._replace(part=BLOCKING[reason].name)


def requested_but_blocked(causes: Iterable[Cause], reasons: Iterable[Reason]) -> str:
    """Return what requests the engine, and what blocks its start."""
    reasons = tuple(reasons)
    names = [BLOCKING[reason].name for reason in reasons]
    if {"min_off", "ac_live"}.issubset(reasons):
        # The engine has not stopped yet, so they follow from the run before.
        names = [BLOCKING[reason].name for reason in reasons if reason not in ("min_off", "ac_live")]
        names = names or ["the last run has not stopped yet"]
    return f"{requested(causes)} Blocked: {'; '.join(names)}."


def nothing_before(reasons: Iterable[Reason], emergency_soc: float | None) -> str:
    """Return what must happen before a start; a battery at `emergency_soc` starts the engine anyway."""
    reasons = tuple(reasons)
    by_hand = "" if "journal" in reasons else "On or "
    clauses = [BLOCKING[reason].cleared for reason in reasons]
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
