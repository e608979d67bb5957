"""The packet of the router (RTR)."""

from __future__ import annotations

from functools import partial

from exporter.fields import Field, Info
from exporter.sources.magnum.packet import PROTOCOL, At, Packet, revision_text

REVISION = 1

_rtr = partial(At, "RTR packet")

FIELDS: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_rtr_info",
        help="Firmware revision of the router",
        place=_rtr(REVISION),
        texts={"revision": partial(revision_text, REVISION)},
        source=PROTOCOL,
    ),
)
