"""Queue what arrives between two turns, and answer its sender after the turn."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from dataclasses import replace

from actuator.core.inputs import Command, Inputs, Notice, Page


class Outcome(enum.Enum):
    """The result of an input."""

    OBEYED = enum.auto()
    """A turn has used it, no relay command failed, and the contact is in the commanded position."""
    NOT_OBEYED = enum.auto()
    """A turn has used it, and the relay failed."""
    DISMISSED = enum.auto()
    """The program ended before a turn could use it."""


class InputQueue:
    """The inputs since the last turn, and who waits for their outcome."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._page: Page | None = None
        self._notices: list[Notice] = []
        self._beats = 0
        self._commands: list[Command] = []
        self._waiting: list[asyncio.Future[Outcome]] = []

    def page(self, page: Page) -> None:
        """Add a page of the exporter; it replaces an older one."""
        self._page = page
        self.arrived.set()

    async def notices(self, notices: Sequence[Notice], beats: int) -> Outcome:
        """Add the alerts of a notification; return the outcome of the turn that used them."""
        self._notices += notices
        self._beats += beats
        return await self._outcome()

    async def command(self, command: Command) -> Outcome:
        """Add an operator's command; return the outcome of the turn that used it."""
        self._commands.append(command)
        return await self._outcome()

    async def _outcome(self) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.arrived.set()
        return await future

    def keep_waiting(self, waiting: Sequence[asyncio.Future[Outcome]]) -> None:
        """Let the senders wait for the next turn: theirs was interrupted."""
        self._waiting += waiting

    def dismiss(self) -> None:
        """Answer everybody who still waits: the program ends."""
        for future in self._waiting:
            if not future.done():
                future.set_result(Outcome.DISMISSED)

    def empty(self, inputs: Inputs) -> tuple[Inputs, list[asyncio.Future[Outcome]]]:
        """Return the inputs with everything queued, and who waits for the outcome."""
        self.arrived.clear()
        filled = replace(
            inputs,
            page=self._page,
            notices=tuple(self._notices),
            beats=self._beats,
            commands=tuple(self._commands),
        )
        waiting = self._waiting
        self._page, self._notices, self._beats, self._commands, self._waiting = None, [], 0, [], []
        return filled, waiting
