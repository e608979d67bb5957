"""Compares what a bus publishes with what was sent."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources.magnum import energy
from exporter.sources.magnum.bus import Bus
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import KINDS
from tests.exporter.harness.damaged_streams import Stream

# the lamps come in several packets; power, energy and peak are computed from several numbers
NOT_SENT = {"magnum_inverter_led", *(metric.name for metric in energy.METRICS)}
SECONDS_PER_PACKET = 0.05
_LOOK_BACK = 12
_MINUTE = int(60 / SECONDS_PER_PACKET)


def never_sent(stream: Stream, nominal_volts: int) -> tuple[Bus, list[Reading], Mapping[str, int]]:
    """Feed a stream byte by byte at the bus's pace; count, by metric, published values that were not sent lately.

    The lowest value of a minute has to be one of that minute's.
    """
    bus, readings, wrong = Bus(), [], Counter[str]()
    sent: defaultdict[tuple[str, str, tuple[str, ...]], deque[float]] = defaultdict(lambda: deque(maxlen=_LOOK_BACK))
    minute: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_MINUTE))
    last, now = -1, 0.0
    for byte, number in zip(stream.data, stream.origin, strict=True):
        if number not in (last, -1):
            last = number
            now += SECONDS_PER_PACKET
            packet = stream.sent[number]
            for metric, value, labels in decode(KINDS[packet.kind].fields, Packet(packet.payload, nominal_volts)):
                sent[packet.kind, metric, labels].append(value)
                minute[f"{metric}_min60s"].append(value)
        for reading in bus.feed(bytes([byte]), now, now):
            readings.append(reading)
            for metric, value, labels in reading.samples:
                lately = minute[metric] if metric in minute else sent[reading.group, metric, labels]
                if metric not in NOT_SENT and value not in lately:
                    wrong[metric] += 1
    return bus, readings, wrong


def packets(data: bytes) -> list[tuple[str, bytes]]:
    """Return the packets in an undamaged stream."""
    bus = Bus()
    found: list[tuple[str, bytes]] = []
    bus.on_frame = lambda frame: found.append((frame.kind, frame.payload))
    bus.feed(data, 0.0, 0.0)
    bus.silence(0.0, 0.0)
    return found
