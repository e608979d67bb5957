"""The table of packet kinds: one entry makes a device known everywhere."""

from __future__ import annotations

import io

import pytest

from exporter.discovery.magnum_packets import Listener
from exporter.fields import Confidence, Number
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.framing import Framer
from exporter.sources.magnum.packet import At
from exporter.sources.magnum.packet_kinds import KINDS, Device, PacketKind, metrics
from tests.exporter.harness.framing import INVERTER_48

REMOTE = bytes.fromhex("0005DA8A643C200600D2FF880014011311007300A0")
TURBINE = PacketKind(
    name="wind",
    device=Device("wind turbine (WIND)", "31"),
    header=0xE1,
    lengths=(4,),
    constant=3,
    allowed={1: range(3)},
    fields=(
        Number(
            metric="magnum_wind_volts",
            help="Volts of the turbine",
            place=At("WIND packet", 2, per_12_volts=True),
            source="no document: this device does not exist",
            confidence=Confidence.UNVERIFIED,
        ),
    ),
)
EXTENDED = {**KINDS, TURBINE.name: TURBINE}
PACKET = bytes.fromhex("E101 0C 21")
STREAM = (INVERTER_48 + REMOTE + PACKET) * 12


def turbine_packets(stream: bytes) -> list[bytes]:
    framer = Framer(EXTENDED)
    return [frame.payload for frame in framer.feed(stream, 0.0) + framer.flush() if frame.kind == "wind"]


def test_a_device_that_is_in_no_entry_is_unknown() -> None:
    framer = Framer()
    assert "wind" not in {frame.kind for frame in framer.feed((INVERTER_48 + REMOTE) * 4 + STREAM, 0.0)}
    assert framer.discarded > 0


def test_one_entry_is_enough_for_framing() -> None:
    assert turbine_packets(STREAM) == [PACKET] * 12


@pytest.mark.parametrize("wrong", ["E109 0C 21", "E101 0C 22"], ids=["not allowed", "not the constant"])
def test_what_the_entry_rules_out_is_no_packet(wrong: str) -> None:
    damaged = INVERTER_48 + REMOTE + bytes.fromhex(wrong)
    assert turbine_packets(STREAM + damaged + STREAM) == [PACKET] * 24


def test_one_entry_is_enough_for_voting_and_decoding() -> None:
    bus = Bus(kinds=EXTENDED)
    readings = [reading for reading in bus.feed(STREAM, 0.0, 0.0) if reading.group == "wind"]
    assert bus.frames["wind"] >= 11
    assert {sample for reading in readings for sample in reading.samples} == {("magnum_wind_volts", 48, ())}
    assert "magnum_wind_volts" in {metric.name for metric in metrics(EXTENDED)}


def test_one_entry_is_enough_for_listen() -> None:
    out = io.StringIO()
    listener = Listener(out, as_json=False, every=False, coloured=True, kinds=EXTENDED)
    listener.receive(STREAM, 0.0)
    assert "\x1b[31mwind     \x1b[0m  48\xa0V" in out.getvalue()
    assert ", wind turbine (WIND)." in listener.findings()[0]
    silent = Listener(io.StringIO(), as_json=False, every=False, coloured=False, kinds=EXTENDED)
    silent.receive((INVERTER_48 + REMOTE) * 12, 0.0)
    assert "wind turbine (WIND)" in silent.findings()[1]


def test_every_entry_is_distinct_and_reads_only_its_bytes() -> None:
    headers = [kind.header for kind in KINDS.values() if kind.header is not None]
    assert len(set(headers)) == len(headers)
    for kind in KINDS.values():
        indexes = {*kind.allowed, *({kind.constant} if kind.constant is not None else ())}
        indexes |= {each.place.first + each.place.width - 1 for each in kind.fields if isinstance(each.place, At)}
        assert max(indexes, default=0) < max(kind.lengths), kind.name
