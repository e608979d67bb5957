"""What all families of devices share: their description, and the thread in which a source does its blocking I/O."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Generic, NamedTuple, Protocol, TypeVar

from exporter.fields import Metric
from exporter.readings import Attempts, Reading
from toolkit import log

Connection = TypeVar("Connection")

ABSENT = "absent"  # the cause of a port that is not there
GONE = "gone"  # the cause of a port that fails while open

_log = log.get("source")


class Family(NamedTuple):
    """A family of devices.

    Attributes:
        name: the prefix of its metrics.
        metrics: its metrics without `up` and the counters of reads.
        durable: the names of the counters that go on after a restart of the program.
    """

    name: str
    metrics: tuple[Metric, ...]
    durable: frozenset[str] = frozenset()


class SourceError(Exception):
    """A device cannot be reached, or its answer is wrong.

    Args:
        sentence: the reason in the log.
        cause: a word for what went wrong; each cause of a device is logged once an hour.
        refused: the reason why an answer that contradicts itself is refused; None for other errors.
    """

    def __init__(self, sentence: str, *, cause: str = "lost", refused: str | None = None) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.refused = refused


class Publish(Protocol):
    """Takes a source's readings; safe to call from any thread."""

    def __call__(self, device: str, readings: Sequence[Reading], attempts: Attempts) -> None:
        """Take readings, and the attempts since the start."""


class Source(ABC, Generic[Connection]):
    """One device: a thread that connects, reads until something fails, and connects again.

    A subclass implements `connect`, and `serve` for the time while connected. Both raise `SourceError` for everything
    that can go wrong with a device or its cable; the error is counted and logged once an hour, and the source tries
    again after `retry` seconds. Sources do not affect each other.

    Attributes:
        name: the source's name in the configuration; the `device` label.
        family: its family; a source whose metrics depend on its configuration has one of its own, with the same name.
        stale_after: seconds after the last reading until the device counts as down.
        reasons: those for which an answer that contradicts itself can be refused.
        packs: the names of the packs that it is configured to read, where these are several.
    """

    family: Family
    stale_after: float = 60.0
    retry: float = 1.0
    reasons: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()

    def __init__(self, name: str, publish: Publish) -> None:
        self.name = name
        self.attempts = Attempts(implausible=dict.fromkeys(self.reasons, 0))
        self._publish = publish
        self._causes: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source-{name}", daemon=True)

    @abstractmethod
    def connect(self) -> AbstractContextManager[Connection]:
        """Return the connection, which closes itself; raises SourceError."""

    @abstractmethod
    def serve(self, connection: Connection) -> None:
        """Read and publish until `stopped`; raises SourceError when the device is lost."""

    def stopped(self) -> bool:
        """Return whether the source has to stop; `serve` checks it at least once a second."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over or the source has to stop; return whether it has to stop."""
        return self._stopping.wait(seconds)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for the thread to end."""
        self._thread.join(seconds)

    @property
    def ended(self) -> bool:
        """Whether the thread has ended, which is an error unless `stop` was called."""
        return not self._thread.is_alive()

    def count(self, *, reads: int = 0, failures: int = 0) -> None:
        """Add to the attempts; failures are among the reads."""
        before = self.attempts
        self.attempts = replace(before, reads=before.reads + reads, failures=before.failures + failures)

    def count_refused(self, reason: str) -> None:
        """Count that an answer, or a part of it, is refused because it contradicts itself."""
        before = self.attempts.implausible
        self.attempts = replace(self.attempts, implausible={**before, reason: before.get(reason, 0) + 1})

    def refuse(self, reason: str, values: str, *, part: str = "") -> None:
        """Count, and log once an hour, that values of an answer are refused because they contradict each other.

        Args:
            reason: the check that failed.
            values: the two values that disagree, in words.
            part: the part of the device, where it has several.
        """
        self.count_refused(reason)
        _log.limited(
            f"{self.name} {part} implausible {reason}",
            "values refused: they contradict each other",
            device=self.name if not part else f"{self.name}, {part}",
            reason=reason,
            values=values,
        )

    def publish(self, readings: Iterable[Reading] = ()) -> None:
        """Hand readings and the attempts so far to the event loop."""
        self._publish(self.name, tuple(readings), self.attempts)

    def recovered(self) -> None:
        """Log that the device answers again, if it was logged that it did not."""
        for cause in self._causes:
            _log.recovered(f"{self.name} {cause}", "source is back", device=self.name, cause=cause)
        self._causes.clear()

    def restore(self, counters: Mapping[str, float]) -> None:
        """Go on from the family's durable counters, by metric; called before `start`."""

    def lost(self) -> None:
        """Do what a family needs after each failure, before the next attempt; by default nothing."""

    def _run(self) -> None:
        while not self.stopped():
            try:
                with self.connect() as connection:
                    self.serve(connection)
            except SourceError as error:
                if self.stopped():
                    return
                # A port that is gone is absent until it is back: this is one loss, with one line and one recovery.
                cause = GONE if error.cause == ABSENT and GONE in self._causes else error.cause
                self._causes.add(cause)
                if error.refused is not None:
                    self.count_refused(error.refused)
                event = "source is lost" if error.refused is None else "reading refused"
                _log.limited(f"{self.name} {cause}", event, device=self.name, reason=str(error))
                self._failed()
            except Exception as error:  # noqa: BLE001 - a defect in one family must not end its thread unnoticed
                _log.limited(
                    f"{self.name} defect", "source failed", level="error", device=self.name, reason=repr(error)
                )
                self._failed()

    def _failed(self) -> None:
        self.lost()
        self.count(reads=1, failures=1)
        self.publish()
        self.wait(self.retry)


class PolledSource(Source[Connection]):
    """A device that is polled: `poll` is called every `interval` seconds until it fails."""

    interval: float = 5.0

    def __init__(self, name: str, publish: Publish, *, interval: float) -> None:
        super().__init__(name, publish)
        self.interval = interval
        self.stale_after = min(3 * interval, 60.0)

    @abstractmethod
    def poll(self, connection: Connection) -> Iterable[Reading]:
        """Read the device once; raises SourceError when it gives no answer or a wrong one."""

    def serve(self, connection: Connection) -> None:
        """Poll at a steady pace; a poll that takes longer than the interval delays the next one."""
        due = time.monotonic()
        while not self.stopped():
            readings = tuple(self.poll(connection))
            self.count(reads=1)
            self.publish(readings)
            self.recovered()
            due = max(due + self.interval, time.monotonic())
            self.wait(due - time.monotonic())
