"""The file of the database: opening it, checking and reading it, and deleting its oldest rows."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from actuator.core.state import Saved
from actuator.journal.checksum import add_checksum, remove_checksum
from actuator.journal.reconcile import Content
from actuator.journal.rows import COLUMNS, KINDS_OF_RUNS, Row, columns, encode, undamaged

MAX_RUN_ROWS, MAX_OTHER_ROWS = 10_000, 10_000
"""Rows kept of each: a board that flickers writes a thousand an hour, which must not push out the rows of runs."""
MAX_ROWS = MAX_RUN_ROWS + MAX_OTHER_ROWS
"""Rows kept; at about 300 bytes each the file stays under 10 MB."""

_PRUNE_EVERY = 1_000
"""Rows between two deletions of the oldest, which read all rows."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, wall REAL NOT NULL, sane INTEGER NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL,
    text TEXT NOT NULL, fields TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, saved TEXT);
INSERT OR IGNORE INTO state (one, sequence, saved) VALUES (1, 0, NULL);
"""

DAMAGE = (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError, TypeError, ArithmeticError)
"""What damaged or changed files can raise."""
PERMANENT = {
    *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
}
"""SQLite's errors that lie in the database itself, its tables or its bytes: trying again changes nothing."""


_REMEDIES = {
    errno.EMFILE: "raise the limit of open files (LimitNOFILE= of the service)",
    errno.ENFILE: "raise the machine's limit of open files (fs.file-max)",
    errno.EACCES: "give the journal's folder and files to the user of the service",
    errno.EPERM: "give the journal's folder and files to the user of the service",
    errno.ENOMEM: "free memory",
}
"""Errors that show only that a file is there, not that it is damaged; and what to do."""
_WITHHELD = {
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
}
"""The same of SQLite."""


class WithheldError(Exception):
    """The database is there, and may be whole, but it cannot be read now."""


class OvertakenError(sqlite3.Error):
    """A write that hung was completed after a newer one."""


class _StateRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the state row, with its number, so that one checksum covers both."""

    sequence: int
    saved: Saved


def suffixed(path: Path, ending: str) -> Path:
    """Return the path of a file next to the database, such as its WAL."""
    return path.with_name(path.name + ending)


def missing(path: Path) -> bool:
    """Return whether nothing is there; a path that cannot be examined is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which differ for another file of the same name; None without a file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def connect(path: Path) -> sqlite3.Connection:
    """Open the database; what is committed is on the disk."""
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    # Text is decoded row by row, not by SQLite: one damaged row must not hide the others.
    database.text_factory = bytes
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 1048576")
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Yield a database that can be opened: the original, or a copy on a read-only disk, where SQLite opens no WAL."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        if not missing(suffixed(path, "-wal")):
            shutil.copyfile(suffixed(path, "-wal"), suffixed(copy, "-wal"))
        yield copy


def read(path: Path) -> tuple[Content | None, str]:
    """Return the content of the database, or None and why it cannot be read.

    Raises:
        WithheldError: it cannot be read now, which shows no damage.
    """
    if missing(path):
        return None, f"{path.name} is missing"
    try:
        with path.open("rb") as opened:  # SQLite does not report why it cannot open a file
            if not opened.read(1):
                return None, f"{path.name} is empty"
        with readable(path) as file:
            return _content(file), ""
    except DAMAGE as error:
        fault = f"{path.name} cannot be read: {error}"
        remedy = _REMEDIES.get(getattr(error, "errno", 0) or 0)
        if remedy is not None:
            raise WithheldError(f"{fault}. To do: {remedy}, and restart") from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _WITHHELD:
            raise WithheldError(f"{fault}. To do: end what else uses it, and restart") from error
        return None, fault


def _content(path: Path) -> Content:
    with contextlib.closing(connect(path)) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != b"ok":
            raise ValueError(check.decode(errors="replace"))
        state = database.execute("SELECT sequence, saved FROM state").fetchall()
        if len(state) != 1:
            raise ValueError(f"got {len(state)} states, expected one")
        sequence, saved = state[0]
        last_id, last_wall = _newest(database)
        return Content(sequence=sequence, saved=_snapshot(sequence, saved), last_id=last_id, last_wall=last_wall)


def _snapshot(sequence: object, saved: object) -> Saved | None:
    if saved is None and sequence == 0:
        return None
    if not isinstance(saved, bytes):
        raise ValueError("its state is lost")  # noqa: TRY004 - damage, not a caller's mistake
    snapshot = msgspec.json.decode(remove_checksum(saved), type=_StateRow)
    if snapshot.sequence != sequence:
        raise ValueError(f"got state number {snapshot.sequence}, expected {sequence}")
    return snapshot.saved


def _newest(database: sqlite3.Connection) -> tuple[int, float | None]:
    """Return the number of the newest undamaged row, and the Unix time of the newest with a clock known to be right."""
    last_id = 0
    for one in undamaged(database.execute(f"SELECT {COLUMNS} FROM event ORDER BY id DESC")):  # noqa: S608 - constants
        last_id = last_id or one.id
        if one.sane:
            return last_id, one.wall
    return last_id, None


def insert(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert rows, and now and then delete the oldest."""
    # By name: a later version's table may have more columns.
    database.executemany(
        f"INSERT OR REPLACE INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        map(columns, rows),
    )
    if rows and rows[-1].id // _PRUNE_EVERY > (rows[0].id - 1) // _PRUNE_EVERY:
        _prune(database, rows[-1].id)


def update(database: sqlite3.Connection, saved: Saved, *, number: int) -> None:
    """Replace the state, unless a newer one is there: then this write hung before it.

    Raises:
        OvertakenError: a newer one is there.
    """
    updated = database.execute(
        "UPDATE state SET sequence = ?1, saved = ?2 WHERE sequence < ?1",
        (number, add_checksum(encode(_StateRow(sequence=number, saved=saved))).decode()),
    )
    if updated.rowcount != 1:
        raise OvertakenError("a newer write has been completed")


def _prune(database: sqlite3.Connection, newest: int) -> None:
    """Delete the oldest rows, and those that damage has given a number beyond the newest one."""
    database.execute("DELETE FROM event WHERE id > ?", (newest,))
    marks = ", ".join("?" * len(KINDS_OF_RUNS))
    for condition, most in ((f"kind IN ({marks})", MAX_RUN_ROWS), (f"kind NOT IN ({marks})", MAX_OTHER_ROWS)):
        oldest = f"SELECT id FROM event WHERE {condition} ORDER BY id DESC LIMIT 1 OFFSET ?"  # noqa: S608 - constants
        database.execute(
            f"DELETE FROM event WHERE {condition} AND id <= ({oldest})",  # noqa: S608 - constants
            (*KINDS_OF_RUNS, *KINDS_OF_RUNS, most),
        )
