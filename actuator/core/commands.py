"""How the operator's commands change the durable state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.events import Event, Level, Value
from actuator.core.overlay import DEFAULT
from actuator.core.settings import HOUR
from actuator.core.short_runs import ShortRuns
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.alert_path import AlertPath
    from actuator.core.inputs import Command
    from actuator.core.settings import Settings
    from actuator.core.state import Durable

MANUAL: Final = 2 * HOUR
"""Seconds of a manual run without a length."""


def manual_seconds(max_run: float) -> float:
    """Return how long mode `on` lasts when nobody says how long."""
    return min(MANUAL, max_run)


def obey(
    durable: Durable,
    commands: Iterable[Command],
    alerts: AlertPath,
    settings: Settings,
    now: float,
    *,
    started_at: float,
) -> tuple[Durable, list[Event]]:
    """Return the durable state after the commands, in order, with mode `on` ended if its time is over."""
    events: list[Event] = []
    for command in commands:
        if command.action == "reset_inhibit":
            free_from = alerts.reset_from(command.fingerprint, settings.alerts.lease, started_at=started_at)
            durable, event = _reset_inhibit(durable, command, settings, now, free_from)
        else:
            durable, event = _obey(durable, command, settings, now)
        events.append(event)
    if durable.mode == "on" and (durable.manual_until is None or now >= durable.manual_until):
        events.append(Event(kind="manual_ended", fields={"mode": durable.mode_before}))
        durable = replace(durable, mode=durable.mode_before, manual_until=None)
    return durable, events


def _obey(durable: Durable, command: Command, settings: Settings, now: float) -> tuple[Durable, Event]:
    fields = _fields(command)
    match command.action:
        case "reset_lockout":
            durable = _without_lockout(durable)
        case "reset_journal":
            durable = replace(durable, torn=False, torn_at=None)
        case "reset_service":
            durable = replace(durable, serviced_seconds=durable.engine_seconds)
        case "settings":
            durable = replace(durable, profile=command.profile, edits=dict(command.edits), dropped="")
            fields |= {"who": command.who or None, "profile": command.profile or DEFAULT}
            fields["edits"] = msgspec.json.encode(command.edits).decode()
        case "on":
            longest = settings.limits.max_run
            seconds = manual_seconds(longest) if command.seconds is None else command.seconds
            fields["seconds"] = seconds
            if not 0 < seconds <= longest:
                values = {"max_run": longest}
                return durable, Event(kind="operator_refused", level=Level.WARNING, fields=fields, values=values)
            before = durable.mode_before if durable.mode == "on" else durable.mode
            durable = replace(durable, mode="on", mode_before=before, manual_until=now + seconds)
        case "auto" | "off" as mode:
            durable = replace(durable, mode=mode, manual_until=None)
    return durable, Event(kind="operator", fields=fields)


def _fields(command: Command) -> dict[str, Value]:
    """Return what the journal records of any command: its action, and its user or MQTT topic where there is one."""
    named = {"topic": command.topic, "who": command.who}
    return {"action": command.action} | {name: text for name, text in named.items() if text}


def _without_lockout(durable: Durable) -> Durable:
    """Return the durable state without what failed runs have left: lock-out, attempts, back-off, short runs."""
    return replace(
        durable, attempts=0, locked_out=False, locked_out_at=None, back_off_until=None, short_runs=ShortRuns()
    )


def _reset_inhibit(
    durable: Durable, command: Command, settings: Settings, now: float, free_from: float
) -> tuple[Durable, Event]:
    inhibit = durable.inhibits.get(command.fingerprint)
    fields = _fields(command) | {"fingerprint": command.fingerprint}
    values: dict[str, Value] = {"summary": command.fingerprint if inhibit is None else inhibit.summary}
    if inhibit is not None and now < free_from:
        values |= {"lease": settings.alerts.lease, "left": free_from - now}
        return durable, Event(kind="operator_refused", level=Level.WARNING, fields=fields, values=values)
    inhibits = {key: other for key, other in durable.inhibits.items() if key != command.fingerprint}
    return replace(durable, inhibits=inhibits), Event(kind="operator", fields=fields, values=values)
