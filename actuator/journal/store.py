"""The database, and the sidecar that goes with it. Everything here blocks; see `keeper` for how the loop uses it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import sidecar
from actuator.journal.checksum import sealed, unsealed
from actuator.journal.reconcile import Content, salvaged, torn
from actuator.journal.rows import COLUMNS, KINDS_OF_RUNS, Row, columns, encode, whole
from actuator.relay import RelayConfig

MOST_OF_RUNS, MOST_OF_OTHERS = 10_000, 10_000
"""Rows kept of each: a board that flickers writes a thousand an hour, and what runs have left is not to go for them."""
MOST_ROWS = MOST_OF_RUNS + MOST_OF_OTHERS
"""Rows kept; at about 300 bytes each the file stays under 10 MB."""

_SPARE = 1_000
"""Rows between two times of dropping the oldest: it reads all of them."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, wall REAL NOT NULL, sane INTEGER NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL,
    text TEXT NOT NULL, fields TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, saved TEXT);
INSERT OR IGNORE INTO state (one, sequence, saved) VALUES (1, 0, NULL);
"""


_DAMAGE = (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError, TypeError, ArithmeticError)
"""What files that are not as we left them can raise."""
_NEVER = {
    *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
}
"""Of these the database itself is the cause, its tables or its bytes: trying again changes nothing."""


class JournalError(Exception):
    """The journal could not be written or read; the text says why.

    Attributes:
        beside: the sidecar has taken the durable state, though the database has not.
    """

    def __init__(self, text: str, *, beside: bool = False) -> None:
        super().__init__(text)
        self.beside = beside


class LostError(JournalError):
    """Database or sidecar was removed or replaced in use, or can never be written again.

    The next write begins it anew and has to bring everything.
    """


class _OvertakenError(sqlite3.Error):
    """A write that hung comes through after a newer one."""


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the state row keeps: its own number too, so that both are under one checksum."""

    sequence: int
    saved: Saved


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was there at the start.

    Attributes:
        saved: the durable state; None on a fresh start. When torn: what can still be known of it, with the mode from
            whichever can be read (off when they differ or neither can), and the inhibits and attempts of both.
        torn: why database and sidecar cannot be trusted together; empty when they can, or when both are missing.
        last_id: number of the newest row, 0 without any.
        last_wall: Unix time of the newest row written by a clock known to be right.
        error: why the journal cannot be written; empty when it can.
    """

    saved: Saved | None = None
    torn: str = ""
    last_id: int = 0
    last_wall: float | None = None
    error: str = ""


class _Known(msgspec.Struct, kw_only=True):
    """What was left behind by the last write.

    Attributes:
        sequence: the highest one that was written or seen.
        identity: of the database's file; None before it is opened.
        beside: the sidecar's bytes; None when they are not certain.
    """

    sequence: int = 0
    identity: tuple[int, int] | None = None
    beside: bytes | None = None


class Journal:
    """The database and its sidecar. One thread uses it."""

    def __init__(self, path: Path, relay: RelayConfig | None, known: _Known | None = None) -> None:
        self._path = path
        self._relay = relay
        self._known = known or _Known()
        self._database: sqlite3.Connection | None = None
        self._abandoned = False

    def successor(self, relay: RelayConfig) -> Journal:
        """Return another one for the same files; this one, which may hang in a thread, keeps its hands off from now."""
        self._abandoned = True
        return Journal(self._path, relay, msgspec.structs.replace(self._known, beside=None))

    def load(self, here: Moment) -> Found:
        """Read what is there, judge whether it belongs together, and make it ready to be written."""
        if _missing(self._path) and _missing(sidecar.path_of(self._path)):
            return Found(error=self._try_create())
        side, side_fault = sidecar.read(self._path)
        content, fault = _read(self._path)
        why = torn(content, fault, side, side_fault)
        saved = salvaged(content, side, here) if why else content.saved if content else None
        self._known.sequence = max(content.sequence if content else 0, side.sequence if side else 0)
        error = self._try_ready(broken=saved if content is None else None)
        return Found(
            saved=saved,
            torn=why,
            last_id=content.last_id if content else 0,
            last_wall=content.last_wall if content else None,
            error=error,
        )

    def write(self, rows: Sequence[Row], saved: Saved | None) -> None:
        """Write rows, and the durable state when there is one, in one transaction; then the sidecar.

        When it returns, all of it is on the disk. The sidecar is written even when the database is not, a number ahead
        of it: what forbids a run outlives a restart if either of the two can be written.

        Raises:
            LostError: what was there is lost; give again everything there is.
            JournalError: it is not; rows and state are the caller's to give again.
        """
        fault = ""
        try:
            self.look()
            self._write_database(rows, saved)
        except _OvertakenError as error:
            self.close()
            raise JournalError(f"{self._path} cannot be written: {error}") from error
        except _DAMAGE as error:
            self.close()
            fault = str(error)
            if not self._abandoned and getattr(error, "sqlite_errorcode", 0) & 0xFF in _NEVER:
                fault = self._give_way(fault)
        beside = saved is not None and not self._abandoned
        if saved is not None and beside:
            try:
                self._write_sidecar(saved.durable, number=self._known.sequence + 1)
            except _DAMAGE as error:
                self.close()
                fault, beside = fault or str(error), False
        if saved is not None and (beside or not fault):
            self._known.sequence += 1
        if fault:
            raise JournalError(f"{self._path} cannot be written: {fault}", beside=beside)

    def look(self) -> None:
        """Find out whether both files are still those that were written.

        Raises:
            LostError: one is not; what has taken the database's place is set aside.
            OSError: they cannot be looked at.
        """
        known, beside = self._known, sidecar.path_of(self._path)
        replaced = known.identity is not None and _identity(self._path) != known.identity
        changed = known.beside is not None and _bytes(beside) != known.beside
        if self._abandoned:
            return  # what differs is the successor's work
        if replaced or changed:
            known.beside = None
            if replaced:
                known.identity = None
                self._set_aside()
            raise LostError(f"{self._path if replaced else beside} was removed or replaced while it was in use")

    def close(self) -> None:
        """Close the database; the next write opens it again."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _write_database(self, rows: Sequence[Row], saved: Saved | None) -> None:
        database = self._ready()
        with database:
            database.execute("BEGIN IMMEDIATE")
            # By name: a later version's table may have more columns.
            database.executemany(
                f"INSERT OR REPLACE INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                map(columns, rows),
            )
            if rows and rows[-1].id // _SPARE > (rows[0].id - 1) // _SPARE:
                _prune(database, rows[-1].id)
            if saved is not None:
                self._update(database, saved)

    def _try_create(self) -> str:
        try:
            self._ready()
            self._write_sidecar(Durable(), number=0)
        except _DAMAGE as error:
            self.close()
            return f"{self._path} cannot be created: {error}"
        return ""

    def _try_ready(self, *, broken: Saved | None) -> str:
        """Open the database; one that is broken gives way to a new one, once the sidecar has all that is left of it."""
        try:
            if broken is not None:
                self._known.sequence += 1
                self._write_sidecar(broken.durable, number=self._known.sequence)
                self._set_aside()
            database = self._ready()
            with database:
                database.execute("BEGIN IMMEDIATE")
        except _DAMAGE as error:
            self.close()
            return f"{self._path} cannot be written: {error}"
        return ""

    def _give_way(self, fault: str) -> str:
        """Set a database aside that can never be written; return why it is still there when that fails.

        Raises:
            LostError: it is done.
        """
        try:
            self._set_aside()
        except OSError as error:
            return f"{fault}; it cannot be set aside: {error}"
        self._known.identity = None
        raise LostError(f"{self._path} could not be written and was set aside ({fault})")

    def _set_aside(self) -> None:
        """Keep the broken database beside the new one, for whoever wants to look; the one before it goes."""
        self.close()
        for ending in ("-wal", "-shm"):
            _beside(self._path, ending).unlink(missing_ok=True)
        if self._path.exists():
            self._path.replace(_beside(self._path, ".torn"))

    def _ready(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = _connect(self._path)
            try:
                database.executescript(_SCHEMA)
                sequence = int(database.execute("SELECT sequence FROM state").fetchone()[0])
            except BaseException:
                database.close()
                raise
            side, _ = sidecar.read(self._path)
            self._known.sequence = max(self._known.sequence, sequence, side.sequence if side else 0)
            self._known.identity = _identity(self._path)
            self._database = database
        return self._database

    def _update(self, database: sqlite3.Connection, saved: Saved) -> None:
        """Replace the state, unless a write that hung before this one has come through after all."""
        number = self._known.sequence + 1
        updated = database.execute(
            "UPDATE state SET sequence = ?1, saved = ?2 WHERE sequence < ?1",
            (number, sealed(encode(_Snapshot(sequence=number, saved=saved))).decode()),
        )
        if updated.rowcount != 1:
            raise _OvertakenError("another write came between")

    def _write_sidecar(self, durable: Durable, *, number: int) -> None:
        self._known.beside = None
        self._known.beside = sidecar.write(self._path, sidecar.sidecar(number, durable, self._relay))


def _prune(database: sqlite3.Connection, newest: int) -> None:
    """Drop the oldest rows, and those whose number damage has put beyond the newest one."""
    database.execute("DELETE FROM event WHERE id > ?", (newest,))
    marks = ", ".join("?" * len(KINDS_OF_RUNS))
    for these, most in ((f"kind IN ({marks})", MOST_OF_RUNS), (f"kind NOT IN ({marks})", MOST_OF_OTHERS)):
        oldest = f"SELECT id FROM event WHERE {these} ORDER BY id DESC LIMIT 1 OFFSET ?"  # noqa: S608 - constants
        database.execute(
            f"DELETE FROM event WHERE {these} AND id <= ({oldest})",  # noqa: S608 - constants
            (*KINDS_OF_RUNS, *KINDS_OF_RUNS, most),
        )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _missing(path: Path) -> bool:
    """Return whether nothing is there; what cannot be looked at is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from another of the same name; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    # Text is decoded by us, row by row: one damaged row is not to hide the others.
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
    """Yield a database that can be opened: itself, or on a read-only disk, where SQLite opens no WAL, a copy of it."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        if not _missing(_beside(path, "-wal")):
            shutil.copyfile(_beside(path, "-wal"), _beside(copy, "-wal"))
        yield copy


def _read(path: Path) -> tuple[Content | None, str]:
    """Return what the database holds, or None and why it cannot be read."""
    if _missing(path):
        return None, f"{path.name} is missing"
    try:
        if not path.stat().st_size:
            return None, f"{path.name} is empty"
        with readable(path) as file:
            return _content(file), ""
    except _DAMAGE as error:
        return None, f"{path.name} cannot be read: {error}"


def _content(path: Path) -> Content:
    with contextlib.closing(_connect(path)) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != b"ok":
            raise ValueError(check.decode(errors="replace"))
        state = database.execute("SELECT sequence, saved FROM state").fetchall()
        if len(state) != 1:
            raise ValueError(f"it has {len(state)} states instead of one")
        sequence, saved = state[0]
        last_id, last_wall = _newest(database)
        return Content(sequence=sequence, saved=_snapshot(sequence, saved), last_id=last_id, last_wall=last_wall)


def _snapshot(sequence: object, saved: object) -> Saved | None:
    if saved is None and sequence == 0:
        return None
    if not isinstance(saved, bytes):
        raise ValueError("its state is lost")  # noqa: TRY004 - damage, not a mistake of the caller's
    snapshot = msgspec.json.decode(unsealed(saved), type=_Snapshot)
    if snapshot.sequence != sequence:
        raise ValueError(f"its state is number {snapshot.sequence}, kept as {sequence}")
    return snapshot.saved


def _newest(database: sqlite3.Connection) -> tuple[int, float | None]:
    """Return the number of the newest whole row, and when a clock known to be right last wrote one."""
    last_id = 0
    for one in whole(database.execute(f"SELECT {COLUMNS} FROM event ORDER BY id DESC")):  # noqa: S608 - constants
        last_id = last_id or one.id
        if one.sane:
            return last_id, one.wall
    return last_id, None
