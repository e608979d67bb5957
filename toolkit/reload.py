"""Reloads the configuration: the whole new one or the old one stays, with the outcome as metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Gauge

from toolkit import log
from toolkit.tasks import end

_END_SECONDS = 2.0

_log = log.get(__name__)


class Reloader:
    """Reloads the configuration, one attempt at a time; created once a valid one is in use.

    While one attempt runs, at most one waits, for all who ask: what it will read is as new as each of them expects.

    Args:
        apply: reads and applies the configuration, or raises and changes nothing.
        prefix: the prefix of the program's metric names.
        registry: gets the two metrics.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        apply: Callable[[], Awaitable[None]],
        *,
        prefix: str,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._apply = apply
        self._clock = clock
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None
        self._closed = False
        self._successful = Gauge(
            f"{prefix}_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
            registry=registry,
        )
        self._success_time = Gauge(
            f"{prefix}_config_last_reload_success_timestamp_seconds",
            "When the configuration in use was loaded.",
            registry=registry,
        )
        self._succeeded()

    async def reload(self) -> None:
        """Load the configuration again; on any error the old one stays, and the error is logged, counted and raised.

        Raises:
            asyncio.CancelledError: it was closed.
        """
        if self._closed:
            raise asyncio.CancelledError
        # A caller that is cancelled does not end the attempt of the others.
        await asyncio.shield(self._start())

    def on_signal(self) -> None:
        """Start a reload; for `loop.add_signal_handler(signal.SIGHUP, ...)`."""
        if not self._closed:
            self._start()

    async def close(self) -> None:
        """End every reload that runs or waits, and begin none any more; for the end of the program."""
        self._closed = True
        await end(*self._tasks, seconds=_END_SECONDS)

    def _start(self) -> asyncio.Task[None]:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_task(self._reload())
            self._tasks.add(self._waiting)
            self._waiting.add_done_callback(self._ended)
        return self._waiting

    async def _reload(self) -> None:
        async with self._lock:
            self._waiting = None
            try:
                await self._apply()
            except Exception as error:
                self._successful.set(0)
                _log.error("invalid configuration, the old one stays", error=error)
                raise
            self._succeeded()
            _log.info("configuration reloaded")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # logged by reload(); retrieved so that asyncio does not log it too

    def _succeeded(self) -> None:
        self._successful.set(1)
        self._success_time.set(self._clock())
