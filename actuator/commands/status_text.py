"""The state as `status` prints it: a card, like that of `systemctl status`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from actuator.commands import listing
from actuator.report.reasons import PASSED_BY_OPERATOR
from actuator.report.wording.terms import DECIDED_BY, EFFECTS, full_stop
from toolkit.formatting import percent, span

DOT: Final = "●"
COLOURS: Final = {"ok": "\x1b[1;32m", "running": "\x1b[1;34m", "attention": "\x1b[1;33m", "act_now": "\x1b[1;31m"}
PLAIN: Final = "\x1b[0m"

_WIDTH: Final = 10


def lines(status: Mapping[str, Any], runs: Sequence[Mapping[str, Any]] = (), *, dot: bool = False) -> list[str]:
    """Return the card.

    Args:
        status: the document of `GET /api/v1/status`.
        runs: the last ones, to be listed below.
        dot: begin with a dot, for a terminal; else with the severity, for a file.
    """
    severity = status["severity"].replace("_", " ")
    begin = f"{DOT} {status['headline']} ({severity})" if dot else f"[{severity}] {status['headline']}"
    card = [begin, *(f"{name + ':':>{_WIDTH}} {text}" for name, text in _rows(status) if text)]
    return [*card, "", *listing.run_lines(runs)] if runs else card


def start_requested(status: Mapping[str, Any], seconds: float) -> str:
    """Return for how long a start was requested, and what blocks it.

    Args:
        status: the document after the request.
        seconds: for which it was requested.
    """
    reasons = [reason["text"] for reason in status["why_not"] if reason["reason"] not in PASSED_BY_OPERATOR]
    blocked = f"; blocked: {'; '.join(reasons)}" if reasons and status["run"] is None else ""
    return full_stop(f"Start requested for {span(seconds)} (hard limit {span(status['max_run'])}){blocked}")


def _rows(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Why", status["reason"]
    yield "Next", status["next"]
    yield "To do", status["remedy"]
    for reason in status["why_not"]:
        yield "Blocked by", f"{reason['reason']}: {reason['text']}"
    for note in status["notes"]:
        yield "Note", note
    for fault in status["faults"]:
        yield "Problem", fault
    yield "Battery", _battery(status)
    yield "Site", _site(status["site"]["powers"])
    for source in status["site"]["sources"]:
        soc = "" if source["soc"] is None else f" {percent(source['soc'])}"
        yield "Source", f"{source['name']}{soc}, {source['text']}"
    if status["site"]["more_sources"]:
        yield "Source", f"and {status['site']['more_sources']} more"
    yield "Engine", _engine(status)
    yield "Contact", _contact(status["contact"])
    yield "Hours", _hours(status)
    budget, reserve = (span(60 * round(status[name] / 60)) for name in ("budget_remaining", "reserve_remaining"))
    yield "Budget", f"{budget} left of the daily budget; emergency reserve {reserve}"
    yield "Planned", _planned(status["engine"])
    mode, path = status["mode"], status["path"]
    yield "Mode", f"{mode}; profile {status['profile']}; decided by: {DECIDED_BY[path]}"
    for alert in status["alerts"]:
        yield "Alert", f"{alert['name']} {EFFECTS[alert['effect']]}{': ' + alert['text'] if alert['text'] else ''}"
    for reset in status["resets"]:
        named = " ".join(filter(None, ("reset", reset["what"], reset["fingerprint"] or reset["name"])))
        yield "Reset", f"{named}: {reset['text']}"


def _battery(status: Mapping[str, Any]) -> str:
    powers = status["site"]["powers"]
    soc = "not known" if status["soc"] is None else percent(status["soc"])
    volts = None if powers["volts"] is None else f"{powers['volts']:g} V"
    amperes = None if powers["amperes"] is None else _flow(powers["amperes"], "A")
    start, stop = percent(status["start_soc"]), percent(status["stop_soc"])
    limits = f"starts at {start}, stops at {stop}" if status["thresholds_apply"] else f"thresholds: {start} and {stop}"
    return f"{', '.join(filter(None, (soc, volts, amperes)))} ({limits})"


def _flow(value: float, unit: str) -> str:
    return f"{abs(value):g} {unit} {'out' if value < 0 else 'in'}"


def _site(powers: Mapping[str, Any]) -> str:
    known = [f"{name} {powers[name]:g} W" for name in ("sun", "load", "generator") if powers[name] is not None]
    battery = [] if powers["battery"] is None else [f"battery {_flow(powers['battery'], 'W')}"]
    return ", ".join((*known, *battery))


def _engine(status: Mapping[str, Any]) -> str:
    proof = {"running": "running, confirmed", "stopped": "stopped, confirmed"}.get(status["proof"], "not known")
    ags = "AGS: no data" if status["ags"] is None else f"AGS: {status['ags']}"
    return (
        f"{proof}; {ags}; phase {status['phase']}; failed attempts {status['attempts']} of {status['attempts_allowed']}"
    )


def _contact(contact: Mapping[str, Any]) -> str:
    wanted, read = ("closed" if contact["wanted"] else "open"), contact["read_back"]
    if not contact["can_read_back"]:
        return f"commanded {wanted}; this board cannot be read back"
    if read is None:
        return f"commanded {wanted}; the board does not answer"
    if read != contact["wanted"]:
        return f"commanded {wanted}, but the board reads {'closed' if read else 'open'}"
    return f"{wanted}, confirmed"


def _hours(status: Mapping[str, Any]) -> str:
    engine, due = status["engine"], status["service_due"]
    today = "today not known" if engine["today"] is None else f"today {_hour(engine['today'])}"
    if not status["clock_sane"]:
        today += " (the clock may be wrong)"
    service = ""
    if due is not None:
        service = f", next service in {_hour(due)}" if due > 0 else f", service overdue by {_hour(-due)} of running"
    total, since = _hour(status["engine_seconds"]), _hour(engine["since_service"])
    return f"{today}, since the last service {since}, in total {total}{service}"


def _hour(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"


def _planned(engine: Mapping[str, Any]) -> str:
    plans = [("exercise", engine["next_exercise"]), ("full charge", engine["next_full_charge"])]
    known = [
        f"{name} {datetime.fromtimestamp(at).astimezone():%a %Y-%m-%d %H:%M}" for name, at in plans if at is not None
    ]
    quiet = engine["quiet_hours"]
    return ", ".join((*known, *([] if quiet is None else [f"quiet hours {quiet}"])))
