"""The database, and the sidecar that goes with it. Everything here blocks; see `keeper` for how the loop uses it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from actuator.journal import sidecar
from actuator.journal.halves import Content, salvaged, torn
from actuator.journal.rows import Row, columns, encode, row
from actuator.model import Durable, Moment, Saved
from actuator.relay.config import RelayConfig

MOST_ROWS = 20_000
"""Rows kept; at about 300 bytes each the file stays under 10 MB."""

_SPARE = 1_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, wall REAL NOT NULL, sane INTEGER NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL,
    text TEXT NOT NULL, fields TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, saved TEXT);
INSERT OR IGNORE INTO state VALUES (1, 0, NULL);
"""


class JournalError(Exception):
    """The journal could not be written or read; the text says why."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was there at the start.

    Attributes:
        saved: the durable state; None on a fresh start. When torn: what can still be known of it, with the mode from
            whichever can be read (off when they differ or neither can), and the inhibits and attempts of both.
        torn: why database and sidecar cannot be trusted together; empty when they can, or when both are missing.
        last_wall: Unix time of the newest row written by a clock known to be right.
        error: why the journal cannot be written; empty when it can.
    """

    saved: Saved | None = None
    torn: str = ""
    last_wall: float | None = None
    error: str = ""


class Journal:
    """The database and its sidecar. One thread uses it."""

    def __init__(self, path: Path, relay: RelayConfig | None) -> None:
        self._path = path
        self._relay = relay
        self._database: sqlite3.Connection | None = None
        self._sequence = 0
        self._written = 0

    def load(self, here: Moment) -> Found:
        """Read what is there, judge whether it belongs together, and make it ready to be written."""
        there, beside = _size(self._path), _size(sidecar.path_of(self._path))
        if there is None and beside is None:
            found, error = Found(), self._try_create()
            return msgspec.structs.replace(found, error=error)
        side, side_fault = sidecar.read(self._path)
        content, fault = _read(self._path)
        why = torn(content, fault, side, side_fault)
        saved = content.saved if content else None
        error = self._try_ready(broken=content is None)
        self._sequence = max(content.sequence if content else 0, side.sequence if side else 0)
        return Found(
            saved=salvaged(content, side, here) if why else saved,
            torn=why,
            last_wall=content.last_wall if content else None,
            error=error,
        )

    def write(self, rows: Sequence[Row], saved: Saved | None) -> None:
        """Write rows, and the durable state when there is one, in one transaction; then the sidecar.

        When it returns, all of it is on the disk.

        Raises:
            JournalError: it is not; rows and state are the caller's to give again.
        """
        try:
            database = self._ready()
            with database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", map(columns, rows))
                self._prune(database, len(rows))
                if saved is not None:
                    self._update(database, saved)
            if saved is not None:
                self._sequence += 1
                self._write_sidecar(saved.durable)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise JournalError(f"{self._path} cannot be written: {error}") from error

    def last_id(self) -> int:
        """Return the number of the newest row, 0 without any.

        Raises:
            JournalError: the database cannot be read.
        """
        newest = self.rows(most=1)
        return newest[-1].id if newest else 0

    def rows(self, *, since: float | None = None, after: int = 0, most: int = MOST_ROWS) -> list[Row]:
        """Return rows in order, the newest `most` of those asked for.

        Args:
            since: Unix time of the oldest one.
            after: number of the row before the first one.
            most: how many at most.

        Raises:
            JournalError: the database cannot be read.
        """
        try:
            stored = (
                []
                if self._database is None
                else self._database.execute(
                    "SELECT id, wall, sane, kind, level, text, fields FROM event WHERE id > ? AND wall >= ? "
                    "ORDER BY id DESC LIMIT ?",
                    (after, -1e300 if since is None else since, most),
                ).fetchall()
            )
        except sqlite3.Error as error:
            raise JournalError(f"{self._path} cannot be read: {error}") from error
        return [row(columns) for columns in reversed(stored)]

    def close(self) -> None:
        """Close the database; the next write opens it again."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _try_create(self) -> str:
        try:
            self._ready()
            self._write_sidecar(Durable())
        except (sqlite3.Error, OSError) as error:
            self.close()
            return f"{self._path} cannot be created: {error}"
        return ""

    def _try_ready(self, *, broken: bool) -> str:
        try:
            if broken:
                self._set_aside()
            database = self._ready()
            with database:
                database.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as error:
            self.close()
            return f"{self._path} cannot be written: {error}"
        return ""

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
            except sqlite3.Error:
                database.close()
                raise
            self._sequence = max(self._sequence, sequence)
            self._database = database
        return self._database

    def _update(self, database: sqlite3.Connection, saved: Saved) -> None:
        """Replace the state, unless a write that hung before this one has come through after all."""
        updated = database.execute(
            "UPDATE state SET sequence = ?1, saved = ?2 WHERE sequence < ?1",
            (self._sequence + 1, encode(saved).decode()),
        )
        if updated.rowcount != 1:
            raise sqlite3.OperationalError("another write came between")

    def _write_sidecar(self, durable: Durable) -> None:
        sidecar.write(self._path, sidecar.sidecar(self._sequence, durable, self._relay))

    def _prune(self, database: sqlite3.Connection, written: int) -> None:
        self._written += written
        if self._written >= _SPARE:
            database.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (MOST_ROWS,))
            self._written = 0


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 1048576")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _read(path: Path) -> tuple[Content | None, str]:
    """Return what the database holds, or None and why it cannot be read; on a read-only disk from a copy."""
    if not _size(path):
        return None, f"{path.name} is {'missing' if _size(path) is None else 'empty'}"
    try:
        if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            return _content(path), ""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            shutil.copyfile(path, copy)
            if _size(_beside(path, "-wal")):
                shutil.copyfile(_beside(path, "-wal"), _beside(copy, "-wal"))
            return _content(copy), ""
    except (sqlite3.Error, OSError, msgspec.DecodeError, ValueError, TypeError) as error:
        return None, f"{path.name} cannot be read: {error}"


def _content(path: Path) -> Content:
    with contextlib.closing(_connect(path)) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != "ok":
            raise ValueError(check)
        state = database.execute("SELECT sequence, saved FROM state").fetchone()
        if state is None:
            raise ValueError("it has no state")
        last = database.execute("SELECT max(wall) FROM event WHERE sane").fetchone()[0]
        saved = None if state[1] is None else msgspec.json.decode(state[1], type=Saved)
        return Content(sequence=int(state[0]), saved=saved, last_wall=last)
