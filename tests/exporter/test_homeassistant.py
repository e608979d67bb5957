"""What Home Assistant discovers of the exporter's sources: an entity for every metric, or a reason for none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from exporter.banks import Bank
from exporter.collector import BANKS, BATTERY, of_family
from exporter.config import Config
from exporter.documentation import ENTITIES_FILE, entities_text
from exporter.fields import Metric, decode
from exporter.homeassistant import Devices, described, owns, program
from exporter.readings import Attempts, Pack, Reading
from exporter.site import Device as SiteDevice
from exporter.site import Site
from exporter.soc import Judge
from exporter.sources.aims.fields import RATINGS, STATE
from exporter.sources.aims.reply import ratings, state
from exporter.sources.aims.source import AimsSource
from exporter.sources.families import FAMILIES
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.source import MagnumSource
from exporter.sources.modbus.source import ModbusSource
from tests.exporter.test_collector import RECEIVED, WALL, everything
from toolkit.config import decode as configured
from toolkit.homeassistant.discovery import Device, Topics, component, document
from toolkit.homeassistant.discovery import state as state_of
from toolkit.homeassistant.entities import BETWEEN, entities, unit
from toolkit.homeassistant.options import Form

GOLDEN = Path(__file__).parent / "golden_homeassistant.json"
EVERY = [*BATTERY, *BANKS, *(metric for family in FAMILIES for metric in (*of_family(family), *family.metrics))]

SENSOR_CLASSES: dict[str, str | None] = {
    "apparent_power": "VA",
    "battery": "%",
    "current": "A",
    "data_size": "B",
    "duration": "s",
    "energy": "kWh",
    "frequency": "Hz",
    "power": "W",
    "temperature": "°C",
    "timestamp": None,
    "voltage": "V",
}
"""Home Assistant's device classes of sensors that are used here, each with the unit, which its documentation allows."""

BINARY_CLASSES = {"battery", "connectivity", "power", "problem", "running"}


class Cabin:
    """A site with a Magnum network, an AIMS and two packs in a bank, at a moment of our choice."""

    def __init__(self) -> None:
        self.now = RECEIVED
        sources = {
            "main": {"type": "magnum", "port": "/dev/null"},
            "aims": {"type": "aims", "port": "/dev/ttyS0"},
            **{f"pack{n}": {"type": "modbus", "profile": "jk-bms", "url": f"tcp://10.0.0.{n}:502"} for n in (1, 2)},
        }
        banks = {"banks": {"house": ["pack1", "pack2"]}}
        self.options = configured(
            {"sources": sources, "battery": banks, "mqtt": {"url": "mqtt://broker", "base_topic": "cabin"}}, Config
        )
        self.site = Site(
            Judge(["main", "house"]),
            None,
            banks={"house": Bank(tolerant=False, max_age=60)},
            members={"house": ("pack1", "pack2")},
        )
        families = {"main": MagnumSource.family, "aims": AimsSource.family}
        for name in sources:
            self.site.devices[name] = SiteDevice(families.get(name, ModbusSource.family), 15)
        bus = Bus()
        readings = [*bus.feed(everything(), RECEIVED, WALL), *bus.silence(RECEIVED, WALL)]
        counters = bus.counters(RECEIVED, WALL)
        self.site.take("main", [*readings, bus.means(RECEIVED, WALL), counters], Attempts(9, 1))
        q1, f = state(b"(208.4 140.0 208.4 034 59.9 24.6 35.0 00110000"), ratings(b"#220.0 000 024.0 50.0")
        assert q1 is not None
        assert f is not None
        aims = (
            Reading("state", RECEIVED, WALL, 15, decode(STATE, q1)),
            Reading("ratings", RECEIVED, WALL, 15, decode(RATINGS, f)),
        )
        self.site.take("aims", aims, Attempts(2, 0))
        for number in (1, 2):
            pack = Pack("", ratio=0.5, amperes=-3.0, volts=52.0, full=100.0, lowest=3.2, highest=3.3)
            self.site.take(f"pack{number}", [Reading("pack", RECEIVED, WALL, 15, (), packs=(pack,))], Attempts(1, 0))

    def devices(self) -> dict[str, Device]:
        made = Devices(lambda: self.site, lambda: self.options, "Cabin", lambda: self.now).now()
        return {device.id: device for device in made}

    def documents(self) -> list[dict[str, Any]]:
        """Return each device as Home Assistant gets it: configuration, then values."""
        assert self.options.mqtt is not None
        topics = Topics(self.options.mqtt, "exporter")
        about = program("1.2.3", "http://cabin:10048/")
        return [
            {
                "configuration": json.loads(
                    document(
                        device,
                        {one.key: component(one, topics.id(device.id), 30.0) for one in device.shown},
                        topics,
                        about,
                        removed={},
                    )
                ),
                "state": json.loads(state_of(device.shown)),
            }
            for device in self.devices().values()
        ]


def golden(cabin: Cabin) -> str:
    return json.dumps(cabin.documents(), ensure_ascii=False, indent=1) + "\n"


def test_golden_documents() -> None:
    """To renew them: `python -m tests.exporter.test_homeassistant`."""
    assert golden(Cabin()) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_every_metric_has_an_entity_or_a_reason_for_none(metric: Metric) -> None:
    one = described(metric, "device")
    found = list(entities(one, ""))
    assert bool(found) != bool(metric.entity.not_shown)
    for entity in found:
        assert entity["name"]
        assert entity["name"][0].isupper()
        if entity["p"] == "binary_sensor":
            assert entity.get("device_class", "power") in BINARY_CLASSES
        elif entity.get("device_class") == "enum":
            assert len(set(entity["options"])) == len(entity["options"]) > 1
        elif "device_class" in entity:
            expected = metric.entity.shown_in or SENSOR_CLASSES[entity["device_class"]]
            assert entity.get("unit_of_measurement") == expected
    # A reason names what shows it instead, where that is a metric.
    for name in re.findall(r"[a-z]+_[a-z_0-9]+", metric.entity.not_shown):
        assert any(other.name == name and not other.entity.not_shown for other in EVERY), name


def test_a_unit_gives_its_class_and_energy_suits_the_energy_dashboard() -> None:
    for metric in EVERY:
        for entity in entities(described(metric, "device"), ""):
            if metric.name.endswith("_joules_total"):
                assert (entity["device_class"], entity["state_class"]) == ("energy", "total_increasing")
                assert entity["unit_of_measurement"] == "kWh"
            if metric.name.endswith("soc_ratio") and not metric.entity.diagnostic:
                assert entity["device_class"] == "battery"
            elif "ratio" in metric.name.split("_") and metric.entity.form is Form.EACH:
                assert entity["unit_of_measurement"] == "%"
    watts = {metric.name: unit(described(metric, "device")).symbol for metric in EVERY if "_watts" in metric.name}
    assert watts["magnum_inverter_ac_output_watts"] == watts["magnum_inverter_ac_input_watts"] == "VA"
    assert watts["magnum_inverter_dc_watts"] == watts["vedirect_battery_watts"] == "W"


def test_no_two_entities_of_a_device_have_one_name() -> None:
    for each in Cabin().documents():
        names = [entity["name"] for entity in each["configuration"]["cmps"].values()]
        assert sorted(names) == sorted(set(names))
    for family in FAMILIES:
        every = [entity["name"] for metric in family.metrics for entity in entities(described(metric, "device"), "x")]
        assert sorted(every) == sorted(set(every)), family.name


def test_no_name_of_a_metric_has_what_separates_it_from_its_labels() -> None:
    assert not [metric.name for metric in EVERY if BETWEEN in metric.name]


def test_the_aims_has_the_fifteen_values_of_its_first_program() -> None:
    """Source: AIMSPowerInverterMQTT, the program that showed an AIMS inverter in Home Assistant."""
    (aims,) = (each for each in Cabin().documents() if each["configuration"]["dev"]["name"] == "Cabin aims")
    shown = {
        entity["name"]: (aims["state"][key], entity.get("device_class"))
        for key, entity in aims["configuration"]["cmps"].items()
        if entity.get("entity_category") is None
    }
    shown.pop("Battery cell voltage", None)
    assert shown == {
        "Battery": ("OFF", "battery"),
        "Battery voltage": (24.6, "voltage"),
        "Utility": ("ON", "power"),
        "Input voltage": (208.4, "voltage"),
        "Input fault voltage": (140.0, "voltage"),
        "Load": (34.0, None),
        "Output voltage": (208.4, "voltage"),
        "Frequency": (59.9, "frequency"),
        "Temperature": (35.0, "temperature"),
        "Failed": ("ON", "problem"),
        "Test": ("OFF", "running"),
        "Shutdown": ("OFF", None),
        "Beeper": ("OFF", None),
        "Line-interactive": ("OFF", None),
        "AVR, bypass or boost": ("ON", None),
    }


def test_a_stale_value_is_left_out_and_its_entity_stays_known() -> None:
    cabin = Cabin()
    before = cabin.devices()["source-main"]
    cabin.now = RECEIVED + 16
    after = cabin.devices()["source-main"]
    keys = {one.key for one in after.shown}
    assert after.available is False
    assert before.available is True
    assert "magnum_inverter_dc_volts" in {one.key for one in before.shown} - keys
    assert "magnum_frames_total__inverter" in keys
    assert before.metrics == after.metrics
    assert after.may_have("magnum_inverter_dc_volts")


def test_who_is_known_through_whom() -> None:
    devices = Cabin().devices()
    assert {name: device.via for name, device in devices.items()} == {
        "site": "",
        "bank-house": "site",
        "source-main": "site",
        "source-aims": "site",
        "source-pack1": "bank-house",
        "source-pack2": "bank-house",
    }
    assert all(owns(name) for name in devices)
    assert not owns("generator")
    assert devices["source-main"].about == {"model": "MS4448PAE", "sw_version": "5.1"}


def test_every_topic_and_id_is_its_own() -> None:
    cabin = Cabin()
    for name in ("exporter", "actuator", "Haus 1", "Haus-1", "haus_1"):
        cabin.site.devices[name] = SiteDevice(AimsSource.family, 15)
    devices = cabin.devices().values()
    assert len({device.topic for device in devices}) == len({device.id for device in devices}) == len(devices)
    assert [device.topic for device in devices].count("exporter") == 1
    for device in devices:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", device.id), "as Home Assistant's ids are"


def test_the_table_of_entities_is_generated() -> None:
    """To renew it: `python -m exporter.documentation`."""
    assert ENTITIES_FILE.read_text(encoding="utf-8") == entities_text()


if __name__ == "__main__":
    GOLDEN.write_text(golden(Cabin()), encoding="utf-8")
