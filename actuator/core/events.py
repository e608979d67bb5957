"""What the decision reports: kinds and values. The sentences for people are in `actuator.report.wording`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

import msgspec

Value = str | float | int | bool | None

EventKind = Literal[
    "ags_cap",
    "attempt_failed",
    "clock_synchronised",
    "clock_unsynchronised",
    "contact_closed",
    "contact_opened",
    "ended",
    "engine_proven",
    "engine_stopped",
    "foreign_run",
    "found_closed",
    "full_charge_failed",
    "start_blocked",
    "inhibit_cleared",
    "inhibited",
    "journal_torn",
    "locked_out",
    "manual_ended",
    "note",
    "operator",
    "operator_refused",
    "path_changed",
    "proof_unknown",
    "relay_fault",
    "relay_recovered",
    "resume_given_up",
    "run_broken_off",
    "running_without_charge",
    "settings_dropped",
    "started",
    "stop_alert_stuck",
    "stop_failed",
]

NoteKind = Literal[
    "alert_answered",
    "alert_late",
    "both_alerts",
    "first_page",
    "min_run",
    "no_evidence",
    "no_path",
    "soc_contradicts",
    "soc_refused",
    "start_alert_absent",
    "start_alert_awaited",
    "volts_under_load",
]


class Level(enum.StrEnum):
    """How much an event matters to a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened, for the log, the journal and people.

    Attributes:
        kind: what has happened.
        level: how much it matters.
        fields: the facts that the journal records: cause, SOC, deadline and so on.
        values: other values that its sentence needs.
    """

    kind: EventKind
    level: Level = Level.INFO
    fields: dict[str, Value] = msgspec.field(default_factory=dict)
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something other than an inhibitor that delays a start or an end, or is unusual.

    Attributes:
        kind: what it is.
        values: the values that its sentence needs.
    """

    kind: NoteKind
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)
