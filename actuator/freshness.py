"""Whether a value is fresh, has held, and what proves an engine: pure, on one monotonic clock.

A value is fresh while the exporter's timestamp beside it keeps changing. The timestamp itself is never compared with
our clock: either machine's wall clock may be hours off.
"""

from __future__ import annotations

import msgspec

SAMPLES = 3
"""So many samples in a row make a fact: one spike changes nothing."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A value from the page with the timestamp beside it.

    Attributes:
        value: as the last page had it; None: absent.
        stamp: the timestamp as it was last seen.
        changed_at: monotonic time at which the timestamp was last seen to change; None: never yet.
        sampled: the last observation was a new sample, not the old one read again.
    """

    value: float | None = None
    stamp: float | None = None
    changed_at: float | None = None
    sampled: bool = False

    def observe(self, value: float | None, stamp: float | None, now: float) -> Watch:
        """Take in what a page says."""
        if stamp is None:
            return Watch(stamp=self.stamp, changed_at=self.changed_at)
        if self.stamp is None:
            # A first sight may be the last word of an exporter that hangs: fresh only once it moves.
            return Watch(value=value, stamp=stamp)
        if stamp == self.stamp:
            return Watch(value=value, stamp=stamp, changed_at=self.changed_at)
        return Watch(value=value, stamp=stamp, changed_at=now, sampled=value is not None)

    def idle(self) -> Watch:
        """Return the same without a new sample: no page has been read."""
        return self if not self.sampled else msgspec.structs.replace(self, sampled=False)

    def fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it is fresh, else None."""
        if self.value is None or self.changed_at is None or now - self.changed_at >= limit:
            return None
        return self.value


class Debounced(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a condition has held over how many samples.

    A contrary sample resets it. An absence shorter than `limit` pauses it: the time without a value does not count.
    """

    samples: int = 0
    elapsed: float = 0.0
    last: float | None = None
    paused: bool = False

    def update(self, *, agrees: bool | None, sampled: bool, now: float, limit: float) -> Debounced:
        """Take in a step: `agrees` is None while the value is absent, `sampled` says that it is a new one."""
        if self.last is not None and now - self.last >= limit:
            self = Debounced()  # noqa: PLW0642 - too long a gap is a beginning
        if agrees is None:
            return msgspec.structs.replace(self, paused=True) if self.last is not None and not self.paused else self
        if not sampled:
            return self
        if not agrees:
            return Debounced()
        held = 0.0 if self.last is None or self.paused else now - self.last
        return Debounced(samples=self.samples + 1, elapsed=self.elapsed + held, last=now)

    def holds(self, seconds: float) -> bool:
        """Return whether it has held for so long, over enough samples, and is not paused."""
        return self.samples >= SAMPLES and self.elapsed >= seconds - 1e-9 and not self.paused


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the engine runs, by evidence: True, False, or None when there is none to judge by.

    Attributes:
        verdict: what `SAMPLES` equal samples in a row have said.
        last: what the last sample said.
        count: how many in a row have said so.
        since: when the verdict became what it is.
    """

    verdict: bool | None = None
    last: bool | None = None
    count: int = 0
    since: float = 0.0

    def update(self, *, positive: bool | None, sampled: bool, now: float) -> Proof:
        """Take in a step: `positive` is None while the evidence is absent."""
        if positive is None:
            return self if self.verdict is None and self.count == 0 else Proof(since=now)
        if not sampled:
            return self
        count = min(self.count + 1, SAMPLES) if positive is self.last else 1
        verdict = positive if count >= SAMPLES else self.verdict
        since = self.since if verdict is self.verdict else now
        return Proof(verdict=verdict, last=positive, count=count, since=since)
