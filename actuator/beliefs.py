"""What the alerts have us believe, by fingerprint: pure.

`firing` makes a belief and leases it. `resolved` clears that alert's own belief and means nothing else: it also comes
when Prometheus, the exporter or the rule goes away.
"""

from __future__ import annotations

from typing import Literal

import msgspec

MOST = 64
"""More alerts than this are not ours; the one heard of longest ago goes first."""


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """One alert believed firing.

    Attributes:
        kind: whether it starts or stops.
        starts_at: Unix time of its beginning as the sender says.
        heard_at: when it was last heard of.
        until: when the belief lapses unless it is heard of again.
        spent: a stop has been made since; counts again only once it has resolved and fired anew.
    """

    kind: Literal["start", "stop"]
    starts_at: float
    heard_at: float
    until: float
    spent: bool = False


class Beliefs(msgspec.Struct, frozen=True):
    """All that is believed."""

    held: dict[str, Belief] = {}

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
            spent=before is not None and before.spent and before.kind == kind,
        )
        held = {**self.held, fingerprint: belief}
        if len(held) > MOST:
            del held[min(held, key=lambda key: held[key].heard_at)]
        return Beliefs(held)

    def resolve(self, fingerprint: str, starts_at: float) -> Beliefs:
        """Clear a belief, unless the news is older than it."""
        before = self.held.get(fingerprint)
        if before is None or starts_at < before.starts_at:
            return self
        return Beliefs({key: belief for key, belief in self.held.items() if key != fingerprint})

    def lapse(self, now: float) -> Beliefs:
        """Drop what has not been heard of within its lease."""
        if all(now < belief.until for belief in self.held.values()):
            return self
        return Beliefs({key: belief for key, belief in self.held.items() if now < belief.until})

    def spend(self) -> Beliefs:
        """Mark every start belief as used up by a stop."""
        return self._mark(spent=True)

    def restore(self) -> Beliefs:
        """Let every start belief count again."""
        return self._mark(spent=False)

    def _mark(self, *, spent: bool) -> Beliefs:
        if all(belief.kind == "stop" or belief.spent is spent for belief in self.held.values()):
            return self
        return Beliefs(
            {
                key: msgspec.structs.replace(belief, spent=spent) if belief.kind == "start" else belief
                for key, belief in self.held.items()
            }
        )

    @property
    def start(self) -> bool:
        """Whether a start alert is believed firing."""
        return any(belief.kind == "start" for belief in self.held.values())

    @property
    def start_counts(self) -> bool:
        """Whether one of them is not used up."""
        return any(belief.kind == "start" and not belief.spent for belief in self.held.values())

    def stop(self, since: float | None = None) -> bool:
        """Return whether a stop alert is believed firing, and heard of at or after `since`."""
        return any(
            belief.kind == "stop" and (since is None or belief.heard_at >= since) for belief in self.held.values()
        )
