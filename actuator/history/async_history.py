"""Observes each turn, writes every ten minutes and when a run begins or ends, and answers readers."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from actuator.core.settings import HOUR
from actuator.history import store
from actuator.history.recorder import PastRun, Recorder, Sample
from actuator.journal import AsyncJournal
from actuator.report.snapshot import Snapshot
from toolkit import log
from toolkit.tasks import finish
from toolkit.worker_thread import DeadlineError, Worker

WRITE_EVERY: Final = 600.0
"""Seconds between two writes without a change: a card wears, and of a curve ten minutes may be lost."""

MOST_UNWRITTEN: Final = 1_440
"""Samples that wait while the file cannot be written; the oldest go first."""

READ_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 20.0

T = TypeVar("T")

_log = log.get(__name__)


def _midnight(wall: float) -> float:
    """Return the Unix time of the local midnight before a Unix time."""
    return time.mktime((*time.localtime(wall)[:3], 0, 0, 0, 0, 0, -1))


class HistoryError(Exception):
    """The history cannot be read now; the text gives the reason."""


class Source(Protocol):
    """What the history observes, and where it leaves why it cannot be written; empty when it can."""

    journal: AsyncJournal
    history_fault: str

    @property
    def snapshot(self) -> Snapshot | None:
        """The result of the last turn."""


class AsyncHistory:
    """The history of one actuator. Made and used on the loop of everything from outside.

    Args:
        path: of the file.
        source: the running loop.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._path, self._source = path, source
        self._worker, self._busy = Worker("history"), asyncio.Lock()
        self._recorder = Recorder()
        self._unwritten: tuple[tuple[Sample, ...], tuple[PastRun, ...]] = ((), ())
        self._row = 0
        self._day: tuple[float, float | None] = (math.nan, None)

    async def run(self, watching: Callable[[], AbstractContextManager[asyncio.Event]]) -> None:
        """Observe each turn until cancelled, then write what is left.

        Args:
            watching: yields an event that is set after each turn.
        """
        loop = asyncio.get_running_loop()
        self._recorder = Recorder(await self._unfinished())
        written = loop.time()
        try:
            with watching() as turned:
                while True:
                    await turned.wait()
                    turned.clear()
                    await self._follow_day()
                    if self._observed() or loop.time() - written >= WRITE_EVERY:
                        written = loop.time()
                        await self._write()
        finally:
            await self._write()

    async def samples(self, *, since: float) -> list[Sample]:
        """Return the samples from a Unix time on.

        Raises:
            HistoryError: the file cannot be read now.
        """
        kept = await self._read(partial(store.samples, self._path, since=since))
        waiting = (*self._unwritten[0], *self._recorder.samples)
        return [*kept, *(sample for sample in waiting if sample.wall >= since)]

    async def runs(self, *, limit: int) -> list[PastRun]:
        """Return the newest runs, the newest first.

        Raises:
            HistoryError: the file cannot be read now.
        """
        kept = await self._read(partial(store.runs, self._path, limit=limit))
        present = [] if self._recorder.present is None else [self._recorder.present]
        newer = (*self._unwritten[1], *self._recorder.runs.values(), *present)
        runs = {(run.number, run.began): run for run in (*kept, *newer)}
        return sorted(runs.values(), key=lambda run: run.began, reverse=True)[:limit]

    def engine_today(self, snapshot: Snapshot) -> float | None:
        """Return the seconds for which the engine was confirmed to run since local midnight; None: not known."""
        midnight, seconds = self._day
        if seconds is None or midnight != _midnight(snapshot.wall):
            return None
        return max(0.0, snapshot.state.durable.engine_seconds - seconds)

    async def _follow_day(self) -> None:
        """On another day, find what the engine's counter was when it began."""
        snapshot = self._source.snapshot
        if snapshot is None or self._day[0] == (midnight := _midnight(snapshot.wall)):
            return
        seconds: float | None = None
        try:
            found = await self.samples(since=midnight - HOUR)
            before = [sample for sample in found if sample.wall < midnight]
            first = before[-1] if before else found[0] if found else None
            seconds = snapshot.state.durable.engine_seconds if first is None else first.engine_seconds
        except Exception as error:  # noqa: BLE001 - logged; no fault in here may end the program
            _log.limited("day", "running time of today is not known", error=error)
        self._day = midnight, seconds

    def _observed(self) -> bool:
        try:
            return self._observe()
        except Exception as error:  # noqa: BLE001 - logged; no fault in here may end the program
            _log.limited("observe", "one sample was not recorded in the history", error=error)
            return False

    def _observe(self) -> bool:
        snapshot = self._source.snapshot
        if snapshot is None:
            return False
        rows = self._source.journal.memory.since(self._row)
        if rows:
            self._row = rows[-1].id
        return self._recorder.observe(snapshot, rows)

    async def _unfinished(self) -> PastRun | None:
        """Return the run that was in progress when an earlier process last wrote."""
        try:
            newest = await self._read(partial(store.runs, self._path, limit=1))
        except Exception as error:  # noqa: BLE001 - logged; no fault in here may end the program
            _log.error("history cannot be read", error=error)
            return None
        return newest[0] if newest and newest[0].ended is None else None

    async def _write(self) -> None:
        samples, runs = self._recorder.take()
        waiting_samples, waiting_runs = self._unwritten
        newer = {(run.number, run.began): run for run in (*waiting_runs, *runs)}
        self._unwritten = (*waiting_samples, *samples)[-MOST_UNWRITTEN:], tuple(newer.values())
        try:
            async with self._busy:
                await self._worker.do(partial(store.write, self._path, *self._unwritten), WRITE_SECONDS)
        except Exception as error:  # noqa: BLE001 - counted and logged; no fault in here may end the program
            self._source.history_fault = str(error)
            _log.limited("write", "history cannot be written", file=str(self._path), error=error)
            return
        self._source.history_fault, self._unwritten = "", ((), ())
        _log.recovered("write", "history is written again", file=str(self._path))

    async def _read(self, read: Callable[[], Sequence[T]]) -> Sequence[T]:
        try:
            async with asyncio.timeout(READ_SECONDS), self._busy:
                return await finish(self._worker.do(read, READ_SECONDS))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise HistoryError(f"The history cannot be read: {error}.") from error
            return []  # damaged: the next write creates it again
        except (TimeoutError, DeadlineError) as error:  # before OSError, which a TimeoutError is too
            raise HistoryError("The history cannot be read now. Try again later.") from error
        except OSError as error:
            raise HistoryError(f"The history cannot be read: {error}.") from error
