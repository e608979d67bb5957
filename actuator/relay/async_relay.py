"""The relay as the loop uses it: awaited, never blocking; a board that hangs is an error like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from actuator.relay.errors import RelayError
from actuator.relay.protocol import Relay
from toolkit import log
from toolkit.worker_thread import DeadlineError, ExhaustedError, Worker

DEADLINE = 4.0
"""Seconds for one command; longer than the drivers' own timeouts."""

T = TypeVar("T")

_log = log.get(__name__)


class AsyncRelay:
    """One relay in a thread of its own. Any failure raises RelayError, and the position is then unknown.

    ExhaustedError is not such a failure: this object can do nothing any more, not even open the contact.

    Args:
        make: returns a driver; called again after each call that hangs.
    """

    def __init__(self, make: Callable[[], Relay]) -> None:
        self._make = make
        self._worker = Worker("relay")
        self._relay = make()

    @property
    def description(self) -> str:
        """Names the contact to a person."""
        return self._relay.description

    @property
    def can_read_back(self) -> bool:
        """Whether the board can report the position of its contact."""
        return self._relay.can_read_back

    @property
    def lease(self) -> float | None:
        """Seconds after which a closed contact opens by itself unless renewed."""
        return self._relay.lease

    async def open_contact(self) -> None:
        """Command the board to open the contact."""
        await self._do(self._relay.open_contact)

    async def close_contact(self) -> None:
        """Command the board to close the contact."""
        await self._do(self._relay.close_contact)

    async def renew(self) -> None:
        """Command the board to keep the closed contact closed for another lease."""
        await self._do(self._relay.renew)

    async def read_back(self) -> bool | None:
        """Return whether the board reports the contact closed; None when it cannot report it."""
        return await self._do(self._relay.read_back)

    async def disconnect(self) -> None:
        """Close the device; the next command opens it again."""
        await self._do(self._relay.disconnect)

    async def dispose(self) -> None:
        """Let another controller have the relay, and end the thread; a failure is only logged."""
        try:
            await self._do(self._relay.dispose)
        except (RelayError, ExhaustedError) as error:
            _log.warning("relay cannot be disconnected", error=error)
        finally:
            self._worker.stop()

    def successor(self) -> AsyncRelay:
        """Return the same relay with a thread of its own."""
        return AsyncRelay(self._make)

    async def _do(self, command: Callable[[], T]) -> T:
        try:
            return await self._worker.do(command, DEADLINE)
        except ExhaustedError as error:
            raise ExhaustedError(f"{self.description} hangs: {error}") from error
        except DeadlineError as error:
            self._relay = self._make()
            raise RelayError(f"{self.description} hangs: {error}") from error
        except RelayError:
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}".rstrip(": ")
            raise RelayError(f"{self.description} failed in its driver: {cause}") from error
