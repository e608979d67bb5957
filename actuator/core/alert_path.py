"""What is known from Alertmanager: whether its alerts decide, which are believed, and which block a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from actuator.core.beliefs import Beliefs
from actuator.core.events import Event, Level

if TYPE_CHECKING:
    from actuator.core.battery import Battery
    from actuator.core.inputs import Inputs

BEATS_TO_TRUST: Final = 2
"""Heartbeats before the alert path is trusted, and before a resolved inhibit ends."""

Path = Literal["waiting", "alerts", "fallback", "blind"]
PATHS: Final[tuple[Path, ...]] = get_args(Path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inhibit:
    """An alert that blocks every run, until it resolves and two beats follow, or an operator acknowledges.

    Attributes:
        summary: its words for people.
        starts_at: Unix time of its beginning by the sender's clock.
        beats_left: it has resolved, and so many beats are to come; None: it fires.
    """

    summary: str
    starts_at: float
    beats_left: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertPath:
    """What has come from Alertmanager.

    Attributes:
        beliefs: the start and stop alerts that are believed.
        last_beat: when the last heartbeat notification came.
        beats: how many have come, each before the one before had timed out.
        path: what decides: the alerts, the exporter's page, or nothing.
    """

    beliefs: Beliefs = field(default_factory=Beliefs)
    last_beat: float | None = None
    beats: int = 0
    path: Path = "waiting"


def update(
    alerts: AlertPath, inhibits: dict[str, Inhibit], battery: Battery, inputs: Inputs, now: float, *, started_at: float
) -> tuple[AlertPath, dict[str, Inhibit], list[Event]]:
    """Return the alert path and the inhibits after one step, and what is to be reported of them.

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
    # A beat that brings the path back is not yet one that came on it.
    trusted = alerts.path == path == "alerts"
    inhibits, reported = _update_inhibits(inhibits, inputs, beats=inputs.beats if trusted else None)
    beliefs = _update_beliefs(alerts.beliefs, inputs, now)
    if battery.low.holds(settings.debounce.start):
        beliefs = beliefs.count_again()
    last_beat = now if inputs.beats else alerts.last_beat
    if path != alerts.path or beats != alerts.beats or last_beat != alerts.last_beat or beliefs is not alerts.beliefs:
        alerts = AlertPath(beliefs=beliefs, last_beat=last_beat, beats=beats, path=path)
    return alerts, inhibits, events + reported


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


def _update_beliefs(beliefs: Beliefs, inputs: Inputs, now: float) -> Beliefs:
    lease = inputs.settings.alerts.lease
    for notice in inputs.notices:
        match notice.kind, notice.firing:
            case ("start" | "stop") as kind, True:
                beliefs = beliefs.fire(notice.fingerprint, kind, notice.starts_at, now=now, lease=lease)
            case "start" | "stop", False:
                beliefs = beliefs.resolve(notice.fingerprint, notice.starts_at)
    return beliefs.lapse(now)


def _update_inhibits(
    inhibits: dict[str, Inhibit], inputs: Inputs, *, beats: int | None
) -> tuple[dict[str, Inhibit], list[Event]]:
    events: list[Event] = []
    if inhibits:
        # Beats first: one that came with a `resolved` is not one that followed it.
        inhibits, events = _count_beats(inhibits, beats)
    for notice in inputs.notices:
        if notice.kind != "inhibit":
            continue
        before = inhibits.get(notice.fingerprint)
        if notice.firing:
            if before is None:
                events.append(Event(kind="inhibited", level=Level.WARNING, values={"summary": notice.summary}))
            # The beginning that was received last, not the latest: one from a wrong clock would never resolve.
            inhibit = Inhibit(summary=notice.summary, starts_at=notice.starts_at)
            inhibits = {**inhibits, notice.fingerprint: inhibit}
        elif before is not None and before.beats_left is None and notice.starts_at >= before.starts_at:
            inhibits = {**inhibits, notice.fingerprint: replace(before, beats_left=BEATS_TO_TRUST)}
    return inhibits, events


def _count_beats(inhibits: dict[str, Inhibit], beats: int | None) -> tuple[dict[str, Inhibit], list[Event]]:
    """Count the beats that have followed a `resolved`; None: the alert path is not trusted.

    A path that fails may have resolved the alert by failing: that `resolved` means nothing, and the count begins anew.
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
