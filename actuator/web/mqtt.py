"""Home Assistant over MQTT, on the loop of everything from outside: reads snapshots, and commands go to the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from actuator.config import Broker
from actuator.loop.runtime import Runtime
from actuator.report.metrics import Counts as NotificationCounts
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.connection import Connection
from toolkit.homeassistant.metrics import REASONS, Counts

if TYPE_CHECKING:
    from actuator.intake.mqtt_commands import Now
    from toolkit.homeassistant.discovery import Device


class HomeAssistant:
    """The connection to the broker of the configuration, if there is one.

    Args:
        runtime: has the snapshots and the queue.
        registry: gets the metrics of the connection.
        notified: counts of what came in over HTTP.
        version: the distribution's.
        page: the panel's URL.
    """

    def __init__(
        self, runtime: Runtime, registry: CollectorRegistry, notified: NotificationCounts, version: str, page: str
    ) -> None:
        self._runtime, self._notified, self._version, self._page = runtime, notified, version, page
        self._counts = Counts("generator_actuator", REASONS)
        self._connection = Connection(self._counts, registry)

    async def reload(self, users: Collection[str]) -> None:
        """Load the configuration again, as `Runtime.reload` does, and connect to its broker."""
        await self._runtime.reload(users)
        await self._apply()

    async def _apply(self) -> None:
        """Connect to the broker of the file that is in force, if it is another one than before."""
        options = self._runtime.file.mqtt
        await self._connection.apply(options, self._serve, depends_on=options)

    async def run(self, end_reloads: Callable[[], Awaitable[None]]) -> None:
        """Stay connected until cancelled; then end the reloads first: one that goes on would connect again."""
        await self._apply()
        try:
            await asyncio.Event().wait()
        finally:
            await end_reloads()
            await self._connection.stop()

    async def _serve(self, options: Mqtt) -> None:
        """Keep the broker up to date until cancelled, and obey its commands if the configuration allows them."""
        # Only where there is a broker: they load the MQTT client.
        from actuator.intake.mqtt_commands import Commands  # noqa: PLC0415
        from actuator.report import homeassistant_entities  # noqa: PLC0415
        from toolkit.homeassistant.client import Client  # noqa: PLC0415
        from toolkit.homeassistant.discovery import Topics  # noqa: PLC0415

        runtime = self._runtime
        program = homeassistant_entities.program(self._version, self._page)
        topics = Topics(options, program.name)
        commands = None
        if isinstance(options, Broker) and options.commands:
            commands = Commands(runtime.input_queue, self._now, self._counts, topics.commands)

        def devices() -> tuple[Device, ...]:
            minutes = None if commands is None else commands.minutes
            now, counts = time.monotonic(), self._notified
            return (homeassistant_entities.generator(runtime.snapshot, now, topics, counts=counts, minutes=minutes),)

        receive = None if commands is None else commands.receive
        client = Client(
            options, program, devices, owns=homeassistant_entities.owns, counts=self._counts, receive=receive
        )
        await client.run()

    def _now(self) -> Now:
        """Return the moment at which a command comes."""
        from actuator.intake.mqtt_commands import Now  # noqa: PLC0415 - see `_serve`

        snapshot, now = self._runtime.snapshot, time.monotonic()
        return Now(
            monotonic=now,
            # The turn's clock, which ignores a step by hand; before the first turn no clock counts as right.
            wall=0.0 if snapshot is None else snapshot.wall_of(now),
            wall_sane=snapshot is not None and snapshot.wall_sane,
            longest=float(self._runtime.config.limits.max_run),
            is_off=snapshot is not None and snapshot.state.durable.mode == "off",
        )
