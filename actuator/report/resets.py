"""What the operator may reset now, one by one: the reason, since when, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from actuator.core.inhibitors import INHIBITORS
from actuator.report import wording
from actuator.report.engine import service_due
from actuator.report.problems import torn
from actuator.report.snapshot import Snapshot

LOCKOUT: Final = {reason for reason, rule in INHIBITORS.items() if "reset_lockout" in rule.clears}
"""What a reset of the lock-out ends."""


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the operator may reset; times are Unix.

    Attributes:
        what: as in the request.
        name: of an inhibit: the alert's name.
        fingerprint: of an inhibit.
        text: what is so, and what to do, in words.
        since: when it began; of an inhibit by its sender's clock; None: not known.
        received: of an inhibit: when it was last received firing; None: not since the start-up.
        free_from: of an inhibit: it cannot be reset before; None: it can be reset now.
    """

    what: Literal["lockout", "journal", "service", "inhibit"]
    text: str
    name: str | None = None
    fingerprint: str | None = None
    since: float | None = None
    received: float | None = None
    free_from: float | None = None


def resets(snapshot: Snapshot) -> tuple[Reset, ...]:
    """Return everything that may be reset now, the lock-out first."""
    return tuple(_resets(snapshot))


def _resets(snapshot: Snapshot) -> Iterator[Reset]:
    state, config = snapshot.state, snapshot.config
    durable, alerts = state.durable, state.alerts

    def wall(moment: float | None) -> float | None:
        return None if moment is None else snapshot.wall_of(moment)

    if durable.attempts or not LOCKOUT.isdisjoint(state.inhibitors):
        yield Reset(what="lockout", text=wording.resets.reset_lockout(durable), since=wall(durable.locked_out_at))
    if durable.torn:
        yield Reset(what="journal", text=torn(snapshot).line, since=wall(durable.torn_at))
    due = service_due(durable, config)
    if due is not None and due <= 0:
        yield Reset(what="service", text=wording.resets.reset_service(-due))
    for fingerprint, inhibit in durable.inhibits.items():
        free_from = snapshot.reset_from(fingerprint)
        yield Reset(
            what="inhibit",
            name=inhibit.name,
            fingerprint=fingerprint,
            text=wording.resets.reset_inhibit(fingerprint, inhibit),
            since=inhibit.starts_at or None,
            received=wall(alerts.received.get(fingerprint)),
            free_from=wall(free_from) if free_from > snapshot.now else None,
        )
