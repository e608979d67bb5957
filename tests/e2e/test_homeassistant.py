"""A real Home Assistant beside the real programs, over a real broker: what it shows is what the pages have."""

from __future__ import annotations

import contextlib
import json
import math
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support import Process, command, free_port, wait_until
from tests.support.exporter import Exporter
from tests.support.homeassistant import HomeAssistant
from tests.support.http import request
from tests.support.metrics_page import Samples, samples
from tests.support.mosquitto import Mosquitto
from tests.support.simulator import Simulator

pytestmark = [pytest.mark.homeassistant, pytest.mark.timeout(900)]

CAPACITY = 400
INTERVAL = 30.0
"""Seconds after which an unchanged value is sent again, by default."""

BATTERY = "sensor.cabin_classic_battery_voltage"
MONITOR = "sensor.cabin_main_bmk_voltage"
PHASE = "sensor.cabin_generator_phase"
GONE = {"unavailable", "unknown", "none"}
"""Three entities, and what a state is while there is no value."""

SHOTS = Path(".local/homeassistant")
WORDS_OF_PAGE = {"main": "Inverter state", "generator": "Blocked by"}
WORDS = {"headline", "remedy"}
"""Entities that are no metric."""

ID = re.compile(
    r"cabin-(?:site|source-(?P<device>[a-z]+)|(?P<generator>generator))-(?P<metric>[a-z0-9_]+?)(?:__(?P<label>\w+))?"
)
UNITS = (
    ("_timestamp_seconds", None, "timestamp", 1.0),
    ("_soc_ratio", "%", "battery", 100.0),
    ("_soc_source_ratio", "%", "battery", 100.0),
    ("_ratio", "%", None, 100.0),
    ("_volts", "V", "voltage", 1.0),
    ("_amperes", "A", "current", 1.0),
    ("_watts", "W", "power", 1.0),
    ("_celsius", "°C", "temperature", 1.0),
    ("_hertz", "Hz", "frequency", 1.0),
    ("_joules_total", "kWh", "energy", 1 / 3.6e6),
    ("_joules", "kWh", "energy", 1 / 3.6e6),
    ("_seconds_total", "s", "duration", 1.0),
    ("_seconds", "s", "duration", 1.0),
    ("_amphours_total", "Ah", None, 1.0),
    ("_amphours", "Ah", None, 1.0),
    ("_amphours_today", "Ah", None, 1.0),
)
"""By the end of a metric's name: the unit, the class, and by what the metric is multiplied."""

HOURS = {
    "battery_time_to_empty_seconds",
    "generator_budget_remaining_seconds",
    "generator_emergency_reserve_seconds",
    "generator_engine_seconds_total",
    "generator_service_due_seconds",
    "magnum_ags_run_seconds_total",
}
DAYS = {"magnum_ags_since_last_run_seconds"}
"""Durations that nobody reads in seconds."""

INVERTED = {"utility_fail"}
"""Flags whose entity is on while they are 0."""

AIMS = {
    "AVR, bypass or boost",
    "Battery",
    "Battery voltage",
    "Beeper",
    "Failed",
    "Frequency",
    "Input fault voltage",
    "Input voltage",
    "Line-interactive",
    "Load",
    "Output voltage",
    "Shutdown",
    "Test",
    "Utility",
}
"""The values of AIMSPowerInverterMQTT, but the fifteenth: the simulated device has no sensor for its temperature."""


@dataclass
class Cabin:
    """A site with two batteries' monitors, an AIMS, a generator, a broker and Home Assistant."""

    folder: Path
    broker: Mosquitto
    site: Simulator
    home: HomeAssistant
    stack: contextlib.ExitStack

    def start_exporter(self) -> None:
        self.exporter = self.stack.enter_context(Exporter(self.folder / "exporter.yml"))

    def start_actuator(self) -> None:
        self.actuator_port = free_port()
        flags = (
            f"--config.file={self.folder / 'actuator.yml'}",
            f"--web.listen-address=127.0.0.1:{self.actuator_port}",
        )
        self.actuator = self.stack.enter_context(Process([command("generator-actuator"), *flags]))

    def configure(self) -> None:
        mqtt = {"url": self.broker.url, "base_topic": "cabin"}
        sources = {
            "main": {"type": "magnum", "port": str(self.site.link)},
            "classic": {"type": "classic", "host": "127.0.0.1", "port": self.site.port_of("classic")},
            "aims": {"type": "aims", "port": str(self.folder / "aims")},
        }
        battery = {"capacity_ampere_hours": CAPACITY}
        exporter = {"sources": sources, "battery": battery, "mqtt": mqtt}
        (self.folder / "exporter.yml").write_text(yaml.safe_dump(exporter))
        self.start_exporter()
        actuator = {
            "exporter": {"url": f"http://127.0.0.1:{self.exporter.port}/metrics"},
            "relay": {"type": "modbus", "url": f"tcp://127.0.0.1:{self.site.modbus_port}"},
            "journal": str(self.folder / "journal.db"),
            "mqtt": {**mqtt, "commands": True},
        }
        (self.folder / "actuator.yml").write_text(yaml.safe_dump(actuator))
        self.start_actuator()

    def generator_page(self) -> Samples:
        return samples(request("GET", f"http://127.0.0.1:{self.actuator_port}/metrics")[1])

    def state(self, entity: str) -> str:
        state: str = self.home.states().get(entity, {"state": "none"})["state"]
        return state


@pytest.fixture(scope="module")
def cabin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cabin]:
    folder = tmp_path_factory.mktemp("cabin")
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        battery = {"soc": 0.62, "capacity_ampere_hours": CAPACITY}
        devices = {"classic": {"listen": "127.0.0.1:0"}, "aims": {"link": str(folder / "aims")}}
        site = stack.enter_context(Simulator(folder, battery=battery, hour=12, **devices))
        site.set(load=900, sun=300)
        home = stack.enter_context(HomeAssistant(broker.port))
        cabin = Cabin(folder, broker, site, home, stack)
        cabin.configure()
        for entity in (BATTERY, MONITOR, PHASE):
            seconds_until(cabin, entity, gone=False, deadline=60)
        yield cabin


def entities(cabin: Cabin) -> Iterator[tuple[re.Match[str], dict[str, Any]]]:
    """Yield every enabled entity of the programs, with its id taken apart."""
    for entity in cabin.home.ask("config/entity_registry/list"):
        control = "-control-" in entity["unique_id"] or entity["unique_id"].rpartition("-")[2] in WORDS
        if entity["platform"] == "mqtt" and entity["disabled_by"] is None and not control:
            match = ID.fullmatch(entity["unique_id"])
            assert match is not None, entity["unique_id"]
            yield match, entity


def expected(match: re.Match[str], page: Samples) -> float | str | None:
    """Return what a page has for an entity: a number, or the labels that are set; None: nothing."""
    metric, device = match["metric"], match["device"]
    found = {
        tuple(text for key, text in labels if key != "device"): value
        for (name, labels), value in page.items()
        if name == metric and (device is None or dict(labels).get("device") == device)
    }
    label = match["label"]
    if label is not None:
        found = {
            tuple(part for part in labels if part != label): value for labels, value in found.items() if label in labels
        }
    if found.keys() <= {()}:
        return found.get(())
    if metric.endswith("_total"):
        return sum(found.values())
    return ", ".join(labels[-1] for labels, value in found.items() if value == 1) or "none"


def agrees(match: re.Match[str], state: dict[str, Any], value: float | str) -> bool:
    """Return whether Home Assistant shows what the page has."""
    shown = state["state"]
    if state["entity_id"].startswith("binary_sensor."):
        return bool(shown == ("on" if (value == 1) != (match["label"] in INVERTED) else "off"))
    if isinstance(value, str):
        return bool(shown == value)
    with contextlib.suppress(ValueError):
        if state["attributes"].get("device_class") == "timestamp":
            shown = datetime.fromisoformat(shown).timestamp()
        return math.isclose(float(shown), value * _unit(match["metric"])[2], rel_tol=0.01, abs_tol=0.06)
    return False


def _unit(metric: str) -> tuple[str | None, str | None, float]:
    if metric in HOURS | DAYS:
        return ("h", "duration", 1 / 3600) if metric in HOURS else ("d", "duration", 1 / 86400)
    plain = metric.removesuffix("_peak")
    if plain.startswith("generator_") and plain.endswith("_soc_ratio"):
        return "%", None, 100.0  # a threshold
    found = ((unit, kind, factor) for end, unit, kind, factor in UNITS if plain.endswith(end))
    return next(found, (None, None, 1.0))


def test_every_entity_shows_what_the_page_has(cabin: Cabin) -> None:
    found = list(entities(cabin))
    assert len(found) > 120
    wrong: dict[str, object] = {match[0]: "not compared" for match, _ in found}

    def all_agree() -> bool:
        exporter, generator, states = cabin.exporter.page(), cabin.generator_page(), cabin.home.states()
        for match, entity in found:
            if match[0] in wrong:
                value = expected(match, generator if match["generator"] else exporter)
                state = states[entity["entity_id"]]
                if agrees(match, state, value) if value is not None else state["state"] == "unknown":
                    del wrong[match[0]]
                else:
                    wrong[match[0]] = (value, state["state"])
        return not wrong

    try:
        wait_until(all_agree, 60, "Home Assistant shows what the pages have")
    except AssertionError:
        pytest.fail(f"id: (page, Home Assistant): {wrong}")


def test_units_and_classes_follow_from_the_names_of_the_metrics(cabin: Cabin) -> None:
    states = cabin.home.states()
    apparent = re.findall(r"^# HELP (\w+) .*[Aa]pparent power", cabin.exporter.get()[1], re.MULTILINE)
    for match, entity in entities(cabin):
        metric, attributes = match["metric"], states[entity["entity_id"]]["attributes"]
        unit, kind, _ = ("VA", "apparent_power", 1.0) if metric in apparent else _unit(metric)
        if entity["entity_id"].startswith("binary_sensor.") or unit is None:
            assert attributes.get("unit_of_measurement") is None, metric
            continue
        assert attributes.get("unit_of_measurement") == unit, metric
        assert attributes.get("device_class") == kind, metric
        total = metric.endswith(("_total", "_joules"))
        if kind != "timestamp":
            assert attributes["state_class"] == ("total_increasing" if total else "measurement"), metric


def test_an_aims_has_the_values_of_its_seed(cabin: Cabin) -> None:
    names = {entity["original_name"] for match, entity in entities(cabin) if match["device"] == "aims"}
    assert names == AIMS


def test_devices_belong_to_the_site_and_link_no_page_of_loopback(cabin: Cabin) -> None:
    devices = {one["name"]: one for one in cabin.home.ask("config/device_registry/list") if _of_mqtt(one)}
    assert set(devices) == {"Cabin", "Cabin main", "Cabin classic", "Cabin aims", "Cabin generator"}
    for name in ("Cabin main", "Cabin classic", "Cabin aims"):
        assert devices[name]["via_device_id"] == devices["Cabin"]["id"]
        assert devices[name]["configuration_url"] is None
    assert devices["Cabin main"]["model"] == "MS4024PAE"
    assert devices["Cabin generator"]["configuration_url"] is None


def _of_mqtt(device: dict[str, Any]) -> bool:
    return any(domain == "mqtt" for domain, _ in device["identifiers"])


@pytest.mark.parametrize("name", ["main", "generator"])
def test_the_page_of_a_device_in_a_browser(cabin: Cabin, name: str) -> None:
    """Its picture stays in .local/homeassistant."""
    playwright = pytest.importorskip("playwright.sync_api", reason="make test-homeassistant installs it")
    devices = {one["name"]: one["id"] for one in cabin.home.ask("config/device_registry/list")}
    tokens = {**cabin.home.tokens, "expires": (time.time() + 1800) * 1000}
    # A browser that has signed in keeps its tokens so.
    signed_in = f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})"
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        context = chromium.new_context(viewport={"width": 820, "height": 1000})
        context.add_init_script(f"{signed_in}; localStorage.setItem('dockedSidebar', '\"always_hidden\"')")
        page = context.new_page()
        page.goto(f"{cabin.home.url}/config/devices/device/{devices[f'Cabin {name}']}")
        for text in (f"Cabin {name}", WORDS_OF_PAGE[name]):
            playwright.expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=60_000)
        page.wait_for_load_state("networkidle")  # its icons come last
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"device-{name}.png")
        chromium.close()


def test_the_energy_dashboard_takes_the_counters(cabin: Cabin) -> None:
    """The Magnum's load and generator, the battery's two directions, and the Classic's sun."""
    inverter, sun = "sensor.cabin_main_inverter", "sensor.cabin_classic_energy"
    grid = {"stat_energy_from": f"{inverter}_ac_input_energy"}
    no_price = {"stat_cost": None, "entity_energy_price": None, "number_energy_price": None}
    battery = {
        "stat_energy_from": f"{inverter}_dc_discharge_energy",
        "stat_energy_to": f"{inverter}_dc_charge_energy",
    }
    sources = [
        {"type": "grid", "flow_from": [grid | no_price], "flow_to": [], "cost_adjustment_day": 0.0},
        {"type": "solar", "stat_energy_from": sun, "config_entry_solar_forecast": None},
        {"type": "battery", **battery},
    ]
    load = f"{inverter}_ac_output_energy"
    cabin.home.ask("energy/save_prefs", energy_sources=sources, device_consumption=[{"stat_consumption": load}])
    began = time.monotonic()
    # Home Assistant makes its first statistics at the next five minutes of the clock.
    wait_until(lambda: _issues(cabin.home.ask("energy/validate")) == [], 330, "energy/validate has nothing to report")
    rows = cabin.home.ask(
        "recorder/statistics_during_period",
        start_time="2020-01-01T00:00:00+00:00",
        period="5minute",
        statistic_ids=[load, sun],
        types=["state", "sum"],
        units={"energy": "kWh"},
    )
    joules = {
        load: cabin.exporter.value("magnum_inverter_ac_output_joules_total", device="main"),
        sun: cabin.exporter.value("classic_energy_joules_total", device="classic"),
    }
    for name, now in joules.items():
        assert now is not None
        watt_hours = 900 * (time.monotonic() - began + 30) / 3600
        assert 0 <= now / 3.6e6 - rows[name][-1]["state"] <= watt_hours / 1000 + 0.1, (name, now, rows[name])
        assert rows[name][-1]["sum"] is not None
    metadata = cabin.home.ask("recorder/get_statistics_metadata", statistic_ids=[load, sun])
    assert {(one["statistics_unit_of_measurement"], one["has_sum"]) for one in metadata} == {("kWh", True)}


def _issues(answer: dict[str, list[list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    return [issue for part in answer.values() for issues in part for issue in issues]


def seconds_until(cabin: Cabin, entity: str, *, gone: bool, deadline: float) -> float:
    """Return after how many seconds Home Assistant shows an entity as gone, or as there."""
    began = time.monotonic()
    wait_until(lambda: (cabin.state(entity) in GONE) == gone, deadline, f"{entity} is {'gone' if gone else 'there'}")
    return time.monotonic() - began


def exporter_killed(cabin: Cabin) -> None:
    cabin.exporter.process.signal(signal.SIGKILL)
    cabin.exporter.process.wait(10)


def actuator_killed(cabin: Cabin) -> None:
    cabin.actuator.signal(signal.SIGKILL)
    cabin.actuator.wait(10)


def exporter_hangs(cabin: Cabin) -> None:
    """Stop it, as a cut cable would: its connection stays open."""
    cabin.exporter.process.signal(signal.SIGSTOP)


def exporter_goes_on(cabin: Cabin) -> None:
    cabin.exporter.process.signal(signal.SIGCONT)


def monitor_silent(cabin: Cabin) -> None:
    cabin.site.fault("bmk_silent")


def monitor_back(cabin: Cabin) -> None:
    cabin.site.clear("bmk_silent")


class Outage(NamedTuple):
    """What ends and begins again: which entity shows it, within how many seconds, and which one does not."""

    end: Callable[[Cabin], None]
    begin: Callable[[Cabin], None]
    entity: str
    other: str
    within: float


OUTAGES = {
    "exporter killed": Outage(exporter_killed, Cabin.start_exporter, BATTERY, PHASE, 10),
    "actuator killed": Outage(actuator_killed, Cabin.start_actuator, PHASE, BATTERY, 10),
    "broker killed": Outage(lambda cabin: cabin.broker.kill(), lambda cabin: cabin.broker.start(), BATTERY, "", 10),
    "exporter hangs": Outage(exporter_hangs, exporter_goes_on, BATTERY, PHASE, 2 * INTERVAL + 30),
    "monitor silent": Outage(monitor_silent, monitor_back, MONITOR, BATTERY, INTERVAL + 40),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_nothing_old_is_shown(cabin: Cabin, name: str) -> None:
    outage = OUTAGES[name]
    for entity in filter(None, (outage.entity, outage.other)):
        seconds_until(cabin, entity, gone=False, deadline=60)
    outage.end(cabin)
    gone = seconds_until(cabin, outage.entity, gone=True, deadline=outage.within)
    shown = cabin.state(outage.entity)
    if outage.other:
        assert cabin.state(outage.other) not in GONE
    outage.begin(cabin)
    back = seconds_until(cabin, outage.entity, gone=False, deadline=90)
    print(f"{name}: {shown} after {gone:.1f} s, back {back:.1f} s after the repair")
