"""The client against the real Mosquitto: what it keeps there, and what happens when a part of it all dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.mosquitto import Mosquitto, Watcher, retained
from toolkit.config import Duration
from toolkit.homeassistant import client as module
from toolkit.homeassistant import discovery
from toolkit.homeassistant.client import Client
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import Device, Program, Received
from toolkit.homeassistant.entities import Described, shown
from toolkit.homeassistant.metrics import Counts
from toolkit.tasks import end

PROGRAM = Program(name="exporter", distribution="magnum-exporter", version="1.2.3", url="http://cabin:10048/")
VOLTS = Described("x_battery_volts", "Battery voltage.")
CONFIG = "homeassistant/device/cabin-source-main/config"


def device(volts: float | None = 25.0, **changes: Any) -> Device:  # noqa: ANN401 - of any field
    samples = [] if volts is None else [((), volts)]
    one = Device(
        id="source-main",
        topic="main",
        name="Cabin main",
        available=True,
        metrics={VOLTS.name},
        shown=tuple(shown(VOLTS, "x_", samples, lambda: 10.0)),
    )
    return replace(one, **changes)


class Site:
    """A client and the devices that it sends."""

    def __init__(self, url: str, **options: Any) -> None:  # noqa: ANN401 - of the configuration
        self.devices: tuple[Device, ...] = (device(),)
        self.counts = Counts("x", ("retained",))
        self.received: list[Received] = []
        every: dict[str, Any] = {"interval": Duration(0.4), "min_interval": Duration(0.1), "base_topic": "cabin"}
        self.options = Mqtt(url=url, **(every | options))

    @contextlib.asynccontextmanager
    async def connected(self, *, connects: bool = True) -> AsyncIterator[None]:
        client = Client(
            self.options,
            PROGRAM,
            lambda: self.devices,
            owns=lambda name: name.startswith("source-"),
            counts=self.counts,
            receive=self.received.append,
        )
        task = asyncio.create_task(client.run())
        try:
            if connects:
                await until(lambda: self.counts.connected, "connected")
            yield
        finally:
            await end(task, seconds=10)
            assert task.cancelled()


async def until(predicate: Any, what: str, seconds: float = 15.0) -> None:  # noqa: ANN401 - any callable
    end = asyncio.get_running_loop().time() + seconds
    while not predicate():
        assert asyncio.get_running_loop().time() < end, what
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(module, "MISSED_SECONDS", (0.1, 0.2))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def watcher(broker: Mosquitto) -> Iterator[Watcher]:
    with Watcher(broker.port) as watcher:
        yield watcher


@pytest.mark.parametrize("protocol", [5, "3.1.1"])
async def test_configuration_and_availability_are_kept_and_values_are_not(broker: Mosquitto, protocol: object) -> None:
    site = Site(broker.url, protocol=protocol)
    with Watcher(broker.port) as watcher:
        async with site.connected():
            await until(lambda: watcher.count("cabin/main/state") > 2, "values come again and again")
            kept = retained(broker.port)
    assert json.loads(watcher.wait("cabin/main/state")) == {"x_battery_volts": 25.0}
    assert {topic: text for topic, text in kept.items() if topic != CONFIG} == {
        "cabin/exporter/availability": "online",
        "cabin/main/availability": "online",
    }
    assert retained(broker.port)["cabin/exporter/availability"] == "offline"
    document = json.loads(kept[CONFIG])
    assert document["cmps"]["x_battery_volts"]["unique_id"] == "cabin-source-main-x_battery_volts"
    assert document["cmps"]["x_battery_volts"]["expire_after"] == 11


async def test_a_value_is_sent_when_it_changes_and_at_least_every_interval(broker: Mosquitto, watcher: Watcher) -> None:
    site = Site(broker.url, interval=Duration(60))
    async with site.connected():
        await until(lambda: watcher.count("cabin/main/state") == 1, "the first")
        await asyncio.sleep(0.5)
        assert watcher.count("cabin/main/state") == 1
        site.devices = (device(26.0),)
        await until(lambda: watcher.last("cabin/main/state") == '{"x_battery_volts":26.0}', "the change")
        site.devices = (device(None, available=False),)
        await until(lambda: watcher.last("cabin/main/state") == "{}", "a stale value is left out")
        await until(lambda: watcher.last("cabin/main/availability") == "offline", "the device is gone")
    assert watcher.count(CONFIG) == 1


async def test_a_device_whose_options_have_changed_is_described_again(broker: Mosquitto, watcher: Watcher) -> None:
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
        site.devices = (device(shown=tuple(shown(VOLTS, "x_", [((), 25.0)], lambda: 100.0)), depends_on="options"),)
        await until(lambda: watcher.count(CONFIG) == 2, "the configuration")
        count = watcher.count("cabin/main/state")
        await until(lambda: watcher.count("cabin/main/state") > count + 1, "more values")
    assert watcher.count(CONFIG) == 2
    assert json.loads(watcher.last(CONFIG) or "")["cmps"]["x_battery_volts"]["expire_after"] == 101


async def test_offline_is_the_last_that_is_sent(
    broker: Mosquitto, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant starts just when the program ends, and the broker is slow to confirm."""
    monkeypatch.setattr(module, "MISSED_SECONDS", (0.0, 0.0))
    publish = aiomqtt.Client.publish

    async def slow(client: aiomqtt.Client, topic: str, payload: str, **options: Any) -> None:  # noqa: ANN401 - passed on
        await publish(client, topic, payload, **options)
        if payload == "offline":
            watcher.publish("homeassistant/status", "online")
            await asyncio.sleep(0.2)

    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
        monkeypatch.setattr(aiomqtt.Client, "publish", slow)
    watcher.publish("test/end", "end")
    watcher.wait("test/end")
    assert watcher.last("cabin/exporter/availability") == "offline"


async def test_offline_is_sent_although_a_cancellation_was_lost(
    broker: Mosquitto, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `asyncio.wait_for` of Python 3.11 may lose one."""
    publish, lost = aiomqtt.Client.publish, asyncio.Event()

    async def deaf(client: aiomqtt.Client, topic: str, payload: str, **options: Any) -> None:  # noqa: ANN401 - passed on
        if topic.endswith("/state"):
            lost.clear()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(60)
        await publish(client, topic, payload, **options)

    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
        lost.set()
        monkeypatch.setattr(aiomqtt.Client, "publish", deaf)
        await until(lambda: not lost.is_set(), "it sends a value")
    watcher.publish("test/end", "end")
    watcher.wait("test/end")
    assert watcher.last("cabin/exporter/availability") == "offline"


async def test_a_broker_that_is_killed_gets_everything_again(broker: Mosquitto) -> None:
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: site.counts.sent >= 4, "configuration, availability and values")
        broker.kill()
        await until(lambda: not site.counts.connected, "the loss is noticed")
        await until(lambda: site.counts.dropped > 0, "values are dropped")
        broker.start()
        with Watcher(broker.port) as watcher:
            await until(lambda: watcher.last("cabin/main/state"), "values")
            assert retained(broker.port).keys() == {
                CONFIG,
                "cabin/exporter/availability",
                "cabin/main/availability",
            }


async def test_home_assistant_that_starts_gets_everything_again(broker: Mosquitto, watcher: Watcher) -> None:
    site = Site(broker.url, interval=Duration(60))
    async with site.connected():
        await until(lambda: watcher.count("cabin/main/state") == 1, "the first")
        watcher.publish("homeassistant/status", "online")
        await until(lambda: watcher.count("cabin/main/state") == 2, "the values")
        assert watcher.count(CONFIG) == watcher.count("cabin/main/availability") == 2


async def test_what_there_is_no_more_is_emptied_and_what_others_have_is_not(
    broker: Mosquitto, watcher: Watcher
) -> None:
    others = ("cabin-generator", "cabin2-source-old", "cabin_x-source-old", "zigbee-source-old")
    for name in others:
        watcher.publish(f"homeassistant/device/{name}/config", '{"cmps": {}}', retain=True)
    old = {"cmps": {}, "availability": [{"topic": "cabin/exporter/availability"}, {"topic": "cabin/old/availability"}]}
    watcher.publish("homeassistant/device/cabin-source-old/config", json.dumps(old), retain=True)
    watcher.publish("cabin/old/availability", "online", retain=True)
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "everything was sent")
        kept = retained(broker.port)
        assert kept.keys() == {
            CONFIG,
            "cabin/exporter/availability",
            "cabin/main/availability",
            *(f"homeassistant/device/{name}/config" for name in others),
        }
        site.devices = (device(id="source-new", topic="new"),)  # renamed
        await until(lambda: watcher.last(CONFIG) == "", "the old one is emptied")
        await until(lambda: watcher.last("cabin/main/availability") == "", "its availability too")


BAD_DOCUMENTS = [
    '{"cmps":{"x\\ud800":{"p":"sensor\\ud800","name":"a"}}}',
    '{"cmps":{"x":{"p":"sensor","name":"a","step":NaN}}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("document", BAD_DOCUMENTS)
async def test_a_kept_document_that_cannot_be_sent_is_replaced(
    broker: Mosquitto, watcher: Watcher, document: str
) -> None:
    watcher.publish(CONFIG, document, retain=True)
    watcher.publish("homeassistant/device/cabin-source-old/config", document, retain=True)
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
        assert list(json.loads(watcher.last(CONFIG) or "")["cmps"]) == ["x_battery_volts"]
        assert watcher.last("homeassistant/device/cabin-source-old/config") == ""


async def test_a_kept_document_that_turns_out_not_to_be_sendable_is_forgotten(
    broker: Mosquitto, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "check_can_be_sent", lambda _: None)
    monkeypatch.setattr(discovery.Topics, "is_availability_of_device", lambda _, __: True)
    watcher.publish(CONFIG, BAD_DOCUMENTS[0], retain=True)
    old = {"cmps": {}, "availability": [{"topic": "cabin/+/availability"}]}
    watcher.publish("homeassistant/device/cabin-source-old/config", json.dumps(old), retain=True)
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
    assert watcher.last("homeassistant/device/cabin-source-old/config") == ""


@pytest.mark.parametrize(
    "topic",
    [
        *("cabin/+/availability", "cabin/#/availability", "cabin/a\x00/availability", "cabin/a\ud800/availability"),
        f"cabin/{'a' * 70_000}/availability",
        "cabin/a/b/availability",
        "cabin/actuator/availability",
        "cabin/exporter/availability",
        "cabin/main/availability",  # of a device that there is
        "lodge/old/availability",
    ],
)
async def test_only_the_availability_of_a_removed_device_is_emptied(
    broker: Mosquitto, watcher: Watcher, topic: str
) -> None:
    old = {"cmps": {}, "availability": [{"topic": topic}]}
    watcher.publish("homeassistant/device/cabin-source-old/config", json.dumps(old), retain=True)
    site = Site(broker.url)
    async with site.connected():
        await until(lambda: watcher.last("cabin/main/state"), "values")
        assert watcher.last("homeassistant/device/cabin-source-old/config") == ""
    emptied = {message.topic for message in watcher.messages if not message.text}
    assert emptied == {"homeassistant/device/cabin-source-old/config"}


async def test_an_entity_of_an_unknown_metric_is_removed_and_a_silent_one_stays(
    broker: Mosquitto, watcher: Watcher
) -> None:
    silent = {"p": "sensor", "name": "Silent"}
    former = {"cmps": {"x_celsius": silent, "x_gone": {"p": "sensor", "name": "Gone"}, "x_going": {"p": "sensor"}}}
    watcher.publish(CONFIG, json.dumps(former), retain=True)
    site = Site(broker.url)
    site.devices = (device(metrics={"x_battery_volts", "x_celsius"}),)
    async with site.connected():
        await until(lambda: watcher.count(CONFIG) == 3, "two more configurations")
    documents = [json.loads(message.text)["cmps"] for message in watcher.messages if message.topic == CONFIG][1:]
    assert [sorted(each) for each in documents] == [
        ["x_battery_volts", "x_celsius", "x_gone"],
        ["x_battery_volts", "x_celsius"],
    ]
    assert documents[0]["x_gone"] == {"p": "sensor"}
    assert documents[1]["x_celsius"] == silent


@pytest.mark.parametrize("protocol", [5, "3.1.1"])
async def test_commands_come_with_whether_the_broker_had_kept_them(
    broker: Mosquitto, watcher: Watcher, protocol: object
) -> None:
    watcher.publish("cabin/exporter/command/mode", "kept", retain=True)
    site = Site(broker.url, protocol=protocol)
    async with site.connected():
        watcher.publish("cabin/exporter/command/off", "now")
        watcher.publish("cabin/exporter/command/off", "flag", retain=True)
        await until(lambda: sum(received.command == "off" for received in site.received) == 2, "the commands")
    is_5 = protocol == 5
    # MQTT 5 does not even send what was kept, and MQTT 3.1.1 takes the flag from what was just sent.
    kept = [] if is_5 else [Received("mode", b"kept", retained=True)]
    assert site.received == [
        *kept,
        Received("off", b"now", retained=False, is_new=is_5),
        Received("off", b"flag", retained=is_5, is_new=is_5),
    ]


# Paho leaves the socket of a handshake that failed to the collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*unclosed <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_with_tls_that_requires_a_certificate(tmp_path: Path, certificates: Path) -> None:
    own, key, client = (certificates / name for name in ("a.crt", "a.key", "client.crt"))
    options = f"cafile {certificates / 'ca.crt'}\ncertfile {own}\nkeyfile {key}\nrequire_certificate true"
    ours = {"cert_file": client, "key_file": client.with_suffix(".key")}
    with Mosquitto(tmp_path, options=options) as broker:
        url = broker.url.replace("mqtt:", "mqtts:")
        async with Site(url, ca_file=own, **ours).connected():
            pass
        # Without a certificate, and with the system's authorities, which do not know the broker's.
        for refused in (Site(url, ca_file=own), Site(url, **ours)):
            async with refused.connected(connects=False):
                await asyncio.sleep(1.0)
                assert not refused.counts.connected


async def test_a_broker_that_reads_nothing_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and answers nothing: attempts end, and the loop goes on."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    accepted = 0

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        site = Site(f"mqtt://127.0.0.1:{port}")
        async with site.connected(connects=False):
            longest, last = 0.0, asyncio.get_running_loop().time()
            while accepted < 3:
                await asyncio.sleep(0.01)
                now = asyncio.get_running_loop().time()
                longest, last = max(longest, now - last), now
        assert not site.counts.connected
        assert longest < 5.0
