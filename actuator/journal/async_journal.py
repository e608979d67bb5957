"""The journal as the turn uses it: awaited, never blocking. A disk that is full, read-only or hangs is not fatal.

Control goes on with the state in memory; rows that could not be written wait and are tried again. Readers, in another
thread, share only an immutable copy of what is in memory with the turn.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec

from actuator.core.state import Moment, Saved
from actuator.journal import sidecar
from actuator.journal.database import MAX_ROWS
from actuator.journal.reader import Reader
from actuator.journal.reconcile import merged
from actuator.journal.rows import Row
from actuator.journal.store import Found, Journal, JournalError, LostError, beyond
from actuator.relay import RelayConfig
from toolkit import log
from toolkit.worker_thread import DeadlineError, Worker

T = TypeVar("T")

DEADLINE = 3.0
"""Seconds for one write; a worn SD card may take one."""

RETRY = 10.0
"""Seconds between two attempts to write the rows that wait."""

LASTING = 30.0
"""Seconds of failed writes after which the journal counts as not writable: a card that is slow once has not failed."""

_RECENT = 500

_log = log.get(__name__)


class Memory(msgspec.Struct, frozen=True):
    """The rows in memory, for readers in any thread.

    Attributes:
        rows: the newest ones in order, among them all that wait to be written.
        newest: the number of the newest row.
    """

    rows: tuple[Row, ...] = ()
    newest: int = 0

    def has(self, after: int) -> bool:
        """Return whether every row after this one is in memory."""
        return after >= self.newest or bool(self.rows and self.rows[0].id <= after + 1)

    def since(self, after: int) -> list[Row]:
        """Return the rows after this one, from memory."""
        return [row for row in self.rows if row.id > after]


class AsyncJournal:
    """Writes and reads the journal in threads of their own.

    Attributes:
        memory: the rows in memory, for readers. Replaced as a whole with each write, so that no reader in another
            thread gets a list that changes.
        ok: the last write succeeded.
        fault: why it did not; empty when it did.
        lasting_fault: why writes have failed for LASTING or since the start; empty when the last one succeeded.
        in_sidecar: the newest durable state is at least in the sidecar: what blocks a run survives a restart.
        mirror_fault: why the newest durable state is not in the mirror; empty when it is, None without a mirror.
    """

    def __init__(self, path: Path, relay: RelayConfig, mirror: Path | None = None) -> None:
        self._path, self._relay = path, relay
        self._worker = Worker("journal")
        # A thread of its own: a card that hangs for good blocks every thread that uses it.
        self._mirror_worker = Worker("journal-mirror")
        self._reader = Reader(path)
        self._journal = Journal(path, relay, mirror)
        self.memory = Memory()
        self._next = 1
        self._recent: deque[Row] = deque(maxlen=_RECENT)
        self._waiting: list[Row] = []
        self._unsaved: Saved | None = None
        self._last: Saved | None = None
        self._tried_at = 0.0
        self.ok = True
        self.fault = ""
        self.lasting_fault = ""
        self._failing_since: float | None = -math.inf
        self.in_sidecar = True
        self.mirror_fault = None if mirror is None else "nothing has been written yet"

    @property
    def durable(self) -> bool:
        """The newest durable state survives a restart of the program: it is in the journal, or in its mirror."""
        return self.ok or self.mirror_fault == ""

    @property
    def keeps_records(self) -> bool:
        """A run can be recorded: the mirror has the newest state, or no fault of the journal has lasted."""
        return self.mirror_fault == "" or not self.lasting_fault

    async def load(self, moment: Moment) -> Found:
        """Read the journal, see Journal.load; if that fails, the mirror or the sidecar alone."""
        try:
            found = await self._worker.do(partial(self._journal.load, moment), DEADLINE * 5)
        except DeadlineError as error:
            self._renew()
            saved = await self._from_mirror(moment)
            reason = "" if saved is not None else f"{self._path} cannot be read: {error}"
            found = Found(
                saved=saved or await self._from_sidecar(moment), torn=reason, last_id=beyond(moment), error=str(error)
            )
        self._next = 1 + found.last_id
        self._show()
        self._settle(found.error)
        return found

    async def _from_mirror(self, moment: Moment) -> Saved | None:
        try:
            return await self._mirror_worker.do(partial(self._journal.load_mirror, moment), DEADLINE)
        except DeadlineError as error:
            _log.error("the journal's mirror cannot be read", error=error)
            return None

    async def _from_sidecar(self, moment: Moment) -> Saved:
        try:
            side, _ = await self._worker.do(partial(sidecar.read, self._path), DEADLINE)
        except DeadlineError as error:
            _log.error("the journal's sidecar cannot be read", error=error)
            side = None
        return merged(None, side, moment)

    def row(self, *, wall: float, sane: bool, kind: str, level: str, text: str, fields: Mapping[str, object]) -> Row:
        """Return a new row with the next number; the caller gives it to `write`."""
        plain = {
            key: value if isinstance(value, str | float | int | None) else str(value) for key, value in fields.items()
        }
        row = Row(id=self._next, wall=wall, sane=sane, kind=kind, level=level, text=text, fields=plain)
        self._next += 1
        self._recent.append(row)
        return row

    async def write(self, rows: Sequence[Row], saved: Saved | None) -> bool:
        """Write rows and the durable state; return whether the newest state survives a restart, see `durable`."""
        self._waiting = [*self._waiting, *rows][-MAX_ROWS // 10 :]
        self._unsaved = saved or self._unsaved
        self._last = saved or self._last
        self._show()
        if not self._waiting and self._unsaved is None:
            return self.durable
        try:
            try:
                await self._write()
            except LostError as error:
                self._rewrite(error)
                await self._write()
        except (DeadlineError, JournalError) as error:
            if isinstance(error, DeadlineError):
                self._renew()
            self.in_sidecar = isinstance(error, JournalError) and error.in_sidecar
            self._settle(str(error))
            await self._write_spare()
            return self.durable
        if self._unsaved is not None:
            await self._drop_spare()
        self._waiting, self._unsaved, self.in_sidecar = [], None, True
        self._settle("")
        return True

    async def _write(self) -> None:
        self._tried_at = time.monotonic()
        if self._unsaved is not None:
            await self._write_mirror(self._unsaved)
        await self._worker.do(partial(self._journal.write, tuple(self._waiting), self._unsaved), DEADLINE)

    async def _write_mirror(self, saved: Saved, *, always: bool = True) -> None:
        """Write the mirror; unless `always`, only if it does not have the newest state."""
        if self.mirror_fault is None:
            return
        try:
            if always or not await self._mirror_worker.do(self._journal.mirror_is_current, DEADLINE):
                self.mirror_fault = await self._mirror_worker.do(partial(self._journal.write_mirror, saved), DEADLINE)
        except DeadlineError as error:
            self._renew()
            self.mirror_fault = str(error)
        if self.mirror_fault:
            _log.limited("mirror", "the journal's mirror cannot be written", level="error", error=self.mirror_fault)
        else:
            _log.recovered("mirror", "the journal's mirror is written again")

    async def _write_spare(self) -> None:
        """Write a record to shared memory, for the case that neither the journal nor the mirror can be written."""
        if self._unsaved is None:
            return
        try:
            fault = await self._mirror_worker.do(partial(self._journal.write_spare, self._unsaved), DEADLINE)
        except DeadlineError as error:
            self._renew()
            fault = str(error)
        if fault:
            _log.limited("spare", "the spare of the journal's mirror cannot be written", level="error", error=fault)

    async def _drop_spare(self) -> None:
        try:
            await self._mirror_worker.do(self._journal.drop_spare, DEADLINE)
        except DeadlineError:
            self._renew()  # it is older than the journal, and is ignored

    def _rewrite(self, error: LostError) -> None:
        """Write everything in memory again with the next write, with a row about why older rows are missing."""
        _log.error("journal was lost while in use and is written again", error=error)
        self.row(
            wall=time.time(),
            sane=False,
            kind="journal_lost",
            level="error",
            text=f"{error}; the rows in memory have been written again.",
            fields={},
        )
        self._waiting, self._unsaved = list(self._recent), self._last
        self._show()

    def forget(self, rows: Sequence[Row]) -> None:
        """Drop rows that wait to be written: their events did not happen."""
        self._waiting = [row for row in self._waiting if row not in rows]
        for row in rows:
            self._recent.remove(row)
        self._show()

    def _show(self) -> None:
        rows = self._recent if len(self._recent) > len(self._waiting) else self._waiting
        self.memory = Memory(tuple(rows), self._next - 1)

    def remember(self, relay: RelayConfig) -> None:
        """Keep another relay as the last valid one, from the next saved state on."""
        self._relay = relay
        self._renew()

    async def retry(self) -> None:
        """Every ten seconds, try again to write the rows that wait, or check that the files are still there."""
        if time.monotonic() - self._tried_at < RETRY:
            return
        if not self._waiting and self._unsaved is None:
            self._tried_at = time.monotonic()
            try:
                if self._last is not None:
                    await self._write_mirror(self._last, always=False)
                await self._worker.do(self._journal.check_files, DEADLINE)
            except LostError as error:
                self._rewrite(error)
            except (DeadlineError, OSError) as error:
                if isinstance(error, DeadlineError):
                    self._renew()
                self._unsaved = self._last
                self._settle(str(error))
                return
        await self.write((), None)

    async def rows(self, *, since: float | None = None, after: int = 0, most: int = MAX_ROWS) -> list[Row]:
        """Return rows in order, also those that wait to be written. From any thread; see `read`."""
        return await self.read(list, since=since, after=after, most=most)

    async def read(
        self, render: Callable[[Iterable[Row]], T], *, since: float | None = None, after: int = 0, most: int = MAX_ROWS
    ) -> T:
        """Return what `render` makes of rows in order, also of those that wait to be written. From any thread.

        Always on the same loop: readers wait for each other, never for the turn. Rows that are not in memory are read
        from the disk and rendered in a thread.

        Raises:
            JournalError: they cannot be read, or not now.
        """
        memory = self.memory
        own = [row for row in memory.since(after) if since is None or row.wall >= since]
        if memory.has(after) or len(own) >= most:
            return render(own[max(0, len(own) - most) :])
        first = memory.rows[0].id if memory.rows else memory.newest + 1

        def together(stored: Iterator[Row]) -> T:
            return render(chain(stored, own))

        return await self._reader.read(together, since=since, after=after, before=first, most=most - len(own))

    async def close(self) -> None:
        """Close the database and end the thread."""
        try:
            await self._worker.do(self._journal.close, DEADLINE)
        except DeadlineError as error:
            _log.error("journal cannot be closed", error=error)
        self._worker.stop()
        self._mirror_worker.stop()
        self._reader.stop()

    def _renew(self) -> None:
        """Abandon the connection with the thread that hangs in it."""
        self._journal = self._journal.successor(self._relay)

    def _settle(self, fault: str) -> None:
        self.ok, self.fault, self.lasting_fault = not fault, fault, ""
        if fault:
            now = time.monotonic()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since >= LASTING:
                self.lasting_fault = fault
            _log.limited(
                "journal", "journal cannot be written, continuing with the copy in memory", level="error", error=fault
            )
        else:
            self._failing_since = None
            _log.recovered("journal", "journal is written again")
