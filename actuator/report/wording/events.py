"""What has happened, for the log and the history. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from actuator.core.endings import End
from actuator.core.events import Event, NoteKind, Value
from actuator.core.state import Cause, Reason
from actuator.report.wording.blocking import requested_but_blocked
from actuator.report.wording.endings import ending
from actuator.report.wording.notes import note
from actuator.report.wording.problems import CLOCK, ags_cap, no_charge, stop_alert_stuck
from actuator.report.wording.resets import inhibit_kept
from actuator.report.wording.terms import (
    REQUESTED,
    RESET_LOCKOUT,
    Values,
    alert_text,
    flag,
    full_stop,
    number,
    span_of,
)
from toolkit.formatting import percent

READS: Final = {True: "closed", False: "open", None: "nothing that can be read"}
"""What a board reads."""


def event(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch a kind
    """Return an event in one or two sentences."""
    values = {**event.fields, **event.values}
    match event.kind:
        case "started":
            return f"The actuator has started. The contact reads {READS[flag(values['closed'])]}."
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
                f"The journal is torn: at most {span_of(values['budget'])} of the daily budget are left for 24 h, "
                "and no run is resumed. Check mode, profile and the hours to the service, then reset the journal alarm."
            )
        case "attempt_failed":
            pause = values["pause"]
            then = "." if pause is None else f". Next start in {span_of(pause)} at the earliest."
            return f"Failed attempt {values['attempts']} of {values['allowed']}{then}"
        case "locked_out":
            return f"Locked out: all attempts have failed. {RESET_LOCKOUT}"
        case "full_charge_failed":
            return (
                f"The battery is still not full after {values['runs']} runs for a full charge. The next one is due in "
                f"{span_of(values['pause'])}. Check the charger's settings, the loads and the battery."
            )
        case "stop_alert_stuck":
            return stop_alert_stuck(str(values["alert"]), number(values["start_soc"]), number(values["stop_soc"])).line
        case "engine_proven":
            return f"The engine runs: confirmed {span_of(values['seconds'])} after the contact closed."
        case "engine_stopped":
            return f"The engine has stopped: confirmed {span_of(values['seconds'])} after the contact opened."
        case "stop_failed":
            return (
                f"The engine has failed to stop: it still runs {span_of(values['seconds'])} after the contact "
                "opened. Stop it at the remote or at the engine."
            )
        case "running_without_charge":
            return no_charge(number(values["seconds"])).line
        case "proof_unknown":
            rest = (
                "the run goes on, and no attempt is counted"
                if values["in_run"]
                else "the time it needs to stop is over"
            )
            return f"No evidence shows whether the engine runs: {rest}."
        case "foreign_run":
            return "The AGS goes on with a run of its own, which is not ours to stop."
        case "ags_cap":
            return ags_cap(number(values["cap"]), number(values["allowed"])).line
        case "note":
            return _note(values)
        case "start_blocked":
            return _note(values) if "note" in values else _blocked(values)
        case "path_changed":
            return _path_changed(values)
        case "inhibited":
            return full_stop(f"An alert blocks the engine: {alert_text(values['summary'])}")
        case "inhibit_cleared" if "lease" in values:
            since, text = span_of(values["lease"]), alert_text(values["summary"])
            return f"No alert has blocked the engine for {since}: {text} block no more."
        case "inhibit_cleared":
            text = alert_text(values["summary"])
            return full_stop(f"An alert has resolved, with two heartbeats since, and blocks no more: {text}")
        case "operator":
            return _operator(values) + (f" By MQTT, {values['topic']}." if "topic" in values else "")
        case "operator_refused":
            if values["action"] == "reset_inhibit":
                return inhibit_kept(str(values["summary"]), number(values["lease"]), number(values["left"]))
            return (
                f"A run of {number(values['seconds']):g} s is refused: expected more than 0 s, at most "
                f"{span_of(values['max_run'])} (limits.max_run)."
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


def _contact_closed(values: Values) -> str:
    left = span_of(values["seconds_left"])
    if values["resumed"]:
        return f"Contact closed again: run {values['run']} is resumed, its engine still runs; hard limit {left}."
    cause: Cause = values["cause"]  # type: ignore[assignment] # of the run
    return f"Contact closed, requested by {REQUESTED[cause]}; hard limit {left}."


def _contact_opened(values: Values) -> str:
    return f"Contact open after {span_of(values['seconds'])}. {ending(_end(values['end']), values)}"


def _broken_off(values: Values) -> str:
    how = "ended" if values["orderly"] else "died"
    when = "in this boot of the machine" if values["same_boot"] else "before this boot of the machine"
    contact = {True: "was found closed, and opened", False: "was found open", None: "was commanded to open"}
    return (
        f"Run {values['run']} was interrupted when this program {how}, {when}; "
        f"the contact {contact[flag(values['found_closed'])]}."
    )


def _found_closed(values: Values) -> str:
    span = span_of(values["seconds"])
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
    }[flag(values["contact_open"])]
    return f"The actuator ends ({values['why']}); the contact {contact}."


def _path_changed(values: Values) -> str:
    silence = values["silence"]
    silent = "none received" if silence is None else f"the last one is {span_of(silence)} old"
    if values["path"] == "alerts":
        return "Heartbeats arrive: the alerts decide."
    if values["path"] == "fallback":
        return f"No heartbeat arrives ({silent}): the state of charge on the exporter's page decides."
    then = {
        "finish": "a run in progress goes on to its deadline, none begins.",
        "stop": "a run in progress stops, none begins.",
        "start": f"the engine runs {span_of(values['blind_run'])} every {span_of(values['blind_every'])}.",
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
            return full_stop(f"The operator reset an alert, which blocks no more: {alert_text(values['summary'])}")
        case "on":
            return f"The operator requests the engine for {span_of(values['seconds'])}."
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


def _note(values: Values) -> str:
    kind: NoteKind = values["note"]  # type: ignore[assignment] # what `report_notes` has put there
    return note(kind, values).line


def _blocked(values: Values) -> str:
    causes: list[Cause] = str(values["causes"]).split()  # type: ignore[assignment] # names of the core's own
    reasons: list[Reason] = str(values["inhibitors"]).split()  # type: ignore[assignment]
    return requested_but_blocked(causes, reasons)


def _end(value: Value) -> End:
    end: End = value  # type: ignore[assignment] # what `runs.end` has put there
    return end
