"""All words about what else delays a start, or is unusual, kind by kind. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from actuator.core.events import NoteKind
from actuator.core.settings import DAY
from actuator.report.wording.phases import without_data
from actuator.report.wording.problems import blind
from actuator.report.wording.terms import Values, Words, check_data, lack, number, span_of
from toolkit.formatting import percent, span

_ABSENT: Final = "The state of charge is low and heartbeats arrive, but {} does not: "


class NoteWords(NamedTuple):
    """The words of a note.

    Attributes:
        line: a sentence, for the list of notes, the log and the history.
        words: what it adds to the four sentences of a site without a run.
    """

    line: str
    words: Words = Words()


def _min_run(values: Values) -> NoteWords:
    return NoteWords(f"Nothing requests the engine any more: it runs for min_run, {span_of(values['min_run'])}.")


def _first_page(values: Values) -> NoteWords:
    first = span_of(values["seconds"])
    return NoteWords(
        f"No start before the exporter's page has been read once, or {first} have passed.",
        Words(next=f"Starts when the first readings have arrived, after {first} at the latest."),
    )


def _no_path(_: Values) -> NoteWords:
    problem = blind(unread=False)
    return NoteWords(
        f"{lack('no_path')} No start (on_blind: stop).", Words(problem.text, "", without_data(None), problem.remedy)
    )


def _no_evidence(values: Values) -> NoteWords:
    by_ac = bool(values["by_ac"])
    return NoteWords(
        f"{lack('no_evidence')} No start (on_blind: stop).",
        Words(
            "Starts are blocked: nothing would show whether the generator runs.",
            f"No data arrives from the {'inverter' if by_ac else 'generator starter (AGS)'}.",
            "No start by itself until data arrives again, except in an emergency.",
            check_data(by_ac=by_ac),
        ),
    )


def _start_alert_awaited(values: Values) -> NoteWords:
    alert = values["alert"]
    grace = span_of(values["grace"])
    return NoteWords(
        f"{_ABSENT.format(alert)}after {grace} the engine starts without it.",
        Words(
            reason=f"The battery is low, but the alert {alert} has not arrived.",
            next=f"Starts without it within {grace}.",
        ),
    )


def _start_alert_absent(values: Values) -> NoteWords:
    alert = values["alert"]
    return NoteWords(
        f"{_ABSENT.format(alert)}is the rule renamed, or the alert silenced?",
        Words(
            reason=f"The battery has long been low, but the alert {alert} has not arrived.",
            remedy=f"Check whether {alert} was renamed or silenced.",
        ),
    )


def _both_alerts(values: Values) -> NoteWords:
    both = f"{values['start']} and {values['stop']} both fire: the stop wins."
    return NoteWords(
        both,
        Words(
            "The start alert and the stop alert contradict each other.",
            both,
            f"Only On or an emergency starts it until {values['stop']} has ended.",
            "If the battery is low, press On. Have the alert rules checked today.",
        ),
    )


def _alert_answered(values: Values) -> NoteWords:
    alert = values["alert"]
    start, debounce = percent(number(values["start_soc"])), span_of(values["debounce"])
    return NoteWords(
        f"{alert} fires from before the last stop: no start until it has resolved and fired again, or the "
        f"state of charge has been at {start} or less for {debounce}.",
        Words(
            reason=f"{alert} still fires from before the last stop.",
            next=f"Starts when it fires anew, or when the battery has been at {start} for {debounce}.",
        ),
    )


def _alert_late(values: Values) -> NoteWords:
    alert = values["alert"]
    start = percent(number(values["start_soc"]))
    return NoteWords(
        f"{alert} fires from before it last resolved, so it is a late copy: no start while the state of charge "
        f"is over {start}.",
        Words(reason=f"A late copy of {alert} has arrived.", next=f"Starts when the battery is at {start}."),
    )


def _soc_contradicts(values: Values) -> NoteWords:
    alert = values["alert"]
    stop = percent(number(values["stop_soc"]))
    return NoteWords(
        f"{alert} fires, but the state of charge on the exporter's page is at or over the stop at {stop}: no start.",
        Words(
            "The start alert contradicts the battery.",
            f"{alert} fires, but the battery is at {stop} or more.",
            "Only On or an emergency starts it until they agree.",
            f"Check the rule {alert}.",
        ),
    )


def _soc_refused(values: Values) -> NoteWords:
    alert = values["alert"]
    return NoteWords(
        f"{alert} fires, but the exporter refuses the state of charge: no start.",
        Words(
            "Not starting.",
            f"{alert} fires, but magnum-exporter refuses the battery reading.",
            "Only On or an emergency starts it until the reading is trusted again.",
            "If the battery is low, press On. Then check the battery monitor and its cable.",
        ),
    )


def _volts_under_load(values: Values) -> NoteWords:
    lasts = span_of(values["seconds"])
    return NoteWords(
        "The battery's volts are low, but its state of charge is not: a heavy load, and no emergency unless "
        f"it lasts {lasts}.",
        Words(reason="The battery's voltage is low under a heavy load.", next=f"Starts if that lasts for {lasts}."),
    )


NOTES: Final[dict[NoteKind, Callable[[Values], NoteWords]]] = {
    "min_run": _min_run,
    "first_page": _first_page,
    "no_path": _no_path,
    "no_evidence": _no_evidence,
    "start_alert_awaited": _start_alert_awaited,
    "start_alert_absent": _start_alert_absent,
    "both_alerts": _both_alerts,
    "alert_answered": _alert_answered,
    "alert_late": _alert_late,
    "soc_contradicts": _soc_contradicts,
    "soc_refused": _soc_refused,
    "volts_under_load": _volts_under_load,
}
"""The words of each note."""


def note(kind: NoteKind, values: Values) -> NoteWords:
    """Return the words of a note."""
    return NOTES[kind](values)


def on_reserve(left: float) -> str:
    """Return that the run in progress uses the emergency reserve, with the seconds of it that are left."""
    return f"The daily budget is used up. The emergency reserve lasts for {span(left)} more."


def never_full(seconds: float) -> str:
    """Return that the battery has not been full for so long, what follows from it, and what to do."""
    return (
        f"The battery has not been seen full for {int(seconds // DAY)} days. A battery monitor that never sees a "
        "full battery drifts. Charge the battery fully, or set full_charge."
    )
