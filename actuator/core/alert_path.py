"""The state of the alert path: whether alerts decide, which are believed, and which inhibit every run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from actuator.core.beliefs import Beliefs
from actuator.core.events import Event, Level, Value
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.battery import Battery
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings

BEATS_TO_TRUST: Final = 2
"""Heartbeats before the alert path is trusted, and before a resolved inhibit ends."""

MOST_INHIBITS: Final = 64
"""Most inhibits that are kept one by one."""

MORE: Final = ""
"""The key of the one inhibit that represents all beyond `MOST_INHIBITS`; no alert has an empty fingerprint."""

MORE_NAME: Final = "more"
"""Its name; it has no text of its own."""

Path = Literal["waiting", "alerts", "fallback", "blind"]
PATHS: Final[tuple[Path, ...]] = get_args(Path)


class Inhibit(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that blocks every run until it has resolved and two beats have followed, or an operator clears it.

    Attributes:
        summary: its text for people; empty: it is `MORE`. Journals of earlier versions have a text for that one too.
        starts_at: Unix time of its beginning by the sender's clock.
        beats_left: beats still needed after it has resolved; None: it fires.
        name: the alert's name; empty in journals of earlier versions.
    """

    summary: str
    starts_at: float
    beats_left: int | None = None
    name: str = ""


class AlertPath(msgspec.Struct, frozen=True, kw_only=True):
    """What has been received from Alertmanager.

    Attributes:
        beliefs: the start and stop alerts that are believed.
        last_beat: when the last heartbeat was received.
        beats: heartbeats in a row without a timeout between them, at most `BEATS_TO_TRUST`.
        late: how many late copies of a start alert this process has received, for the counter.
        path: what decides: the alerts, the exporter's page, or nothing.
        received: by fingerprint of an inhibit, when it was last received firing; nothing from before the start-up.
        more_since: since when path `alerts` has been trusted with no inhibit but `MORE`; None: it is not so now.
    """

    beliefs: Beliefs = msgspec.field(default_factory=Beliefs)
    last_beat: float | None = None
    beats: int = 0
    late: int = 0
    path: Path = "waiting"
    received: dict[str, float] = msgspec.field(default_factory=dict)
    more_since: float | None = None

    def reset_from(self, fingerprint: str, lease: float, *, started_at: float) -> float:
        """Return from when on the operator may reset an inhibit: a lease after it was last received.

        After a start-up it counts as received then: the alert may fire still, and not have been repeated yet.
        """
        return self.received.get(fingerprint, started_at) + lease


def update(
    alerts: AlertPath, inhibits: dict[str, Inhibit], battery: Battery, inputs: Inputs, now: float, *, started_at: float
) -> tuple[AlertPath, dict[str, Inhibit], list[Event]]:
    """Return the alert path and the inhibits after one step, and the events to report.

    Args:
        alerts: as the step before left it.
        inhibits: by fingerprint; they outlive the process.
        battery: as of this step.
        inputs: notifications and beats.
        now: monotonic seconds.
        started_at: when this program began to decide.
    """
    settings = inputs.settings
    timeout = settings.alerts.heartbeat_timeout
    in_time = alerts.last_beat is not None and now - alerts.last_beat < timeout
    beats = min((alerts.beats if in_time else 0) + inputs.beats, BEATS_TO_TRUST)
    path: Path
    if in_time and beats >= BEATS_TO_TRUST:
        path = "alerts"
    elif alerts.path == "waiting" and now - started_at < timeout:
        path = "waiting"
    else:
        path = "blind" if battery.soc_lost(now, started_at=started_at) else "fallback"
    events = [] if path == alerts.path else [_path_changed(path, alerts, inputs, now)]
    # The beat that restores the path does not count for an inhibit.
    trusted = alerts.path == path == "alerts"
    inhibits, received, reported = _update_inhibits(
        inhibits, alerts.received, inputs, now, beats=inputs.beats if trusted else None
    )
    more_since = None
    if trusted and inhibits.keys() == {MORE}:
        more_since = now if alerts.more_since is None else alerts.more_since
        if now - more_since >= settings.alerts.lease:
            # Each alert that still fires has been repeated by now, and would have taken a place of its own.
            values: dict[str, Value] = {"summary": inhibits[MORE].summary, "lease": settings.alerts.lease}
            reported.append(Event(kind="inhibit_cleared", values=values))
            inhibits = {}
    beliefs, late = _update_beliefs(alerts.beliefs, inputs, now, over_start=battery.over_start(now))
    beliefs = _judged(beliefs, battery, settings)
    if beliefs.stop_stuck and not alerts.beliefs.stop_stuck:
        events.append(_stop_stuck(settings))
    last_beat = now if inputs.beats else alerts.last_beat
    after = AlertPath(
        beliefs=beliefs,
        last_beat=last_beat,
        beats=beats,
        late=alerts.late + late,
        path=path,
        received=received,
        more_since=more_since,
    )
    return alerts if after == alerts else after, inhibits, events + reported


def _path_changed(path: Path, alerts: AlertPath, inputs: Inputs, now: float) -> Event:
    settings = inputs.settings
    return Event(
        kind="path_changed",
        level=Level.INFO if path == "alerts" else Level.WARNING,
        fields={"path": path, "before": alerts.path},
        values={
            "silence": None if alerts.last_beat is None else now - alerts.last_beat,
            "on_blind": settings.on_blind,
            "blind_run": settings.blind.run,
            "blind_every": settings.blind.every,
        },
    )


def _update_beliefs(beliefs: Beliefs, inputs: Inputs, now: float, *, over_start: bool) -> tuple[Beliefs, int]:
    """Return the beliefs after this step's alerts, and how many of them are late copies that start nothing."""
    lease, late = inputs.settings.alerts.lease, 0
    for notice in inputs.notices:
        match notice.kind, notice.firing:
            case ("start" | "stop") as kind, True:
                late += kind == "start" and over_start and beliefs.late(notice.fingerprint, notice.starts_at)
                beliefs = beliefs.fire(notice.fingerprint, kind, notice.starts_at, now=now, lease=lease)
            case "start" | "stop", False:
                beliefs = beliefs.resolve(notice.fingerprint, notice.starts_at)
    return beliefs.lapse(now), late


def _judged(beliefs: Beliefs, battery: Battery, settings: Settings) -> Beliefs:
    """Return the beliefs after what the state of charge shows: which alerts count again, and which are stuck."""
    if battery.low.holds(settings.debounce.start):
        beliefs = beliefs.count_again()
    if battery.high.holds(settings.debounce.stop):
        beliefs = beliefs.release()
    if beliefs.start and battery.low.holds(settings.alerts.alert_grace):
        beliefs = beliefs.stick()
    return beliefs


def _stop_stuck(settings: Settings) -> Event:
    values: dict[str, Value] = {
        "alert": settings.alerts.stop,
        "start_soc": settings.start_soc,
        "stop_soc": settings.stop_soc,
    }
    return Event(kind="stop_alert_stuck", level=Level.WARNING, values=values)


def _update_inhibits(
    inhibits: dict[str, Inhibit], received: dict[str, float], inputs: Inputs, now: float, *, beats: int | None
) -> tuple[dict[str, Inhibit], dict[str, float], list[Event]]:
    events: list[Event] = []
    if inhibits:
        # Beats are counted before notices: a beat in the same turn as `resolved` did not follow it.
        inhibits, events = _count_beats(inhibits, beats)
    notices = [notice for notice in inputs.notices if notice.kind == "inhibit"]
    if notices:
        # Copied once: a step may have a thousand notices.
        inhibits, received = dict(inhibits), dict(received)
    for notice in notices:
        before = inhibits.get(notice.fingerprint)
        if notice.firing:
            key = notice.fingerprint
            # The last received beginning, not the latest one: a beginning from a wrong clock would never resolve.
            inhibit = Inhibit(summary=notice.summary, starts_at=notice.starts_at, name=notice.name)
            if before is None and len(inhibits) - (MORE in inhibits) >= MOST_INHIBITS:
                key, rest = MORE, replace(inhibit, summary="", name=MORE_NAME)
                inhibit = inhibits.get(MORE, rest)
            if key not in inhibits:
                events.append(Event(kind="inhibited", level=Level.WARNING, values={"summary": inhibit.summary}))
            inhibits[key], received[key] = inhibit, now
        elif before is not None and before.beats_left is None and notice.starts_at >= before.starts_at:
            inhibits[notice.fingerprint] = replace(before, beats_left=BEATS_TO_TRUST)
    if received.keys() - inhibits.keys():
        received = {key: at for key, at in received.items() if key in inhibits}
    return inhibits, received, events


def _count_beats(inhibits: dict[str, Inhibit], beats: int | None) -> tuple[dict[str, Inhibit], list[Event]]:
    """Count the beats that have followed a `resolved`; None: the alert path is not trusted.

    An alert path that fails also resolves its alerts. So while it is not trusted, the count begins again.
    """
    left: dict[str, Inhibit] = {}
    events: list[Event] = []
    for fingerprint, inhibit in inhibits.items():
        if inhibit.beats_left is None:
            left[fingerprint] = inhibit
        elif beats is None:
            left[fingerprint] = replace(inhibit, beats_left=BEATS_TO_TRUST)
        elif inhibit.beats_left > beats:
            left[fingerprint] = replace(inhibit, beats_left=inhibit.beats_left - beats)
        else:
            events.append(Event(kind="inhibit_cleared", values={"summary": inhibit.summary}))
    return left, events
