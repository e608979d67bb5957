"""The live event stream: the status when it changes, and the rows of the journal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import msgspec
from aiohttp import hdrs, web

from actuator.journal import JournalError, as_object
from actuator.loop.runtime import Runtime
from actuator.report.site import Powers
from actuator.report.status import Status
from actuator.report.status_changes import changed
from actuator.web.latest_status import LatestStatus
from toolkit import log

KEEP_ALIVE = 15.0
"""Seconds after which a stream without a change gets a comment: a client that gets none for longer has lost it."""

BETWEEN_STATUSES = 1.0
"""Seconds between two statuses of a stream, at least."""

BETWEEN_POWERS = 10.0
"""Seconds between two events with the powers alone: they move all the time, and a day of them must stay small."""

MOST_MISSED = 100
"""Rows that a stream gets at once when it connects again: each stream keeps them until its client has read them. The
panel shows 40."""

_log = log.get(__name__)


class Watchers:
    """Wakes those who wait for the next snapshot. Made on their loop; the turn, on another one, waits for nobody."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watchers: set[asyncio.Event] = set()
        self._asked = False

    def wake(self) -> None:
        """Wake every watcher. From any thread; one call waits at a time, also when the loop is stuck."""
        if not self._asked:
            self._asked = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._asked = False  # first: a snapshot from here on wakes them once more
        for watcher in self._watchers:
            watcher.set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set after each turn."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)


class EventStream:
    """Sends what happens to every connected client.

    Args:
        runtime: has the snapshots and the journal.
        latest: the status of the last turn.
        watchers: woken after each turn.
        rights: the users and what they may do; a stream ends when that changes, and its client has to ask again.
    """

    def __init__(
        self, runtime: Runtime, latest: LatestStatus, watchers: Watchers, rights: Callable[[], object]
    ) -> None:
        self._runtime, self._latest, self._watchers, self._rights = runtime, latest, watchers, rights

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Send the status when it changes, and the journal rows after the last one that the client has received.

        Between two statuses the powers are sent by themselves. A status in which only the clock or a power moved is not
        sent: a comment shows every 15 s that turns still end. A client that has missed many rows gets the newest of
        them; all rows are at `/api/v1/journal`.
        """
        journal, rights = self._runtime.journal, self._rights()
        # A number beyond the newest row is from a journal that was lost: rows are counted from 1 again.
        newest = journal.memory.newest
        seen = min(newest, _number(request.headers.get("Last-Event-ID"), newest))
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"})
        await response.prepare(request)
        with self._watchers.watching() as watcher, contextlib.suppress(ConnectionError):
            watcher.set()
            sent: Status | None = None
            powers: Powers | None = None
            loop = asyncio.get_running_loop()
            written = loop.time()
            while not self._runtime.ended:
                await watcher.wait()
                watcher.clear()
                if self._rights() != rights:
                    break
                try:
                    rows = await journal.rows(after=seen, most=MOST_MISSED)
                except JournalError as error:
                    _log.limited("events", "event stream continues without the rows it has missed", error=error)
                    rows = journal.memory.since(seen)
                for row in rows:
                    await response.write(_event("journal", as_object(row), row.id))
                    seen = row.id
                if self._runtime.snapshot is None:
                    continue
                now, body = self._latest.document(self._runtime.snapshot)
                if sent is None or changed(sent, now):
                    sent, powers, written = now, now.site.powers, loop.time()
                    await response.write(_event("status", body))
                    await asyncio.sleep(BETWEEN_STATUSES)
                elif powers != now.site.powers and loop.time() - written >= BETWEEN_POWERS:
                    powers, written = now.site.powers, loop.time()
                    await response.write(_event("powers", msgspec.json.encode(powers)))
                elif loop.time() - written >= KEEP_ALIVE:
                    written = loop.time()
                    await response.write(b":\n\n")
        return response


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 18 else otherwise


def _event(kind: str, data: bytes, number: int | None = None) -> bytes:
    head = b"" if number is None else f"id: {number}\n".encode()
    return head + f"event: {kind}\n".encode() + b"data: " + data + b"\n\n"
