"""The options of an `aims` source."""

from __future__ import annotations

from typing import Annotated

import msgspec

from exporter.sources.aims.source import AimsSource
from exporter.sources.base import Publish
from exporter.sources.config import AskedSerialConfig


class AimsConfig(AskedSerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="aims"):
    """An AIMS inverter, or another device with the Megatec protocol.

    Attributes:
        cells: battery cells in a row, for a device that tells the volts of one; without it, reckoned by its ratings.
    """

    cells: Annotated[int, msgspec.Meta(ge=1, le=400)] | None = None

    def open(self, name: str, publish: Publish) -> AimsSource:
        """Return the source, not yet started."""
        return AimsSource(name, publish, port=self.port, interval=self.interval, cells=self.cells)
