"""Read Alertmanager's webhook payload, version 4, alert by alert. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from actuator.core.inputs import Notice

if TYPE_CHECKING:
    from actuator.core.settings import AlertSettings


EPOCH = datetime.fromtimestamp(0, UTC)

MOST_MALFORMED: Final = 100
"""Alerts that cannot be read, after which the rest is not read."""

LONGEST_KEY: Final = 128
"""Characters of a fingerprint."""


class _Alert(msgspec.Struct):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    fingerprint: Annotated[str, msgspec.Meta(max_length=LONGEST_KEY)] = ""
    starts_at: datetime = msgspec.field(name="startsAt", default=EPOCH)
    annotations: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The alert's fingerprint, or its labels when the sender gives none, or a digest of long ones."""
        if self.fingerprint:
            return self.fingerprint
        labels = msgspec.json.encode(self.labels, order="sorted")
        return labels.decode() if len(labels) <= LONGEST_KEY else hashlib.sha256(labels).hexdigest()

    @property
    def sentence(self) -> str:
        """The alert's text for people: the headline of our rules, the summary of most others, or its name."""
        return self.annotations.get("headline") or self.annotations.get("summary") or self.labels["alertname"]


class _Payload(msgspec.Struct):
    version: str
    alerts: list[msgspec.Raw]
    truncated: int = msgspec.field(name="truncatedAlerts", default=0)


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What one notification means for the generator.

    Attributes:
        notices: the alerts that act, in order.
        beats: 1 when a heartbeat alert fires in it, else 0.
        firing: number of our alerts that fire, heartbeats included.
        resolved: number of our alerts that have resolved.
        unknown: number of alerts whose name is not ours.
        other_site: number of alerts without a label that `alerts.match` requires.
        malformed: number of alerts that could not be read; the others still count.
        truncated: number of alerts that Alertmanager left out.
        refused: why the whole is refused; then it has nothing but the inhibits that were read before. Empty: it is not.
    """

    notices: tuple[Notice, ...] = ()
    beats: int = 0
    firing: int = 0
    resolved: int = 0
    unknown: int = 0
    other_site: int = 0
    malformed: int = 0
    truncated: int = 0
    refused: str = ""


def read(body: bytes, alerts: AlertSettings) -> Notification:
    """Return what the notification's alerts mean, by name and labels.

    Raises:
        ValueError: the body is not a webhook payload of version 4, or none of its alerts can be read.
    """
    try:
        payload = msgspec.json.decode(body, type=_Payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected Alertmanager's webhook payload: {error}") from error
    if payload.version != "4":
        raise ValueError(f'got version "{payload.version}", expected Alertmanager\'s webhook payload version "4"')
    kinds: dict[str, Literal["start", "stop", "heartbeat", "inhibit"]] = dict.fromkeys(alerts.inhibits, "inhibit")
    kinds |= {alerts.start: "start", alerts.stop: "stop", alerts.heartbeat: "heartbeat"}
    notices: list[Notice] = []
    beats = firing = resolved = unknown = other_site = malformed = 0
    reason = ""
    for raw in payload.alerts:
        try:
            alert = msgspec.json.decode(raw, type=_Alert)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            malformed, reason = malformed + 1, str(error)
            if malformed == MOST_MALFORMED:
                return _refused(notices, f"{malformed} alerts cannot be read: {reason}")
            continue
        kind = kinds.get(alert.labels.get("alertname", ""))
        if kind is None:
            unknown += 1
            continue
        if any(alert.labels.get(label) != value for label, value in alerts.match.items()):
            other_site += 1
            continue
        fires = alert.status == "firing"
        firing, resolved = firing + fires, resolved + (not fires)
        if kind == "heartbeat":
            beats = max(beats, int(fires))
            continue
        when = alert.starts_at if alert.starts_at.tzinfo else alert.starts_at.replace(tzinfo=UTC)
        notices.append(
            Notice(
                kind=kind,
                firing=fires,
                fingerprint=alert.key,
                starts_at=when.timestamp(),
                summary=alert.sentence[:200],
                name=alert.labels["alertname"],
            )
        )
    if payload.alerts and malformed == len(payload.alerts):
        raise ValueError(f"none of the {malformed} alerts can be read: {reason}")
    return Notification(
        notices=tuple(notices),
        beats=beats,
        firing=firing,
        resolved=resolved,
        unknown=unknown,
        other_site=other_site,
        malformed=malformed,
        truncated=payload.truncated,
    )


def _refused(notices: list[Notice], reason: str) -> Notification:
    # Use the inhibits of a notification that is otherwise refused.
    inhibits = tuple(notice for notice in notices if notice.kind == "inhibit")
    firing = sum(notice.firing for notice in inhibits)
    return Notification(notices=inhibits, firing=firing, resolved=len(inhibits) - firing, refused=reason)
