"""Whether a value is fresh, has held, and what proves an engine: pure, on one monotonic clock.

A value is fresh while the exporter's timestamp beside it keeps changing. The timestamp itself is never compared with
our clock: either machine's wall clock may be hours off.
"""

from __future__ import annotations

from typing import Generic, Self, TypeVar

import msgspec
from msgspec.structs import replace

Said = TypeVar("Said", bool, float, str)

SAMPLES = 3
"""So many samples in a row make a fact: one spike changes nothing."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A value from the page with the timestamp beside it.

    Attributes:
        value: as the last page had it; None: absent.
        stamp: the timestamp as it was last seen.
        changed_at: monotonic time at which the timestamp was last seen to change; None: never yet.
        seen_at: monotonic time at which this timestamp was first seen.
        sampled: the last observation was a new sample, not the old one read again.
    """

    value: float | None = None
    stamp: float | None = None
    changed_at: float | None = None
    seen_at: float | None = None
    sampled: bool = False

    def observe(self, value: float | None, stamp: float | None, now: float) -> Watch:
        """Take in what a page says."""
        if stamp is None:
            return Watch(stamp=self.stamp, changed_at=self.changed_at, seen_at=self.seen_at)
        if self.stamp is None:
            # A first sight may be the last word of an exporter that hangs: fresh only once it moves.
            return Watch(value=value, stamp=stamp, seen_at=now)
        if stamp == self.stamp:
            return Watch(value=value, stamp=stamp, changed_at=self.changed_at, seen_at=self.seen_at)
        return Watch(value=value, stamp=stamp, changed_at=now, seen_at=now, sampled=value is not None)

    def idle(self) -> Watch:
        """Return the same without a new sample: no page has been read."""
        return self if not self.sampled else replace(self, sampled=False)

    def standing(self, now: float, limit: float) -> float | None:
        """Return the value while it may be fresh: good enough to hold back by, never to act on."""
        return None if self.seen_at is None or now - self.seen_at >= limit else self.value

    def fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it is fresh, else None."""
        if self.value is None or self.changed_at is None or now - self.changed_at >= limit:
            return None
        return self.value


class Debounced(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a condition has held over how many samples.

    A contrary sample resets it. An absence shorter than `limit` pauses it: the time without a value does not count.

    Attributes:
        samples: how many have agreed.
        elapsed: seconds from sample to sample, absences left out.
        last: when the last one came; None: none has.
        paused: the value is absent.
    """

    samples: int = 0
    elapsed: float = 0.0
    last: float | None = None
    paused: bool = False

    def update(self, *, agrees: bool | None, sampled: bool, now: float, limit: float, share: float) -> Debounced:
        """Take in a step.

        Args:
            agrees: what the value says; None while it is absent.
            sampled: it is a new sample.
            now: monotonic seconds.
            limit: seconds without a sample after which it begins anew.
            share: seconds that one sample may stand for, so that missing pages pause it too.
        """
        if self.last is not None and now - self.last >= limit:
            self = Debounced()  # noqa: PLW0642 - too long a gap is a beginning
        if agrees is None:
            if self.last is None or self.paused:
                return self
            return replace(self, elapsed=self.elapsed + min(now - self.last, share), paused=True)
        if not agrees:
            return Debounced()
        if not sampled:
            return self
        held = 0.0 if self.last is None or self.paused else min(now - self.last, share)
        return Debounced(samples=self.samples + 1, elapsed=self.elapsed + held, last=now)

    def holds(self, seconds: float) -> bool:
        """Return whether it has held for so long, over enough samples, and is not paused."""
        return self.samples >= SAMPLES and self.elapsed >= seconds - 1e-9 and not self.paused


class Settled(msgspec.Struct, Generic[Said], frozen=True, kw_only=True):
    """What samples say, believed once `SAMPLES` of them in a row have said the same.

    Attributes:
        verdict: what they have said; None: nothing yet, or nothing any more.
        since: when the verdict became what it is.
        last: what the last sample said.
        count: how many in a row have said so.
        at: when that one came.
    """

    verdict: Said | None = None
    since: float = 0.0
    last: Said | None = None
    count: int = 0
    at: float = 0.0

    @property
    def sure(self) -> Said | None:
        """The verdict while the newest samples bear it out, else None."""
        return self.verdict if self.count >= SAMPLES else None

    def glimpse(self, said: Said | None) -> Self:
        """Take in what may or may not be so, before there is any sample: it counts for nothing but `last`."""
        return self if self.count or said == self.last else replace(self, last=said)

    def update(self, said: Said | None, *, sampled: bool, now: float, memory: float = 0.0) -> Self:
        """Take in a step.

        Args:
            said: what the value says; None while it is absent.
            sampled: it is a new sample, not the old one read again.
            now: monotonic seconds.
            memory: seconds of absence after which everything is forgotten.
        """
        if said is None:
            forgets = self.count > 0 and now - self.at >= memory
            return replace(self, verdict=None, since=now, last=None, count=0) if forgets else self
        if not sampled:
            return self
        count = min(self.count + 1, SAMPLES) if said == self.last else 1
        verdict = said if count >= SAMPLES else self.verdict
        since = self.since if verdict == self.verdict else now
        return replace(self, verdict=verdict, since=since, last=said, count=count, at=now)
