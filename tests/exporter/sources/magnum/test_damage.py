"""On a noisy line nothing is published that was not sent."""

from __future__ import annotations

from functools import cache

import pytest

from tests.exporter.harness import captures, damaged_streams, published_values
from tests.exporter.harness.damaged_streams import Sent


@cache
def sent(name: str) -> list[Sent]:
    return [Sent(kind, payload) for kind, payload in published_values.packets(captures.stream(name))]


@pytest.mark.parametrize("seed", [1, 2])
def test_flipped_bit_in_one_of_fifty_packets(seed: int) -> None:
    stream = damaged_streams.flipped_packets(sent(captures.LONG), 50, seed)
    bus, readings, wrong = published_values.never_sent(stream, 24)
    assert wrong == {}
    whole = sum(whole for whole, packet in zip(stream.whole, stream.sent, strict=True) if packet.kind == "inverter")
    assert bus.frames["inverter"] >= 0.97 * whole
    groups = [reading.group for reading in readings]
    assert groups.count("inverter") > 0.8 * whole
    assert groups.count("bmk") > 0.9 * sum(packet.kind == "bmk" for packet in stream.sent)


@pytest.mark.parametrize("name", [captures.INVERTING, captures.STANDBY])
@pytest.mark.parametrize("seed", range(6))
def test_flipped_bit_in_one_of_ten_packets(name: str, seed: int) -> None:
    stream = damaged_streams.flipped_packets(sent(name) * 6, 10, seed)
    bus, _, wrong = published_values.never_sent(stream, 48)
    assert wrong == {}
    assert bus.frames["inverter"] > 0


@pytest.mark.parametrize("how", [damaged_streams.DROP, damaged_streams.INSERT, damaged_streams.HOLES])
def test_lost_and_added_bytes(how: str) -> None:
    stream = damaged_streams.damaged(sent(captures.LONG)[:2000], "everywhere", how, 1e-3, seed=3)
    _, _, wrong = published_values.never_sent(stream, 24)
    assert wrong == {}


def test_check_can_fail() -> None:
    stream = damaged_streams.flipped_packets(sent(captures.INVERTING), 1000, 1)
    lying = [Sent(kind, b"\x00" * len(payload)) for kind, payload in stream.sent]
    stream.sent = lying
    assert published_values.never_sent(stream, 48)[2]
