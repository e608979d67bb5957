"""The client against another broker than Mosquitto: amqtt, which speaks MQTT 3.1.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support import Process, command, free_port, wait_until
from tests.support.mosquitto import Watcher, retained
from tests.toolkit.homeassistant.test_client import CONFIG, Site, device, until
from toolkit.homeassistant.discovery import Received

pytestmark = pytest.mark.slow


async def test_discovery_values_and_commands(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "amqtt.yml"
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    file.write_text(
        yaml.safe_dump({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": plugins})
    )
    with Process([command("amqtt"), "-c", file]) as broker:
        wait_until(lambda: "bind to" in broker.output or broker.popen.poll() is not None, 20, "amqtt starts")
        site = Site(f"mqtt://127.0.0.1:{port}", protocol="3.1.1")
        with Watcher(port, version=4) as watcher:
            async with site.connected():
                await until(lambda: watcher.count("cabin/main/state") > 2, "values come again and again")
                watcher.publish("cabin/exporter/command/off", "now")
                await until(lambda: Received("off", b"now", retained=False) in site.received, "the command")
                watcher.publish("homeassistant/status", "online")
                await until(lambda: watcher.count(CONFIG) > 1, "everything again")
                site.devices = (device(id="source-new", topic="new"),)
                await until(lambda: watcher.last(CONFIG) == "", "the old one is emptied")
        kept = retained(port, version=4)
        assert json.loads(kept["homeassistant/device/cabin-source-new/config"])["dev"]["name"] == "Cabin main"
        assert kept["cabin/exporter/availability"] == "offline"
        assert "cabin/main/state" not in kept
