"""On a noisy line nothing is published that was not sent."""

from __future__ import annotations

from functools import cache

import pytest

from tests.exporter import captures
from tests.exporter.magnum import damaging, publishing
from tests.exporter.magnum.damaging import Sent


@cache
def sent(name: str) -> list[Sent]:
    return [Sent(kind, payload) for kind, payload in publishing.packets(captures.stream(name))]


@pytest.mark.parametrize("seed", [1, 2])
def test_one_in_fifty_packets_with_a_flipped_bit(seed: int) -> None:
    stream = damaging.flipped_packets(sent(captures.LONG), 50, seed)
    bus, readings, wrong = publishing.never_sent(stream, 24)
    assert wrong == {}
    whole = sum(whole for whole, packet in zip(stream.whole, stream.sent, strict=True) if packet.kind == "inverter")
    assert bus.frames["inverter"] >= 0.97 * whole
    groups = [reading.group for reading in readings]
    assert groups.count("inverter") > 0.8 * whole
    assert groups.count("bmk") > 0.9 * sum(packet.kind == "bmk" for packet in stream.sent)


@pytest.mark.parametrize("name", [captures.INVERTING, captures.STANDBY])
@pytest.mark.parametrize("seed", range(6))
def test_short_captures_with_every_tenth_packet_hit(name: str, seed: int) -> None:
    stream = damaging.flipped_packets(sent(name) * 6, 10, seed)
    bus, _, wrong = publishing.never_sent(stream, 48)
    assert wrong == {}
    assert bus.frames["inverter"] > 0


@pytest.mark.parametrize("how", [damaging.DROP, damaging.INSERT, damaging.HOLES])
def test_lost_and_added_bytes(how: str) -> None:
    stream = damaging.damaged(sent(captures.LONG)[:2000], "everywhere", how, 1e-3, seed=3)
    _, _, wrong = publishing.never_sent(stream, 24)
    assert wrong == {}


def test_the_check_itself_can_fail() -> None:
    stream = damaging.flipped_packets(sent(captures.INVERTING), 1000, 1)
    lying = [Sent(kind, b"\x00" * len(payload)) for kind, payload in stream.sent]
    stream.sent = lying
    assert publishing.never_sent(stream, 48)[2]
