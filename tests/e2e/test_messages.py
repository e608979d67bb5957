"""What reaches people when a part of a running site dies: the shipped rules and routes, timers of seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.loop import FACTOR, Loop, fetch
from tests.support.stand_in import StandIn, stand_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Site(Loop):
    """The loop with somebody who gets the messages."""

    people: StandIn

    def messages(self) -> list[str]:
        """Return the alert of each message, in their order, without news."""
        received = [it.json for it in self.people.received]
        assert all(message["status"] == "firing" for message in received), "an alert that ends proves nothing"
        urgent = [it["groupLabels"]["alertname"] for it in received if it["commonLabels"]["severity"] != "info"]
        # A battery that runs a hundred times as fast as the clock is always empty soon.
        return [alert for alert in urgent if alert != "BatteryEmptySoon"]

    def fault(self, name: str) -> None:
        """Inject a fault into the site."""
        code, text = fetch(self.deployment.url("simulator", f"/faults/{name}"), True)
        assert code == 200, text

    def inhibited(self) -> set[str]:
        """Return the alerts that fire and are not sent, because their cause is."""
        code, text = fetch(self.deployment.url("alertmanager", "/api/v2/alerts"))
        assert code == 200, text
        shown: list[dict[str, Any]] = json.loads(text)
        return {alert["labels"]["alertname"] for alert in shown if alert["status"]["state"] == "suppressed"}


@contextmanager
def site(folder: Path, **limits: object) -> Iterator[Site]:
    timeout = f"{300 * FACTOR:g}s"
    loop = Site(folder, prometheus=True, actuator={"limits": limits, "alerts": {"heartbeat_timeout": timeout}})
    exporter = yaml.safe_load((folder / "exporter.yml").read_text())
    exporter["battery"]["soc"]["max_age"] = f"{60 * FACTOR:g}s"
    (folder / "exporter.yml").write_text(yaml.safe_dump(exporter))
    with stand_in() as loop.people:
        file = folder / "alertmanager.yml"
        document = yaml.safe_load(file.read_text())
        (people,) = (receiver for receiver in document["receivers"] if receiver["name"] == "people")
        url = f"http://127.0.0.1:{loop.people.port}/"
        people["webhook_configs"] = [{"url": url, "send_resolved": False}]
        file.write_text(yaml.safe_dump(document))
        with loop:
            loop.wait(lambda: loop.path == "alerts", 30, "two heartbeats make the path `alerts`")
            yield loop
        sys.stdout.write(f"messages: {', '.join(loop.messages())}\n")


def test_the_exporter_is_killed_in_a_run(tmp_path: Path) -> None:
    with site(tmp_path) as loop:
        loop.change(load=2200.0)
        loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 1, 90, "the engine is proven to run")
        loop.change(load=1000.0)
        before = loop.messages()
        loop.kill("exporter")
        consequences = {"GeneratorExporterUnreachable", "GeneratorRunUnconfirmed"}
        loop.wait(lambda: loop.inhibited() & consequences, 90, "what follows from it is inhibited")
        loop.wait(lambda: len(loop.messages()) > len(before), 30, "people are told")
        assert loop.messages()[len(before) :] == ["MagnumExporterDown"]


def test_the_actuator_is_killed_while_it_is_locked_out(tmp_path: Path) -> None:
    with site(tmp_path, attempts=1, start_confirm="4s", warm_up="1s") as loop:
        loop.fault("engine_does_not_start")
        loop.change(load=2200.0)
        loop.wait(lambda: loop.status["attempts"] == 1, 90, "the only attempt fails")
        loop.change(load=1000.0)
        loop.wait(lambda: "GeneratorLockedOut" in loop.messages(), 60, "people are told")
        before = loop.messages()
        loop.kill("actuator")
        loop.wait(
            lambda: loop.inhibited() >= {"AlertmanagerNotificationsFailing", "GeneratorStartFailed"},
            90,
            "what follows from it is inhibited",
        )
        loop.wait(lambda: len(loop.messages()) > len(before), 30, "people are told")
        assert loop.messages()[len(before) :] == ["GeneratorActuatorDown"]


def test_the_cable_of_the_only_device_is_pulled(tmp_path: Path) -> None:
    with site(tmp_path) as loop:
        loop.fault("adapter_unplugged")
        consequences = {"GeneratorFallback", "GeneratorBlind", "BatterySocSourceRefused"}
        loop.wait(lambda: loop.inhibited() & consequences, 90, "what follows from it is inhibited")
        loop.wait(lambda: len(loop.messages()) >= 2, 30, "people are told")
        assert sorted(loop.messages()) == ["BatterySocAbsent", "DeviceSilent"]
