"""The file of the history: an SQLite database next to the journal, bounded, and created again when it is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from actuator.history.recorder import PastRun, Sample

SUFFIX: Final = ".history"
DAYS: Final = 30
SAMPLES_KEPT: Final = DAYS * 24 * 60
RUNS_KEPT: Final = 2_000

_RUN = ", ".join(PastRun.__struct_fields__)
_SAMPLE = ", ".join(Sample.__struct_fields__)
_VERSION = 2
_SCHEMA = f"""
DROP TABLE IF EXISTS samples;
DROP TABLE IF EXISTS runs;
CREATE TABLE samples (id INTEGER PRIMARY KEY, {_SAMPLE});
CREATE INDEX samples_wall ON samples (wall);
CREATE TABLE runs ({_RUN}, PRIMARY KEY (number, began));
PRAGMA user_version = {_VERSION};
"""
_INSERT_SAMPLE = f"INSERT INTO samples ({_SAMPLE}) VALUES ({', '.join('?' * len(Sample.__struct_fields__))})"  # noqa: S608
_REPLACE_RUN = f"REPLACE INTO runs ({_RUN}) VALUES ({', '.join('?' * len(PastRun.__struct_fields__))})"  # noqa: S608
_BUSY_SECONDS: Final = 5.0


def path_of(journal: Path) -> Path:
    """Return the path of the history that belongs to a journal: its name begins with the journal's."""
    return journal.with_name(journal.name + SUFFIX)


def write(path: Path, samples: Iterable[Sample], runs: Iterable[PastRun]) -> None:
    """Add samples, add or replace runs, and drop what is beyond the bounds. A damaged file is replaced.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    samples, runs = tuple(samples), tuple(runs)
    try:
        _write(path, samples, runs)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # the disk, a lock, or a folder: not the file's content
            raise
        remove(path)
        _write(path, samples, runs)


def remove(path: Path) -> None:
    """Remove a damaged file, with what SQLite keeps next to it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def samples(path: Path, *, since: float) -> list[Sample]:
    """Return the samples from a Unix time on, in the order in which they were taken; none without a file.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with _opened(path) as database:
        if database is None:
            return []
        rows = database.execute(f"SELECT {_SAMPLE} FROM samples WHERE wall >= ? ORDER BY id", (since,))  # noqa: S608
        return [
            Sample(**{**sample, "running": _flag(sample["running"]), "closed": bool(sample["closed"])})
            for sample in _named(Sample, rows)
        ]


def runs(path: Path, *, limit: int) -> list[PastRun]:
    """Return the newest runs, the newest first; none without a file.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with _opened(path) as database:
        if database is None:
            return []
        rows = database.execute(f"SELECT {_RUN} FROM runs ORDER BY began DESC LIMIT ?", (limit,))  # noqa: S608
        return [PastRun(**{**run, "confirmed": bool(run["confirmed"])}) for run in _named(PastRun, rows)]


def _named(record: type[Sample | PastRun], rows: sqlite3.Cursor) -> list[dict[str, Any]]:
    return [dict(zip(record.__struct_fields__, row, strict=True)) for row in rows.fetchall()]


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _write(path: Path, samples: tuple[Sample, ...], runs: tuple[PastRun, ...]) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as database, database:
        if _version(database) != _VERSION:
            database.executescript(_SCHEMA)
        database.executemany(_INSERT_SAMPLE, (_values(sample) for sample in samples))
        database.executemany(_REPLACE_RUN, (_values(run) for run in runs))
        (newest,) = database.execute("SELECT max(id) FROM samples").fetchone()
        # By number, not by time: a clock that was wrong once must not delete what is right.
        database.execute("DELETE FROM samples WHERE id <= ?", ((newest or 0) - SAMPLES_KEPT,))
        kept = "SELECT began FROM runs ORDER BY began DESC LIMIT ?"
        database.execute(f"DELETE FROM runs WHERE began NOT IN ({kept})", (RUNS_KEPT,))  # noqa: S608


def _values(record: Sample | PastRun) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in record.__struct_fields__)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection for reading; None where there is no file of this version yet."""
    if not path.exists():
        yield None
        return
    # Not read-only: only a writable connection rolls back a commit that a kill has interrupted.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as database:
        database.text_factory = partial(str, encoding="utf-8", errors="replace")
        yield database if _version(database) == _VERSION else None


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)
