"""Which start and stop alerts are believed firing, by fingerprint. Pure.

`firing` makes a belief, which holds for a lease. `resolved` only clears the belief in that alert: Alertmanager also
sends it when Prometheus, the exporter or the rule disappears.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeVar

import msgspec

from toolkit.replace import replace

Value = TypeVar("Value")

MOST: Final = 64
"""Most beliefs that are kept; beyond that, the one received longest ago is dropped."""


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """One alert believed firing.

    Attributes:
        kind: whether it is the start or the stop alert.
        starts_at: Unix time of its beginning by the sender's clock.
        received_at: when it was last received.
        until: when the belief ends, unless the alert is received again.
    """

    kind: Literal["start", "stop"]
    starts_at: float
    received_at: float
    until: float


class Beliefs(msgspec.Struct, frozen=True, kw_only=True):
    """All beliefs.

    Attributes:
        alerts: beliefs by fingerprint.
        answered: by fingerprint of a start alert, the Unix time of its beginning when a stop answered it. The alert
            counts again once it has resolved and fired again, or has a later beginning; not when its belief only ends.
        stuck: by fingerprint of a stop alert that the state of charge has disproved, the Unix time of its beginning.
            It counts for nothing until it has resolved; not when its belief only ends.
        resolved: by fingerprint, the Unix time of the latest beginning that has resolved. A firing that begins no later
            is a late copy.
    """

    alerts: dict[str, Belief] = msgspec.field(default_factory=dict)
    answered: dict[str, float] = msgspec.field(default_factory=dict)
    stuck: dict[str, float] = msgspec.field(default_factory=dict)
    resolved: dict[str, float] = msgspec.field(default_factory=dict)

    def fire(
        self, fingerprint: str, kind: Literal["start", "stop"], starts_at: float, *, now: float, lease: float
    ) -> Beliefs:
        """Return them with a belief made or renewed."""
        before = self.alerts.get(fingerprint)
        belief = Belief(
            kind=kind,
            starts_at=starts_at if before is None else max(starts_at, before.starts_at),
            received_at=now,
            until=now + lease,
        )
        alerts = {**self.alerts, fingerprint: belief}
        if len(alerts) > MOST:
            del alerts[min(alerts, key=lambda key: alerts[key].received_at)]
        return replace(self, alerts=alerts)

    def resolve(self, fingerprint: str, starts_at: float) -> Beliefs:
        """Return them without the belief in a resolved alert, unless `starts_at` is older than the belief."""
        before = self.alerts.get(fingerprint)
        known = self.answered.get(fingerprint, self.stuck.get(fingerprint)) if before is None else before.starts_at
        beliefs = self
        if starts_at > self.resolved.get(fingerprint, -math.inf):
            beliefs = replace(self, resolved=_with_newest(self.resolved, {fingerprint: starts_at}))
        if known is None or starts_at < known:
            return beliefs
        return replace(
            beliefs,
            alerts=_without(self.alerts, fingerprint),
            answered=_without(self.answered, fingerprint),
            stuck=_without(self.stuck, fingerprint),
        )

    def lapse(self, now: float) -> Beliefs:
        """Return them without those whose lease has ended."""
        if all(now < belief.until for belief in self.alerts.values()):
            return self
        return replace(self, alerts={key: belief for key, belief in self.alerts.items() if now < belief.until})

    def answer(self) -> Beliefs:
        """Return them with every believed start alert answered by a stop."""
        started = {key: belief.starts_at for key, belief in self.alerts.items() if belief.kind == "start"}
        if not started:
            return self
        return replace(self, answered=_with_newest(self.answered, started))

    def count_again(self) -> Beliefs:
        """Return them with every start alert counting again."""
        return replace(self, answered={}) if self.answered else self

    def stick(self) -> Beliefs:
        """Return them with every believed stop alert stuck."""
        stopped = {key: belief.starts_at for key, belief in self.alerts.items() if belief.kind == "stop"}
        if stopped.keys() <= self.stuck.keys():
            return self
        return replace(self, stuck=_with_newest(self.stuck, stopped))

    def release(self) -> Beliefs:
        """Return them with no stop alert stuck."""
        return replace(self, stuck={}) if self.stuck else self

    @property
    def start(self) -> bool:
        """Whether a start alert is believed firing."""
        return any(belief.kind == "start" for belief in self.alerts.values())

    @property
    def start_counts(self) -> bool:
        """Whether a start alert is believed firing that no stop has answered."""
        return bool(self._counting())

    @property
    def start_late(self) -> bool:
        """Whether each start alert that counts is a late copy of one that has resolved."""
        return all(self.late(key, belief.starts_at) for key, belief in self._counting().items())

    def late(self, fingerprint: str, starts_at: float) -> bool:
        """Return whether an alert with this beginning is a late copy: it has resolved since."""
        return starts_at <= self.resolved.get(fingerprint, -math.inf)

    def _counting(self) -> dict[str, Belief]:
        return {
            key: belief
            for key, belief in self.alerts.items()
            if belief.kind == "start" and belief.starts_at > self.answered.get(key, -math.inf)
        }

    def stop(self, since: float | None = None) -> bool:
        """Return whether a stop alert that is not stuck is believed firing, and received at or after `since`."""
        return any(
            belief.kind == "stop" and key not in self.stuck and (since is None or belief.received_at >= since)
            for key, belief in self.alerts.items()
        )

    @property
    def stop_stuck(self) -> bool:
        """Whether a stop alert is believed firing that is stuck."""
        return not self.stuck.keys().isdisjoint(self.alerts)


def _without(by_fingerprint: dict[str, Value], *fingerprints: str) -> dict[str, Value]:
    return {key: value for key, value in by_fingerprint.items() if key not in fingerprints}


def _with_newest(by_fingerprint: dict[str, float], newest: dict[str, float]) -> dict[str, float]:
    """Return the beginnings with these added as the newest; beyond `MOST` the oldest are dropped."""
    together = {**_without(by_fingerprint, *newest), **newest}
    return dict(list(together.items())[-MOST:])
