"""The relay's contact as the loop sees it: where it was commanded to be, where it reads, and its lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from actuator.relay import RelayConfig, RelayError
from actuator.relay.async_relay import AsyncRelay
from actuator.relay.opening import Opening
from toolkit import log
from toolkit.worker_thread import ExhaustedError

REPEAT = 10.0
"""Seconds after which a board that cannot be read back is commanded to open again: it may have missed the command, and
a port that is gone is noticed before it is needed."""

_log = log.get(__name__)


class Contact:
    """Moves the contact and reads it back.

    Attributes:
        commanded_closed: the position of the last command.
        read_back: what the board reported last, True closed; None: it could not be read. Of a board that cannot be read
            back: its last command, if the board accepted it.
        read_at: monotonic time of that reading.
        command_failed: a command of this turn failed.
        fault: the last failure, until the board answers and obeys; empty: none.
    """

    def __init__(self, relay: AsyncRelay) -> None:
        self._relay = relay
        self._renewed_at = 0.0
        self._opened_at = 0.0
        self.commanded_closed = False
        self.read_back: bool | None = None
        self.read_at = 0.0
        self.command_failed = False
        self.fault = ""

    @property
    def description(self) -> str:
        """Names the contact to a person."""
        return self._relay.description

    @property
    def can_read_back(self) -> bool:
        """Whether the board can report the position of its contact."""
        return self._relay.can_read_back

    @property
    def obeys(self) -> bool:
        """Whether no command failed, and the contact reads as it was commanded where it can be read."""
        return not self.command_failed and (not self.can_read_back or self.read_back is self.commanded_closed)

    def begin_turn(self) -> None:
        """Forget whether a command of the turn before has failed."""
        self.command_failed = False

    async def read(self) -> None:
        """Read the contact back."""
        self.read_at = time.monotonic()
        if not self.can_read_back:
            return
        try:
            self.read_back = await self._relay.read_back()
        except RelayError as error:
            self.read_back = None
            self.fault = self.fault or str(error)
            _log.limited("read-back", "relay cannot be read back", level="error", error=error)
            return
        if not self.command_failed:
            self.fault = ""
        _log.recovered("read-back", "relay is read back again", closed=self.read_back)

    async def close(self, before_it_moves: Callable[[], None]) -> None:
        """Close the contact and read it back.

        Args:
            before_it_moves: called when the contact is commanded closed, and before the board is.
        """
        self.commanded_closed = True
        before_it_moves()
        try:
            await self._relay.close_contact()
        except RelayError as error:
            await self._fail("closing the contact", error)
            return
        self._renewed_at = time.monotonic()
        self.read_back = True
        await self.read()

    async def keep_open(self, now: float) -> None:
        """Open the contact unless it reads open; a board that cannot be read back is commanded again and again."""
        trusted = self.can_read_back or now - self._opened_at < REPEAT
        if not self.commanded_closed and self.read_back is False and trusted:
            return
        self.commanded_closed = False
        opening = Opening(self._relay)
        try:
            done = await opening.attempt()
        except RelayError as error:
            await self._fail("opening the contact", error)
            return
        self.read_at = time.monotonic()
        self._opened_at = now
        self.read_back = opening.closed if self.can_read_back else False
        self.fault = "" if done else f"{self.description} still reads closed"
        if done:
            _log.recovered("opening the contact", "relay obeys again")
            _log.recovered("closing the contact", "relay obeys again")

    async def keep_lease(self, now: float) -> None:
        """Renew the lease of a closed contact in time, but only while it reads closed; without a lease: nothing."""
        lease = self._relay.lease
        if lease is None or self.read_back is not True or now - self._renewed_at < lease / 3:
            return
        try:
            await self._relay.renew()
        except RelayError as error:
            _log.limited("renewing", "lease cannot be renewed, the contact will open by itself", error=error)
        else:
            self._renewed_at = now
            _log.recovered("renewing", "lease is renewed again")

    async def change_relay(self, config: RelayConfig) -> None:
        """Open the new relay before the old one is released; both may be one board, or on one serial line.

        Raises:
            RelayError: the new relay cannot be opened; the old one stays.
        """
        await Opening(self._relay).attempt()
        await self._relay.disconnect()
        new = AsyncRelay(config.make_relay)
        try:
            await _open(new)
        except BaseException as error:
            await new.dispose()  # at the end of the program too: both may be one board, which the old one opens next
            if isinstance(error, RelayError):
                await self.read()
            raise
        old, self._relay = self._relay, new
        await old.dispose()
        await new.disconnect()  # a name that both locked is locked again with the next command
        self.read_back = False
        await self.read()

    async def open_finally(self) -> Opening:
        """Open the contact as the last act, with a new thread if the relay's own can do nothing any more."""
        opening = Opening(self._relay)
        try:
            await opening.repeat(on_failure=partial(log_failure, "opening the contact"))
        except ExhaustedError as error:
            _log.error("opening the contact is tried once more in a new thread", error=error)
            opening = Opening(self._relay.successor())
            await opening.repeat(on_failure=partial(log_failure, "opening the contact"))
        self.commanded_closed = False
        return opening

    async def _fail(self, action: str, error: RelayError) -> None:
        """Note that a command failed, and read back where that left the contact."""
        self.command_failed, self.fault, self.read_back = True, str(error), None
        log_failure(action, error)
        await self.read()


async def _open(relay: AsyncRelay) -> None:
    if not await Opening(relay).attempt():
        raise RelayError(f"{relay.description} reads closed after it was opened")


def log_failure(action: str, error: RelayError) -> None:
    """Log that opening or closing failed, once an hour for each action."""
    _log.limited(action, f"{action} failed", level="error", error=error)
