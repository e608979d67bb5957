"""All words about what else delays a start, or is unusual. Pure."""

from __future__ import annotations

from actuator.core.events import Note, NoteKind
from actuator.core.settings import DAY
from actuator.report.wording.phases import without_data
from actuator.report.wording.problems import BLIND
from actuator.report.wording.terms import CHECK_DATA, Values, Words, lack, number, span_of
from toolkit.formatting import percent, span


def note(it: Note) -> str:
    """Return a note as a sentence."""
    return note_text(it.kind, it.values)


def note_text(kind: NoteKind, values: Values) -> str:  # noqa: C901, PLR0911 - one branch a kind
    """Return a note as a sentence, from its kind and its values."""
    alert = values.get("alert")
    absent = f"The state of charge is low and heartbeats arrive, but {alert} does not: "
    match kind:
        case "min_run":
            return f"Nothing requests the engine any more: it runs for min_run, {span_of(values['min_run'])}."
        case "first_page":
            return (
                f"No start before the exporter's page has been read once, or {span_of(values['seconds'])} have passed."
            )
        case "no_path" | "no_evidence":
            return f"{lack(kind)} No start (on_blind: stop)."
        case "start_alert_awaited":
            grace = span_of(values["grace"])
            return f"{absent}after {grace} the engine starts without it."
        case "start_alert_absent":
            return f"{absent}is the rule renamed, or the alert silenced?"
        case "both_alerts":
            return f"{values['start']} and {values['stop']} both fire: the stop wins."
        case "alert_answered":
            return (
                f"{alert} fires from before the last stop: no start until it has resolved and fired again, or the "
                f"state of charge has been at {percent(number(values['start_soc']))} or less for "
                f"{span_of(values['debounce'])}."
            )
        case "alert_late":
            return (
                f"{alert} fires from before it last resolved, so it is a late copy: no start while the state of charge "
                f"is over {percent(number(values['start_soc']))}."
            )
        case "soc_contradicts":
            return (
                f"{alert} fires, but the state of charge on the exporter's page is at or over the stop at "
                f"{percent(number(values['stop_soc']))}: no start."
            )
        case "soc_refused":
            return f"{alert} fires, but the exporter refuses the state of charge: no start."
        case "volts_under_load":
            return (
                "The battery's volts are low, but its state of charge is not: a heavy load, and no emergency unless "
                f"it lasts {span_of(values['seconds'])}."
            )


def delayed(it: Note) -> Words:  # noqa: C901, PLR0911 - one branch a kind
    """Return reason, what happens next and remedy for a note on a site without a run."""
    values = it.values
    alert, rule = values.get("alert"), f"Check the rule {values.get('alert')}."
    match it.kind:
        case "min_run":
            return Words()
        case "first_page":
            return Words(
                next=f"Starts when the first readings have arrived, after {span_of(values['seconds'])} at the latest."
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
                next=f"Starts without it within {span_of(values['grace'])}.",
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
            start, debounce = percent(number(values["start_soc"])), span_of(values["debounce"])
            return Words(
                reason=f"{alert} still fires from before the last stop.",
                next=f"Starts when it fires anew, or when the battery has been at {start} for {debounce}.",
            )
        case "alert_late":
            start = percent(number(values["start_soc"]))
            return Words(reason=f"A late copy of {alert} has arrived.", next=f"Starts when the battery is at {start}.")
        case "soc_contradicts":
            stop = percent(number(values["stop_soc"]))
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
                next=f"Starts if that lasts for {span_of(values['seconds'])}.",
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
