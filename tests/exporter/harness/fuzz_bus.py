"""Coverage-guided fuzzing of bytes to readings: `python -m tests.exporter.harness.fuzz_bus -max_total_time=600`."""

from __future__ import annotations

import importlib
import sys

atheris = importlib.import_module("atheris")

LARGEST = 65_535 * 10 * 3_600_000
"""The largest number that any packet carries: the life of a solar controller in steps of 10 kWh, two bytes; joules."""

with atheris.instrument_imports():
    from exporter.sources.magnum.bus import Bus
    from exporter.sources.magnum.packet_kinds import KINDS


def one(data: bytes) -> None:
    """Feed one input in chunks that its first byte chooses."""
    size = 1 + (data[0] if data else 0) % 80
    bus = Bus()
    for number, first in enumerate(range(1, len(data), size)):
        readings = bus.feed(data[first : first + size], number * 0.02, 0.0)
        readings += bus.silence(number * 0.02 + 0.01, 0.0) if number % 3 == 0 else []
        for reading in readings:
            assert reading.group in KINDS
            for sample in reading.samples:
                assert abs(sample.value) <= LARGEST, sample
    assert len(bus.framer._buffer) <= 4096
    assert sum(bus.frames.values()) * 2 <= len(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
