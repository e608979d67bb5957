"""What upsd receives of a site, by NUT's names."""

from __future__ import annotations

import re

import pytest

from exporter.banks import Bank
from exporter.fields import Sample, decode
from exporter.nut import variables
from exporter.nut.config import NutConfig
from exporter.nut.protocol import Data
from exporter.nut.variables import Variables
from exporter.readings import Attempts, Charge, Pack, Reading
from exporter.site import Device, Site
from exporter.soc import Judge
from exporter.sources.aims.fields import RATINGS, STATE
from exporter.sources.aims.reply import Reply, ratings, state
from exporter.sources.aims.source import AimsSource
from exporter.sources.families import FAMILIES
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.source import MagnumSource
from exporter.sources.pylontech.source import PylontechSource
from tests.exporter.harness import captures
from toolkit.build import Build

BUILD = Build("1.2.3")
STALE = {"device.type", "driver.name", "driver.version", "driver.parameter.port", "driver.parameter.pollinterval"}
MAGNUM_SITE = {
    "battery.charge",
    "battery.charge.low",
    "battery.current",
    "battery.runtime",
    "battery.runtime.low",
    "battery.temperature",
    "battery.voltage",
    "input.voltage",
    "output.frequency",
    "output.voltage",
    "ups.power",
    "ups.temperature",
    *("device.mfr", "device.model", "ups.mfr", "ups.model", "ups.status"),
}


def received(site: Site, now: float = 1.0, **options: object) -> Data:
    given = {"ups": "cabin", **options}
    return Variables(NutConfig(**given), BUILD).update(site, now)  # type: ignore[arg-type]


def magnum_site(at: float = 0.0) -> Site:
    site = Site(Judge(["main", "other"], capacity_ampere_hours=400), None)
    site.devices["main"] = Device(MagnumSource.family, MagnumSource.stale_after)
    bus = Bus()
    readings = [*bus.feed(captures.stream(captures.INVERTING), at, at), *bus.silence(at, at)]
    site.take("main", readings, Attempts())
    return site


def test_a_magnum_site_with_a_battery_monitor() -> None:
    data = received(magnum_site())
    assert not data.stale
    assert set(data.variables) == STALE | MAGNUM_SITE
    page = {sample.metric: sample.value for one in magnum_site().devices["main"].fresh(1) for sample in one.samples}
    assert data.variables["ups.status"] == "OL DISCHRG"
    assert float(data.variables["battery.charge"]) == page["magnum_bmk_soc_ratio"] * 100
    assert float(data.variables["battery.voltage"]) == pytest.approx(page["magnum_bmk_volts"], abs=0.005)
    assert float(data.variables["battery.current"]) == pytest.approx(page["magnum_bmk_amperes"], abs=0.005)
    assert float(data.variables["ups.power"]) == pytest.approx(page["magnum_inverter_ac_output_watts"], abs=0.005)
    assert data.variables["battery.charge.low"] == "15"
    assert data.variables["battery.runtime.low"] == "600"
    assert data.variables["ups.model"] == data.variables["device.model"] == "MS4448PAE"


def test_nothing_is_left_of_what_is_stale() -> None:
    data = received(magnum_site(), now=61)
    assert data.stale
    assert set(data.variables) == STALE


def test_a_fault_and_a_refused_monitor_are_alarms() -> None:
    site = magnum_site()
    for at, ratio in ((2, 0.5), (3, 0.9)):
        site.judge.update("other", Charge(ratio, -10), at=at, wall=at)
    refused = received(site, now=4).variables
    assert refused["ups.alarm"] == "other: state of charge refused (jump)"
    assert refused["ups.status"] == "ALARM OL DISCHRG"
    fault = Reading("fault", 1, 1, 10, (Sample("magnum_inverter_fault", 1, ("dead_battery",)),))
    site = magnum_site()
    site.take("main", [fault], Attempts())
    data = received(site)
    assert data.variables["ups.alarm"] == "main: inverter fault dead_battery"
    assert data.variables["ups.status"] == "ALARM OL DISCHRG"


def test_a_bank_that_leads_has_its_own_volts() -> None:
    site = Site(Judge(["house"]), None, banks={"house": Bank(tolerant=False, max_age=60)}, members={"house": ("one",)})
    site.devices["one"] = Device(PylontechSource.family, 15)
    pack = Pack("", ratio=0.4, amperes=-3, volts=51.234)
    site.take("one", [Reading("pack", 0, 0, 15, (), packs=(pack,))], Attempts())
    data = received(site)
    assert data.variables["battery.voltage"] == "51.23"
    assert data.variables["battery.current"] == "-3"
    assert data.variables["ups.mfr"] == "magnum-exporter"


def aims_site(line: bytes, *, rated: bytes = b"#120.0 016 24.00 60.0") -> Site:
    site = Site(Judge([]), None)
    site.devices["aims"] = Device(AimsSource.family, 15)
    found, values = state(line), ratings(rated)
    assert isinstance(found, Reply)
    assert values is not None
    readings = [Reading("state", 0, 0, 15, decode(STATE, found)), Reading("ratings", 0, 0, 15, decode(RATINGS, values))]
    site.take("aims", readings, Attempts())
    return site


def test_an_aims_on_utility_and_on_a_low_battery() -> None:
    on_utility = received(aims_site(b"(120.5 110.0 119.0 025 60.1 25.4 31.0 00001001"), source="aims").variables
    assert on_utility["ups.status"] == "OL"
    assert {name: on_utility[name] for name in ("input.voltage", "input.frequency", "output.voltage", "ups.load")} == {
        "input.voltage": "120.5",
        "input.frequency": "60.1",
        "output.voltage": "119",
        "ups.load": "25",
    }
    assert on_utility["ups.temperature"] == "31"
    assert on_utility["ups.beeper.status"] == "enabled"
    assert on_utility["battery.voltage.nominal"] == "24"
    low = received(aims_site(b"(000.0 110.0 119.0 025 60.1 21.4 31.0 11011010"), source="aims").variables
    assert low["ups.status"] == "ALARM OB LB DISCHRG"
    assert low["ups.alarm"] == "aims: failed"
    assert low["ups.beeper.status"] == "disabled"
    # What it reports of an input without voltage is meaningless.
    assert not [name for name in low if name.startswith("input.")]


def test_an_aims_that_does_not_answer_is_stale() -> None:
    assert received(aims_site(b"(120.5 110.0 119.0 025 60.1 25.4 31.0 00001001"), now=16, source="aims").stale
    assert received(Site(Judge([]), None), source="aims").stale


def test_every_metric_that_is_read_exists() -> None:
    known = {metric.name for family in FAMILIES for metric in family.metrics}
    tables = (variables._OF_BATTERY, variables._OF_INVERTER, variables._OF_DEVICE, variables._OF_UTILITY)
    named = {metric for table in tables for value in table for metric in value.metrics}
    assert named | {variables._FLAGS} <= known


def test_the_names_are_nuts_own() -> None:
    """Source: NUT, docs/nut-names.txt: a collection, then dots and small letters."""
    data = received(magnum_site())
    for name in data.variables:
        assert re.fullmatch(r"(device|driver|ups|battery|input|output)(\.[a-z]+)+", name)
