"""The framer: every frame of real captures however they are cut, and nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.magnum.devices.inverter import Identity
from exporter.sources.magnum.framing import Frame, Framer
from tests.exporter.harness import captures
from tests.exporter.harness.framing import INVERTER_48, frames
from tests.support import ROOT

INVERTER_12_CLASSIC = bytes.fromhex("02000082000066B3008022232E292323")
REMOTE_CLASSIC = bytes.fromhex("000A1404641E0C00006E6E0000001123")


def inverter(**changes: int) -> bytes:
    """A synthetic inverter packet: the captured one with some bytes changed, such as b14=0x6B."""
    packet = bytearray(INVERTER_48)
    for name, value in changes.items():
        packet[int(name[1:])] = value
    return bytes(packet)


def kinds(found: Iterable[tuple[str, bytes]]) -> Counter[str]:
    return Counter(kind for kind, _ in found)


@pytest.mark.parametrize("name", captures.ALL)
def test_captures_in_any_chunks(name: str) -> None:
    data = captures.stream(name)
    first, framer = frames(data, 1)
    for size in (7, 21, 64, 0, len(data)):
        assert frames(data, size)[0] == first
    assert sum(len(payload) for _, payload in first) / len(data) >= 0.999
    assert framer.resyncs == 0


@pytest.mark.parametrize("name", captures.ALL)
def test_captures_give_the_logged_packets(name: str) -> None:
    found, _ = frames(captures.stream(name))
    logged = Counter(line.kind for line in captures.lines(name) if line.kind)
    # one line was logged as a remote packet that is a merge of parts of two
    merged = {"remote_00"} if name == captures.LONG else set()
    for kind, count in logged.items():
        assert kinds(found)[kind] >= count - (kind in merged)
    sent = {line.data for line in captures.lines(name) if line.kind}
    assert {payload for _, payload in found} <= sent


def test_long_capture_loses_one_packet() -> None:
    found, framer = frames(captures.stream(captures.LONG))
    assert len(found) == 5012
    assert framer.discarded == 6


def test_junk_is_no_damage() -> None:
    """Synthetic: each seam with the junk that some adapters add."""
    data = bytearray()
    dice = random.Random(3)  # noqa: S311 - it must be repeatable
    lines = [line for line in captures.lines(captures.LONG) if line.kind][:900]
    for line in lines:
        data += line.data + bytes(dice.choice((0xFF, 0xFE, 0xFC, 0x00)) for _ in range(dice.randint(0, 2)))
    found, framer = frames(bytes(data))
    assert found == [(line.kind, line.data) for line in lines]
    assert framer.discarded == 0


def test_packet_cut_at_the_start() -> None:
    vector = captures.vector("pymagnum-issue3-chunks")
    wanted = [bytes.fromhex(packet["hex"]) for packet in vector["expected_packets"]]
    # twice, as two inverter packets alone are no proof
    found, _ = frames(bytes.fromhex(vector["raw_hex"]) + wanted[0] + b"".join(wanted[1:]) * 2)
    assert [payload for _, payload in found][: len(wanted)] == wanted


def test_old_inverter_and_old_remote() -> None:
    """A captured pair, repeated; the inverter follows the remote at once."""
    found, framer = frames((REMOTE_CLASSIC + INVERTER_12_CLASSIC + b"\xff") * 8)
    assert kinds(found) == {"inverter": 8, "remote": 8}
    assert framer.identity == Identity(16, 34, 0x23, 0)
    assert framer.nominal_volts == 12


def test_old_remote_that_answers_late() -> None:
    framer = Framer()
    found: list[Frame] = []
    for _ in range(8):
        found += framer.feed(INVERTER_12_CLASSIC + b"\xff", 0.0)
        found += framer.flush()
        found += framer.feed(REMOTE_CLASSIC, 0.0)
    found += framer.flush()
    assert kinds((frame.kind, frame.payload) for frame in found) == {"inverter": 8, "remote": 8}


def test_old_inverter_and_new_remote() -> None:
    """Synthetic: captured packets of two systems together."""
    remote = bytes.fromhex("00003C04500F170601C8A5860100073614006E00A0")
    found, _ = frames((INVERTER_12_CLASSIC + b"\xfe" + remote + bytes.fromhex("A102343A007A")) * 8)
    assert kinds(found) == {"inverter": 8, "remote_a0": 8, "ags_a1": 8}


@pytest.mark.parametrize("packet", [INVERTER_48, INVERTER_12_CLASSIC], ids=["21", "16"])
@pytest.mark.parametrize("junk", [b"", b"\xff", b"\xfe\xff"])
def test_no_remote(packet: bytes, junk: bytes) -> None:
    found, _ = frames((packet + junk) * 6)
    assert found == [("inverter", packet)] * 6


def test_remote_plugged_in_later() -> None:
    remote = bytes.fromhex("0005DA8A643C200600D2FF880014011311007300A0")
    found, _ = frames(INVERTER_48 * 6 + (INVERTER_48 + remote) * 6)
    assert kinds(found)["inverter"] == 12
    assert kinds(found)["remote_a0"] >= 5


def test_changed_settings_need_two_packets() -> None:
    old = bytes.fromhex("0005DA8A643C200600D2FF880014011311007300A0")
    new = bytes.fromhex("0005DA8A503C200600D2FF880014011311007300A0")
    found, framer = frames((INVERTER_48 + old) * 6 + (INVERTER_48 + new) * 6)
    assert found.count(("remote_a0", old)) == 6
    assert found.count(("remote_a0", new)) == 5
    assert kinds(found)["inverter"] == 12
    assert framer.resyncs == 0


def test_unlisted_model_needs_five_packets() -> None:
    packet = inverter(b14=0x76)
    assert kinds(frames(packet * 4)[0])["inverter"] == 0
    found, framer = frames(packet * 5)
    assert kinds(found)["inverter"] == 5
    assert framer.identity is not None
    assert str(framer.identity) == "model 0x76 5.1 parallel_master"
    assert framer.nominal_volts == 48


def test_unlisted_state_of_a_known_inverter() -> None:
    found, _ = frames(INVERTER_48 * 4 + inverter(b0=0x60) * 3 + INVERTER_48)
    assert found.count(("inverter", inverter(b0=0x60))) == 3


def test_no_frame_before_three_inverters() -> None:
    assert frames(INVERTER_48 * 2)[0] == []
    assert len(frames(INVERTER_48 * 3)[0]) == 3


def test_second_inverter_is_reported() -> None:
    other = inverter(b10=0x3D, b15=2)
    found, framer = frames(INVERTER_48 * 5 + (INVERTER_48 * 3 + other) * 12)
    assert ("inverter", other) not in found
    assert framer.foreign[Identity.of(other)] == 12
    assert str(Identity.of(other)) == "MS4448PAE 6.1 parallel_slave"


def test_inverter_replaced_by_another() -> None:
    other = inverter(b14=0x6B, b3=0xF6, b2=0)
    found, framer = frames(INVERTER_48 * 5 + other * 60)
    assert framer.identity == Identity.of(other)
    assert framer.resyncs == 1
    assert found.count(("inverter", other)) > 15


def test_remote_alone_is_no_bus() -> None:
    remote = bytes.fromhex("0005DA8A643C200600D2FF880014011311007300A0")
    found, framer = frames((INVERTER_48 + remote) * 5 + remote * 100 + bytes(5000))
    assert kinds(found)["inverter"] == 5
    assert kinds(found)["remote_a0"] < 50
    assert framer.identity is None


def test_loss_costs_under_half_a_second() -> None:
    """Five cycles are about 0.6 s; all but the damaged one come."""
    lines = [line for line in captures.lines(captures.INVERTING) if line.kind]
    data = b"".join(line.data for line in lines)
    cut = len(data) // 2
    found, _ = frames(data[:cut] + data[cut + 50 :])
    lost = len(lines) - len(found)
    assert 3 <= lost <= 6


def test_silence_ends_the_last_packet() -> None:
    data = INVERTER_48 * 4
    assert len(frames(data, flush=False)[0]) == 3
    assert len(frames(data)[0]) == 4


def test_silence_inside_a_packet() -> None:
    data = captures.stream(captures.STANDBY)
    framer = Framer()
    found: list[Frame] = []
    for chunk in captures.chunks(data, 7):
        found += framer.feed(chunk, 0.0)
        found += framer.flush()
    assert [(frame.kind, frame.payload) for frame in found] == frames(data)[0]


def test_frame_time_is_its_end() -> None:
    framer = Framer()
    framer.feed(INVERTER_48 * 4, 1.0)
    framer.feed(INVERTER_48[:20], 2.0)
    (before,) = framer.feed(INVERTER_48[20:] + INVERTER_48, 3.0)
    assert before.at == 3.0


def test_swapped_wires_are_never_decoded() -> None:
    framer = Framer()
    for number in range(6):
        vector = captures.vector(f"pymagnum-swapped-AB-{number}")
        assert framer.feed(bytes.fromhex(vector["raw_hex"]), 0.0) == []
    assert framer.swapped
    framer.feed(INVERTER_48 * 4, 0.0)
    framer.flush()
    assert not framer.swapped, "and it is over when packets come"


def test_straight_wires_are_not_swapped() -> None:
    for name in captures.ALL:
        framer = Framer()
        framer.feed(captures.stream(name)[:300:2], 0.0)
        assert not framer.swapped


@given(st.lists(st.binary(max_size=90), max_size=60), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_safe(pieces: list[bytes], locked: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    framer = Framer()
    if locked:
        framer.feed(captures.stream(captures.INVERTING), 0.0)
    for piece in pieces:
        framer.feed(piece, 0.0)
        framer.flush()
        assert len(framer._buffer) <= 4096
        assert len(framer._arrivals) <= 4096


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_frames(data: st.DataObject) -> None:
    stream = bytearray(captures.stream(captures.INVERTING))
    for _ in range(data.draw(st.integers(0, 6))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    framer = Framer()
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(bytes(stream[begin:end]), 0.0)
    found += framer.flush()
    assert [(frame.kind, frame.payload) for frame in found] == frames(bytes(stream), 1)[0]


@pytest.mark.slow
def test_random_bytes_hold_no_frame() -> None:
    dice = random.Random(11)  # noqa: S311 - it must be repeatable
    framer = Framer()
    for _ in range(10_000):
        assert framer.feed(dice.randbytes(1000), 0.0) == []
    assert not framer.swapped


@pytest.mark.slow
def test_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """Atheris, guided by coverage, for a minute; a crash or an unbounded buffer ends it with a status."""
    pytest.importorskip("atheris")
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for name in captures.ALL:
        (seeds / name).write_bytes(captures.stream(name)[:1500])
    limits = ["-max_total_time=60", "-max_len=2000", f"-artifact_prefix={tmp_path}/"]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.exporter.harness.fuzz_bus", *limits, str(seeds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    # Python's own report is on its standard output, libFuzzer's on the other.
    inputs = {path.name: path.read_bytes().hex() for path in tmp_path.iterdir() if path.is_file()}
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-1000:]}\n{inputs}"
