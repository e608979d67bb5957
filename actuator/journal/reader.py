"""Reading what is stored, beside the writer: whoever asks for rows delays nobody but those who ask too."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from actuator.journal.rows import COLUMNS, Row, whole
from actuator.journal.store import MOST_ROWS, JournalError, readable
from toolkit.worker_thread import StuckError, Worker

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds for one read; all rows take a quarter of a second on a fast machine, and some on the slowest."""

PATIENCE = 5.0
"""Seconds to wait for those who read already."""


class Reader:
    """Reads in a thread and through a connection of its own, one reader at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = Worker("journal-reader")
        self._reading = asyncio.Lock()

    async def read(self, render: Callable[[list[Row]], T], *, since: float | None, after: int, most: int) -> T:
        """Return what `render` makes of the rows asked for, in the thread; see `stored`.

        Raises:
            JournalError: they cannot be read, or not now.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._reading.acquire()
        except TimeoutError:
            raise JournalError(f"{self._path} is being read by others: ask again later") from None
        try:
            return await self._worker.do(
                lambda: render(stored(self._path, since=since, after=after, most=most)), DEADLINE
            )
        except StuckError as error:
            raise JournalError(f"{self._path} cannot be read: {error}") from error
        finally:
            self._reading.release()

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop()


def stored(path: Path, *, since: float | None = None, after: int = 0, most: int = MOST_ROWS) -> list[Row]:
    """Return the rows on the disk in order, the newest `most` of those asked for.

    Args:
        path: of the database.
        since: Unix time of the oldest one.
        after: number of the row before the first one.
        most: how many at most.

    Raises:
        JournalError: the database cannot be read.
    """
    asked = (after, -1e300 if since is None else since, most)
    try:
        with readable(path) as file, contextlib.closing(_connect(file)) as database:
            database.text_factory = bytes
            found = database.execute(
                f"SELECT {COLUMNS} FROM event WHERE id > ? AND wall >= ? ORDER BY id DESC LIMIT ?",  # noqa: S608
                asked,
            ).fetchall()
    except (sqlite3.Error, OSError, ArithmeticError) as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    return [*whole(reversed(found))]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
