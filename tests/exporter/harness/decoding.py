"""One packet as the page shows it."""

from __future__ import annotations

from exporter.fields import decode
from exporter.sources.magnum import packet_kinds
from exporter.sources.magnum.packet import Packet


def page(kind: str, packet: Packet) -> dict[str, float | str]:
    """Return the values of a packet by metric name: a number, or the name of the present state."""
    values: dict[str, float | str] = {}
    for metric, value, labels in decode(packet_kinds.KINDS[kind].fields, packet):
        if not labels:
            values[metric] = value
        elif value == 1 and len(labels) == 1:
            values[metric] = labels[0]
        elif value == 1:
            values[metric] = " ".join(labels)
    return values
