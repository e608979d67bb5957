"""The bus: which packets follow from the state of the site, and when."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from simulator import magnum_bus, settings
from simulator.magnum_bus import Bus, Packet
from simulator.site import Site, advance, inject
from toolkit.config import Ratio

JUNK = bytes(magnum_bus.JUNK_BYTES)
LENGTH = {"inverter": 21, "ags_a1": 6, "ags_a2": 6, "bmk": 18, "rtr": 2}


def packets_of(*, cycles: int, site: Site | None = None, advancing: bool = True, **parts: object) -> list[list[Packet]]:
    """Return the packets of so many cycles of a bus; keywords are those of settings.Bus."""
    model = site or Site(settings.SiteSettings(bus=settings.Bus(**parts)))  # type: ignore[arg-type]
    bus = Bus(model)
    now, cycles_sent = 0.0, []
    for _ in range(cycles):
        packets, took = bus.cycle(now)
        assert 0.119 <= took <= 0.123
        now += took
        if advancing:
            advance(model, took)
        cycles_sent.append(packets)
    return cycles_sent


def kinds(cycles_sent: list[list[Packet]]) -> list[tuple[str, ...]]:
    return [tuple(packet.kind for packet in cycle) for cycle in cycles_sent]


def test_arc_pages_and_their_accessories() -> None:
    cycles_sent = kinds(packets_of(cycles=7 * 40))
    pages = [cycle[1] for cycle in cycles_sent]
    assert pages[:7] == [f"remote_{page}" for page in ("00", "a0", "a1", "a2", "a3", "a4", "80")]
    assert pages == pages[:7] * 40
    follows = {page: Counter(cycle[2:] for cycle in cycles_sent if cycle[1] == page) for page in set(pages)}
    assert follows["remote_a0"] == {("ags_a1",): 40}
    assert follows["remote_a4"] == {("ags_a1",): 40}
    assert follows["remote_a2"] == {("bmk",): 40}
    assert follows["remote_80"] == follows["remote_00"] == follows["remote_a3"] == {(): 40}
    assert set(follows["remote_a1"]) == {("ags_a1",), ("ags_a2",)}


def test_artr_and_its_router() -> None:
    cycles_sent = kinds(packets_of(cycles=8, remote="artr", nominal_volts=48))
    assert ("inverter", "remote_11", "rtr") in cycles_sent
    assert ("inverter", "remote_a3", "rtr") in cycles_sent
    assert ("inverter", "remote_80", "bmk") in cycles_sent


def test_missing_accessories_and_remote() -> None:
    assert {len(cycle) for cycle in packets_of(cycles=14, ags=False, bmk=False)} == {2}
    assert set(kinds(packets_of(cycles=14, remote="none"))) == {("inverter",)}


def test_packet_lengths_and_slots() -> None:
    for cycle in packets_of(cycles=200, junk=False):
        free = 0.0
        for packet in cycle:
            assert len(packet.data) == LENGTH.get(packet.kind, 21)
            assert packet.at - len(packet.data) * magnum_bus.BYTE_SECONDS >= free - 1e-9
            free = packet.at + 0.010
        assert cycle[-1].at < 0.075


def test_classic_packets() -> None:
    for inverter, remote in packets_of(cycles=20, junk=False, inverter="classic", remote="classic", nominal_volts=12):
        assert (len(inverter.data), len(remote.data)) == (16, 16)
        assert inverter.data[14:16] == b"\x23\x23"
        assert 0 < 0.119 - remote.at < 0.005


def test_junk_after_a_packet() -> None:
    lengths = Counter()  # type: Counter[int]
    for packet in (packet for cycle in packets_of(cycles=600) for packet in cycle):
        junk = packet.data[LENGTH.get(packet.kind, 21) :]
        lengths[len(junk)] += 1
        assert all(byte in JUNK for byte in junk)
    assert set(lengths) == {0, 1, 2}
    assert lengths[1] > lengths[0] > 0


def test_same_seed_same_bytes() -> None:
    first, second = packets_of(cycles=50), packets_of(cycles=50)
    assert first == second


def test_values_update_once_a_second() -> None:
    site = Site(settings.SiteSettings(bus=settings.Bus(junk=False)))
    bus = Bus(site)
    changed: list[float] = []
    now, last = 0.0, b""
    for cycle in range(200):
        site.load_watts = 500.0 + 20 * cycle
        packets, took = bus.cycle(now)
        if packets[0].data != last:
            changed.append(now)
        last, now = packets[0].data, now + took
        advance(site, took)
    pauses = [then - before for before, then in itertools.pairwise(changed)]
    assert len(pauses) > 15
    assert 1.0 <= min(pauses) <= max(pauses) <= 1.13


def test_charger_led_blinks_while_charging() -> None:
    site = Site()
    inject(site, "shore")
    advance(site, 60)
    leds = [cycle[0].data[9] for cycle in packets_of(cycles=12, site=site, junk=False)]
    assert "".join(map(str, leds)) in "1100" * 5
    assert {cycle[0].data[9] for cycle in packets_of(cycles=12, junk=False)} == {0}


def test_packets_match_the_site() -> None:
    site = Site(settings.SiteSettings(battery=settings.Battery(soc=Ratio(0.42)), bus=settings.Bus(junk=False)))
    site.load_watts, site.sun_watts = 1200.0, 0.0
    advance(site, 1)
    sent = {packet.kind: packet.data for cycle in packets_of(cycles=7, site=site, advancing=False) for packet in cycle}
    inverter, bmk = sent["inverter"], sent["bmk"]
    assert inverter[0] == 0x40
    assert int.from_bytes(inverter[2:4], "big") / 10 == pytest.approx(site.battery.volts, abs=0.05)
    assert int.from_bytes(inverter[4:6], "big") == round(-site.battery.amperes)
    assert inverter[7] == 0
    assert inverter[16:18] == b"\x00\x0a"
    assert bmk[1] == 42
    assert int.from_bytes(bmk[4:6], "big", signed=True) / 10 == pytest.approx(site.battery.amperes, abs=0.05)
    assert sent["ags_a1"][1] == 2


def test_silent_devices() -> None:
    site = Site()
    inject(site, "ags_silent")
    assert {kind for cycle in kinds(packets_of(cycles=14, site=site)) for kind in cycle[2:]} == {"bmk"}
    inject(site, "bmk_silent")
    assert {cycle[2:] for cycle in kinds(packets_of(cycles=14, site=site))} == {()}
    inject(site, "inverter_silent")
    assert packets_of(cycles=3, site=site) == [[], [], []]


def test_thinking_and_frozen_bmk() -> None:
    site = Site(settings.SiteSettings(bus=settings.Bus(junk=False)))
    bus = Bus(site)

    def bmk() -> bytes:
        advance(site, 600)
        sent = [packet for _ in range(7) for packet in bus.cycle(site.seconds)[0]]
        return next(packet.data for packet in sent if packet.kind == "bmk")

    inject(site, "bmk_thinking")
    assert bmk()[1] == 255
    site.faults.bmk_thinking = False
    moving = {bmk() for _ in range(5)}
    assert len(moving) == 5
    inject(site, "bmk_frozen")
    assert len({bmk() for _ in range(5)}) == 1


def test_flipped_bits() -> None:
    clean = Site(settings.SiteSettings(bus=settings.Bus(junk=False)))
    site = Site(settings.SiteSettings(bus=settings.Bus(junk=False)))
    inject(site, "flipped_bits", 1.0)
    for whole, hit in zip(
        packets_of(cycles=7, site=clean, advancing=False), packets_of(cycles=7, site=site, advancing=False), strict=True
    ):
        for before, after in zip(whole, hit, strict=True):
            if before.kind == after.kind and not before.kind.startswith(("inverter", "ags")):
                changed = int.from_bytes(before.data, "big") ^ int.from_bytes(after.data, "big")
                assert changed.bit_count() == 1
    site.faults.flipped_bits = 0.02
    bus = Bus(site)
    for _ in range(4000):
        bus.cycle(0.0)
    sent, damaged = bus.counters.sent, bus.counters.damaged
    assert sent["inverter"] == 4000
    assert 0.012 < sum(damaged.values()) / sum(sent.values()) < 0.028
