"""The real exporter with the real Mosquitto: what Home Assistant gets of the page, and what after a death."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exporter.harness import captures
from tests.exporter.harness.magnum_port import MagnumPort
from tests.support import wait_until
from tests.support.exporter import Exporter
from tests.support.mosquitto import Mosquitto, Watcher, documented_acl, retained

STATE = "cabin/main/state"
CONFIG = "homeassistant/device/cabin-source-main/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[MagnumPort]:
    port = MagnumPort(tmp_path / "bus")
    port.plug()
    yield port
    port.unplug()


def configured(folder: Path, bus: MagnumPort, broker: Mosquitto, **options: Any) -> Path:  # noqa: ANN401 - of mqtt:
    file = folder / "exporter.yml"
    every = {"url": broker.url, "base_topic": "cabin", "interval": "1s", "min_interval": "200ms"}
    sources = {"main": {"type": "magnum", "port": str(bus.name)}}
    file.write_text(yaml.safe_dump({"sources": sources, "mqtt": every | options}))
    return file


def fed(bus: MagnumPort, watcher: Watcher, key: str) -> dict[str, Any]:
    """Send a captured system until Home Assistant would have a value; return all."""
    end = threading.Event()
    sending = bus.repeat([line.data for line in captures.lines(captures.INVERTING)[:200]], end)
    try:
        return wait_until(
            lambda: values if watcher.last(STATE) and key in (values := watcher.json(STATE)) else None, 20, key
        )
    finally:
        end.set()
        sending.join()


def test_what_is_on_the_page_is_sent_and_a_killed_exporter_is_offline(
    tmp_path: Path, bus: MagnumPort, broker: Mosquitto
) -> None:
    with Watcher(broker.port) as watcher, Exporter(configured(tmp_path, bus, broker)) as exporter:
        values = fed(bus, watcher, "magnum_bmk_soc_ratio")
        watcher.wait("cabin/main/availability", "online")
        page = {"magnum_inverter_dc_volts": 1.0, "magnum_bmk_soc_ratio": 100.0, "magnum_inverter_fet_celsius": 1.0}
        for metric, scale in page.items():
            assert values[metric] == pytest.approx((exporter.value(metric, device="main") or 0) * scale)
        assert exporter.value("magnum_exporter_mqtt_connected") == 1
        document = watcher.json(CONFIG)
        assert set(values) <= set(document["cmps"])
        assert "configuration_url" not in document["dev"], "nobody else reaches a page on loopback"
        exporter.process.signal(signal.SIGKILL)
        watcher.wait("cabin/exporter/availability", "offline", 5)


@pytest.mark.slow
def test_a_device_that_falls_silent_is_offline_and_its_values_go(
    tmp_path: Path, bus: MagnumPort, broker: Mosquitto
) -> None:
    with Watcher(broker.port) as watcher, Exporter(configured(tmp_path, bus, broker)):
        fed(bus, watcher, "magnum_inverter_dc_volts")
        watcher.wait("cabin/main/availability", "online")
        watcher.wait("cabin/main/availability", "offline", 20)
        wait_until(lambda: "magnum_inverter_dc_volts" not in watcher.json(STATE), 5, "the value is left out")


def test_a_reload_renames_a_source_and_ends_mqtt(tmp_path: Path, bus: MagnumPort, broker: Mosquitto) -> None:
    file = configured(tmp_path, bus, broker)
    with Watcher(broker.port) as watcher, Exporter(file) as exporter:
        watcher.wait("cabin/main/availability")
        exporter.process.signal(signal.SIGHUP)  # nothing has changed
        wait_until(lambda: exporter.process.output.count("configuration reloaded") == 1, 10, "the reload")
        assert watcher.count("cabin/exporter/availability") == 1
        options = yaml.safe_load(file.read_text())
        options["sources"]["lodge"] = options["sources"].pop("main")
        file.write_text(yaml.safe_dump(options))
        exporter.process.signal(signal.SIGHUP)
        watcher.wait("cabin/lodge/availability")
        kept = retained(broker.port)
        assert sorted(topic for topic in kept if topic.startswith("homeassistant/")) == [
            "homeassistant/device/cabin-site/config",
            "homeassistant/device/cabin-source-lodge/config",
        ]
        assert "cabin/main/availability" not in kept
        assert watcher.count("cabin/exporter/availability") == 1, "it stays connected"
        del options["mqtt"]
        file.write_text(yaml.safe_dump(options))
        exporter.process.signal(signal.SIGHUP)
        watcher.wait("cabin/exporter/availability", "offline")
        wait_until(lambda: exporter.value("magnum_exporter_mqtt_connected") == 0, 5, "the connection has ended")


def test_the_documented_rights_are_enough(tmp_path: Path, bus: MagnumPort) -> None:
    password = tmp_path / "mqtt.password"
    password.write_text("magnum\n")
    password.chmod(0o640)
    users = {"magnum-exporter": "magnum", "homeassistant": "cabin"}
    options = {"username": "magnum-exporter", "password_file": str(password), "base_topic": "magnum"}
    with (
        Mosquitto(tmp_path, users, documented_acl()) as broker,
        Watcher(broker.port, ("homeassistant", "cabin")) as watcher,
    ):
        with Exporter(configured(tmp_path, bus, broker, **options)):
            watcher.wait("magnum/main/state")
            watcher.wait("magnum/main/availability", "offline")
            before = watcher.count("homeassistant/device/magnum-site/config")
            watcher.publish("homeassistant/status", "online")
            wait_until(lambda: watcher.count("homeassistant/device/magnum-site/config") > before, 10, "all again")
        watcher.wait("magnum/exporter/availability", "offline")


def test_a_wrong_password_is_logged_without_it_and_stops_nothing(tmp_path: Path, bus: MagnumPort) -> None:
    password = tmp_path / "mqtt.password"
    password.write_text("not-this\n")
    password.chmod(0o640)
    with Mosquitto(tmp_path, {"magnum": "this"}) as broker:
        file = configured(tmp_path, bus, broker, username="magnum", password_file=str(password))
        with Exporter(file) as exporter:
            wait_until(lambda: "no connection to the MQTT broker" in exporter.process.output, 20, "it is logged")
            assert "not-this" not in exporter.process.output
            wait_until(lambda: exporter.value("magnum_exporter_mqtt_connected") == 0, 5, "the connection has ended")
            assert exporter.get("/-/ready")[0] == 200
