"""What outlives the process: every event, every relay transition, and the controller's durable state.

SQLite in WAL mode with `synchronous=FULL`: a row that has been written is on the disk, also when the power goes. A
small sidecar beside it, replaced as a whole, carries the same sequence number, the mode and the inhibits: each shows
when the other was cut, emptied, lost or put back from an older copy. The database is written first and the sidecar
second, so a sidecar that is one behind is a death between the two and nothing worse.

Everything here blocks; see `keeper.py` for the way the loop uses it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from actuator.model import Durable, Inhibit, Mode, Moment, Saved
from actuator.relay.config import RelayConfig, plain
from toolkit.config import ConfigError, decode

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


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the journal keeps it.

    Attributes:
        id: counts rows, never reused.
        wall: Unix time.
        sane: the wall clock was known to be right.
        kind: one word for machines.
        level: info, warning or error.
        text: one sentence for people.
        fields: the facts behind it.
    """

    id: int
    wall: float
    sane: bool
    kind: str
    level: str
    text: str
    fields: dict[str, str | float | int | bool | None] = {}

    @property
    def time(self) -> str:
        """The wall time, RFC 3339 in UTC."""
        return datetime.fromtimestamp(self.wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small file beside the database.

    Attributes:
        sequence: of the durable state that was saved last.
        mode: the operator's choice in it; where mode `on` goes back to.
        inhibits: the alerts that forbid a run in it.
        attempts: consecutive failed ones in it.
        locked_out: until acknowledged.
        relay: the last relay configuration that was right, as it would be written in the file.
    """

    sequence: int
    mode: Mode = "auto"
    inhibits: dict[str, Inhibit] = {}
    attempts: int = 0
    locked_out: bool = False
    relay: dict[str, Any] | None = None


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
        self._sidecar = _sidecar_of(path)
        self._relay = None if relay is None else plain(relay)
        self._database: sqlite3.Connection | None = None
        self._sequence = 0
        self._written = 0

    def load(self, here: Moment) -> Found:
        """Read what is there, judge whether it belongs together, and make it ready to be written."""
        there, beside = _size(self._path), _size(self._sidecar)
        if there is None and beside is None:
            found, error = Found(), self._try_create()
            return msgspec.structs.replace(found, error=error)
        side, side_fault = read_sidecar(self._path)
        content, fault = _read(self._path)
        torn = _torn(content, fault, side, side_fault)
        saved = content.saved if content else None
        error = self._try_ready(broken=content is None)
        self._sequence = max(content.sequence if content else 0, side.sequence if side else 0)
        return Found(
            saved=_salvaged(content, side, here) if torn else saved,
            torn=torn,
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
                database.executemany("INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", map(_columns, rows))
                self._prune(database, len(rows))
                if saved is not None:
                    database.execute(
                        "UPDATE state SET sequence = ?, saved = ?",
                        (self._sequence + 1, _encode(saved).decode()),
                    )
            if saved is not None:
                self._sequence += 1
                self._write_sidecar(saved.durable)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise JournalError(f"{self._path} cannot be written: {error}") from error

    def last_id(self) -> int:
        """Return the number of the newest row, 0 without any."""
        if self._database is None:
            return 0
        return int(self._database.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])

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
        return [_row(columns) for columns in reversed(stored)]

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

    def _prune(self, database: sqlite3.Connection, written: int) -> None:
        self._written += written
        if self._written >= _SPARE:
            database.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (MOST_ROWS,))
            self._written = 0

    def _write_sidecar(self, durable: Durable) -> None:
        side = Sidecar(
            sequence=self._sequence,
            mode=_lasting_mode(durable),
            inhibits=durable.inhibits,
            attempts=durable.attempts,
            locked_out=durable.locked_out,
            relay=self._relay,
        )
        temporary = _beside(self._sidecar, ".new")
        with temporary.open("wb") as file:
            file.write(_encode(side))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._sidecar)
        folder = os.open(self._sidecar.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a database holds."""

    sequence: int
    saved: Saved | None
    last_wall: float | None


def read_sidecar(journal: Path) -> tuple[Sidecar | None, str]:
    """Return the sidecar of a journal, or None and why it cannot be read."""
    path = _sidecar_of(journal)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sidecar), ""
    except FileNotFoundError:
        return None, f"{path.name} is missing"
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, f"{path.name} cannot be read: {error}"


def last_relay(journal: Path) -> RelayConfig | None:
    """Return the last relay configuration that was right, from the sidecar; None when it keeps none."""
    side, _ = read_sidecar(journal)
    if side is None or side.relay is None:
        return None
    kind: Any = RelayConfig
    try:
        relay: RelayConfig = decode(side.relay, kind)
    except ConfigError:
        return None
    return relay


def as_json(rows: Sequence[Row]) -> bytes:
    """Return rows as a JSON list of objects, their time in words too."""
    return b"[" + b",".join(map(as_object, rows)) + b"]"


def as_object(row: Row) -> bytes:
    """Return a row as a JSON object, its time in words too."""
    return _encode({"time": row.time, **msgspec.structs.asdict(row)})


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV (RFC 4180): id, time, wall, sane, kind, level, text, and the fields as JSON."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "time", "wall", "sane", "kind", "level", "text", "fields"])
    for row in rows:
        fields = _encode(row.fields).decode()
        writer.writerow([row.id, row.time, row.wall, int(row.sane), row.kind, row.level, row.text, fields])
    return file.getvalue()


def _encode(value: object) -> bytes:
    """Return JSON; a number of a kind of its own, such as a span of the configuration, is a number."""
    return msgspec.json.encode(value, enc_hook=lambda other: float(other) if isinstance(other, float) else str(other))


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _sidecar_of(journal: Path) -> Path:
    return _beside(journal, ".sidecar")


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


def _read(path: Path) -> tuple[_Content | None, str]:
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


def _content(path: Path) -> _Content:
    with contextlib.closing(_connect(path)) as database:
        check = database.execute("PRAGMA quick_check").fetchone()[0]
        if check != "ok":
            raise ValueError(check)
        state = database.execute("SELECT sequence, saved FROM state").fetchone()
        if state is None:
            raise ValueError("it has no state")
        last = database.execute("SELECT max(wall) FROM event WHERE sane").fetchone()[0]
        saved = None if state[1] is None else msgspec.json.decode(state[1], type=Saved)
        return _Content(sequence=int(state[0]), saved=saved, last_wall=last)


def _torn(content: _Content | None, fault: str, side: Sidecar | None, side_fault: str) -> str:
    if content is None or side is None:
        return "; ".join(filter(None, (fault, side_fault)))
    if side.sequence > content.sequence:
        return f"the database is behind its sidecar (sequence {content.sequence}, sidecar {side.sequence})"
    if side.sequence < content.sequence - 1:
        return f"the sidecar is behind its database (sequence {side.sequence}, database {content.sequence})"
    return ""


def _salvaged(content: _Content | None, side: Sidecar | None, here: Moment) -> Saved:
    """Return what two halves that disagree still say; where they differ, the one that keeps the engine off."""
    saved = content.saved if content else None
    durable = saved.durable if saved else Durable()
    modes = {_lasting_mode(durable)} if saved else set[Mode]()
    if side is not None:
        modes.add(side.mode)
        durable = msgspec.structs.replace(
            durable,
            inhibits=side.inhibits | durable.inhibits,
            attempts=max(side.attempts, durable.attempts),
            locked_out=side.locked_out or durable.locked_out,
        )
    mode = modes.pop() if len(modes) == 1 else "off"
    return Saved(
        durable=msgspec.structs.replace(durable, mode=mode, manual_until=None), moment=saved.moment if saved else here
    )


def _lasting_mode(durable: Durable) -> Mode:
    return durable.mode_before if durable.mode == "on" else durable.mode


def _columns(row: Row) -> tuple[object, ...]:
    fields = _encode(row.fields).decode()
    return row.id, row.wall, int(row.sane), row.kind, row.level, row.text, fields


def _row(columns: tuple[Any, ...]) -> Row:
    number, wall, sane, kind, level, text, fields = columns
    return Row(
        id=number,
        wall=wall,
        sane=bool(sane),
        kind=kind,
        level=level,
        text=text,
        fields=msgspec.json.decode(fields),
    )
