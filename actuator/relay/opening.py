"""Opening the contact: the one way in which start-up, the loop, the last act, a reload and `release` do it.

One attempt is: write, and if that fails reopen the device and write again, then read back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from actuator.relay.async_relay import AsyncRelay
from actuator.relay.errors import RelayError, RelayHeldError

SECONDS = 5.0
"""For how long attempts are repeated: at start-up, at the end, and by `release`."""

PAUSE = 0.1
"""Seconds between two attempts."""

COMMAND_PAUSE = 0.5
"""Seconds between two commands to a board that cannot be read back."""


class Opening:
    """Opens the contact of one relay, and keeps what is known of the outcome.

    Args:
        relay: whose contact it is.
        commands: how many are sent to a board that cannot be read back: it may miss one, and one more does no harm.

    Attributes:
        sent: the board has accepted a command to open.
        closed: what it read back last, True closed; None: it was not, or cannot be, read back.
        done: no more can be done: it reads open, or it cannot be read back and has accepted its commands.
        fault: why it is not done; empty when no reason is known.
    """

    def __init__(self, relay: AsyncRelay, *, commands: int = 1) -> None:
        self._relay, self._commands = relay, commands
        self.sent = False
        self.closed: bool | None = None
        self.done = False
        self.fault = ""

    @property
    def confirmed(self) -> bool:
        """Whether the contact reads open."""
        return self.closed is False

    async def attempt(self) -> bool:
        """Open once; return whether it is done.

        Raises:
            RelayHeldError: another controller holds the relay.
            RelayError: the board accepted neither command, or could not be read back.
            ExhaustedError: this relay can do nothing any more.
        """
        await self._write()
        if self._relay.can_read_back:
            self.closed = await self._relay.read_back()
            self.done = self.confirmed
        else:
            for _ in range(self._commands - 1):
                await asyncio.sleep(COMMAND_PAUSE)
                await self._write()
            self.done = True
        self.fault = "" if self.done else "it still reads closed"
        return self.done

    async def repeat(
        self, *, wait_for_holder: bool = False, on_failure: Callable[[RelayError], None] = lambda _: None
    ) -> bool:
        """Attempt over and over until it is done, or until SECONDS have passed; return whether it is done.

        Args:
            wait_for_holder: a relay that another controller holds may become free in time.
            on_failure: is given each error.

        Raises:
            RelayHeldError: another controller holds the relay, and is not waited for.
            ExhaustedError: this relay can do nothing any more.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        if await self.attempt():
                            return True
                    except RelayError as error:
                        if isinstance(error, RelayHeldError) and not wait_for_holder:
                            raise
                        self.fault = str(error)
                        on_failure(error)
                    await asyncio.sleep(PAUSE)
        self.fault = self.fault or f"no answer within {SECONDS:g} s"
        return False

    async def _write(self) -> None:
        try:
            await self._relay.open_contact()
        except RelayError:
            await self._relay.disconnect()
            await self._relay.open_contact()
        self.sent = True
