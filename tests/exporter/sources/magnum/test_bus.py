"""What follows from several packets: energy, peak, lamps, key presses, and what a battery monitor and charger say."""

from __future__ import annotations

import math

import pytest

from exporter.fields import Sample
from exporter.readings import Charge, Reading
from exporter.sources.magnum import energy
from exporter.sources.magnum.bus import COMMANDS, OTHER, Bus
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import KINDS
from exporter.sources.magnum.recent import Recent
from tests.exporter.harness import captures

INVERTER = bytes.fromhex("400001EC000976B6010033152C1F73010003025800")
REMOTE = bytes.fromhex("0005DA8A643C200600D2FF880014011311007300A0")
BATTERY = bytes.fromhex("81550991FFBC089B0C77FFC0E10F00390A01")
CYCLE = 0.12


def changed(packet: bytes, **bytes_: int) -> bytes:
    """A synthetic packet: a captured one with some bytes changed, such as b0=8."""
    result = bytearray(packet)
    for name, value in bytes_.items():
        result[int(name[1:])] = value
    return bytes(result)


def play(bus: Bus, *packets: bytes, at: float = 0.0, cycles: int = 1) -> tuple[list[Reading], float]:
    """Send packets at the bus's pace; return the readings, and when the next may come."""
    readings: list[Reading] = []
    for _ in range(cycles):
        for number, packet in enumerate(packets):
            readings += bus.feed(packet, at + number * 0.02, 1e9 + at + number * 0.02)
        readings += bus.silence(at + 0.08, 1e9 + at + 0.08)
        at += CYCLE
    return readings, at


def counter(bus: Bus, metric: str, *labels: str) -> float:
    return next(value for name, value, has in bus.counters(0, 0).samples if (name, has) == (metric, labels))


def test_energy_is_power_over_time() -> None:
    bus = Bus()
    readings, _ = play(bus, INVERTER, cycles=101)
    first, last = readings[0], readings[-1]
    seconds = last.at - first.at
    assert seconds > 11
    assert counter(bus, energy.DISCHARGE.name) == pytest.approx(49.2 * 9 * seconds)
    assert counter(bus, energy.CHARGE.name) == 0
    assert counter(bus, energy.OUTPUT.name) == pytest.approx(118 * 3 * seconds)


def test_a_gap_adds_no_energy() -> None:
    meter = energy.Meter(60)
    packet = Packet(INVERTER, 48)
    for at in (0.0, 0.5, 100.0, 100.5):
        meter.add(packet, at)
    assert {sample.metric: sample.value for sample in meter.counters()}[energy.DISCHARGE.name] == pytest.approx(
        49.2 * 9 * 1.0
    )


def test_peak_of_the_window() -> None:
    meter = energy.Meter(10)
    for at, amperes in ((0.0, 3), (1.0, 9), (2.0, 4), (11.5, 5)):
        meter.add(Packet(changed(INVERTER, b17=amperes), 48), at)
        if at == 2.0:
            assert meter.peak() == (Sample(energy.PEAK.name, 118 * 9),)
    assert meter.peak() == (Sample(energy.PEAK.name, 118 * 5),)


def test_blinking_led_is_on() -> None:
    bus = Bus()
    lit = []
    at = 0.0
    for cycle in range(24):
        readings, at = play(bus, changed(INVERTER, b8=0, b9=cycle // 2 % 2), at=at)
        lit += [
            sample.value
            for reading in readings
            for sample in reading.samples
            if sample.metric == "magnum_inverter_led" and sample.labels == ("charger",)
        ]
    assert set(lit[8:]) == {1.0}
    readings, at = play(bus, changed(INVERTER, b8=0, b9=0), at=at, cycles=12)
    assert Sample("magnum_inverter_led", 0.0, ("charger",)) in readings[-1].samples


def test_key_press_counts_once() -> None:
    bus = Bus()
    _, at = play(bus, INVERTER, REMOTE, cycles=5)
    _, at = play(bus, INVERTER, changed(REMOTE, b0=1), at=at, cycles=2)
    _, at = play(bus, INVERTER, REMOTE, at=at, cycles=3)
    assert counter(bus, COMMANDS.name, "inverter") == 1
    play(bus, INVERTER, changed(REMOTE, b0=2), at=at)
    assert counter(bus, COMMANDS.name, "charger") == 0, "once may be a flipped bit"


def test_monitor_and_charger_readings() -> None:
    bus = Bus()
    charging = changed(INVERTER, b0=0x02)
    readings, at = play(bus, charging, REMOTE, BATTERY, cycles=6)
    charges = [reading.charge for reading in readings if reading.charge]
    assert charges[-1] == Charge(0.85, -6.8)
    assert {reading.full for reading in readings if reading.group == "inverter"} == {True}
    readings, _ = play(bus, INVERTER, REMOTE, changed(BATTERY, b1=255), at=at, cycles=4)
    assert [reading.charge for reading in readings if reading.charge][-1] == Charge(None, -6.8)
    assert [reading.full for reading in readings if reading.group == "inverter"][-1] is False


def test_readings_have_two_times() -> None:
    readings, _ = play(Bus(), INVERTER, cycles=5)
    reading = readings[-1]
    assert reading.wall == pytest.approx(1e9 + reading.at)
    assert reading.fresh(reading.at + 10)
    assert not reading.fresh(reading.at + 10.01)
    assert Bus().counters(0.0, 0.0).stale_after == math.inf


def test_two_buses_are_separate() -> None:
    one, other = Bus(), Bus()
    starter = bytes.fromhex("A1013545007A")
    other_inverter = changed(INVERTER, b14=0x6B, b2=0, b3=0xF6)
    here, _ = play(one, INVERTER, REMOTE, starter, cycles=8)
    there, _ = play(other, other_inverter, REMOTE, starter, cycles=8)
    volts = [
        {sample.metric: sample.value for reading in readings for sample in reading.samples}["magnum_ags_battery_volts"]
        for readings in (here, there)
    ]
    assert volts == [48.8, 24.4]


def test_another_inverter_after_a_minute() -> None:
    bus = Bus()
    other = changed(INVERTER, b10=0x3D, b15=2)
    _, at = play(bus, INVERTER, cycles=5)
    while at < 130:
        _, at = play(bus, INVERTER, INVERTER, other, at=at)
    assert counter(bus, OTHER.name, "MS4448PAE", "6.1", "parallel_slave") == 1


@pytest.mark.parametrize(("name", "soc", "state"), [(captures.LONG, 0.85, 0x40), (captures.INVERTING, 0.85, 0x40)])
def test_captures_end_with_their_last_values(name: str, soc: float, state: int) -> None:
    bus = Bus()
    readings = bus.feed(captures.stream(name), 0.0, 0.0) + bus.silence(0.0, 0.0)
    latest = {reading.group: {sample.metric: sample.value for sample in reading.samples} for reading in readings}
    assert latest["bmk"]["magnum_bmk_soc_ratio"] == soc
    assert latest["inverter"]["magnum_inverter_state_code"] == state


def test_means_over_5_seconds_and_the_lowest_volts_of_a_minute() -> None:
    """A sag to 40.0 V that is over before anyone scrapes."""
    bus = Bus()
    _, at = play(bus, INVERTER, REMOTE, BATTERY, cycles=60)
    sag = changed(INVERTER, b2=0x01, b3=0x90)
    _, at = play(bus, sag, REMOTE, at=at, cycles=5)
    readings, at = play(bus, INVERTER, REMOTE, at=at, cycles=20)
    lowest = "magnum_inverter_dc_volts_min60s"
    assert Sample(lowest, 40.0) in next(r for r in reversed(readings) if r.group == "inverter").samples
    means = {sample.metric: sample.value for sample in bus.means(at, at).samples}
    assert 46 < means["magnum_inverter_dc_volts_mean5s"] < 49.2
    assert means["magnum_inverter_dc_amperes_mean5s"] == -9
    assert means["magnum_bmk_amperes_mean5s"] == -6.8
    assert means["magnum_bmk_volts_mean5s"] == pytest.approx(24.49)
    later = {sample.metric for sample in bus.means(at + 4, at).samples}
    assert "magnum_inverter_dc_volts_mean5s" in later
    assert "magnum_bmk_volts_mean5s" not in later
    assert bus.means(at + 5.1, at).samples == ()
    readings, _ = play(bus, INVERTER, REMOTE, at=at + 60, cycles=3)
    assert Sample(lowest, 49.2) in next(r for r in reversed(readings) if r.group == "inverter").samples


def test_a_packet_counts_for_the_means_whoever_reads_its_lowest_values() -> None:
    recent = Recent(KINDS)
    recent.add("inverter", Packet(INVERTER, 48), 1.0)
    assert Sample("magnum_inverter_dc_volts_mean5s", 49.2) in recent.means(2.0)
