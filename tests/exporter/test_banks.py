"""Packs in parallel: added up, weighted by their capacities, and never a part taken for the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter import config
from exporter.app import Exporter
from exporter.banks import Bank
from exporter.collector import SiteCollector
from exporter.readings import Attempts, Charge, Pack, Reading
from exporter.site import Device, Site
from exporter.soc import Judge, Reason
from exporter.sources.pylontech.frame import Frame, parse
from exporter.sources.pylontech.source import PylontechSource
from tests.exporter.sources.test_field_reports import US3000C, pylontech
from tests.support.metrics_page import Samples, samples, value
from toolkit.config import ConfigError

FOUR = {"one": 0.9, "two": 0.9, "three": 0.9, "four": 0.1}
INTERVAL = 5
MAX_AGE = 60


class Clocked:
    """A site whose time a test sets."""

    def __init__(self, *judged: str, banks: Mapping[str, tuple[Bank, tuple[str, ...]]] | None = None) -> None:
        self.now = 0.0
        known = banks or {}
        self.site = Site(
            Judge(judged),
            None,
            banks={name: bank for name, (bank, _) in known.items()},
            members={name: sources for name, (_, sources) in known.items()},
        )
        self._registry = CollectorRegistry()
        self._registry.register(SiteCollector(lambda: self.site, lambda: self.now))

    def take(self, name: str, *readings: Reading) -> None:
        self.site.devices.setdefault(name, Device(PylontechSource.family, 15))
        timed = [replace(reading, at=self.now, wall=self.now, stale_after=15) for reading in readings]
        self.site.take(name, timed, Attempts())

    def page(self) -> Samples:
        return samples(generate_latest(self._registry).decode())

    def bank(self, metric: str, name: str, **labels: str) -> float | None:
        return value(self.page(), metric, bank=name, **labels)


def reading(*packs: Pack, charge: Charge | None = None) -> Reading:
    return Reading("modules", 0, 0, 15, (), charge=charge, packs=packs)


def pack(
    ratio: float | None, *, full: float | None = 100, name: str = "", cells: tuple[float, float] = (3.3, 3.3)
) -> Pack:
    return Pack(name, ratio=ratio, amperes=-10, volts=50, full=full, lowest=cells[0], highest=cells[1])


def house(*, tolerant: bool = False) -> Clocked:
    return Clocked("house", banks={"house": (Bank(tolerant, MAX_AGE), ("one", "two"))})


def test_packs_of_a_bank_are_added_up_and_do_not_vote() -> None:
    """Four packs whose states of charge differ were outvoted (dbus-aggregate-batteries 53)."""
    site = house()
    site.take("one", reading(pack(0.9, full=300, cells=(3.31, 3.35))))
    assert site.bank("battery_bank_soc_ratio", "house") is None
    site.take("two", reading(pack(0.1, cells=(2.9, 3.30))))
    assert site.bank("battery_bank_soc_ratio", "house") == pytest.approx(0.7)
    assert site.bank("battery_bank_amperes", "house") == -20
    assert site.bank("battery_bank_watts", "house") == -1000
    assert site.bank("battery_bank_volts", "house") == 50
    assert site.bank("battery_bank_full_amphours", "house") == 400
    assert site.bank("battery_bank_lowest_cell_volts", "house", pack="two") == 2.9
    assert site.bank("battery_bank_highest_cell_volts", "house", pack="one") == 3.35
    assert site.bank("battery_bank_cell_spread_volts", "house") == pytest.approx(0.45)
    verdict = site.site.verdict(site.now)
    assert verdict.lead == "house"
    assert verdict.ratio == pytest.approx(0.7)
    assert {name: opinion.refused for name, opinion in verdict.opinions.items()} == {"house": None}


async def test_unequal_packs_of_a_configured_bank_are_none_outvoted(tmp_path: Path) -> None:
    """The same, from the file to what leads."""
    sources = "".join(f"  {name}: {{type: vedirect, port: {tmp_path}/{name}}}\n" for name in FOUR)
    file = tmp_path / "exporter.yml"
    file.write_text(f"sources:\n{sources}battery: {{banks: {{house: [{', '.join(FOUR)}]}}}}\n")
    running = Exporter()
    await running.apply(config.load(file))
    try:
        now = time.monotonic()
        for name, ratio in FOUR.items():
            running.site.take(name, [replace(reading(pack(ratio)), at=now)], Attempts())
        verdict = running.site.verdict(now)
    finally:
        await running.stop()
    assert verdict.lead == "house"
    assert verdict.ratio == pytest.approx(0.7)
    assert {name: opinion.refused for name, opinion in verdict.opinions.items()} == {"house": None}


def test_packs_without_a_known_capacity_count_equally() -> None:
    site = house()
    site.take("one", reading(pack(0.9, full=300)))
    site.take("two", reading(pack(0.1, full=None)))
    assert site.bank("battery_bank_soc_ratio", "house") == pytest.approx(0.5)
    assert site.bank("battery_bank_full_amphours", "house") is None


def test_monitor_without_packs_is_one_pack() -> None:
    site = house()
    site.take("one", reading(charge=Charge(0.5, -4)))
    site.take("two", reading(charge=Charge(0.7, -6)))
    assert site.bank("battery_bank_soc_ratio", "house") == pytest.approx(0.6)
    assert site.bank("battery_bank_amperes", "house") == -10


def test_unknown_state_of_charge_of_one_pack_is_the_banks() -> None:
    site = house()
    for ratio in (0.5, None):
        site.take("one", reading(pack(0.9)))
        site.take("two", reading(pack(ratio)))
    assert site.bank("battery_bank_soc_ratio", "house") is None
    assert site.site.verdict(site.now).opinions["house"].refused is Reason.ABSENT


def missing_after(site: Clocked) -> float:
    """Return how long after its last reading the second pack is missing; the first one goes on."""
    site.take("one", reading(pack(0.9)))
    site.take("two", reading(pack(0.5)))
    while not site.bank("battery_bank_pack_missing", "house", pack="two"):
        site.now += 1
        site.take("one", reading(pack(0.9)))
    assert not site.bank("battery_bank_pack_missing", "house", pack="one")
    return site.now


def test_missing_pack_makes_the_bank_absent_after_max_age() -> None:
    site = house()
    assert missing_after(site) == MAX_AGE + 1
    assert site.bank("battery_bank_soc_ratio", "house") is None
    assert site.bank("battery_bank_amperes", "house") is None
    assert site.site.verdict(site.now).opinions["house"].refused is Reason.STALE
    site.take("two", reading(pack(0.5)))
    assert site.bank("battery_bank_soc_ratio", "house") == pytest.approx(0.7)


def test_missing_pack_is_tolerated_on_request() -> None:
    site = house(tolerant=True)
    assert missing_after(site) == MAX_AGE + 1
    assert site.bank("battery_bank_soc_ratio", "house") == pytest.approx(0.9)
    assert site.bank("battery_bank_amperes", "house") == -10


def test_stack_that_loses_a_module_is_no_whole_bank() -> None:
    """The master of a stack answers for the modules that it still has."""
    site = Clocked("stack")
    whole = reading(pack(0.9, name="1"), pack(0.1, name="2"), charge=Charge(0.5))
    site.take("stack", whole)
    assert site.bank("battery_bank_soc_ratio", "stack") == pytest.approx(0.5)
    while site.bank("battery_bank_soc_ratio", "stack") is not None:
        site.now += 1
        site.take("stack", reading(pack(0.9, name="1"), charge=Charge(0.9)))
    assert site.now == MAX_AGE + 1
    assert site.bank("battery_bank_pack_missing", "stack", pack="2") == 1


def test_rack_of_three_on_one_line_and_one_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answers only its own number; the bank's state of charge is absent when the last reading is too old."""
    numbers = (2, 3, 4)
    answers = {
        Frame(0x20, number, 0x42, bytes((number,))).encode(): replace(parse(US3000C[:-1]), address=number).encode()
        for number in numbers
    }
    answer: Callable[[bytes], bytes] = lambda request: answers.get(request, b"")  # noqa: E731 - the plugged-in ones
    rack = pylontech(monkeypatch, answer, address=list(numbers))
    site = Clocked("rack")
    site.site.expect("rack", rack.source.packs)
    site.take("rack", *rack.readings())
    assert site.bank("battery_bank_soc_ratio", "rack") == pytest.approx(0.49)
    assert site.site.verdict(site.now).lead == "rack"
    unplugged = Frame(0x20, 3, 0x42, b"\x03").encode()
    reply = answers.pop(unplugged)
    while site.bank("battery_bank_soc_ratio", "rack") is not None:
        site.now += INTERVAL
        site.take("rack", *rack.readings())
    assert site.now == MAX_AGE + INTERVAL
    assert site.bank("battery_bank_pack_missing", "rack", pack="3") == 1
    assert site.bank("battery_bank_pack_missing", "rack", pack="4") == 0
    assert site.site.verdict(site.now).lead is None
    assert value(site.page(), "pylontech_battery_volts", device="rack", module="3") is None
    assert value(site.page(), "pylontech_battery_volts", device="rack", module="4") == 49.394
    answers[unplugged] = reply
    site.take("rack", *rack.readings())
    assert site.bank("battery_bank_soc_ratio", "rack") == pytest.approx(0.49)


SOURCES = """sources:
  one: {type: vedirect, port: /dev/ttyUSB0}
  two: {type: vedirect, port: /dev/ttyUSB1}
  three: {type: vedirect, port: /dev/ttyUSB2}
"""


def loaded(folder: Path, battery: str) -> config.Config:
    file = folder / "exporter.yml"
    file.write_text(f"{SOURCES}battery: {battery}\n")
    return config.load(file)


def test_bank_is_a_source_for_the_judge(tmp_path: Path) -> None:
    options = loaded(tmp_path, "{banks: {house: [one, two]}, soc: {sources: [house, three]}}")
    assert options.judged == ("three", "house")
    assert options.banks["house"].missing is config.Missing.ABSENT
    options = loaded(tmp_path, "{banks: {house: {packs: [one, two], missing: tolerate}}}")
    assert options.banks["house"].missing is config.Missing.TOLERATE


@pytest.mark.parametrize(
    ("battery", "message"),
    [
        (
            "{banks: {house: [one, for]}}",
            'battery.banks.house: got "for", expected one of the sources: one, two, three',
        ),
        ("{banks: {three: [one, two]}}", "battery.banks.three: got the name of a source"),
        ("{banks: {a: [one], b: [one, two]}}", 'battery.banks.b: got "one", a pack of a'),
        ("{banks: {house: []}}", "battery.banks.house"),
        ("{banks: {house: [one, two]}, soc: {sources: [one]}}", 'battery.soc.sources[0]: got "one", expected "house"'),
        ("{banks: {house: {packs: [one], missing: maybe}}}", "battery.banks.house.missing"),
    ],
)
def test_wrong_banks_are_refused(tmp_path: Path, battery: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, battery)
    assert message in str(refused.value)
