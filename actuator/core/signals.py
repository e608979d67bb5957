"""Freshness, debounce, and confirmation by several samples, on one monotonic clock. Pure.

A value is fresh while the exporter's timestamp of it keeps changing. The timestamp is never compared with the clock of
this machine: the wall clock of either machine may be hours off.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec

from toolkit.replace import replace

Reading = TypeVar("Reading", bool, float, str)

SAMPLES: Final = 3
"""Samples in a row that confirm a value, so that one spike changes nothing."""
BUS_FRESH: Final = 30.0
"""Seconds without a changed timestamp after which a value of the bus (inverter, AGS, volts) is absent."""
LOST: Final = 300.0
"""Seconds without a fresh value after which it is lost."""


def lost(fresh_at: float | None, now: float, *, started_at: float) -> bool:
    """Return whether a value has not been fresh for 5 min, counted from the start of the program at the earliest."""
    return now - max(started_at, fresh_at or started_at) >= LOST


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A value from the page with its timestamp.

    Attributes:
        value: on the last page; None: absent.
        stamp: its timestamp on the last page that had one.
        changed_at: monotonic time of the last change of the timestamp; None: it has not changed yet.
        seen_at: monotonic time at which this timestamp was first on a page.
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
            # The exporter may hang, and its page may be old: the value is fresh only after the timestamp changes.
            return Watch(value=value, stamp=stamp, seen_at=now)
        if stamp == self.stamp:
            return Watch(value=value, stamp=stamp, changed_at=self.changed_at, seen_at=self.seen_at)
        return Watch(value=value, stamp=stamp, changed_at=now, seen_at=now, sampled=value is not None)

    def idle(self) -> Watch:
        """Return the watch without a new sample: no page has been read."""
        if not self.sampled:
            return self
        return Watch(value=self.value, stamp=self.stamp, changed_at=self.changed_at, seen_at=self.seen_at)

    def possibly_fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it may be fresh; it may block a start, but never cause one."""
        return None if self.seen_at is None or now - self.seen_at >= limit else self.value

    def fresh(self, now: float, limit: float) -> float | None:
        """Return the value while it is fresh, else None."""
        if self.value is None or self.changed_at is None or now - self.changed_at >= limit:
            return None
        return self.value


class Debounced(msgspec.Struct, frozen=True, kw_only=True):
    """How long a condition has held, and over how many samples.

    A contrary sample resets it. An absence shorter than `limit` pauses it: the time without a value does not count.

    Attributes:
        samples: how many have agreed.
        elapsed: seconds from sample to sample, without absences.
        last: monotonic time of the last sample; None: there is none.
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
            limit: seconds without a sample after which it begins again.
            share: most seconds that one sample may count for, so that missing pages pause it too.
        """
        if self.last is not None and now - self.last >= limit:
            self = NEVER  # noqa: PLW0642 - after too long a gap it begins again
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


class ConfirmedValue(msgspec.Struct, Generic[Reading], frozen=True, kw_only=True):
    """A value that is believed once `SAMPLES` samples in a row have agreed on it.

    Attributes:
        verdict: the value that they agreed on last; None: there is none, or it has been forgotten.
        since: when the verdict last changed.
        last: the last sample.
        count: how many samples in a row have equalled it, at most `SAMPLES`.
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

    def observe_unsampled(self, reading: Reading | None) -> ConfirmedValue[Reading]:
        """Return it after a reading that may be old; before the first sample this sets `last`, and nothing else."""
        return self if self.count or reading == self.last else replace(self, last=reading)

    def update(
        self, reading: Reading | None, *, sampled: bool, now: float, memory: float = 0.0
    ) -> ConfirmedValue[Reading]:
        """Return it after one step.

        Args:
            reading: the value; None while it is absent.
            sampled: it is a new sample, not the old one read again.
            now: monotonic seconds.
            memory: seconds of absence after which the verdict is forgotten.
        """
        if reading is None:
            forgets = self.count > 0 and now - self.at >= memory
            return ConfirmedValue(since=now, at=self.at) if forgets else self
        if not sampled:
            return self
        count = min(self.count + 1, SAMPLES) if reading == self.last else 1
        verdict = reading if count >= SAMPLES else self.verdict
        since = self.since if verdict == self.verdict else now
        return ConfirmedValue(verdict=verdict, since=since, last=reading, count=count, at=now)
