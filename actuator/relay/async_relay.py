"""The relay as the loop uses it: awaited, never blocking, with a board that hangs made an error like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from actuator.relay import driver
from actuator.relay.config import RelayConfig
from actuator.relay.protocol import Relay, RelayError
from toolkit import log
from toolkit.worker_thread import NoTryLeftError, StuckError, Worker

DEADLINE = 4.0
"""Seconds for one order, over the drivers' own timeouts."""

T = TypeVar("T")

_log = log.get(__name__)


class AsyncRelay:
    """One relay in a thread of its own. Whatever fails raises RelayError, and the position is then unknown.

    NoTryLeftError is no such failure: this hand can do nothing any more, not even open.
    """

    def __init__(self, config: RelayConfig, make: Callable[[RelayConfig], Relay] = driver) -> None:
        self._config, self._make = config, make
        self._worker = Worker("relay")
        self._relay = make(config)

    @property
    def description(self) -> str:
        """Names the contact to a person."""
        return self._relay.description

    @property
    def can_read_back(self) -> bool:
        """Whether the board can say where its contact is."""
        return self._relay.can_read_back

    @property
    def lease(self) -> float | None:
        """Seconds after which a closed contact opens by itself unless renewed."""
        return self._relay.lease

    async def open_contact(self) -> None:
        """Tell the board to open the contact."""
        await self._do(self._relay.open_contact)

    async def close_contact(self) -> None:
        """Tell the board to close the contact."""
        await self._do(self._relay.close_contact)

    async def renew(self) -> None:
        """Tell the board to keep the closed contact closed for another lease."""
        await self._do(self._relay.renew)

    async def read_back(self) -> bool | None:
        """Return whether the board says that the contact is closed; None when it cannot say."""
        return await self._do(self._relay.read_back)

    async def disconnect(self) -> None:
        """Let go of the device; the next order connects anew."""
        await self._do(self._relay.disconnect)

    async def let_go(self) -> None:
        """Let another controller have the relay, and end the thread; a failure is said and no more."""
        try:
            await self._do(self._relay.let_go)
        except (RelayError, NoTryLeftError) as error:
            _log.warning("relay cannot be let go of", error=error)
        finally:
            self._worker.stop()

    async def _do(self, order: Callable[[], T]) -> T:
        try:
            return await self._worker.do(order, DEADLINE)
        except NoTryLeftError as error:
            raise NoTryLeftError(f"{self.description} hangs: {error}") from error
        except StuckError as error:
            self._relay = self._make(self._config)
            raise RelayError(f"{self.description} hangs: {error}") from error
        except RelayError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".rstrip(": ")
            raise RelayError(f"{self.description} failed in its driver: {said}") from error
