"""The real actuator with the real Mosquitto: what it shows, what it obeys, and that its contact stays open."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actuator.harness.process import Actuator, in_time, kill, site
from tests.support import wait_until
from tests.support.mosquitto import Mosquitto, Watcher, documented_acl

COMMAND = "magnum/actuator/command"
ACL = f"{documented_acl()}\nuser guest\ntopic read #\n"
USERS = {"generator-actuator": "relay", "homeassistant": "cabin", "guest": "guest"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, USERS, ACL) as broker:
        yield broker


def settings(broker: Mosquitto, folder: Path, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - of the configuration
    password = folder / "mqtt.password"
    password.write_text("relay\n")
    password.chmod(0o640)
    own = {"username": "generator-actuator", "password_file": str(password)}
    every = {"interval": "2s", "min_interval": "200ms", "commands": True}
    return {"mqtt": {"url": broker.url, **own, **every, **options}}


def payload(value: str | float = "PRESS", *, age: float = 0.0) -> str:
    return json.dumps({"value": value, "at": time.time() - age})


def ignored(it: Actuator, reason: str) -> float:
    return it.metric("generator_actuator_mqtt_commands_ignored_total", reason=reason) or 0.0


def closings(it: Actuator) -> list[tuple[float, int, int]]:
    """Return each write that closed the contact."""
    return [write for write in it.board.writes if write[2] == 0xFF00]


def connected(it: Actuator) -> bool:
    return it.metric("generator_actuator_mqtt_connected") == 1


@pytest.mark.parametrize("protocol", [5, "3.1.1"])
def test_commands_are_obeyed_and_journalled_with_their_topic(
    tmp_path: Path, broker: Mosquitto, protocol: object
) -> None:
    with (
        site(tmp_path, settings(broker, tmp_path, protocol=protocol)) as it,
        Watcher(broker.port, ("homeassistant", "cabin")) as owner,
        it.running(in_time()),
    ):
        wait_until(lambda: connected(it), 10, "the broker")
        owner.publish(f"{COMMAND}/minutes", payload(0.5))
        wait_until(lambda: owner.json("magnum/actuator/state").get("minutes") == 0.5, 10, "the length")
        time.sleep(1.0)  # one command a second
        owner.publish(f"{COMMAND}/mode", payload("on"))
        wait_until(it.board.closed, 10, "the contact closes")
        wait_until(lambda: owner.json("magnum/actuator/state")["mode"] == "on", 10, "Home Assistant sees it")
        assert owner.json("magnum/actuator/state")["generator_demand"] == "manual"
        owner.publish(f"{COMMAND}/mode", "off")
        wait_until(lambda: not it.board.closed(), 10, "the contact opens")

        def commands() -> list[dict[str, Any]]:
            return [row for row in it.rows() if row["kind"] == "operator"]

        wait_until(lambda: len(commands()) == 2, 5, "both to be written down")
        rows = commands()
        assert [(row["fields"]["action"], row["fields"]["topic"]) for row in rows] == [
            ("on", f"{COMMAND}/mode"),
            ("off", f"{COMMAND}/mode"),
        ]
        assert rows[0]["fields"]["seconds"] == 30
        assert rows[0]["text"].endswith(f"By MQTT, {COMMAND}/mode.")


@pytest.mark.slow
def test_commands_that_may_start_nothing_leave_the_contact_open(tmp_path: Path, broker: Mosquitto) -> None:
    """A retained one, a replayed one, one without the right, one without a time, and a flood of 10,000."""
    with (
        site(tmp_path, settings(broker, tmp_path, protocol="3.1.1")) as it,
        Watcher(broker.port, ("homeassistant", "cabin")) as owner,
        Watcher(broker.port, ("guest", "guest")) as guest,
    ):
        owner.publish(f"{COMMAND}/mode", payload("on"), retain=True)
        with it.running(in_time()):
            wait_until(lambda: connected(it) and ignored(it, "retained") == 1, 10, "the retained one is ignored")
            owner.publish(f"{COMMAND}/mode", "", retain=True)
            wait_until(lambda: ignored(it, "malformed") == 1, 10, "its removal is no command")
            guest.publish(f"{COMMAND}/mode", payload("on"))
            old = payload("on", age=40)
            for _ in range(10_000):
                owner.send(f"{COMMAND}/mode", old)
            owner.publish(f"{COMMAND}/mode", json.dumps({"value": "on"}))
            wait_until(lambda: ignored(it, "no_time") == 1, 30, "the flood is over")
            assert ignored(it, "late") == 10_000
            assert it.status()["mode"] == "auto"
            assert not closings(it)
            # A command that was obeyed, sent again by whoever has recorded it.
            auto = payload("automatic")
            owner.publish(f"{COMMAND}/mode", auto)
            wait_until(lambda: it.metric("generator_actuator_mqtt_commands_total") == 1, 10, "the first is obeyed")
            owner.publish(f"{COMMAND}/mode", auto)
            wait_until(lambda: ignored(it, "replayed") == 1, 10, "the second is ignored")
        assert not closings(it)


def test_without_a_right_clock_only_off_is_obeyed(tmp_path: Path, broker: Mosquitto) -> None:
    wrong = in_time().replace("True", "False")
    with (
        site(tmp_path, settings(broker, tmp_path)) as it,
        Watcher(broker.port, ("homeassistant", "cabin")) as owner,
        it.running(wrong),
    ):
        wait_until(lambda: connected(it), 10, "the broker")
        owner.publish(f"{COMMAND}/mode", payload("on"))
        wait_until(lambda: ignored(it, "clock") == 1, 10, "it is ignored")
        owner.publish(f"{COMMAND}/off", payload())
        wait_until(lambda: it.status()["mode"] == "off", 10, "off")
        assert not closings(it)


def test_control_needs_no_broker_and_a_killed_actuator_is_offline(tmp_path: Path, broker: Mosquitto) -> None:
    with site(tmp_path, settings(broker, tmp_path)) as it, it.running(in_time()) as process:
        wait_until(lambda: connected(it), 10, "the broker")
        broker.kill()
        wait_until(lambda: not connected(it), 10, "the loss")
        it.close_for_an_alert()
        broker.start()
        with Watcher(broker.port, ("homeassistant", "cabin")) as owner:
            wait_until(lambda: connected(it), 20, "the broker again")
            wait_until(lambda: owner.json("magnum/actuator/state")["generator_running"] == "ON", 10, "the state")
            kill(process)
            owner.wait("magnum/actuator/availability", "offline", 10)


WITHOUT_PACKAGE = """
import sys
from toolkit.homeassistant import config
config.find_spec = lambda name: None
from actuator.cli import main
sys.exit(main())
"""


def test_a_missing_package_is_logged_and_the_actuator_runs(tmp_path: Path, broker: Mosquitto) -> None:
    with site(tmp_path, settings(broker, tmp_path)) as it, it.running(WITHOUT_PACKAGE) as process:
        wait_until(
            lambda: "deploy/install mqtt, in /usr/local/src/magnum-exporter" in process.output,
            10,
            "what to do is logged",
        )
        assert it.status()["mode"] == "auto"
        assert not connected(it)


def test_a_reload_begins_and_ends_mqtt(tmp_path: Path, broker: Mosquitto) -> None:
    with site(tmp_path) as it, it.running(in_time()) as process:
        assert it.metric("generator_actuator_mqtt_connected") is None, "nothing of it is there"
        it.configure(settings(broker, tmp_path))
        process.signal(signal.SIGHUP)
        wait_until(lambda: connected(it), 10, "the broker")
        it.configure({})
        process.signal(signal.SIGHUP)
        wait_until(lambda: not connected(it), 10, "no broker any more")
        assert it.status()["mode"] == "auto"


def test_without_commands_nothing_is_subscribed(tmp_path: Path, broker: Mosquitto) -> None:
    with (
        site(tmp_path, settings(broker, tmp_path, commands=False)) as it,
        Watcher(broker.port, ("homeassistant", "cabin")) as owner,
        it.running(in_time()),
    ):
        document = owner.json("homeassistant/device/magnum-generator/config")
        assert "mode" not in document["cmps"]
        owner.publish(f"{COMMAND}/mode", payload("on"))
        owner.publish(f"{COMMAND}/off", payload())
        count = owner.count("magnum/actuator/state")
        wait_until(lambda: owner.count("magnum/actuator/state") > count + 1, 10, "turns go on")
        assert it.status()["mode"] == "auto"
