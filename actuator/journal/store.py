"""The database, its sidecar and its mirror. Everything here blocks; `async_journal` is how the loop uses it."""

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

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import mirror, sidecar
from actuator.journal.checksum import add_checksum, remove_checksum
from actuator.journal.reconcile import Content, merged, torn
from actuator.journal.rows import COLUMNS, KINDS_OF_RUNS, Row, columns, encode, undamaged
from actuator.relay import RelayConfig
from toolkit import log
from toolkit.replace import replace

MAX_RUN_ROWS, MAX_OTHER_ROWS = 10_000, 10_000
"""Rows kept of each: a board that flickers writes a thousand an hour, which must not push out the rows of runs."""
MAX_ROWS = MAX_RUN_ROWS + MAX_OTHER_ROWS
"""Rows kept; at about 300 bytes each the file stays under 10 MB."""

_PRUNE_EVERY = 1_000
"""Rows between two deletions of the oldest, which read all rows."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, wall REAL NOT NULL, sane INTEGER NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL,
    text TEXT NOT NULL, fields TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, saved TEXT);
INSERT OR IGNORE INTO state (one, sequence, saved) VALUES (1, 0, NULL);
"""


_log = log.get(__name__)

_DAMAGE = (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError, TypeError, ArithmeticError)
"""What damaged or changed files can raise."""
_PERMANENT = {
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
"""Errors that show nothing about a file but that it is there, and what to do."""
_WITHHELD = {
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
}
"""The same of SQLite."""


class JournalError(Exception):
    """The journal could not be written or read.

    Attributes:
        in_sidecar: the durable state is in the sidecar, though not in the database.
    """

    def __init__(self, text: str, *, in_sidecar: bool = False) -> None:
        super().__init__(text)
        self.in_sidecar = in_sidecar


class LostError(JournalError):
    """Database or sidecar was removed or replaced in use, or can never be written again.

    The next write creates it again, and has to contain everything.
    """


class _WithheldError(Exception):
    """The database is there, and may be whole, but it cannot be read now."""


class _OvertakenError(sqlite3.Error):
    """A write that hung was completed after a newer one."""


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the state row, with its number, so that one checksum covers both."""

    sequence: int
    saved: Saved


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The journal at the start.

    Attributes:
        saved: the durable state; None on a fresh start. When torn: what is left of it, with the mode of whichever half
            can be read (off if they differ or neither can), and the inhibits and attempts of both.
        torn: why database and sidecar do not agree; empty when they do, when both are missing, or when the mirror is
            as new as they are.
        last_id: number of the newest row, 0 without any.
        last_wall: Unix time of the newest row written while the clock was known to be right.
        error: why the journal cannot be written; empty when it can.
    """

    saved: Saved | None = None
    torn: str = ""
    last_id: int = 0
    last_wall: float | None = None
    error: str = ""


class _LastWrite(msgspec.Struct, kw_only=True):
    """The files as the last write left them.

    Attributes:
        sequence: the highest one that was written or read.
        identity: of the database's file; None before it is opened.
        sidecar: its bytes; None when they are not certain.
        mirrored: the sequence in the mirror; 0 when that is not certain.
        spare: the sequence in the mirror's spare; 0 without one.
    """

    sequence: int = 0
    mirrored: int = 0
    spare: int = 0
    identity: tuple[int, int] | None = None
    sidecar: bytes | None = None


class Journal:
    """The database and its sidecar, and their mirror in a folder, if there is one.

    One call at a time: the loop waits for each, whichever thread it is in.
    """

    def __init__(
        self, path: Path, relay: RelayConfig | None, mirror_folder: Path | None = None, last: _LastWrite | None = None
    ) -> None:
        self._path = path
        self._relay = relay
        self._mirror_folder = mirror_folder
        self._last = last or _LastWrite()
        self._database: sqlite3.Connection | None = None
        self._abandoned = False

    def successor(self, relay: RelayConfig) -> Journal:
        """Return another one for the same files; this one, which may hang in a thread, changes nothing any more."""
        self._abandoned = True
        # The write that hangs may still be completed: its number is not given again.
        sequence = max(self._last.sequence, self._last.mirrored)
        last = replace(self._last, sequence=sequence, sidecar=None)
        return Journal(self._path, relay, self._mirror_folder, last)

    def load(self, moment: Moment) -> Found:
        """Read the files, compare them, and make database and sidecar ready to be written."""
        mirrored = self._newest_in_memory(moment)
        if mirrored is None and _missing(self._path) and _missing(sidecar.path_of(self._path)):
            return Found(error=self._try_create())
        side, side_fault = sidecar.read(self._path)
        try:
            content, fault = _read(self._path)
        except _WithheldError as withheld:
            # Never set aside: it may be whole, and be read at the next start.
            text = str(withheld)
            left, reason = (mirrored.saved, "") if mirrored is not None else (merged(None, side, moment), text)
            return Found(saved=left, torn=reason, last_id=beyond(moment), error=text)
        newest = max(content.sequence if content else 0, side.sequence if side else 0)
        reason = torn(content, fault, side, side_fault)
        saved = merged(content, side, moment) if reason else content.saved if content else None
        if mirrored is not None and mirrored.sequence >= newest:
            reason, saved = "", mirrored.saved
        self._last.sequence = max(self._last.sequence, newest)
        error = self._try_ready(broken=saved if content is None else None)
        return Found(
            saved=saved,
            torn=reason,
            last_id=content.last_id if content else 0,
            last_wall=content.last_wall if content else None,
            error=error,
        )

    def load_mirror(self, moment: Moment) -> Saved | None:
        """Return the durable state in the mirror or its spare; None: there is none of this boot."""
        content = self._newest_in_memory(moment)
        return None if content is None else content.saved

    def _newest_in_memory(self, moment: Moment) -> mirror.Mirror | None:
        last = self._last
        mirrored = None if self._mirror_folder is None else mirror.read(self._mirror_folder, self._path, moment.boot)
        spare = self._read_spare(moment)
        last.mirrored, last.spare = mirrored.sequence if mirrored else 0, spare.sequence if spare else 0
        last.sequence = max(last.sequence, last.mirrored, last.spare)
        return spare if last.spare > last.mirrored else mirrored

    def _read_spare(self, moment: Moment) -> mirror.Mirror | None:
        folder = mirror.spare_folder()
        try:
            if not folder.is_dir():
                return None
            mirror.make_private(folder)
        except OSError as error:
            _log.error("the spare of the journal's mirror is not used", error=error)
            return None
        return mirror.read(folder, self._path, moment.boot)

    def write_mirror(self, saved: Saved) -> str:
        """Write the durable state to the mirror, with the number of the next `write`; return why that failed."""
        # First, and alone: a card that hangs does not delay it.
        if self._mirror_folder is None:
            return "there is none"
        number = self._last.sequence + 1
        self._last.mirrored = 0
        try:
            mirror.write(self._mirror_folder, self._path, number, saved)
        except OSError as error:
            return f"{self._mirror_folder} cannot be written: {error}"
        self._last.mirrored = number
        return ""

    def write_spare(self, saved: Saved) -> str:
        """Write the durable state, which the journal has not taken, to the mirror's spare; return why that failed."""
        folder, last = mirror.spare_folder(), self._last
        number = last.sequence + 1
        number += last.spare > 0 and number % 2 == last.spare % 2  # the record before is in the other file, and stays
        try:
            mirror.make_private(folder)
            mirror.write(folder, self._path, number, saved)
        except OSError as error:
            return f"{folder} cannot be written: {error}"
        last.sequence = last.spare = number
        return ""

    def drop_spare(self) -> None:
        """Remove the mirror's spare: the journal has everything."""
        if self._last.spare:
            for path in mirror.paths_of(mirror.spare_folder(), self._path):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            self._last.spare = 0

    def mirror_is_current(self) -> bool:
        """Return whether the mirror has the newest state, or there is to be none."""
        if self._mirror_folder is None:
            return True
        missing = any(map(_missing, mirror.paths_of(self._mirror_folder, self._path)))
        return self._last.mirrored >= self._last.sequence and not missing

    def write(self, rows: Sequence[Row], saved: Saved | None) -> None:
        """Write rows, and the durable state if given, in one transaction; then the sidecar.

        When it returns, all of it is on the disk.

        Raises:
            LostError: the journal was lost; write everything again.
            JournalError: it could not be written; write rows and state again.
        """
        fault = ""
        try:
            with contextlib.suppress(OSError):  # what cannot be examined now can be written all the same
                self.check_files()
            self._write_database(rows, saved)
        except _OvertakenError as error:
            self.close()
            raise JournalError(f"{self._path} cannot be written: {error}") from error
        except _DAMAGE as error:
            self.close()
            fault = str(error)
            if not self._abandoned and getattr(error, "sqlite_errorcode", 0) & 0xFF in _PERMANENT:
                fault = self._replace_database(fault)
        # Also when the database could not be written, and then a number ahead of it: what blocks a run survives a
        # restart if either of the two can be written.
        in_sidecar = saved is not None and not self._abandoned
        if saved is not None and in_sidecar:
            try:
                self._write_sidecar(saved.durable, number=self._last.sequence + 1)
            except _DAMAGE as error:
                self.close()
                fault, in_sidecar = fault or str(error), False
        number = self._last.sequence + 1
        if saved is not None and (in_sidecar or not fault or self._last.mirrored == number):
            self._last.sequence = number
        if fault:
            raise JournalError(f"{self._path} cannot be written: {fault}", in_sidecar=in_sidecar)

    def check_files(self) -> None:
        """Check that both files are still those that were written.

        Raises:
            LostError: one is not; a file in the database's place is set aside.
            OSError: they cannot be read.
        """
        last, side = self._last, sidecar.path_of(self._path)
        replaced = last.identity is not None and _identity(self._path) != last.identity
        changed = last.sidecar is not None and _bytes(side) != last.sidecar
        if self._abandoned:
            return  # the successor has changed them
        if replaced or changed:
            last.sidecar = None
            if replaced:
                last.identity = None
                self._set_aside()
            raise LostError(f"{self._path if replaced else side} was removed or replaced while it was in use")

    def close(self) -> None:
        """Close the database; the next write opens it again."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _write_database(self, rows: Sequence[Row], saved: Saved | None) -> None:
        database = self._open()
        with database:
            database.execute("BEGIN IMMEDIATE")
            # By name: a later version's table may have more columns.
            database.executemany(
                f"INSERT OR REPLACE INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                map(columns, rows),
            )
            if rows and rows[-1].id // _PRUNE_EVERY > (rows[0].id - 1) // _PRUNE_EVERY:
                _prune(database, rows[-1].id)
            if saved is not None:
                self._update(database, saved)

    def _try_create(self) -> str:
        try:
            self._open()
            self._write_sidecar(Durable(), number=0)
        except _DAMAGE as error:
            self.close()
            return f"{self._path} cannot be created: {error}"
        return ""

    def _try_ready(self, *, broken: Saved | None) -> str:
        """Open the database; replace a broken one by a new one, after the sidecar has what is left of it."""
        try:
            if broken is not None:
                self._last.sequence += 1
                self._write_sidecar(broken.durable, number=self._last.sequence)
                self._set_aside()
            database = self._open()
            with database:
                database.execute("BEGIN IMMEDIATE")
        except _DAMAGE as error:
            self.close()
            return f"{self._path} cannot be written: {error}"
        return ""

    def _replace_database(self, fault: str) -> str:
        """Set aside a database that can never be written; return the fault if that fails.

        Raises:
            LostError: it is set aside.
        """
        try:
            self._set_aside()
        except OSError as error:
            return f"{fault}; it cannot be set aside: {error}"
        self._last.identity = None
        raise LostError(f"{self._path} could not be written and was set aside ({fault})")

    def _set_aside(self) -> None:
        """Keep the broken database next to the new one, for later inspection; an earlier one is replaced."""
        self.close()
        for ending in ("-wal", "-shm"):
            _suffixed(self._path, ending).unlink(missing_ok=True)
        if self._path.exists():
            self._path.replace(_suffixed(self._path, ".torn"))

    def _open(self) -> sqlite3.Connection:
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
            self._last.sequence = max(self._last.sequence, sequence, side.sequence if side else 0)
            self._last.identity = _identity(self._path)
            self._database = database
        return self._database

    def _update(self, database: sqlite3.Connection, saved: Saved) -> None:
        """Replace the state, unless a newer one is there: then this write hung before it."""
        number = self._last.sequence + 1
        updated = database.execute(
            "UPDATE state SET sequence = ?1, saved = ?2 WHERE sequence < ?1",
            (number, add_checksum(encode(_Snapshot(sequence=number, saved=saved))).decode()),
        )
        if updated.rowcount != 1:
            raise _OvertakenError("a newer write has been completed")

    def _write_sidecar(self, durable: Durable, *, number: int) -> None:
        self._last.sidecar = None
        self._last.sidecar = sidecar.write(self._path, sidecar.sidecar(number, durable, self._relay))


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


def beyond(moment: Moment) -> int:
    """Return a number beyond that of every row of a journal that could not be read: rows are counted from 1."""
    return max(int(moment.wall), 10**9)


def _suffixed(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _missing(path: Path) -> bool:
    """Return whether nothing is there; a path that cannot be examined is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _bytes(path: Path) -> bytes | None:
    """Return a file's content; None without a file. One that cannot be read is not missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which differ for another file of the same name; None without a file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path) -> sqlite3.Connection:
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
        if not _missing(_suffixed(path, "-wal")):
            shutil.copyfile(_suffixed(path, "-wal"), _suffixed(copy, "-wal"))
        yield copy


def _read(path: Path) -> tuple[Content | None, str]:
    """Return the content of the database, or None and why it cannot be read.

    Raises:
        _WithheldError: it cannot be read now, which shows no damage.
    """
    if _missing(path):
        return None, f"{path.name} is missing"
    try:
        with path.open("rb") as opened:  # SQLite does not report why it cannot open a file
            if not opened.read(1):
                return None, f"{path.name} is empty"
        with readable(path) as file:
            return _content(file), ""
    except _DAMAGE as error:
        fault = f"{path.name} cannot be read: {error}"
        remedy = _REMEDIES.get(getattr(error, "errno", 0) or 0)
        if remedy is not None:
            raise _WithheldError(f"{fault}. To do: {remedy}, and restart") from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _WITHHELD:
            raise _WithheldError(f"{fault}. To do: end what else uses it, and restart") from error
        return None, fault


def _content(path: Path) -> Content:
    with contextlib.closing(_connect(path)) as database:
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
    snapshot = msgspec.json.decode(remove_checksum(saved), type=_Snapshot)
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
