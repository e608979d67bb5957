"""The database, its sidecar and its mirror. Everything here blocks; `async_journal` is how the loop uses it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import mirror, sidecar
from actuator.journal.database import (
    DAMAGE,
    PERMANENT,
    SCHEMA,
    OvertakenError,
    WithheldError,
    connect,
    identity,
    insert,
    missing,
    read,
    suffixed,
    update,
)
from actuator.journal.reconcile import merged, torn
from actuator.journal.rows import Row
from actuator.relay import RelayConfig
from toolkit import log
from toolkit.replace import replace

_log = log.get(__name__)


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


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The journal at the start.

    Attributes:
        saved: the durable state; None on a fresh start. When torn: what is left of it, with the mode of whichever of
            the two can be read (off if they differ or neither can), and the inhibits and attempts of both.
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
        if mirrored is None and missing(self._path) and missing(sidecar.path_of(self._path)):
            return Found(error=self._try_create())
        side, side_fault = sidecar.read(self._path)
        try:
            content, fault = read(self._path)
        except WithheldError as withheld:
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
        complete = not any(map(missing, mirror.paths_of(self._mirror_folder, self._path)))
        return self._last.mirrored >= self._last.sequence and complete

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
        except OvertakenError as error:
            self.close()
            raise JournalError(f"{self._path} cannot be written: {error}") from error
        except DAMAGE as error:
            self.close()
            fault = str(error)
            if not self._abandoned and getattr(error, "sqlite_errorcode", 0) & 0xFF in PERMANENT:
                fault = self._replace_database(fault)
        # The sidecar is written even if the database could not be, with a number ahead of it: what blocks a run
        # survives a restart if either of the two can be written.
        in_sidecar = saved is not None and not self._abandoned
        if saved is not None and in_sidecar:
            try:
                self._write_sidecar(saved.durable, number=self._last.sequence + 1)
            except DAMAGE as error:
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
        replaced = last.identity is not None and identity(self._path) != last.identity
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
            insert(database, rows)
            if saved is not None:
                update(database, saved, number=self._last.sequence + 1)

    def _try_create(self) -> str:
        try:
            self._open()
            self._write_sidecar(Durable(), number=0)
        except DAMAGE as error:
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
        except DAMAGE as error:
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
            suffixed(self._path, ending).unlink(missing_ok=True)
        if self._path.exists():
            self._path.replace(suffixed(self._path, ".torn"))

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = connect(self._path)
            try:
                database.executescript(SCHEMA)
                sequence = int(database.execute("SELECT sequence FROM state").fetchone()[0])
            except BaseException:
                database.close()
                raise
            side, _ = sidecar.read(self._path)
            self._last.sequence = max(self._last.sequence, sequence, side.sequence if side else 0)
            self._last.identity = identity(self._path)
            self._database = database
        return self._database

    def _write_sidecar(self, durable: Durable, *, number: int) -> None:
        self._last.sidecar = None
        self._last.sidecar = sidecar.write(self._path, sidecar.sidecar(number, durable, self._relay))


def beyond(moment: Moment) -> int:
    """Return a number beyond that of every row of a journal that could not be read: rows are counted from 1."""
    return max(int(moment.wall), 10**9)


def _bytes(path: Path) -> bytes | None:
    """Return a file's content; None without a file. One that cannot be read is not missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
