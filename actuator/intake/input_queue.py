"""The inputs that wait for the next turn, handed over between two threads, and the answers to their senders.

What waits is bounded in number, senders of *off* by the server's connections alone; one turn takes all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from actuator.core.alert_path import MORE, MORE_NAME
from actuator.core.inputs import Command, Inputs, Notice, Page
from toolkit.replace import replace

MOST_COMMANDS: Final = 32
"""Beyond that a command is refused; an `off` never is."""

MOST_NOTICES: Final = 1_024
"""Start and stop alerts; beyond that they are refused. Inhibits: all beyond that become one, which blocks as well."""

MOST_SENDERS: Final = 1_024
"""Senders that wait for an answer. Beyond that, those that have gone away are forgotten; if none has, notifications are
refused."""


class FullError(Exception):
    """Too much waits for the next turn: this was not taken in, except its inhibits.

    Attributes:
        waiting: what waits.
    """

    def __init__(self, waiting: Literal["notifications", "commands"]) -> None:
        super().__init__(f"too many {waiting} wait for the next turn")
        self.waiting = waiting


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of an input in its turn.

    Attributes:
        obeyed: no relay command failed, and the contact is in the commanded position.
        durable: the state survives a restart.
        in_sidecar: what blocks a run survives a restart.
        journal_fault: why the state could not be written; empty when it could.
    """

    obeyed: bool
    durable: bool
    in_sidecar: bool
    journal_fault: str


Answer = Outcome | None
"""None: the program ended before a turn could use the input."""


class InputQueue:
    """What has arrived since the last turn, and who waits for its outcome. Made on the turn's loop.

    Other threads add, and only the turn takes. The lock is held for a few microseconds, and never while anything waits.

    Attributes:
        arrived: set, on the turn's loop, when something waits.
    """

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._woken = False
        self._ended = False
        self._page: Page | None = None
        self._inhibits: dict[tuple[str, bool], Notice] = {}
        self._more = False
        self._notices: list[Notice] = []
        self._beats = 0
        self._commands: list[Command] = []
        self._waiting: list[asyncio.Future[Answer]] = []

    # --- from any thread

    def page(self, page: Page) -> None:
        """Add a page of the exporter; it replaces an older one."""
        with self._lock:
            self._page = page
            self._wake()

    async def notices(self, notices: Sequence[Notice], beats: int) -> Answer:
        """Add alerts and heartbeats, and return the outcome of the turn that uses them.

        Raises:
            FullError: too much waits. Nothing was taken in but the inhibits: those that fire always are.
        """
        inhibits = _newest(notice for notice in notices if notice.kind == "inhibit")
        others = [notice for notice in notices if notice.kind != "inhibit"]
        with self._lock:
            lost = self._add_inhibits(inhibits)
            self._forget_gone()
            full = len(self._notices) + len(others) > MOST_NOTICES or len(self._waiting) >= MOST_SENDERS
            if not full:
                self._notices += others
                self._beats += beats
            future = None if lost or full else self._wait()
            self._wake()
        if future is None:
            raise FullError("notifications")
        return await future

    async def command(self, command: Command) -> Answer:
        """Add a command, and return the outcome of the turn that uses it.

        Raises:
            FullError: too many wait; never for an `off`.
        """
        with self._lock:
            full = len(self._commands) >= MOST_COMMANDS
            if full and command.action != "off":
                raise FullError("commands")
            if not full or self._commands[-1].action != "off":
                # Beyond the bound there is room for one `off`, whoever sends it: nothing comes between it and the next.
                self._commands.append(command)
            self._forget_gone()
            future = self._wait()
            self._wake()
        return await future

    def _add_inhibits(self, inhibits: dict[tuple[str, bool], Notice]) -> bool:
        """Add inhibits; return whether the end of one was dropped, and has to be sent again."""
        dropped = False
        for key, notice in inhibits.items():
            if key in self._inhibits or len(self._inhibits) < MOST_NOTICES:
                _put(self._inhibits, key, notice)
            elif notice.firing:
                self._more = True
            else:
                dropped = True
        return dropped

    def _forget_gone(self) -> None:
        if len(self._waiting) >= MOST_SENDERS:
            self._waiting = [future for future in self._waiting if not future.done()]

    def _wait(self) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self._ended:
            future.set_result(None)
        else:
            self._waiting.append(future)
        return future

    def _wake(self) -> None:
        """Wake the turn, once for all that arrives before it."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # its loop is closed: the program ends
                self._loop.call_soon_threadsafe(self.arrived.set)

    # --- by the turn

    def take(self, inputs: Inputs) -> tuple[Inputs, list[asyncio.Future[Answer]]]:
        """Return the inputs with everything that waits, inhibits first, and who waits for the outcome."""
        self.arrived.clear()
        with self._lock:
            page, self._page = self._page, None
            inhibits, self._inhibits = self._inhibits, {}
            beyond, self._more = self._more, False
            notices, self._notices = self._notices, []
            beats, self._beats = self._beats, 0
            commands, self._commands = self._commands, []
            waiting, self._waiting = self._waiting, []
            self._woken = False
        blocking = list(inhibits.values())
        if beyond:
            blocking.append(_more(inputs.wall))
        filled = replace(inputs, page=page, notices=(*blocking, *notices), beats=beats, commands=tuple(commands))
        return filled, waiting

    def keep_waiting(self, waiting: Sequence[asyncio.Future[Answer]]) -> None:
        """Let the senders wait for the next turn: theirs was interrupted."""
        with self._lock:
            self._waiting += waiting

    def dismiss(self) -> None:
        """Answer everybody who waits, and who comes later: the program ends."""
        with self._lock:
            self._ended = True
            waiting, self._waiting = self._waiting, []
        answer(waiting, None)


def _more(wall: float) -> Notice:
    """Return the one inhibit for all that were too many."""
    return Notice(kind="inhibit", firing=True, fingerprint=MORE, starts_at=wall, name=MORE_NAME)


def answer(waiting: Iterable[asyncio.Future[Answer]], outcome: Answer) -> None:
    """Give senders their outcome, each on its own loop; one that has disconnected is skipped."""
    for future in waiting:
        with contextlib.suppress(RuntimeError):  # its loop is closed
            future.get_loop().call_soon_threadsafe(_settle, future, outcome)


def _settle(future: asyncio.Future[Answer], outcome: Answer) -> None:
    if not future.done():
        future.set_result(outcome)


def _newest(inhibits: Iterable[Notice]) -> dict[tuple[str, bool], Notice]:
    """Return, by fingerprint, the newest firing and the newest end of each inhibit, in the order of their arrival."""
    newest: dict[tuple[str, bool], Notice] = {}
    for notice in inhibits:
        _put(newest, (notice.fingerprint, notice.firing), notice)
    return newest


def _put(inhibits: dict[tuple[str, bool], Notice], key: tuple[str, bool], notice: Notice) -> None:
    before = inhibits.pop(key, None)
    # Of two ends the later one counts: an end that is older than the alert's beginning ends nothing.
    if before is not None and not notice.firing and before.starts_at > notice.starts_at:
        notice = before
    inhibits[key] = notice
