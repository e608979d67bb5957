"""Reports notes and blocked starts when they change, each once a minute at most. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core.events import Event, Level
from actuator.core.inhibitors import blocked
from actuator.core.settings import MINUTE
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.events import EventKind, Note
    from actuator.core.state import Reported, State


def report_notes(state: State, known: Iterable[Note], now: float) -> tuple[Reported, list[Event]]:
    """Return what has been reported, and an event for each new note."""
    reported = state.reported
    events: list[Event] = []
    for note in state.notes:
        if note in known or _recently(reported, note, now):
            continue
        reported = _with(reported, note, now)
        kind: EventKind = "note" if state.causes or state.durable.run else "start_blocked"
        events.append(Event(kind=kind, level=Level.WARNING, values={"note": note.kind, **note.values}))
    return reported, events


def report_blocked(state: State, now: float) -> tuple[Reported, list[Event]]:
    """Return what has been reported, and an event if the blocked causes or their reasons have changed."""
    reported, now_blocked = state.reported, None
    if state.durable.run is None and state.causes and blocked(state.inhibitors, state.causes):
        now_blocked = (state.causes, state.inhibitors)
    if now_blocked == reported.blocked:
        return reported, []
    if now_blocked is None:
        return replace(reported, blocked=None), []
    if _recently(reported, None, now):
        return reported, []
    return replace(_with(reported, None, now), blocked=now_blocked), [Event(kind="start_blocked")]


def _recently(reported: Reported, what: Note | None, now: float) -> bool:
    return any(one == what and now - at < MINUTE for one, at in reported.recent)


def _with(reported: Reported, what: Note | None, now: float) -> Reported:
    recent = tuple((one, at) for one, at in reported.recent if now - at < MINUTE and one != what)
    return replace(reported, recent=(*recent, (what, now)))
