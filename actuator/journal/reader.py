"""Reads stored rows on a connection of its own: a reader delays only other readers, never the writer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from actuator.journal.database import MAX_ROWS, readable
from actuator.journal.rows import COLUMNS, Row, undamaged
from actuator.journal.store import JournalError
from toolkit.tasks import finish
from toolkit.worker_thread import DeadlineError, Worker

T = TypeVar("T")

_NEVER = 2**63 - 1
"""The number of no row."""

DEADLINE = 20.0
"""Seconds for one read; all rows take 0.25 s on a fast machine, and several seconds on the slowest."""

PATIENCE = 5.0
"""Seconds to wait for other readers."""


class Reader:
    """Reads in a thread and through a connection of its own, one reader at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = Worker("journal-reader")
        self._reading = asyncio.Lock()

    async def read(
        self, render: Callable[[Iterator[Row]], T], *, since: float | None, after: int, before: int, most: int
    ) -> T:
        """Return what `render` makes of the rows asked for, one after another, in the thread; see `each`.

        Raises:
            JournalError: they cannot be read, or not now.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._reading.acquire()
        except TimeoutError:
            raise JournalError(f"{self._path} is being read by others: try again later") from None
        try:
            return await finish(
                self._worker.do(
                    lambda: render(each(self._path, since=since, after=after, before=before, most=most)), DEADLINE
                )
            )
        except DeadlineError as error:
            raise JournalError(f"{self._path} cannot be read: {error}") from error
        finally:
            self._reading.release()

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop()


def stored(path: Path, *, since: float | None = None, after: int = 0, most: int = MAX_ROWS) -> list[Row]:
    """Return the rows on the disk in order, at most the newest `most`; see `each`."""
    return [*each(path, since=since, after=after, before=_NEVER, most=most)]


def each(path: Path, *, since: float | None, after: int, before: int, most: int) -> Iterator[Row]:
    """Yield the rows on the disk in order, at most the newest `most`; all of them together take 20 MB.

    Args:
        path: of the database.
        since: Unix time of the oldest one.
        after: number of the row before the first one.
        before: number of the row after the last one.
        most: how many at most.

    Raises:
        JournalError: the database cannot be read.
    """
    asked = "FROM event WHERE id > :after AND id < :before AND wall >= :since ORDER BY id"
    parameters = {"after": after, "before": before, "since": -1e300 if since is None else since, "most": most}
    try:
        with readable(path) as file, contextlib.closing(_connect(file)) as database:
            database.text_factory = bytes
            # In one transaction: nothing is written in between.
            database.execute("BEGIN")
            oldest = f"SELECT min(id) FROM (SELECT id {asked} DESC LIMIT :most)"  # noqa: S608 - constants
            (first,) = database.execute(oldest, parameters).fetchone()
            if first is not None:
                yield from undamaged(database.execute(f"SELECT {COLUMNS} {asked}", parameters | {"after": first - 1}))
    except (sqlite3.Error, OSError, ArithmeticError) as error:
        raise JournalError(f"{path} cannot be read: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
