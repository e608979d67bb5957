"""Streams as the framer cuts them."""

from __future__ import annotations

from exporter.sources.magnum.framing import Frame, Framer
from tests.exporter.harness import captures

INVERTER_48 = bytes.fromhex("400001EC000976B6010033152C1F73010003025800")


def frames(data: bytes, size: int = 0, *, flush: bool = True) -> tuple[list[tuple[str, bytes]], Framer]:
    framer = Framer()
    found: list[Frame] = []
    for chunk in captures.chunks(data, size):
        found += framer.feed(chunk, 0.0)
    if flush:
        found += framer.flush()
    return [(frame.kind, frame.payload) for frame in found], framer
