"""What the alerts have us believe, by fingerprint: pure.

`firing` makes a belief and leases it. `resolved` clears that alert's own belief and means nothing else: it also comes
when Prometheus, the exporter or the rule goes away.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

Value = TypeVar("Value")

MOST = 64
"""More alerts than this are not ours; the one heard of longest ago goes first."""


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """One alert believed firing.

    Attributes:
        kind: whether it starts or stops.
        starts_at: Unix time of its beginning as the sender says.
        heard_at: when it was last heard of.
        until: when the belief lapses unless it is heard of again.
    """

    kind: Literal["start", "stop"]
    starts_at: float
    heard_at: float
    until: float


class Beliefs(msgspec.Struct, frozen=True, kw_only=True):
    """All that is believed.

    Attributes:
        held: beliefs by fingerprint.
        spent: beginnings of start alerts by fingerprint, Unix time: a stop has answered what began then or before. It
            counts again only once it has resolved and fired anew, which a later beginning says as well. A lapse of the
            belief does not renew it.
    """

    held: dict[str, Belief] = {}
    spent: dict[str, float] = {}

    def fire(
        self, fingerprint: str, kind: Literal["start", "stop"], starts_at: float, *, now: float, lease: float
    ) -> Beliefs:
        """Make or renew a belief."""
        before = self.held.get(fingerprint)
        belief = Belief(
            kind=kind,
            starts_at=starts_at if before is None else max(starts_at, before.starts_at),
            heard_at=now,
            until=now + lease,
        )
        held = {**self.held, fingerprint: belief}
        if len(held) > MOST:
            del held[min(held, key=lambda key: held[key].heard_at)]
        return replace(self, held=held)

    def resolve(self, fingerprint: str, starts_at: float) -> Beliefs:
        """Clear a belief, unless the news is older than it."""
        before, spent = self.held.get(fingerprint), self.spent.get(fingerprint)
        if before is not None and starts_at < before.starts_at:
            return self
        if before is None and (spent is None or starts_at < spent):
            return self
        return Beliefs(held=_without(self.held, fingerprint), spent=_without(self.spent, fingerprint))

    def lapse(self, now: float) -> Beliefs:
        """Drop what has not been heard of within its lease."""
        if all(now < belief.until for belief in self.held.values()):
            return self
        return replace(self, held={key: belief for key, belief in self.held.items() if now < belief.until})

    def spend(self) -> Beliefs:
        """Let a stop answer every start alert that is believed."""
        answered = {key: belief.starts_at for key, belief in self.held.items() if belief.kind == "start"}
        if not answered:
            return self
        spent = {**_without(self.spent, *answered), **answered}
        return replace(self, spent=dict(list(spent.items())[-MOST:]))

    def restore(self) -> Beliefs:
        """Let every start alert count again."""
        return replace(self, spent={}) if self.spent else self

    @property
    def start(self) -> bool:
        """Whether a start alert is believed firing."""
        return any(belief.kind == "start" for belief in self.held.values())

    @property
    def start_counts(self) -> bool:
        """Whether one of them has not been answered by a stop."""
        return any(
            belief.kind == "start" and belief.starts_at > self.spent.get(key, -math.inf)
            for key, belief in self.held.items()
        )

    def stop(self, since: float | None = None) -> bool:
        """Return whether a stop alert is believed firing, and heard of at or after `since`."""
        return any(
            belief.kind == "stop" and (since is None or belief.heard_at >= since) for belief in self.held.values()
        )


def _without(by_fingerprint: dict[str, Value], *fingerprints: str) -> dict[str, Value]:
    return {key: value for key, value in by_fingerprint.items() if key not in fingerprints}
