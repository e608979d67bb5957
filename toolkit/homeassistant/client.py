"""Keeps a broker up to date: configurations, availability and values. Reconnects for ever; its failure is logged only.

Loads aiomqtt, and so only where the configuration has `mqtt:`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from toolkit import file_reader, log
from toolkit.formatting import redacted
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import (
    OFFLINE,
    ONLINE,
    Device,
    Former,
    Program,
    Received,
    Topics,
    component,
    document,
    state,
)
from toolkit.homeassistant.entities import Component
from toolkit.homeassistant.metrics import Counts
from toolkit.tasks import end

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds between two attempts to connect: doubled each time, with up to as much again by chance."""

STEADY: Final = 60.0
"""Seconds after which a connection counts as good, and the next attempt begins with the first pause again."""

KEEP_ALIVE: Final = 30
"""Seconds. A broker sends the last will after one and a half of it without a packet from us."""

ANSWER_SECONDS: Final = 10.0
"""For the broker to take a message, before the connection is given up."""

QUIET_SECONDS: Final = 1.0
"""Without a retained message, after which all of them have come. No broker tells when the last one was."""

RETAINED_SECONDS: Final = 10.0
"""For all retained messages, at most: other devices' come too."""

LARGEST_FORMER: Final = 1 << 20
"""Bytes of an earlier configuration of ours; the largest one, with every entity of a Magnum network, has 100,000."""

MISSED_SECONDS: Final = 1.0, 2.0
"""Pause before everything is sent again when Home Assistant has started; many devices do so at once."""

GOODBYE_SECONDS: Final = 0.3
"""For the broker to confirm the last message. It leaves before the disconnection: the broker gets both, or neither and
sends the last will."""

LOST_SECONDS: Final = 0.05
"""After which what goes on sending at the end is cancelled again."""

_log = log.get("mqtt")


@dataclass
class _Entities:
    """The entities of a device.

    Attributes:
        components: their configurations, by key; those from before this start too.
        described: the keys of those that were described since.
        about: what the device was when it was described.
    """

    components: dict[str, Component]
    described: set[str] = field(default_factory=set)
    about: object = None


class _Sent(NamedTuple):
    """What the broker has of a device since we are connected."""

    available: bool | None
    state: str
    at: float


class Client:
    """Sends the devices of a program to a broker.

    Args:
        options: of the broker.
        program: whose devices they are.
        devices: returns them as they are now; from memory.
        owns: returns whether a device of this site is of this program, there now or not.
        counts: of the connection and its messages.
        receive: takes commands; must not wait. None: none are taken.
    """

    def __init__(
        self,
        options: Mqtt,
        program: Program,
        devices: Callable[[], Sequence[Device]],
        *,
        owns: Callable[[str], bool],
        counts: Counts,
        receive: Callable[[Received], None] | None = None,
    ) -> None:
        self._options, self._program, self._devices, self._receive = options, program, devices, receive
        self._counts = counts
        self._topics = Topics(options, program.name)
        self._former = Former(self._topics, owns)
        self._has_former = self._was_connected = False
        self._entities: dict[str, _Entities] = {}
        self._sent: dict[str, _Sent] = {}
        self._again = asyncio.Event()
        self._last_retained = 0.0
        self._devices_known = 1

    async def run(self) -> None:
        """Stay connected, until cancelled."""
        pause = FIRST_RETRY
        while True:
            began = time.monotonic()
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the rest of the program
                cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                _log.limited(
                    "connection", "no connection to the MQTT broker", url=redacted(self._options.url), error=cause
                )
            finally:
                self._counts.connected = False
            if time.monotonic() - began >= STEADY:
                pause = FIRST_RETRY
            await self._wait(pause * random.uniform(1.0, 2.0))  # noqa: S311 - so that not all come back at once
            pause = min(2 * pause, LAST_RETRY)

    async def _wait(self, seconds: float) -> None:
        """Wait without a connection; the messages that are due meanwhile are dropped."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._counts.dropped += self._devices_known
            await asyncio.sleep(min(left, self._options.interval))

    async def _connected(self) -> None:
        """Connect and send until the connection is lost."""
        options = self._options
        password = context = None
        if options.password_file is not None:
            password = (await asyncio.to_thread(file_reader.read_text, options.password_file)).rstrip("\r\n")
        if options.is_encrypted:
            context = await asyncio.to_thread(_context, options)
        is_5 = options.protocol == 5
        client = aiomqtt.Client(
            options.host,
            options.port,
            username=options.username,
            password=password,
            identifier=f"{options.base_topic}-{self._program.name}",
            protocol=aiomqtt.ProtocolVersion.V5 if is_5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if is_5 else True,
            clean_start=True if is_5 else MQTT_CLEAN_START_FIRST_ONLY,
            will=aiomqtt.Will(self._topics.availability, OFFLINE, qos=1, retain=True),
            keepalive=KEEP_ALIVE,
            timeout=ANSWER_SECONDS,
            tls_context=context,
            properties=_limits() if is_5 else None,
            queue_type=_inbox(self._take),
        )
        async with client:
            lost = asyncio.create_task(_until_lost(client))
            sending = asyncio.create_task(self._serve(client))
            try:
                await asyncio.wait({lost, sending}, return_when=asyncio.FIRST_COMPLETED)
                # A lost connection is why sending failed: raise that one.
                (lost if lost.done() else sending).result()
            except asyncio.CancelledError:
                # End the sender first, or it may send `online` after `offline`. Soon: the caller may cancel this too.
                await end(sending, again=LOST_SECONDS)
                with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                    async with asyncio.timeout(GOODBYE_SECONDS):
                        await client.publish(self._topics.availability, OFFLINE, qos=1, retain=True)
                raise
            finally:
                await end(lost, sending)
                for task in (lost, sending):
                    if not task.cancelled():
                        task.exception()  # known: what was lost first is raised

    # --- what comes in

    def _take(self, message: aiomqtt.Message) -> None:
        """Take a message at once: none waits, and none is dropped before it was looked at."""
        topic = str(message.topic)
        payload = message.payload
        if topic in self._topics.home_assistant:
            if payload == ONLINE.encode():
                self._again.set()
        elif topic.startswith(f"{self._topics.commands}/"):
            if self._receive is not None:
                command = topic.removeprefix(f"{self._topics.commands}/")
                # With MQTT 5 commands are subscribed to without those that the broker has kept.
                self._receive(Received(command, payload, message.retain, is_new=self._options.protocol == 5))
        elif message.retain:
            self._last_retained = time.monotonic()
            if len(payload) <= LARGEST_FORMER:
                self._former.take(topic, payload)

    async def _subscribe(self, client: aiomqtt.Client, topic: str, *, retained: bool = False) -> None:
        """Subscribe with QoS 0; with MQTT 5 without what the broker has kept, unless it is wanted."""
        if self._options.protocol == 5:
            handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if retained else SubscribeOptions.RETAIN_DO_NOT_SEND
            await client.subscribe(
                topic, options=SubscribeOptions(qos=0, retainAsPublished=True, retainHandling=handling)
            )
        else:
            await client.subscribe(topic, qos=0)

    # --- what goes out

    async def _serve(self, client: aiomqtt.Client) -> None:
        topics = self._topics
        if not self._has_former:
            await self._read_former(client)
        for topic in topics.home_assistant:
            await self._subscribe(client, topic)
        if self._receive is not None:
            await self._subscribe(client, f"{topics.commands}/+")
        self._counts.connected = True
        url = redacted(self._options.url)
        if self._was_connected:
            _log.recovered("connection", "connected to the MQTT broker again", url=url)
        else:
            self._was_connected = True
            _log.info("connected to the MQTT broker", url=url)
        self._sent.clear()
        await self._publish(client, topics.availability, ONLINE, retain=True)
        while True:
            began = time.monotonic()
            devices = self._devices()
            self._devices_known = len(devices)
            await self._clean(client, devices)
            for device in devices:
                await self._update(client, device)
            late = time.monotonic() - began - self._options.min_interval
            if late > 0:
                self._counts.dropped += len(devices) * int(1 + late / self._options.min_interval)
            await self._next(client, began)

    async def _next(self, client: aiomqtt.Client, began: float) -> None:
        """Wait for the next time to send; if Home Assistant has started meanwhile, everything is sent again."""
        try:
            async with asyncio.timeout(max(0.0, began + self._options.min_interval - time.monotonic())):
                await self._again.wait()
        except TimeoutError:
            return
        await asyncio.sleep(random.uniform(*MISSED_SECONDS))  # noqa: S311 - see MISSED_SECONDS
        self._again.clear()
        self._sent.clear()
        await self._publish(client, self._topics.availability, ONLINE, retain=True)

    async def _read_former(self, client: aiomqtt.Client) -> None:
        """Read what the broker has kept of this site's devices."""
        filters = self._topics.configurations
        begin = self._last_retained = time.monotonic()
        await self._subscribe(client, filters, retained=True)
        latest = begin + RETAINED_SECONDS
        while True:
            left = min(latest, self._last_retained + QUIET_SECONDS) - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(left)
        await client.unsubscribe(filters)
        self._has_former = True

    async def _clean(self, client: aiomqtt.Client, devices: Sequence[Device]) -> None:
        """Empty what the broker has kept of devices that there are no more."""
        for topic in self._former.gone(devices):
            try:
                await self._publish(client, topic, "", retain=True)
            except ValueError as error:
                _log.warning("retained topic cannot be cleared", topic=topic[:100], error=error)
        self._former.keep(devices)
        ids = {device.id for device in devices}
        self._entities = {device: entities for device, entities in self._entities.items() if device in ids}

    async def _update(self, client: aiomqtt.Client, device: Device) -> None:
        """Send what has changed of a device, and its values at least every interval."""
        topics, before = self._topics, self._sent.get(device.id)
        if before is None or self._has_changed(device):
            await self._configure(client, device)
        if device.available is not None and (before is None or before.available is not device.available):
            available = ONLINE if device.available else OFFLINE
            await self._publish(client, topics.availability_of(device), available, retain=True)
        values, now = state(device.shown), time.monotonic()
        if before is None or values != before.state or now - before.at >= self._options.interval:
            await self._publish(client, topics.state(device), values)
            self._sent[device.id] = _Sent(device.available, values, now)
        else:
            self._sent[device.id] = before._replace(available=device.available)

    def _has_changed(self, device: Device) -> bool:
        """Return whether a device has an entity that was not described yet, or has become another one."""
        known = self._entities[device.id]
        return known.about != _about(device) or any(one.key not in known.described for one in device.shown)

    async def _configure(self, client: aiomqtt.Client, device: Device) -> None:
        """Send a device's configuration, with what the broker has kept of it if that can be sent."""
        try:
            await self._send_configuration(client, device)
        except ValueError as error:
            _log.warning("a configuration that the broker has kept is not used", device=device.id, error=error)
            self._former.forget(device.id)
            del self._entities[device.id]
            await self._send_configuration(client, device)

    async def _send_configuration(self, client: aiomqtt.Client, device: Device) -> None:
        topics = self._topics
        topic, id_ = topics.configuration(device.id), topics.id(device.id)
        entities = self._entities.setdefault(device.id, _Entities(self._former.components(device.id)))
        if entities.about != _about(device):
            entities.described.clear()
        for one in device.shown:
            if one.key not in entities.described:
                entities.described.add(one.key)
                if one.key not in device.controls:
                    entities.components[one.key] = component(one, id_, self._options.interval)
        entities.about = _about(device)
        components = {key: known for key, known in entities.components.items() if device.may_have(key)}
        gone = entities.components.keys() - components.keys() - device.controls.keys()
        components |= device.controls
        if gone:
            # Home Assistant removes an entity when it is there with nothing but its platform.
            removed = {key: str(entities.components[key]["p"]) for key in sorted(gone)}
            once = document(device, components, topics, self._program, removed=removed)
            await self._publish(client, topic, once, retain=True)
            for key in gone:
                del entities.components[key]
        text = document(device, components, topics, self._program, removed={})
        await self._publish(client, topic, text, retain=True)
        self._former.take(topic, text.encode())

    async def _publish(self, client: aiomqtt.Client, topic: str, payload: str, *, retain: bool = False) -> None:
        """Send a message. What is kept is confirmed by the broker; a value waits only until it is on its way."""
        await client.publish(topic, payload, qos=1 if retain else 0, retain=retain)
        self._counts.sent += 1


def _about(device: Device) -> object:
    return device.name, device.via, device.about, device.controls, frozenset(device.metrics), device.depends_on


async def _until_lost(client: aiomqtt.Client) -> None:
    """Return never; raises MqttError when the connection is lost."""
    async for _ in client.messages:
        pass  # each was taken when it came


def _inbox(take: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return a queue in which nothing waits: a flood takes no memory, and no `off` waits behind it."""

    class Inbox(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            take(item)

    return Inbox


def _limits() -> Properties:
    """Return what the broker is told of us: a message that is too large for any configuration is not sent to us."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library has no types here
    properties.MaximumPacketSize = LARGEST_FORMER
    return properties


def _context(options: Mqtt) -> ssl.SSLContext:
    """Return what checks the broker's certificate and has ours; reads files."""
    context = ssl.create_default_context(cafile=options.ca_file)
    if options.cert_file is not None:
        context.load_cert_chain(options.cert_file, options.key_file)
    return context
