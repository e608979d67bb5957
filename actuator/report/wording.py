"""Every sentence for people, once: events, notes, reasons, faults, and the four sentences of the state. Pure.

The decision passes kinds and values; nothing here decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from actuator.core import ags, short_runs
from actuator.core.alert_path import MORE, MOST_INHIBITS, Inhibit
from actuator.core.demand import Lack
from actuator.core.endings import End
from actuator.core.events import Event, Note, NoteKind, Value
from actuator.core.limits import budget_left, reserve_left
from actuator.core.settings import DAY, Settings
from actuator.core.state import Cause, Durable, Reason
from toolkit.formatting import capitalized, percent, span

READS: Final = {True: "closed", False: "open", None: "nothing that can be read"}
"""What a board reads."""

AGS_CODES: Final = {
    0: "not connected",
    1: "off",
    3: "manual run",
    4: "AC in",
    5: "quiet time",
    6: "start test",
    8: "start voltage",
    9: "fault start test",
    10: "fault start temperature",
    11: "fault start voltage",
    12: "start time of day",
    13: "start SOC",
    14: "start exercise",
    15: "fault start time of day",
    16: "fault start SOC",
    17: "fault start exercise",
    18: "start amps",
    19: "start top-off",
    20: "start 100 % SOC",
    21: "fault start amps",
    22: "fault top-off",
    23: "fault 100 % SOC",
    24: "fault max run",
    25: "generator run fault",
    26: "warm up",
    27: "cool down",
}
"""Codes of an AGS that refuses, or runs the engine for something else, in the words of the remote's display."""


def ags_code(code: Value) -> str:
    """Return what the remote calls a code of the AGS; None is absent."""
    if code is None:
        return "silent"
    return AGS_CODES.get(int(code), f"unknown code {code}")


# --- events


def event(it: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch a kind
    """Return an event in one or two sentences."""
    values = {**it.fields, **it.values}
    match it.kind:
        case "started":
            return f"The actuator has started. The contact reads {READS[_flag(values['closed'])]}."
        case "ended":
            return _ended(values)
        case "clock_synchronised":
            return "The wall clock is synchronised: quiet hours and the exercise apply again."
        case "clock_unsynchronised":
            return CLOCK.line
        case "contact_closed":
            return _contact_closed(values)
        case "contact_opened":
            if values["reason"] == "end":
                return _ended(values)
            return _broken_off(values) if values["reason"] == "restart" else _contact_opened(values)
        case "run_broken_off":
            return _broken_off(values)
        case "found_closed":
            return _found_closed(values)
        case "resume_given_up":
            return "The interrupted run is not resumed."
        case "settings_dropped":
            return f"Profile and edits do not fit the configuration any more and are dropped: {values['reason']}"
        case "journal_torn":
            return (
                f"The journal is torn: at most {_span(values['budget'])} of the daily budget are left for 24 h, "
                "and no run is resumed. Check mode, profile and the hours to the service, then reset the journal alarm."
            )
        case "attempt_failed":
            pause = values["pause"]
            then = "." if pause is None else f". Next start in {_span(pause)} at the earliest."
            return f"Failed attempt {values['attempts']} of {values['allowed']}{then}"
        case "locked_out":
            return "Locked out: all attempts have failed. Check the engine, then press Reset lock-out."
        case "full_charge_failed":
            return (
                f"The battery is still not full after {values['runs']} runs for a full charge. The next one is due in "
                f"{_span(values['pause'])}. Check the charger's settings, the loads and the battery."
            )
        case "stop_alert_stuck":
            return stop_alert_stuck(
                str(values["alert"]), _number(values["start_soc"]), _number(values["stop_soc"])
            ).line
        case "engine_proven":
            return f"The engine runs: confirmed {_span(values['seconds'])} after the contact closed."
        case "engine_stopped":
            return f"The engine has stopped: confirmed {_span(values['seconds'])} after the contact opened."
        case "stop_failed":
            return (
                f"The engine has failed to stop: it still runs {_span(values['seconds'])} after the contact "
                "opened. Stop it at the remote or at the engine."
            )
        case "running_without_charge":
            return no_charge(_number(values["seconds"])).line
        case "proof_unknown":
            rest = "the run goes on, and no attempt is counted" if values["in_run"] else "its tail has passed"
            return f"No evidence shows whether the engine runs: {rest}."
        case "foreign_run":
            return "The AGS goes on with a run of its own, which is not ours to stop."
        case "ags_cap":
            return ags_cap(_number(values["cap"]), _number(values["allowed"])).line
        case "note":
            return _note(values)
        case "held_back":
            return _note(values) if "note" in values else _blocked(values)
        case "path_changed":
            return _path_changed(values)
        case "inhibited":
            return f"An alert blocks the engine: {values['summary']}"
        case "inhibit_cleared" if "lease" in values:
            return f"No alert has blocked the engine for {_span(values['lease'])}: {values['summary']} block no more."
        case "inhibit_cleared":
            return f"An alert has resolved, with two heartbeats since, and blocks no more: {values['summary']}"
        case "operator":
            return _operator(values) + (f" By MQTT, {values['topic']}." if "topic" in values else "")
        case "operator_refused":
            if values["action"] == "reset_inhibit":
                return inhibit_kept(str(values["summary"]), _number(values["lease"]), _number(values["left"]))
            return (
                f"A run of {_number(values['seconds']):g} s is refused: expected more than 0 s, at most "
                f"{_span(values['max_run'])} (limits.max_run)."
            )
        case "manual_ended":
            return f"Mode on has ended: mode {values['mode']} again."
        case "relay_fault":
            failed = ", and a write failed" if values["write_failed"] else ""
            return (
                f"The relay is not where it was commanded: commanded {'closed' if values['wanted'] else 'open'}, "
                f"read back {values['read_back']}{failed}. Opening is retried until it reads open."
            )
        case "relay_recovered":
            return "The relay works again. Starts are blocked for min off."


Values = Mapping[str, Value]


def _contact_closed(values: Values) -> str:
    left = _span(values["seconds_left"])
    if values["resumed"]:
        return f"Contact closed again: run {values['run']} is resumed, its engine still runs; hard limit {left}."
    return f"Contact closed for {_spaced(values['cause'])}; hard limit {left}."


def _contact_opened(values: Values) -> str:
    return f"Contact open after {_span(values['seconds'])}. {ending(_end(values['end']), values)}"


def _broken_off(values: Values) -> str:
    how = "ended" if values["orderly"] else "died"
    when = "in this boot of the machine" if values["same_boot"] else "before this boot of the machine"
    contact = {True: "was found closed, and opened", False: "was found open", None: "was commanded to open"}
    return (
        f"Run {values['run']} was interrupted when this program {how}, {when}; "
        f"the contact {contact[_flag(values['found_closed'])]}."
    )


def _found_closed(values: Values) -> str:
    span = _span(values["seconds"])
    counted = (
        f"The {span} since the last record count as closed"
        if values["known"]
        else f"Until the wall clock is synchronised, that counts as the whole daily budget ({span})"
    )
    return f"The contact was found closed without a record of a run, and opened. {counted}."


def _ended(values: Values) -> str:
    contact = {
        True: "is open",
        None: "was commanded to open, and this board cannot be read back",
        False: "could not be confirmed open",
    }[_flag(values["contact_open"])]
    return f"The actuator ends ({values['why']}); the contact {contact}."


def _blocked(values: Values) -> str:
    causes = _spaced(str(values["causes"]).replace(" ", ", "))
    reasons = str(values["inhibitors"]).split()
    if {"min_off", "ac_live"}.issubset(reasons):
        # The engine has not stopped yet, so they follow from the run before.
        reasons = [reason for reason in reasons if reason not in ("min_off", "ac_live")] or ["the run that stops now"]
    return f"Requested by {causes}, blocked by {', '.join(reasons).replace('_', ' ')}."


def _path_changed(values: Values) -> str:
    silence = values["silence"]
    silent = "none received" if silence is None else f"the last one is {_span(silence)} old"
    if values["path"] == "alerts":
        return "Heartbeats arrive: the alerts decide."
    if values["path"] == "fallback":
        return f"No heartbeat arrives ({silent}): the state of charge on the exporter's page decides."
    then = {
        "finish": "a run in progress goes on to its deadline, none begins.",
        "stop": "a run in progress stops, none begins.",
        "start": f"the engine runs {_span(values['blind_run'])} every {_span(values['blind_every'])}.",
    }[str(values["on_blind"])]
    return f"No heartbeat arrives ({silent}), and there is no state of charge: {then}"


_RESETS: Final = {
    "reset_lockout": "The operator reset the lock-out: no failed attempt counts any more, and no pause follows them.",
    "reset_journal": "The operator reset the alarm of the torn journal.",
    "reset_service": "The operator recorded a service of the engine: its hours count from now on.",
}


def _operator(values: Values) -> str:
    match values["action"]:
        case "settings":
            who, profile = values["who"] or "The operator", values["profile"]
            changes = [f"profile {profile}", *_edits(json.loads(str(values["edits"])))]
            return f"{who} changed the settings: {', '.join(changes)}."
        case "reset_lockout" | "reset_journal" | "reset_service" as done:
            return _RESETS[done]
        case "reset_inhibit":
            return f"The operator reset an alert, which blocks no more: {values['summary']}"
        case "on":
            return f"The operator requests the engine for {_span(values['seconds'])}."
        case "off":
            return "The operator switched off: nothing starts the engine until the mode is changed."
        case _:
            return "The operator switched to automatic."


_EDITED: Final = {"start_soc": "start at", "stop_soc": "stop at", "quiet_hours": "quiet hours"}


def _edits(edits: Mapping[str, object]) -> Iterator[str]:
    for name, value in edits.items():
        shown = percent(value) if isinstance(value, float) else "none" if value is None else value
        if isinstance(value, Mapping):
            shown = f"{value.get('from')} to {value.get('to')}"
        yield f"{_EDITED.get(name, name)} {shown}"


def inhibit_kept(summary: str, lease: float, left: float) -> str:
    """Return that a reset of an inhibit is refused.

    Args:
        summary: the alert's own text.
        lease: seconds for which an alert that was received cannot be reset.
        left: seconds of them that are left.
    """
    return (
        f'The alert "{summary}" is not reset: it was received, or the actuator started, less than {span(lease)} ago '
        f"(alerts.lease). Remove its cause. If it is not received again, it can be reset in {span(max(1, left))}."
    )


def inhibits_match(asked: str, inhibits: Mapping[str, Inhibit]) -> str:
    """Return that several inhibits match what was asked for, and which, one a line."""
    what = f"match {asked}" if asked else "block the engine"
    return f"Nothing is reset: {len(inhibits)} alerts {what}. Reset one by its fingerprint:\n{_listed(inhibits)}"


def no_inhibit_matches(asked: str, inhibits: Mapping[str, Inhibit]) -> str:
    """Return that no inhibit matches what was asked for, and which there are, one a line."""
    if not inhibits:
        return "Nothing is reset: no alert blocks the engine."
    return f"Nothing is reset: no alert that blocks the engine has {asked}. There are:\n{_listed(inhibits)}"


def _listed(inhibits: Mapping[str, Inhibit]) -> str:
    return "\n".join(
        f"  {fingerprint}  {inhibit.name or 'alert'}: {inhibit.summary}" for fingerprint, inhibit in inhibits.items()
    )


# --- ends


def ending(end: End, values: Values) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch an end
    """Return what ended a run."""
    code = ags_code(values.get("ags"))
    match end:
        case "mode_off":
            return "The operator switched off."
        case "inhibit_alert":
            return f"An alert blocks the engine: {values['summaries']}."
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
            return "The engine has died: no AC any more."
        case "start_failed":
            return f"The engine has not started: no AC {_span(values['seconds'])} after closing."
        case "no_charge":
            return no_charge(_number(values["missing"])).line
        case "quiet_hours":
            return "Quiet hours: only an emergency or the operator keeps the engine running."
        case "blind":
            return lack("no_path" if values["lack"] == "no_path" else "no_evidence")
        case "demand_gone":
            soc = values["soc"]
            return f"Nothing requests the engine any more{'' if soc is None else f', at {percent(_number(soc))}'}."


def _budget_used(values: Values) -> str:
    budget = f"The daily budget of {_span(values['budget'])}"
    return f"{budget} and its emergency reserve are used up." if values["reserve"] else f"{budget} is used up."


def _deadline(values: Values) -> str:
    length = _span(values["length"])
    return {
        "max_run": f"max_run, {length}",
        "ags": f"{length}, all that the AGS's own cap leaves",
        "journal": f"{length}, the limit while neither the journal nor its mirror can be written",
        "settings": f"{length}, the lowest limit while it ran",
    }[str(values["set_by"])]


def lack(what: Lack) -> str:
    """Return what information is missing for an ordinary run."""
    return {
        "no_path": "There are neither alerts nor a state of charge to decide by.",
        "no_evidence": "There is no evidence to confirm the engine by.",
    }[what]


# --- notes


def note(it: Note) -> str:
    """Return a note as a sentence."""
    return _note_text(it.kind, it.values)


def _note(values: Values) -> str:
    kind: NoteKind = values["note"]  # type: ignore[assignment] # what `report_notes` has put there
    return _note_text(kind, values)


def _note_text(kind: NoteKind, values: Values) -> str:  # noqa: C901, PLR0911 - one branch a kind
    alert = values.get("alert")
    absent = f"The state of charge is low and heartbeats arrive, but {alert} does not: "
    match kind:
        case "min_run":
            return f"Nothing requests the engine any more: it runs for min_run, {_span(values['min_run'])}."
        case "first_page":
            return f"No start before the exporter's page has been read once, or {_span(values['seconds'])} have passed."
        case "no_path" | "no_evidence":
            return f"{lack(kind)} No start (on_blind: stop)."
        case "start_alert_awaited":
            grace = _span(values["grace"])
            return f"{absent}after {grace} the engine starts without it."
        case "start_alert_absent":
            return f"{absent}is the rule renamed, or the alert silenced?"
        case "both_alerts":
            return f"{values['start']} and {values['stop']} both fire: the stop wins."
        case "alert_answered":
            return (
                f"{alert} fires from before the last stop: no start until it has resolved and fired again, or the "
                f"state of charge has been at {percent(_number(values['start_soc']))} or less for "
                f"{_span(values['debounce'])}."
            )
        case "alert_late":
            return (
                f"{alert} fires from before it last resolved, so it is a late copy: no start while the state of charge "
                f"is over {percent(_number(values['start_soc']))}."
            )
        case "soc_contradicts":
            return (
                f"{alert} fires, but the state of charge on the exporter's page is at or over the stop at "
                f"{percent(_number(values['stop_soc']))}: no start."
            )
        case "soc_refused":
            return f"{alert} fires, but the exporter refuses the state of charge: no start."
        case "volts_under_load":
            return (
                "The battery's volts are low, but its state of charge is not: a heavy load, and no emergency unless "
                f"it lasts {_span(values['seconds'])}."
            )


# --- reasons

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


# --- problems of the actuator itself


class Problem(NamedTuple):
    """A problem of the actuator itself, or of what it needs.

    Attributes:
        text: what is so.
        remedy: what to do.
        details: both, with errors and the names of settings; empty: there are none.
    """

    text: str
    remedy: str = ""
    details: str = ""

    @property
    def line(self) -> str:
        """The whole problem, for the list of problems."""
        return self.details or f"{self.text} {self.remedy}".rstrip()


CLOCK: Final = Problem(
    "The clock may be wrong: quiet hours do not apply, and no exercise starts.",
    "Check the network and the time service (timedatectl), or add a hardware clock.",
    "The wall clock is not synchronised: quiet hours do not apply, and no exercise starts. "
    "Check the network and the time service (timedatectl), or add a hardware clock.",
)
NO_FULL: Final = Problem(
    "No full charge can start: nothing shows whether the battery is full.",
    "Set the battery's capacity in exporter.yml, or add the charger as a source.",
    "No full charge can start (full_charge): the exporter's page does not show whether the battery is full "
    "(battery_full). Set battery.capacity_ampere_hours in exporter.yml, or add the charger as a source.",
)
NO_READ_BACK: Final = Problem("This relay cannot be read back: its position is assumed.")
TORN: Final = Problem(
    "The journal of past runs was damaged at the start: less running time is left for 24 h.",
    "Check that Automatic, On or Off is as you want it, then press Reset journal alarm.",
    "The journal was found torn: the budget is short for 24 h. Check the mode, then reset the journal alarm.",
)
SERVICE_DUE: Final = Problem(
    "The generator's service is due.",
    "Change its oil and filters, then press Reset service.",
)
LOST: Final = Problem(
    "The journal was lost, and with it profile, settings and service hours. Less running time is left for 24 h.",
    "Choose the mode and the profile again, and see when the next service is due. Then press Reset journal alarm.",
    "The journal was found torn, and its record is lost, with profile, edited settings and the hours to the service. "
    "The budget is short for 24 h. Choose the mode and the profile again, see when the next service is due, then reset "
    "the journal alarm.",
)
HELD_UNKNOWN: Final = Problem(
    "The relay was closed over a power cut: until the clock is right, all running time counts as used.",
    "Check the network and the time service (timedatectl), or add a hardware clock.",
    "At the boot the contact was found closed, and without a clock nobody knows for how long: the whole daily budget "
    "counts as used until the clock is synchronised. Check the time source.",
)
NO_PROOF: Final = Problem(
    "Nothing is set up that can confirm the generator.",
    details="Nothing can confirm the engine: the configuration switches off both kinds of evidence.",
)
NO_AGS: Final = Problem(
    "No data from the generator starter (AGS); starts are attempted anyway.",
    "Check its cable.",
    "No data from the generator starter (AGS); starts are attempted anyway. If there is none, set evidence.ags: false.",
)
NO_VOLTS: Final = Problem(
    "No battery volts: low volts alone cannot start the generator.",
    "Check the battery monitor and its cable.",
    "No battery volts: there is no emergency by volts.",
)


def ags_cap(cap: float, allowed: float) -> Problem:
    """Return that the AGS's own cap shortens runs; both in seconds."""
    text = f"The AGS ends every run after {span(cap)}, with a fault: ours end after {span(allowed)}."
    short = f"Runs end after {span(allowed)}: the generator starter (AGS) allows at most that."
    remedy = "Raise Max Gen Run Time at the remote"
    return Problem(short, f"{remedy}.", f"{text} {remedy}, or lower limits.max_run.")


def stop_alert_stuck(alert: str, start_soc: float, stop_soc: float) -> Problem:
    """Return that the stop alert is ignored, why, until when, and what to do."""
    start, stop = percent(start_soc), percent(stop_soc)
    return Problem(
        f"{alert} fires although the battery is at {start} or less: it is ignored.",
        f"Check the rule {alert} and Alertmanager.",
        f"{alert} fires although the state of charge is at {start} or less: it is ignored until it has resolved, or "
        f"the state of charge is at {stop}. Check its rule and Alertmanager.",
    )


def relay_failed(error: str) -> Problem:
    """Return what the last command to the relay failed with."""
    return Problem(
        "The last command to the relay failed.", "Check the relay board and its cable.", f"The relay: {error}"
    )


def page_unreadable(error: str) -> Problem:
    """Return why the exporter's page cannot be read."""
    text = "The exporter's page cannot be read"
    return Problem("No answer from magnum-exporter.", "Check that magnum-exporter runs.", f"{text}: {error}")


def journal_unwritable(error: str, *, mirrored: bool) -> Problem:
    """Return why the journal cannot be written, and what follows from that; `mirrored`: its mirror can be."""
    text, remedy = "The journal cannot be written", "Check the disk or the card."
    then = (
        "Its mirror in memory is kept until the machine reboots" if mirrored else "Only an emergency starts the engine"
    )
    return Problem(f"{text}. {then}.", remedy, f"{text}: {error}. {then}. {remedy}")


def mirror_unwritable(error: str) -> Problem:
    """Return why the journal's mirror cannot be written, and what follows from that."""
    text, then = "The journal's mirror cannot be written", "If the card fails too, only an emergency starts the engine."
    return Problem(f"{text}. {then}", "Check the free memory of this machine.", f"{text}: {error}. {then}")


def no_charge(seconds: float) -> Problem:
    """Return that the engine has run for so long without charging the battery."""
    length = span(round(seconds))
    remedy = CHECK_CHARGER
    return Problem(
        f"The engine has run for {length} without charging the battery.",
        remedy,
        f"The engine has run for {length} without charging: no direct current into the battery, and no rise of its "
        f"state of charge. {remedy}",
    )


def no_evidence(settings: Settings) -> Problem:
    """Return that nothing shows whether the engine runs."""
    page = "Nothing on the exporter's page shows whether the engine runs"
    return Problem(
        "No data shows whether the generator runs.",
        "Check the inverter's data cable.",
        f"{page}: is {inverter(settings)} on its bus?",
    )


def inverter(settings: Settings) -> str:
    """Return the name of the device that gives the evidence."""
    return settings.evidence.device or "the Magnum inverter"


def settings_dropped(reason: str) -> Problem:
    """Return that the profile and the edits were dropped."""
    return Problem(
        "What was set on this page does not fit the configuration file any more and was dropped.",
        "Set it again, or correct the file.",
        f"Profile and edits were dropped: {reason}. Set them again, or correct the file.",
    )


SOC_REFUSALS: Final = {
    "absent": "it does not know how full the battery is",
    "stale": "it sends nothing new",
    "range": "its value is impossible",
    "frozen": "its value does not change although current flows",
    "jump": "its value has jumped",
    "outvoted": "two others contradict it",
}
"""Why magnum-exporter does not trust a source of a state of charge."""


def soc_source(*, trusted: bool, lead: bool, refused: str) -> str:
    """Return whether a source of a state of charge is trusted, or why not."""
    if trusted:
        return "trusted, and the one that counts" if lead else "trusted"
    return f"not trusted: {SOC_REFUSALS.get(refused, refused)}" if refused else "not trusted"


# --- resets, and what a site without a full charge is reminded of


def reset_lockout(durable: Durable) -> str:
    """Return why the lock-out may be reset, and what to do."""
    failed = "1 failed attempt" if durable.attempts == 1 else f"{durable.attempts} failed attempts"
    if durable.locked_out:
        return f"Locked out after {failed}. Check the engine and start it once by hand, then reset the lock-out."
    if durable.attempts:
        return f"{failed}. After a repair, reset: the count begins at 0, and no pause is left."
    return "A pause after a failed or short run. After a repair, reset: no pause is left."


def reset_service(over: float) -> str:
    """Return that the service is due, and what to do; `over`: seconds of running beyond it."""
    return f"The engine's service is overdue by {span(over)} of running. Service it, then reset."


def reset_inhibit(fingerprint: str, inhibit: Inhibit) -> str:
    """Return that an alert blocks the engine, and what to do."""
    if fingerprint == MORE:
        return (
            f"{capitalized(inhibit.summary)} block the engine: those beyond the first {MOST_INHIBITS} are not kept one "
            "by one. Remove their causes and the others: they end by themselves once no other blocks."
        )
    alert = f'{inhibit.name or "An alert"} blocks the engine: "{inhibit.summary}".'
    if inhibit.beats_left is None:
        return f"{alert} Remove its cause: it ends by itself, two heartbeats after it has resolved."
    return (
        f"{alert} It has resolved, and ends after {inhibit.beats_left} more heartbeats. "
        "If none arrive, check its cause on site, then reset it."
    )


def on_reserve(left: float) -> str:
    """Return that the run in progress uses the emergency reserve, with the seconds of it that are left."""
    return f"The daily budget is used up. The emergency reserve lasts for {span(left)} more."


def never_full(seconds: float) -> str:
    """Return that the battery has not been full for so long, what follows from it, and what to do."""
    return (
        f"The battery has not been seen full for {int(seconds // DAY)} days. A battery monitor that never sees a "
        "full battery drifts. Charge the battery fully, or set full_charge."
    )


# --- the four sentences: headline, reason, what happens next, remedy


class Words(NamedTuple):
    """What is so, in sentences for people; an empty one has nothing to add.

    Attributes:
        headline: the state.
        reason: why.
        next: what happens next.
        remedy: what to do.
    """

    headline: str = ""
    reason: str = ""
    next: str = ""
    remedy: str = ""


def no_break(text: str) -> str:
    """Return a text in which no line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=(?:%|s|min|h|d)(?!\w))", "\u00a0", text)


REQUESTED: Final[dict[Cause, str]] = {
    "alert": "a low battery",
    "fallback": "a low battery, without the alerts",
    "emergency": "a nearly empty battery",
    "blind": "the schedule for missing data",
    "exercise": "the regular exercise",
    "manual": "the operator",
    "full_charge": "a full charge that is due",
    "quiet_ahead": "the coming quiet hours, for which the battery would not last",
}
"""What requests the engine."""

RUNNING: Final[dict[Cause, str]] = {
    "alert": "Running to charge the battery.",
    "fallback": "Running to charge the battery.",
    "emergency": "Running because the battery was nearly empty.",
    "blind": "Running on the schedule for missing data.",
    "exercise": "Running for its regular exercise.",
    "manual": "Running, switched on by the operator.",
    "full_charge": "Running until the battery is full.",
    "quiet_ahead": "Running before quiet hours begin.",
}
"""What our run is for."""

CHECK_ENGINE: Final = (
    "Switch the generator off at its own switch, then check fuel, oil and starter battery. Then switch it on again."
)
"""While it may start by itself, nobody should work on it; and its starter may start it by itself after Off too."""

CHECK_CHARGER: Final = (
    "Check the breakers at generator and inverter. If you cannot mend it, press Off: it only burns fuel."
)

CHECK_DATA: Final = "Check the inverter's data cable. Then restart the service magnum-exporter on the site's computer."

_STOP_BY_HAND: Final = "stop it at its remote or with its own switch"


def battery(soc: float | None, *, refused: bool) -> str:
    """Return the state of charge as a sentence."""
    if soc is not None:
        return f"Battery {percent(soc)}."
    return "Battery reading not trusted." if refused else "Battery unknown."


def requested(causes: Iterable[Cause]) -> str:
    """Return what requests the engine."""
    return f"Requested by {' and '.join(REQUESTED[cause] for cause in causes)}."


# Times are by the clock, or as spans while the clock may be wrong (None).


def at(clock: str | None, seconds: float) -> str:
    """Return when something happens that happens in so many seconds."""
    if clock is None:
        return f"in {_rounded(seconds)}"
    return f"on {clock.replace(' ', ' at ')}" if " " in clock else f"at {clock}"


def by(clock: str | None, seconds: float) -> str:
    """Return until when something must happen that has so many seconds left."""
    return f"within {_rounded(seconds)}" if clock is None else f"by {clock}"


def since(clock: str | None, seconds: float) -> str:
    """Return since when something has lasted that began so many seconds ago."""
    return f"for {_rounded(seconds)}" if clock is None else f"since {clock}"


def ago(clock: str | None, seconds: float) -> str:
    """Return when something happened that happened so many seconds ago."""
    return f"{_rounded(seconds)} ago" if clock is None else at(clock, seconds)


def _rounded(seconds: float) -> str:
    return span(max(1, round(seconds)))


# The run


def running(cause: Cause | None, since: str, *, by_ac: bool) -> Words:
    """Return that the engine runs in our run; without a cause, it only completes its shortest run."""
    confirmed = "Generator power confirmed" if by_ac else "The generator starter (AGS) has reported it running"
    return Words("Running, about to stop." if cause is None else RUNNING[cause], f"{confirmed} {since}.")


def running_without_charge(seconds: float) -> Words:
    """Return that the engine has run for so long without charging the battery."""
    return Words(
        f"Running without charging for {span(60 * round(seconds / 60))}.",
        "No current flows into the battery, and its level does not rise.",
        remedy=CHECK_CHARGER,
    )


def starting(causes: Iterable[Cause], by: str, *, attempt: int, allowed: int, warms_up: bool, denied: bool) -> Words:
    """Return that the engine should start.

    Args:
        causes: what requests it.
        by: until when its power must come.
        attempt: the number of this attempt.
        allowed: so many failed attempts in a row lock out.
        warms_up: it warms up, without giving power.
        denied: the evidence shows that it does not run yet; without evidence no attempt fails.
    """
    which = f" (attempt {attempt} of {allowed})" if attempt > 1 else ""
    then = "starts are locked out" if attempt >= allowed else "this attempt counts as failed"
    return Words(
        f"Starting{which}: the engine warms up." if warms_up else f"Starting{which}.",
        requested(causes),
        f"Generator power is expected {by}; without it, {then}." if denied else "",
        CHECK_ENGINE if attempt > 1 else "",
    )


def running_unknown(settings: Settings) -> Words:
    """Return that the contact is closed, and that nothing shows whether the engine runs."""
    if not settings.evidence.configured:
        return Words("Started, without confirmation.", "Nothing is set up that can confirm the generator.")
    return Words(
        "Started, but nothing shows whether the generator runs.",
        f"No data from {inverter(settings)}.",
        remedy="Look at the generator. Then check the inverter's data cable, and restart the service magnum-exporter.",
    )


def run_end(at: str, settings: Settings, *, stop_soc: float | None, until_full: bool, requested: bool) -> str:
    """Return what ends the run in progress, and when at the latest.

    Args:
        at: that time.
        settings: in force.
        stop_soc: the state of charge that ends it before; None: none does.
        until_full: a full battery ends it before.
        requested: whether something still requests it.
    """
    if not requested:
        return f"Nothing needs it any more: stops {at}, after the shortest run of {span(settings.limits.min_run)}."
    if until_full:
        return f"Stops when the battery is full, {at} at the latest."
    if stop_soc is not None:
        return f"Stops when the battery is at {percent(stop_soc)}, {at} at the latest."
    return f"Stops {at}."


# The stop


def stopping(why: str, by: str, runs: bool | None, *, cools_down: bool) -> Words:  # noqa: FBT001 - the verdict itself
    """Return that the contact is open and the engine's stop is not yet confirmed."""
    return Words(
        "Cooling down before it stops." if cools_down else "Stopping.",
        why,
        next={
            True: f"The generator should stop {by}.",
            False: "Its stop will be confirmed in a few seconds.",
            None: "Waiting for data that shows whether it has stopped.",
        }[runs],
    )


def stop_failed(ago: str, runs: bool | None) -> Words:  # noqa: FBT001 - the verdict itself
    """Return that the engine should have stopped."""
    failed = "Failed to stop: the generator still runs." if runs else "Failed to stop: nothing shows that it has."
    return Words(
        failed,
        f"Its stop was requested {ago}.",
        "It runs on until somebody stops it.",
        f"{capitalized(_STOP_BY_HAND)}.",
    )


def stop_unknown(ago: str) -> Words:
    """Return that the engine should have stopped, and that nothing shows whether it has."""
    return Words(
        "Stop not confirmed: nothing shows whether the generator runs.",
        f"Its stop was requested {ago}, but no data arrives from the inverter.",
        "This stays unknown until data arrives again.",
        f"Look at the generator. If it runs, {_STOP_BY_HAND}.",
    )


def relay_unknown(read_back: bool | None, runs: bool | None) -> Words:  # noqa: FBT001 - the reading, the verdict
    """Return that the position of the relay's contact is unknown."""
    state = {
        True: "Relay fault: the generator runs and may not stop.",
        False: "Relay fault: the generator is stopped, and may start.",
        None: "Relay fault: the generator may run.",
    }[runs]
    if runs is False and read_back is False:
        state = "Relay fault: the generator is stopped and cannot start."
    reads = {
        True: "The relay was switched off, but it still reads on.",
        False: "The relay reads off, but did not a moment ago.",
        None: "The relay was switched off, but it cannot be read.",
    }[read_back]
    off = "" if read_back is False else "Switch the generator off at its own switch. "
    hand = {True: f"{capitalized(_STOP_BY_HAND)}. ", False: off, None: f"If the generator runs, {_STOP_BY_HAND}. "}[
        runs
    ]
    return Words(
        state,
        reads,
        {
            True: "Switching off is retried every second.",
            False: "Nothing starts until the relay is confirmed off."
            if read_back is False
            else "Switching off is retried every second. Until it is confirmed, the generator may start.",
            None: "Switching off is retried every second. Nothing else starts before it is confirmed.",
        }[runs],
        f"{hand}Check the relay board and its cable.",
    )


def resuming(run: int) -> Words:
    """Return that an interrupted run may be resumed."""
    return Words(
        "Restarted during a run.",
        f"The controller was interrupted during run {run}.",
        "If the engine still runs, the run goes on; otherwise it has ended.",
        "Look again in a minute, and compare with the generator itself.",
    )


# No run


def idle(runs: bool | None, *, begins: bool) -> str:  # noqa: FBT001 - the verdict itself
    """Return what the engine does while our contact is open; `begins`: this program has just started."""
    if runs is None:
        return (
            "Reading the site after a restart." if begins else "Not started; nothing shows whether the generator runs."
        )
    return "Running, but not started by this system." if runs else "Off."


def about_to_start(causes: Iterable[Cause]) -> Words:
    """Return what requests the engine, when nothing blocks it."""
    return Words("About to start.", requested(causes), "Starts within seconds.")


def starts_at(start_soc: float, debounce: float, *, low: bool) -> str:
    """Return what starts the engine; `low`: the battery is there, but not yet for long enough."""
    if low:
        return f"Starts when the battery has been at {percent(start_soc)} or less for {span(debounce)}."
    return f"Starts when the battery is at {percent(start_soc)}."


def connecting(seconds: float) -> str:
    """Return what comes next on path `waiting`."""
    return f"Connecting to Alertmanager (up to {_rounded(seconds)})."


def without_data(turn: tuple[float, float] | None) -> str:
    """Return what happens without anything to decide by: a run of so many seconds every so many, or nothing."""
    back = "until a battery reading or the alerts are back"
    if turn is None:
        return f"Nothing starts by itself {back}; On still works."
    return f"Runs for {span(turn[0])} every {span(turn[1])} {back}."


def no_alerts(last_beat: str | None) -> Problem:
    """Return that the site's own values decide, because no alerts arrive."""
    silence = "yet" if last_beat is None else last_beat
    return Problem(
        f"No alerts have arrived {silence}: only the battery reading decides.",
        "Restart the services prometheus and prometheus-alertmanager on the site's computer.",
    )


NO_SOC: Final = Problem("There is no battery reading.", "Check the power of the battery monitor, and its cable.")
SOC_REFUSED: Final = Problem("No battery reading is trusted.", "Check the battery monitors and their cables.")
BLIND: Final = Problem(
    "Neither a battery reading nor alerts arrive.",
    "Check the power of the site's computer and of the battery monitor. If the lights dim, press On.",
)

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


def delayed(it: Note) -> Words:  # noqa: C901, PLR0911 - one branch a kind
    """Return reason, what happens next and remedy for a note on a site without a run."""
    values = it.values
    alert, rule = values.get("alert"), f"Check the rule {values.get('alert')}."
    match it.kind:
        case "min_run":
            return Words()
        case "first_page":
            return Words(
                next=f"Starts when the first readings have arrived, after {_span(values['seconds'])} at the latest."
            )
        case "no_path":
            return Words(BLIND.text, "", without_data(None), BLIND.remedy)
        case "no_evidence":
            return Words(
                "Starts are blocked: nothing would show whether the generator runs.",
                "No data arrives from the inverter.",
                "No start by itself until data arrives again, save in an emergency.",
                CHECK_DATA,
            )
        case "start_alert_awaited":
            return Words(
                reason=f"The battery is low, but the alert {alert} has not arrived.",
                next=f"Starts without it within {_span(values['grace'])}.",
            )
        case "start_alert_absent":
            return Words(
                reason=f"The battery has long been low, but the alert {alert} has not arrived.",
                remedy=f"Check whether {alert} was renamed or silenced.",
            )
        case "both_alerts":
            return Words(
                "The start alert and the stop alert contradict each other.",
                f"{values['start']} and {values['stop']} both fire: the stop wins.",
                f"Only On or an emergency starts it until {values['stop']} has ended.",
                "If the battery is low, press On. Have the alert rules checked today.",
            )
        case "alert_answered":
            start, debounce = percent(_number(values["start_soc"])), _span(values["debounce"])
            return Words(
                reason=f"{alert} still fires from before the last stop.",
                next=f"Starts when it fires anew, or when the battery has been at {start} for {debounce}.",
            )
        case "alert_late":
            start = percent(_number(values["start_soc"]))
            return Words(reason=f"A late copy of {alert} has arrived.", next=f"Starts when the battery is at {start}.")
        case "soc_contradicts":
            stop = percent(_number(values["stop_soc"]))
            return Words(
                "The start alert contradicts the battery.",
                f"{alert} fires, but the battery is at {stop} or more.",
                "Only On or an emergency starts it until they agree.",
                rule,
            )
        case "soc_refused":
            return Words(
                "Not starting.",
                f"{alert} fires, but magnum-exporter refuses the battery reading.",
                "Only On or an emergency starts it until the reading is trusted again.",
                "If the battery is low, press On. Then check the battery monitor and its cable.",
            )
        case "volts_under_load":
            return Words(
                reason="The battery's voltage is low under a heavy load.",
                next=f"Starts if that lasts for {_span(values['seconds'])}.",
            )


# --- values


def _spaced(name: Value) -> str:
    return str(name).replace("_", " ")


def _number(value: Value) -> float:
    return 0.0 if value is None else float(value)


def _span(value: Value) -> str:
    return span(_number(value))


def _flag(value: Value) -> bool | None:
    return None if value is None else bool(value)


def _end(value: Value) -> End:
    end: End = value  # type: ignore[assignment] # what `runs.end` has put there
    return end
