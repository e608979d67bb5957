"""Every sentence for people, once: events, notes, reasons, faults, and the parts of the first sentence. Pure.

The decision passes kinds and values; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from actuator.core import ags, short_runs
from actuator.core.alert_path import MORE, MOST_INHIBITS, Inhibit
from actuator.core.demand import Lack
from actuator.core.endings import End
from actuator.core.events import Event, Note, NoteKind, Value
from actuator.core.settings import DAY, Settings
from actuator.core.state import Cause, Durable, Reason
from toolkit.formatting import percent, span

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
            return CLOCK
        case "contact_closed":
            return _contact_closed(values)
        case "contact_opened":
            if values["reason"] == "end":
                return _ended(values)
            return _broken_off(values) if values["reason"] == "restart" else _contact_opened(values)
        case "run_broken_off":
            return _broken_off(values)
        case "resume_given_up":
            return "The interrupted run is not resumed."
        case "journal_torn":
            return (
                f"The journal is torn: at most {_span(values['budget'])} of the daily budget are left for 24 h, "
                "and no run is resumed. Check the mode, then reset the journal alarm."
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
            return stop_alert_stuck(str(values["alert"]), _number(values["start_soc"]), _number(values["stop_soc"]))
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
            return no_charge(_number(values["seconds"]))
        case "proof_unknown":
            rest = "the run goes on, and no attempt is counted" if values["in_run"] else "its tail has passed"
            return f"No evidence shows whether the engine runs: {rest}."
        case "foreign_run":
            return "The AGS goes on with a run of its own, which is not ours to stop."
        case "ags_cap":
            return ags_cap(_number(values["cap"]), _number(values["allowed"]))
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
            return _operator(values)
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


def _ended(values: Values) -> str:
    contact = {
        True: "is open",
        None: "was commanded to open, and this board cannot be read back",
        False: "could not be confirmed open",
    }[_flag(values["contact_open"])]
    return f"The actuator ends ({values['why']}); the contact {contact}."


def _blocked(values: Values) -> str:
    causes = _spaced(str(values["causes"]).replace(" ", ", "))
    reasons = str(values["inhibitors"]).replace(" ", ", ").replace("_", " ")
    return f"Requested by {causes}, blocked by {reasons}."


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


def _operator(values: Values) -> str:
    match values["action"]:
        case "reset_lockout":
            return "The operator reset the lock-out: no failed attempt counts any more, and no pause follows them."
        case "reset_journal":
            return "The operator reset the alarm of the torn journal."
        case "reset_inhibit":
            return f"The operator reset an alert, which blocks no more: {values['summary']}"
        case "on":
            return f"The operator requests the engine for {_span(values['seconds'])}."
        case "off":
            return "The operator switched off: nothing starts the engine until the mode is changed."
        case _:
            return "The operator switched to automatic."


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
            return no_charge(_number(values["missing"]))
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


def reason(it: Reason, durable: Durable, settings: Settings, code: int | None) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch a reason
    """Return what blocks the engine, as a part of a sentence.

    Args:
        it: the reason.
        durable: what it is judged by.
        settings: in force.
        code: the AGS's fresh status.
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
            return "inhibited by an alert: " + ", ".join([*shown, f"and {others} more"] if others else shown)
        case "no_evidence":
            return f"no data that would show whether the engine runs (is {inverter(settings)} on its bus?)"
        case "journal":
            return "neither the journal nor its mirror can be written, so only an emergency starts the engine"
        case "relay_fault":
            return "the relay is not where it was commanded"
        case "max_run":
            return "the last run reached its limit"
        case "budget":
            return (
                f"less than {span(limits.least_budget)} of the daily budget of {span(limits.daily_budget)} are left, "
                f"and only an emergency may use {span(limits.emergency_reserve)} more"
            )
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


# --- faults


def ags_cap(cap: float, allowed: float) -> str:
    """Return that the AGS's own cap shortens runs; both in seconds."""
    return (
        f"The AGS ends every run after {span(cap)}, with a fault: ours end after {span(allowed)}. "
        "Raise Max Gen Run Time at the remote, or lower limits.max_run."
    )


def stop_alert_stuck(alert: str, start_soc: float, stop_soc: float) -> str:
    """Return that the stop alert is ignored, why, until when, and what to do."""
    return (
        f"{alert} fires although the state of charge is at {percent(start_soc)} or less: it is ignored until it has "
        f"resolved, or the state of charge is at {percent(stop_soc)}. Check its rule and Alertmanager."
    )


def reset_lockout(durable: Durable) -> str:
    """Return why the lock-out may be reset, and what to do."""
    failed = "1 failed attempt" if durable.attempts == 1 else f"{durable.attempts} failed attempts"
    if durable.locked_out:
        return f"Locked out after {failed}. Check the engine and start it once by hand, then reset the lock-out."
    if durable.attempts:
        return f"{failed}. After a repair, reset: the count begins at 0, and no pause is left."
    return "A pause after a failed or short run. After a repair, reset: no pause is left."


def reset_inhibit(fingerprint: str, inhibit: Inhibit) -> str:
    """Return that an alert blocks the engine, and what to do."""
    if fingerprint == MORE:
        return (
            f"{inhibit.summary.capitalize()} block the engine: those beyond the first {MOST_INHIBITS} are not kept one "
            "by one. Remove their causes and the others: they end by themselves once no other blocks."
        )
    alert = f'{inhibit.name or "An alert"} blocks the engine: "{inhibit.summary}".'
    if inhibit.beats_left is None:
        return f"{alert} Remove its cause: it ends by itself, two heartbeats after it has resolved."
    return (
        f"{alert} It has resolved, and ends after {inhibit.beats_left} more heartbeats. "
        "If none arrive, check its cause on site, then reset it."
    )


def never_full(seconds: float) -> str:
    """Return that the battery has not been full for so long, what follows from it, and what to do."""
    return (
        f"The battery has not been seen full for {int(seconds // DAY)} days. The state of charge of any monitor drifts "
        "that never sees a full battery. Charge the battery fully, or set full_charge."
    )


CLOCK: Final = (
    "The wall clock is not synchronised: quiet hours do not apply, and no exercise starts. "
    "Check the network and the time service (timedatectl), or add a hardware clock."
)
NO_FULL: Final = (
    "No full charge can start (full_charge): the exporter's page does not show whether the battery is full "
    "(battery_full). Set battery.capacity_ampere_hours in exporter.yml, or add the charger as a source."
)
NO_READ_BACK: Final = "This relay cannot be read back: its position is assumed."
TORN: Final = "The journal was found torn: the budget is short for 24 h. Check the mode, then reset the journal alarm."
HELD_UNKNOWN: Final = (
    "At the boot the contact was found closed, and without a clock nobody knows for how long: the whole daily budget "
    "counts as used until the clock is synchronised. Check the time source."
)
NO_PROOF: Final = "Nothing can confirm the engine: the configuration switches off both kinds of evidence."
NO_AGS: Final = (
    "No data from the generator starter (AGS); starts are attempted anyway. If there is none, set evidence.ags: false."
)
NO_VOLTS: Final = "No battery volts: there is no emergency by volts."


def relay_failed(error: str) -> str:
    """Return what the last command to the relay failed with."""
    return f"The relay: {error}"


def page_unreadable(error: str) -> str:
    """Return why the exporter's page cannot be read."""
    return f"The exporter's page cannot be read: {error}"


def journal_unwritable(error: str, *, mirrored: bool) -> str:
    """Return why the journal cannot be written, and what follows from that; `mirrored`: its mirror can be."""
    then = (
        "Its mirror in memory is kept until the machine reboots" if mirrored else "Only an emergency starts the engine"
    )
    return f"The journal cannot be written: {error}. {then}. Check the disk or the card."


def mirror_unwritable(error: str) -> str:
    """Return why the journal's mirror cannot be written, and what follows from that."""
    return (
        f"The journal's mirror cannot be written: {error}. If the card fails too, only an emergency starts the engine."
    )


def no_charge(seconds: float) -> str:
    """Return that the engine has run for so long without charging the battery."""
    return (
        f"The engine has run for {span(round(seconds))} without charging: no direct current into the battery, and no "
        "rise of its state of charge. Check the inverter's charger, its breakers and the load."
    )


def no_evidence(settings: Settings) -> str:
    """Return that nothing shows whether the engine runs."""
    return f"Nothing on the exporter's page shows whether the engine runs: is {inverter(settings)} on its bus?"


def inverter(settings: Settings) -> str:
    """Return the name of the device that gives the evidence."""
    return settings.evidence.device or "the Magnum inverter"


# --- the first sentence

REQUESTED: Final[dict[Cause, str]] = {
    "alert": "the alert",
    "fallback": "a low state of charge, without the alerts",
    "emergency": "an emergency of the battery",
    "blind": "the schedule for a site without data",
    "exercise": "the exercise",
    "manual": "the operator",
    "full_charge": "a full charge that is due",
    "quiet_ahead": "the quiet hours to come, which the battery would not last",
}
"""What requests the engine."""


def relay_unknown(read_back: bool | None) -> str:  # noqa: FBT001 - the reading itself
    """Return that the position of the relay's contact is unknown."""
    reads = {True: "reads closed", False: "read wrong a moment ago", None: "cannot be read"}[read_back]
    return (
        f"Unknown: the contact should be open and {reads}. Opening is retried every second; "
        "stop the engine at its remote if it runs."
    )


def resuming(run: int) -> str:
    """Return that an interrupted run may be resumed."""
    return f"Restarted during run {run}: checking whether its engine still runs before resuming it."


def running(causes: Iterable[str], since: str, proof: str, soc: str, end: str) -> str:
    """Return that the engine runs in our run."""
    return f"Running for {_causes(causes)} {since}, {proof}, {soc}, {end}."


def starting(causes: Iterable[str], since: str, given: str, soc: str, end: str, *, warms_up: bool) -> str:
    """Return that the engine should start."""
    engine = "warms up, is" if warms_up else "is"
    return (
        f"Starting for {_causes(causes)}: contact closed {since}, the engine {engine} not confirmed yet and has "
        f"{given}; {soc}, {end}."
    )


def running_unknown(causes: Iterable[str], since: str, soc: str, end: str) -> str:
    """Return that the contact is closed, and that nothing shows whether the engine runs."""
    return f"Contact closed for {_causes(causes)} {since}; whether the engine runs is unknown (no data); {soc}, {end}."


def run_end(clock: str | None, seconds: float, *, stop_soc: float | None, until_full: bool, requested: bool) -> str:
    """Return what ends the run in progress, and when at the latest.

    Args:
        clock: that time, as a clock shows it; None: the clock may be wrong.
        seconds: until then.
        stop_soc: the state of charge that ends it before; None: none does.
        until_full: a full battery ends it before.
        requested: whether something still requests it.
    """
    ends = _at(clock, seconds)
    if not requested:
        return f"nothing requests it any more, it stops after min_run, {ends}"
    if until_full:
        return f"stops when the battery is full, {ends} at the latest"
    if stop_soc is not None:
        return f"stops at {percent(stop_soc)} or {ends.removeprefix('at ')}"
    return f"stops {ends}"


# --- times: by the clock, or as spans while it may be wrong


def _at(clock: str | None, seconds: float) -> str:
    return f"in {span(max(0, round(seconds)))}" if clock is None else f"at {clock}"


def since(clock: str | None, seconds: float) -> str:
    """Return since when something has lasted that began so many seconds ago."""
    return f"for the last {span(max(1, round(seconds)))}" if clock is None else f"since {clock}"


def until(clock: str | None, seconds: float) -> str:
    """Return until when something lasts that ends in so many seconds."""
    return f"for another {span(max(0, round(seconds)))}" if clock is None else f"until {clock}"


def given(clock: str | None, seconds: float) -> str:
    """Return how much time something has that must happen within so many seconds."""
    return f"another {span(max(1, round(seconds)))}" if clock is None else f"until {clock}"


def stopping(since: str, *, given: str | None, failed: bool) -> str:
    """Return that the contact is open and the engine's stop is not yet confirmed.

    Args:
        since: since when.
        given: how long it may still run; None: the evidence does not show that it runs.
        failed: it has been given long enough.
    """
    opened = f"the contact has been open {since}"
    if failed:
        return f"Failed to stop: {opened} and the engine still runs. Stop it at the remote or at the engine."
    if given is not None:
        return f"Stopping: {opened}, the engine still runs and has {given}."
    return f"Stopping: {opened}, waiting for evidence that the engine has stopped."


def idle(runs: bool | None) -> str:  # noqa: FBT001 - the verdict itself
    """Return what the engine does while our contact is open."""
    return {
        True: "The engine runs for another reason",
        False: "Off",
        None: "Contact open, whether the engine runs is unknown",
    }[runs]


def requested_but_blocked(causes: Iterable[Cause], reasons: str, soc: str, engine: str | None) -> str:
    """Return what requests the engine, and what blocks it; `engine`: its state, if it is not off."""
    rest = "" if engine is None else f" {engine}."
    return f"Requested by {_requested(causes)}, but blocked: {reasons}; {soc}.{rest}"


def about_to_start(causes: Iterable[Cause], soc: str) -> str:
    """Return what requests the engine, when nothing blocks it."""
    return f"Requested by {_requested(causes)}: about to start; {soc}."


def idle_blocked(engine: str, reasons: str, soc: str) -> str:
    """Return what would block a start, while nothing requests one."""
    return f"{engine}, and a start is blocked: {reasons}; {soc}."


def idle_waiting(engine: str, soc: str, outlook: str) -> str:
    """Return what would start the engine."""
    return f"{engine}: {soc}, {outlook}."


def outlook_waiting(until: str) -> str:
    """Return what comes next on path `waiting`."""
    return f"waiting for two heartbeats, {until} at the latest"


def outlook_alerts(start_soc: float) -> str:
    """Return what would start the engine on path `alerts`."""
    return f"starts at {percent(start_soc)}, the alerts decide"


def outlook_fallback(start_soc: float, debounce: float | None, last_beat: str | None) -> str:
    """Return what would start the engine on path `fallback`; with the debounce while it runs."""
    held = "" if debounce is None else f" once that has held for {span(debounce)}"
    return f"starts at {percent(start_soc)}{held}, without the alerts ({_silent(last_beat)})"


def outlook_blind(turn: tuple[float, float] | None, last_beat: str | None) -> str:
    """Return what would start the engine on path `blind`: a run of so many seconds every so many, or nothing."""
    then = "nothing starts" if turn is None else f"the engine runs {span(turn[0])} every {span(turn[1])}"
    return f"no alerts ({_silent(last_beat)}): {then}"


def soc_text(soc: float | None, *, refused: bool) -> str:
    """Return the state of charge."""
    if soc is not None:
        return f"SOC {percent(soc)}"
    return "SOC refused by the exporter" if refused else "SOC unknown"


def proof_text(runs: bool | None, *, by_ac: bool, no_charge: str | None) -> str:  # noqa: FBT001 - the verdict itself
    """Return what the evidence confirms; `no_charge`: since when there has been no charge that is needed."""
    confirmed = {True: "AC confirmed" if by_ac else "AGS confirmed", False: "no AC", None: "no data"}[runs]
    return confirmed if no_charge is None else f"{confirmed} but no charge {no_charge}"


def _silent(last_beat: str | None) -> str:
    return "no heartbeat yet" if last_beat is None else f"no heartbeat {last_beat}"


def _causes(names: Iterable[str]) -> str:
    return _spaced(" and ".join(names))


def _requested(causes: Iterable[Cause]) -> str:
    return " and ".join(REQUESTED[cause] for cause in causes)


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
