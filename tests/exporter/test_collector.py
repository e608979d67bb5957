"""The page: every metric of the contract, word for word; filtered, linted, and without what is not fresh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.collector import SiteCollector
from exporter.fields import Sample
from exporter.readings import Attempts, Reading
from exporter.site import Device, Site
from exporter.soc import Judge
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.source import MagnumSource
from tests.exporter.harness import captures
from tests.support import prometheus_tool

GOLDEN = Path(__file__).parent / "golden.prom"
RECEIVED = 100.0
WALL = 1_700_000_000.0


class Page:
    """A site without threads, shown at a moment of our choice."""

    def __init__(self) -> None:
        self.now = RECEIVED
        self.site = Site(Judge(["main", "cabin"], capacity_ampere_hours=400), None)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(SiteCollector(lambda: self.site, lambda: self.now))

    def add(self, name: str) -> None:
        self.site.devices[name] = Device(MagnumSource.family, MagnumSource.stale_after)

    def receive(self, name: str, data: bytes) -> None:
        """Receive bytes of a bus, all at one moment."""
        bus = Bus()
        readings = [*bus.feed(data, self.now, WALL), *bus.silence(self.now, WALL)]
        accepted = sum(bus.frames.values())
        own = bus.means(self.now, WALL), bus.counters(self.now, WALL)
        self.site.take(name, [*readings, *own], Attempts(accepted, 0))

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def value(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)


def everything() -> bytes:
    """Every packet there is: a captured system, then what was never captured on a live bus, made up."""
    inverter = bytes.fromhex("400001EC000976B6010033152C1F73010003025800")
    settings = bytes.fromhex("0005DA8A643C200600D2FF880014")
    pages = ("000000080000C0", "8884828A8102C1", "8884828A8102C2", "9088A01E7C05C3", "000000000000D0")
    accessories = (
        "C1001300024D008505BC1194101B313E",
        "C200000200AC0002050B641425",
        "C3001864963C3A50302855147882",
        "C408A83C96641E28",
        "D1C10F000005280B",
    )
    packets = captures.stream(captures.INVERTING)
    for _ in range(4):
        for page, accessory in zip(pages, accessories, strict=True):
            packets += inverter + settings + bytes.fromhex(page) + bytes.fromhex(accessory)
    return packets


@pytest.fixture
def page() -> Page:
    page = Page()
    page.add("main")
    page.add("cabin")
    page.receive("main", everything())
    return page


def test_golden_page(page: Page) -> None:
    """To renew it: `python -m tests.exporter.test_collector`."""
    assert page.text == GOLDEN.read_text()


def test_promtool_finds_nothing(page: Page) -> None:
    found = subprocess.run(
        [prometheus_tool("promtool"), "check", "metrics"],
        input=page.text,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_every_metric_can_be_on_the_page(page: Page) -> None:
    shown = {family.name for family in text_string_to_metric_families(page.text)}
    declared = {metric.name for metric in MagnumSource.family.metrics}
    missing = {name for name in declared if name.removesuffix("_total") not in shown and name not in shown}
    # another inverter on the port, the port itself, and what is off or of a classic remote
    assert missing == {
        "magnum_other_inverter_info",
        "magnum_reconnects_total",
        "magnum_remote_ac_input_cutout_volts",
        "magnum_remote_ambient_celsius",
        "magnum_remote_battery_efficiency_ratio",
        "magnum_remote_exercise_every_seconds",
        "magnum_remote_exercise_run_seconds",
        "magnum_remote_exercise_start_seconds",
        "magnum_remote_generator_start_amperes",
        "magnum_remote_generator_start_amperes_delay_seconds",
        "magnum_remote_generator_start_celsius",
        "magnum_remote_generator_start_soc_ratio",
        "magnum_remote_generator_start_time_seconds",
        "magnum_remote_generator_stop_amperes",
        "magnum_remote_generator_stop_amperes_delay_seconds",
        "magnum_remote_generator_stop_soc_ratio",
        "magnum_remote_generator_stop_time_seconds",
        "magnum_ags_run_total_raw",
        "magnum_ags_since_full_soc_seconds",
    }


def test_old_series_go_counters_stay(page: Page) -> None:
    assert page.value("magnum_up", device="main") == 1
    page.now = RECEIVED + 10.5
    assert page.value("magnum_up", device="main") == 0
    assert page.value("magnum_inverter_dc_volts", device="main") is None
    assert page.value("magnum_bmk_volts", device="main") is not None
    page.now = RECEIVED + 31
    assert page.value("magnum_bmk_volts", device="main") is None
    assert page.value("magnum_ags_state", device="main", state="off") is None
    assert page.value("battery_soc_ratio") is not None
    page.now = RECEIVED + 61
    assert page.value("battery_soc_ratio") is None
    assert page.value("battery_soc_refused", source="main", reason="stale") == 1
    assert page.value("magnum_last_success_timestamp_seconds", device="main") == WALL
    assert page.value("magnum_frames_total", device="main", frame="bmk") == 4
    assert (page.value("magnum_inverter_dc_discharge_joules_total", device="main") or 0) >= 0


def test_unread_device_is_down(page: Page) -> None:
    cabin = [line for line in page.text.splitlines() if 'device="cabin"' in line]
    assert cabin == [
        'magnum_up{device="cabin"} 0.0',
        'magnum_reads_total{device="cabin"} 0.0',
        'magnum_read_failures_total{device="cabin"} 0.0',
    ]


def test_two_devices(page: Page) -> None:
    page.receive("cabin", captures.stream(captures.LONG))
    assert page.value("magnum_inverter_dc_volts", device="main") == 49.2
    assert page.value("magnum_inverter_dc_volts", device="cabin") == 24.6
    info = {"model": "MS4024PAE", "revision": "5.1", "stack_mode": "stand_alone", "nominal_volts": "24"}
    assert page.value("magnum_inverter_info", device="cabin", **info) == 1
    assert page.value("battery_soc_lead", source="main") == 1
    assert page.value("battery_soc_lead", source="cabin") == 0


def test_newest_packet_wins_a_setting(page: Page) -> None:
    assert page.value("magnum_remote_search_watts", device="main") == 5
    device = page.site.devices["main"]
    newer = Reading("remote_a1", RECEIVED + 1, WALL + 1, 30, (Sample("magnum_remote_search_watts", 20),))
    page.now = RECEIVED + 1
    page.site.take("main", [newer], device.attempts)
    assert page.value("magnum_remote_search_watts", device="main") == 20
    page.site.take("main", [Reading("remote_a1", RECEIVED + 1, WALL + 1, 30, ())], device.attempts)
    assert page.text.count("magnum_remote_search_watts{") == 1


if __name__ == "__main__":
    renewed = Page()
    renewed.add("main")
    renewed.add("cabin")
    renewed.receive("main", everything())
    GOLDEN.write_text(renewed.text)
