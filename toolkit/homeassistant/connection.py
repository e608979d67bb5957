"""Connects a program to its broker, if its configuration has one, and anew when the configuration has changed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from toolkit import log
from toolkit.flags import is_loopback, split_address
from toolkit.homeassistant.config import Mqtt, missing_package
from toolkit.homeassistant.metrics import Counts
from toolkit.tasks import end

_END_SECONDS = 3.0
"""For the connection to end, its last message included."""

_log = log.get("mqtt")


class Connection:
    """The task that keeps a broker up to date.

    Args:
        counts: of the program; they are on its page once a broker is configured.
        registry: of the program.
    """

    def __init__(self, counts: Counts, registry: CollectorRegistry) -> None:
        self._counts, self._registry = counts, registry
        self._task: asyncio.Task[None] | None = None
        self._is_registered = False
        self._depends_on: object = None

    async def apply(
        self, options: Mqtt | None, run: Callable[[Mqtt], Coroutine[Any, Any, None]], *, depends_on: object
    ) -> None:
        """End the connection, and begin the one that is configured; nothing if what it depends on is as before.

        Args:
            options: of the broker; None: there is none.
            run: stays connected until it is cancelled; it loads what MQTT needs.
            depends_on: all that it depends on.
        """
        # Home Assistant would show everything as unavailable for a moment, for nothing.
        if depends_on == self._depends_on and self._task is not None and not self._task.done():
            return
        await self.stop()
        if self._task is not None or options is None:
            return
        if not self._is_registered:
            self._registry.register(self._counts)
            self._is_registered = True
        if missing := missing_package():
            _log.error("no connection to the MQTT broker", error=missing)
            return
        self._depends_on = depends_on
        self._task = asyncio.create_task(_guarded(run(options)), name="mqtt")

    async def stop(self) -> None:
        """End the connection, if there is one; one that does not end is logged, and stays."""
        self._depends_on = None
        if self._task is not None:
            await end(self._task, seconds=_END_SECONDS)
            if self._task.done():
                self._task = None
            else:
                # The broker would end one of two clients of the same name, again and again.
                _log.error("the MQTT connection does not end, and none is begun: restart the program")


async def _guarded(running: Coroutine[Any, Any, None]) -> None:
    try:
        await running
    except Exception as error:  # noqa: BLE001 - whatever it is, the program goes on without MQTT
        _log.error("MQTT has failed, and is off", error=error)


def page_url(addresses: Sequence[str], *, encrypted: bool) -> str:
    """Return the URL of a program's page for whoever is on the network: that of the first address it listens on.

    Empty if only this machine reaches it.
    """
    host, port = split_address(addresses[0])
    if is_loopback(host):
        return ""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        host = socket.gethostname()
    return f"{'https' if encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"
