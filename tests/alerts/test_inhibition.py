"""One cause, one message: the alerts of a fault, in the order in which they fire, through the real Alertmanager."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.scale import scale
from tests.support import wait_until
from tests.support.alert_rules import RULE_FILES, alerts
from tests.support.alertmanager_config import SHIPPED, alertmanager, send, uncomment
from tests.support.http import request
from tests.support.stand_in import StandIn, stand_in

pytestmark = pytest.mark.slow

EVERY = {name: rule for file in RULE_FILES for name, rule in alerts(file).items()}
WEBHOOKS = "ntfy, Home Assistant and programs of your own"
FACTOR = 0.02
"""Minutes of the routes' timers are a second or so."""

FAULTS = {
    "the engine fails until it is locked out, and nobody comes": [
        *("GeneratorStartFailed", "GeneratorLockedOut", "GeneratorDied", "GeneratorStartBlocked ags_refuses"),
        *("BatteryLowUnanswered", "BatteryEmptySoon", "GeneratorShortCycling", "BatteryEmergency"),
    ],
    "the exporter dies during a run": [
        *("MagnumExporterDown", "GeneratorExporterUnreachable", "GeneratorFallback", "GeneratorRunUnconfirmed"),
        *("GeneratorBlind", "GeneratorStartBlocked no_evidence"),
    ],
    "the actuator dies while it is locked out": [
        *("GeneratorLockedOut", "GeneratorStartFailed", "GeneratorActuatorDown", "-GeneratorLockedOut"),
        *("AlertmanagerNotificationsFailing", "GeneratorThresholdsMissing"),
    ],
    "the battery monitor's cable is pulled": [
        *("DeviceSilent", "BatterySocSourceRefused stale", "BatterySocAbsent", "GeneratorFallback", "GeneratorBlind"),
    ],
    "Alertmanager cannot reach the actuator": ["GeneratorAlertsNotReceived", "GeneratorFallback"],
    "the generator dies in a run": ["GeneratorDied", "GeneratorStopped"],
    "the AGS holds a fault": ["MagnumAgsFault", "GeneratorStartBlocked ags_refuses", "BatteryLowUnanswered"],
    "the memory card fails": ["GeneratorJournalFailing", "GeneratorMirrorFailing", "GeneratorStartBlocked journal"],
}
SENT = {
    "the engine fails until it is locked out, and nobody comes": [
        *("GeneratorStartFailed", "GeneratorLockedOut", "BatteryEmergency"),
    ],
    "the exporter dies during a run": ["MagnumExporterDown"],
    "the actuator dies while it is locked out": ["GeneratorLockedOut", "GeneratorActuatorDown"],
    "the battery monitor's cable is pulled": ["DeviceSilent", "BatterySocAbsent"],
    "Alertmanager cannot reach the actuator": ["GeneratorAlertsNotReceived"],
    "the generator dies in a run": ["GeneratorDied"],
    "the AGS holds a fault": ["MagnumAgsFault"],
    "the memory card fails": ["GeneratorJournalFailing"],
}


def alert(step: str) -> dict[str, Any]:
    """Return the alert of a step (`NAME` or `NAME REASON`) as Prometheus sends it; `-NAME` ends it."""
    name, _, reason = step.removeprefix("-").partition(" ")
    labels = {"alertname": name, "severity": EVERY[name]["labels"]["severity"], "instance": "pi:10049"}
    ends = datetime.now(UTC) + timedelta(hours=-1 if step.startswith("-") else 1)
    started = datetime.now(UTC) - timedelta(hours=2)
    return {
        "labels": labels | ({"reason": reason} if reason else {}),
        "startsAt": started.isoformat(),
        "endsAt": ends.isoformat(),
    }


def messages(people: StandIn) -> list[str]:
    return [received.json["groupLabels"]["alertname"] for received in people.received]


def states(url: str) -> dict[str, str]:
    code, text = request("GET", f"{url}/api/v2/alerts")
    assert code == 200
    return {shown["labels"]["alertname"]: shown["status"]["state"] for shown in json.loads(text)}


def play(folder: Path, steps: list[str], change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Send the alerts one after the other; return the names in the messages that people get, in their order."""
    config: Any = scale(yaml.safe_load(uncomment(SHIPPED.read_text(), WEBHOOKS, "Any program")), FACTOR)
    change(config)
    folder.mkdir()
    with stand_in() as people, stand_in() as actuator:
        text = yaml.safe_dump(config).replace("http://127.0.0.1:8080", f"http://127.0.0.1:{people.port}")
        text = text.replace("http://127.0.0.1:10049", f"http://127.0.0.1:{actuator.port}")
        with alertmanager(folder, text) as url:
            for step in steps:
                name = step.removeprefix("-").partition(" ")[0]
                send(url, alert(step))

                def settled(step: str = step, name: str = name) -> bool:
                    if step.startswith("-"):
                        return name not in states(url)
                    return states(url).get(name) == "suppressed" or name in messages(people)

                wait_until(settled, 30, f"{name} is sent or inhibited")
            # What ends is announced, if at all, within a group_interval: so long a second alert of a group waits.
            for number in (1, 2, 3):
                labels = {"alertname": "Later", "severity": "info", "device": str(number)}
                before = len(people.received)
                send(url, {"labels": labels})
                wait_until(lambda before=before: len(people.received) > before, 30, "a later message")  # type: ignore[misc]
        assert all(received.json["status"] == "firing" for received in people.received)
        return [name for name in messages(people) if name != "Later"]


@pytest.mark.parametrize("fault", FAULTS)
def test_one_cause_is_one_message(tmp_path: Path, fault: str) -> None:
    before = play(tmp_path / "before", FAULTS[fault], lambda config: config.pop("inhibit_rules"))
    after = play(tmp_path / "after", FAULTS[fault], lambda _config: None)
    sys.stdout.write(f"{fault}: {len(before)} messages without the rules, {len(after)} with them: {', '.join(after)}\n")
    assert after == SENT[fault]
    assert len(before) > len(after)


def test_inhibition_keeps_to_its_site(tmp_path: Path) -> None:
    config = uncomment(SHIPPED.read_text(), WEBHOOKS, "Any program")
    with stand_in() as people:
        text = yaml.safe_dump(scale(yaml.safe_load(config), FACTOR)).replace(
            "127.0.0.1:8080", f"127.0.0.1:{people.port}"
        )
        with alertmanager(tmp_path, text) as url:
            for name, site in (("GeneratorAlertsNotReceived", "barn"), ("GeneratorFallback", "cabin")):
                one = alert(name)
                one["labels"]["site"] = site
                send(url, one)
            wait_until(lambda: len(people.received) == 2, 30, "both are sent")
