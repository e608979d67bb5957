"""The source reads in blocks: one look at the port and one reading handed over for each quarter of a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pytest
import serial

from exporter.readings import Attempts, Reading
from exporter.sources.base import SourceError
from exporter.sources.magnum import energy, port
from exporter.sources.magnum.bus import FRAMES, Bus
from exporter.sources.magnum.source import MagnumSource
from tests.exporter.harness import captures, published_values

INVERTER = bytes.fromhex("400001EC000976B6010033152C1F73010003025800")


class Line(serial.Serial):
    """A port whose kernel holds a block for each wait, and is gone after the last one."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self._held = b""

    def fill(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            raise SourceError("the end")
        self._held += block

    def read(self, size: int | None = 1, /) -> bytes:
        data, self._held = self._held[:size], self._held[size:]
        return data


def play(blocks: Iterable[bytes]) -> tuple[list[float], list[Sequence[Reading]]]:
    """Serve the blocks; return each wait, and what was handed over."""
    handed: list[Sequence[Reading]] = []
    waits: list[float] = []
    line = Line(blocks)

    def publish(device: str, readings: Sequence[Reading], attempts: Attempts) -> None:  # noqa: ARG001
        handed.append(readings)

    class Source(MagnumSource):
        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            line.fill()
            return False

    with pytest.raises(SourceError, match="the end"):
        Source("main", publish, port="line").serve(line)
    return waits, handed


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("name", captures.ALL)
def test_blocks_hold_every_frame_of_a_capture(name: str) -> None:
    wanted = Counter(kind for kind, _ in published_values.packets(captures.stream(name)))
    waits, handed = play([*blocks(captures.stream(name), 110), b""])
    assert set(waits) == {port.BLOCK_SECONDS}
    assert len(handed) <= len(waits) + 1, "at most one hand-over for each look at the port"
    last = handed[-1][-1]
    assert {sample.labels[0]: sample.value for sample in last.samples if sample.metric == FRAMES.name} == {
        kind: wanted[kind] for kind in Bus().kinds
    }


def test_a_machine_that_was_busy_reads_on_at_once() -> None:
    waits, _ = play([INVERTER * 100, b"", b""])
    assert waits == [port.BLOCK_SECONDS, 0, port.BLOCK_SECONDS, port.BLOCK_SECONDS]


def test_energy_is_the_same_in_blocks_as_packet_by_packet() -> None:
    """A load that changes with every packet, as a motor's does."""
    packets = [bytes([*INVERTER[:17], amperes, *INVERTER[18:]]) for amperes in (3, 3, 30, 30, 4, 4, 17, 17) * 60]
    one_by_one, in_blocks = Bus(), Bus()
    for number, packet in enumerate(packets, 1):
        one_by_one.feed(packet, number * 0.1, 0.0)
    for number in range(5, len(packets) + 1, 5):
        in_blocks.feed(b"".join(packets[number - 5 : number]), number * 0.1, 0.0, over=0.5)
    joules = [
        next(sample.value for sample in bus.counters(0, 0).samples if sample.metric == energy.OUTPUT.name)
        for bus in (one_by_one, in_blocks)
    ]
    assert joules[1] == pytest.approx(joules[0], rel=0.01)
