"""Whether a value is fresh, how long it has held, and what samples in a row confirm: pure, on one monotonic clock.

A value is fresh while the exporter's timestamp beside it keeps changing. The timestamp itself is never compared with
our clock: either machine's wall clock may be hours off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

Reading = TypeVar("Reading", bool, float, str)

SAMPLES: Final = 3
"""So many samples in a row make a fact: one spike changes nothing."""
BUS_FRESH: Final = 30.0
"""Seconds without a changed timestamp after which a value of the bus (inverter, AGS, volts) is absent."""
LOST: Final = 300.0
"""Seconds without a fresh value after which it is lost."""


def lost(fresh_at: float | None, now: float, *, started_at: float) -> bool:
    """Return whether a value has not been fresh for so long, since the program started, that it is lost."""
    return now - max(started_at, fresh_at or started_at) >= LOST


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
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
        """Return the watch after a page."""
        if stamp is None:
            return Watch(stamp=self.stamp, changed_at=self.changed_at, seen_at=self.seen_at)
        if self.stamp is None:
            # A first reading may be the last one of an exporter that hangs: fresh only once it changes.
            return Watch(value=value, stamp=stamp, seen_at=now)
        if stamp == self.stamp:
            return Watch(value=value, stamp=stamp, changed_at=self.changed_at, seen_at=self.seen_at)
        return Watch(value=value, stamp=stamp, changed_at=now, seen_at=now, sampled=value is not None)

    def idle(self) -> Watch:
        """Return the same without a new sample: no page has been read."""
        if not self.sampled:
            return self
        return Watch(value=self.value, stamp=self.stamp, changed_at=self.changed_at, seen_at=self.seen_at)

    def possibly_fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it may be fresh: good enough to block a start, never to act on."""
        return None if self.seen_at is None or now - self.seen_at >= limit else self.value

    def fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it is fresh, else None."""
        if self.value is None or self.changed_at is None or now - self.changed_at >= limit:
            return None
        return self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Debounced:
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
        """Return the condition after one step.

        Args:
            agrees: whether the value fulfils the condition; None while it is absent.
            sampled: it is a new sample.
            now: monotonic seconds.
            limit: seconds without a sample after which it begins anew.
            share: seconds that one sample may stand for, so that missing pages pause it too.
        """
        if self.last is not None and now - self.last >= limit:
            self = NEVER  # noqa: PLW0642 - too long a gap is a beginning
        if agrees is None:
            if self.last is None or self.paused:
                return self
            elapsed = self.elapsed + min(now - self.last, share)
            return Debounced(samples=self.samples, elapsed=elapsed, last=self.last, paused=True)
        if not agrees:
            return NEVER
        if not sampled:
            return self
        held = 0.0 if self.last is None or self.paused else min(now - self.last, share)
        return Debounced(samples=self.samples + 1, elapsed=self.elapsed + held, last=now)

    def holds(self, seconds: float) -> bool:
        """Return whether it has held for so long, over enough samples, and is not paused."""
        return self.samples >= SAMPLES and self.elapsed >= seconds - 1e-9 and not self.paused


NEVER: Final = Debounced()
"""A condition that no sample has fulfilled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled(Generic[Reading]):
    """What samples read, believed once `SAMPLES` of them in a row have agreed.

    Attributes:
        verdict: what they have agreed on; None: nothing yet, or nothing any more.
        since: when the verdict became what it is.
        last: the last sample.
        count: how many in a row have been like it.
        at: when it came.
    """

    verdict: Reading | None = None
    since: float = 0.0
    last: Reading | None = None
    count: int = 0
    at: float = 0.0

    @property
    def certain(self) -> Reading | None:
        """The verdict while the newest samples agree with it, else None."""
        return self.verdict if self.count >= SAMPLES else None

    def observe_unsampled(self, reading: Reading | None) -> Settled[Reading]:
        """Return it after a reading that may be old, before there is any sample: it changes nothing but `last`."""
        return self if self.count or reading == self.last else replace(self, last=reading)

    def update(self, reading: Reading | None, *, sampled: bool, now: float, memory: float = 0.0) -> Settled[Reading]:
        """Return it after one step.

        Args:
            reading: the value; None while it is absent.
            sampled: it is a new sample, not the old one read again.
            now: monotonic seconds.
            memory: seconds of absence after which everything is forgotten.
        """
        if reading is None:
            forgets = self.count > 0 and now - self.at >= memory
            return Settled(since=now, at=self.at) if forgets else self
        if not sampled:
            return self
        count = min(self.count + 1, SAMPLES) if reading == self.last else 1
        verdict = reading if count >= SAMPLES else self.verdict
        since = self.since if verdict == self.verdict else now
        return Settled(verdict=verdict, since=since, last=reading, count=count, at=now)
