"""The inputs of one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from actuator.core.settings import Settings


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the exporter's page; None is absent.

    Attributes:
        soc: the leading state of charge, 0 to 1.
        soc_stamp: the exporter's timestamp of it; only its changes count, never its value.
        soc_refused: a state of charge is there, but the exporter refuses it, or it is out of range.
        device_stamp: the timestamp of the evidence device's last success.
        ac_input_volts: at the inverter's input.
        charging: the inverter is in a charging state with DC amperes into the battery.
        dc_amperes: of the inverter, positive into the battery.
        absorbing: a charger is in absorb, float or a stage after them: the battery takes little current.
        ags_code: the AGS's raw status.
        ags_stamp: a number that changes with each packet of the AGS; None: the page has none, use `device_stamp`.
        battery_volts: of the metric that `emergency_volts` names.
        battery_volts_stamp: the timestamp of its device's last success.
        emergency_volts: the threshold for them, scaled by the inverter's nominal voltage.
        ags_max_run: the AGS's own cap in seconds, as the remote sends it.
        full: the battery is full, as the exporter judges it; None: it cannot be judged.
        full_stamp: the newest of the timestamps of what it is judged by.
    """

    soc: float | None = None
    soc_stamp: float | None = None
    soc_refused: bool = False
    device_stamp: float | None = None
    ac_input_volts: float | None = None
    charging: bool | None = None
    dc_amperes: float | None = None
    absorbing: bool = False
    ags_code: int | None = None
    ags_stamp: float | None = None
    battery_volts: float | None = None
    battery_volts_stamp: float | None = None
    emergency_volts: float | None = None
    ags_max_run: float | None = None
    full: bool | None = None
    full_stamp: float | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a notification; only alerts for this actuator become notices.

    Attributes:
        kind: what the alert's name means in the configuration.
        firing: True: it fires; False: it has resolved.
        fingerprint: Alertmanager's key of the alert's labels.
        starts_at: Unix time of the alert's beginning by its sender's clock.
        summary: the alert's text for people; may be empty.
        name: the alert's name.
    """

    kind: Literal["start", "stop", "heartbeat", "inhibit"]
    firing: bool
    fingerprint: str
    starts_at: float
    summary: str = ""
    name: str = ""


Action = Literal["auto", "on", "off", "reset_lockout", "reset_journal", "reset_service", "reset_inhibit", "settings"]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command of an authorised operator.

    Attributes:
        action: a mode, what to reset, or `settings`.
        seconds: of mode `on`; None: the default.
        fingerprint: of the inhibit to reset.
        profile: with `settings`: the profile to put in force; empty: none.
        edits: with `settings`: all edits from now on, validated.
        who: the user; empty: nobody had to log in, or it came with MQTT, which names no sender.
        topic: of the MQTT message that it came with; empty: it came with HTTP.
    """

    action: Action
    seconds: float | None = None
    fingerprint: str = ""
    profile: str = ""
    edits: Mapping[str, Any] = msgspec.field(default_factory=dict)
    who: str = ""
    topic: str = ""


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the relay board.

    Attributes:
        closed: whether the contact is closed; None: the board could not be read. For a board without read-back: the
            last position written without an error.
        at: monotonic time of the reading; only a new reading is a sample.
    """

    closed: bool | None
    at: float


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the last step, and what holds now.

    Attributes:
        settings: the configuration in force.
        page: a page read since the last step; None: none was.
        page_fault: the last request for the page failed.
        notices: alerts received since the last step, in order.
        beats: notifications with a firing heartbeat since the last step.
        commands: of the operator since the last step, in order.
        read_back: the board's last reading; None: none was taken yet.
        relay_error: a write failed since the last step.
        journal_ok: the journal or its mirror can be written.
        wall: Unix time.
        wall_sane: the wall clock is known to be right (see `loop.clock`), and not before the journal's last row.
        minute_of_day: local wall time, 0 to 1439.
    """

    settings: Settings
    page: Page | None = None
    page_fault: bool = False
    notices: tuple[Notice, ...] = ()
    beats: int = 0
    commands: tuple[Command, ...] = ()
    read_back: ReadBack | None = None
    relay_error: bool = False
    journal_ok: bool = True
    wall: float = 0.0
    wall_sane: bool = False
    minute_of_day: int = 0
