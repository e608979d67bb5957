"""What Home Assistant discovers of the generator: an entity for every metric, the sentences, and the controls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actuator.report import homeassistant_entities
from actuator.report.metrics import DESCRIBED, ENTITIES, Counts, whole_name
from actuator.report.severity import assess
from actuator.report.snapshot import Snapshot
from tests.actuator.report.test_status import snapshot, world
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import Device, Topics, component, document, state
from toolkit.homeassistant.entities import entities, metric_of
from toolkit.replace import replace

TOPICS = Topics(Mqtt(url="mqtt://broker", base_topic="cabin"), "actuator")


def shown(
    of: Snapshot | None, *, counts: Counts | None = None, minutes: float | None = None, late: float = 0.0
) -> tuple[Device, dict[str, Any]]:
    now = late + (0.0 if of is None else of.now)
    device = homeassistant_entities.generator(of, now, TOPICS, counts=counts or Counts(), minutes=minutes)
    values: dict[str, Any] = json.loads(state(device.shown))
    return device, values


def documented(device: Device) -> dict[str, Any]:
    components = {
        one.key: component(one, TOPICS.id(device.id), 30.0) for one in device.shown if one.key not in device.controls
    }
    about = homeassistant_entities.program("1.2.3", "https://cabin:10049/")
    whole: dict[str, Any] = json.loads(document(device, {**components, **device.controls}, TOPICS, about, removed={}))
    return whole


@pytest.mark.parametrize("name", [whole_name(family) for family in DESCRIBED])
def test_every_metric_has_an_entity_or_a_reason_for_none(name: str) -> None:
    assert bool(list(entities(ENTITIES[name], homeassistant_entities.PREFIX))) != bool(ENTITIES[name].options.not_shown)


def test_every_metric_that_has_an_entity_is_shown_on_a_day_with_everything() -> None:
    of = world(service={"every": "100h"}).on_alerts()
    of.operator("on", seconds=3600.0)
    of.run(60)
    metrics = {metric_of(one.key) for one in shown(snapshot(of, mirror_fault=""))[0].shown}
    assert metrics >= {name for name, metric in ENTITIES.items() if not metric.options.not_shown}


def test_what_came_in_is_counted() -> None:
    counts = Counts()
    counts.notifications["firing"] += 3
    counts.commands["conflict"] += 1
    of = world()
    of.state = replace(of.state, alerts=replace(of.state.alerts, late=2))
    _, values = shown(snapshot(of), counts=counts)
    assert values["generator_notifications_total__firing"] == 3
    assert values["generator_commands_rejected_total__conflict"] == 1
    assert values["generator_notifications_rejected_total__late"] == 2
    assert values["generator_notifications_rejected_total__malformed"] == 0


def test_what_is_shown_of_a_quiet_day() -> None:
    of = snapshot(world())
    device, values = shown(of)
    assert values["headline"] == assess(of).headline
    assert (values["generator_mode"], values["generator_phase"]) == ("auto", "off")
    assert (values["generator_demand"], values["generator_inhibited"]) == ("none", "none")
    assert (values["generator_start_soc_ratio"], values["generator_stop_soc_ratio"]) == (25.0, 60.0)
    assert values["generator_starts_total"] == 0
    assert "generator_run_deadline_timestamp_seconds" not in values
    whole = documented(device)
    parts = whole["cmps"]
    assert parts["generator_lockout"]["device_class"] == "problem"
    assert parts["generator_running"]["device_class"] == "running"
    assert parts["generator_run_deadline_timestamp_seconds"]["device_class"] == "timestamp"
    assert parts["generator_engine_seconds_total"]["unit_of_measurement"] == "h"
    assert all(part["expire_after"] == 75 for part in parts.values())
    assert len({part["name"] for part in parts.values()}) == len(parts)
    assert whole["dev"]["configuration_url"] == "https://cabin:10049/"
    assert whole["availability"] == [{"topic": "cabin/actuator/availability"}]
    assert whole["state_topic"] == "cabin/actuator/state"


@pytest.mark.parametrize(("fault", "expected"), [("", "ON"), ("disk full", "OFF")])
def test_a_history_that_cannot_be_written_is_shown(fault: str, expected: str) -> None:
    assert shown(snapshot(world(), history_fault=fault))[1]["generator_history_writable"] == expected


@pytest.mark.parametrize(
    ("base_topic", "name"), [("cabin", "Cabin"), ("MyCabin", "MyCabin"), ("the_old_barn", "The old barn")]
)
def test_the_name_of_the_site(base_topic: str, name: str) -> None:
    topics = Topics(Mqtt(url="mqtt://broker", base_topic=base_topic), "actuator")
    assert (
        homeassistant_entities.generator(None, 0.0, topics, counts=Counts(), minutes=None).name == f"{name} generator"
    )


def test_a_page_that_nobody_else_reaches_is_left_out() -> None:
    program = homeassistant_entities.program("1.2.3", "")
    whole = json.loads(document(shown(None)[0], {}, TOPICS, program, removed={}))
    assert "configuration_url" not in whole["dev"]
    assert "support_url" not in whole["o"]


def test_a_run_is_shown_with_its_cause_and_its_deadline() -> None:
    of = world().on_alerts()
    of.operator("on", seconds=3600.0)
    _, values = shown(snapshot(of))
    assert values["generator_demand"] == "manual"
    assert values["generator_run_deadline_timestamp_seconds"].startswith("2023-11-14T1")


def test_turns_that_end_no_more_are_not_shown() -> None:
    of = snapshot(world())
    assert shown(of, late=14.0)[1]
    assert shown(of, late=16.0)[1] == {}
    assert shown(None)[1] == {}


def test_controls_send_their_time_and_are_there_only_on_demand() -> None:
    of = snapshot(world())
    assert not shown(of)[0].controls
    device, values = shown(of, minutes=120.0)
    assert (values["mode"], values["minutes"]) == ("automatic", 120.0)
    parts = documented(device)["cmps"]
    platforms = {key: parts[key]["p"] for key in device.controls}
    assert platforms == {
        "mode": "select",
        "minutes": "number",
        "start": "button",
        "off": "button",
        "reset_lockout": "button",
    }
    assert parts["minutes"]["max"] == 240
    for key in device.controls:
        assert parts[key]["command_topic"] == f"cabin/actuator/command/{key}"
        assert "as_timestamp(now())" in parts[key]["command_template"]
        assert "retain" not in parts[key]
    ids = [part["unique_id"] for part in parts.values()]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("cabin-generator-") for one in ids)
