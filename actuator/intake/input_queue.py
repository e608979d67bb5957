"""What comes in between two turns, and what those who brought it are answered."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence

from msgspec.structs import replace

from actuator.core.inputs import Command, Inputs, Notice, Page


class Outcome(enum.Enum):
    """What became of something that was taken in."""

    OBEYED = enum.auto()
    """A turn has taken it up: no order to the relay failed in it, and the contact reads as it was commanded."""
    NOT_OBEYED = enum.auto()
    """A turn has taken it up, and the relay failed."""
    DISMISSED = enum.auto()
    """The program ends first."""


class InputQueue:
    """What has come since the last turn, and who waits for its outcome."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._page: Page | None = None
        self._notices: list[Notice] = []
        self._beats = 0
        self._commands: list[Command] = []
        self._waiting: list[asyncio.Future[Outcome]] = []

    def page(self, page: Page) -> None:
        """Take in a page; the newest counts."""
        self._page = page
        self.arrived.set()

    async def notices(self, notices: Sequence[Notice], beats: int) -> Outcome:
        """Take in a notification and return what became of it."""
        self._notices += notices
        self._beats += beats
        return await self._outcome()

    async def command(self, command: Command) -> Outcome:
        """Take in an operator's command and return what became of it."""
        self._commands.append(command)
        return await self._outcome()

    async def _outcome(self) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.arrived.set()
        return await future

    def give_back(self, waiting: Sequence[asyncio.Future[Outcome]]) -> None:
        """Let them wait on: their turn was broken off."""
        self._waiting += waiting

    def dismiss(self) -> None:
        """Tell everybody who waits that nothing became of it."""
        for future in self._waiting:
            if not future.done():
                future.set_result(Outcome.DISMISSED)

    def empty(self, inputs: Inputs) -> tuple[Inputs, list[asyncio.Future[Outcome]]]:
        """Return the inputs with all that has come, and who waits for it."""
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
