"""The options of a `pylontech` source."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from exporter.sources.base import Publish
from exporter.sources.config import PolledSerialConfig
from exporter.sources.pylontech.modules import DIALECTS
from exporter.sources.pylontech.source import PylontechSource


class PylontechConfig(PolledSerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="pylontech"):
    """A battery with Pylontech's ASCII protocol on RS-485 or RS-232.

    Attributes:
        dialect: the dialect of the protocol.
        baudrate: 9600 or 115200 on most batteries, 1200 on old ones.
        address: the battery's address; None: as delivered (Pylontech 2, Pace 1, Seplos V2 0).
    """

    dialect: Literal["pylontech", "pace", "seplos-v2"] = "pylontech"
    baudrate: Annotated[int, msgspec.Meta(ge=300, le=1_000_000)] = 9600
    address: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None

    def open(self, name: str, publish: Publish) -> PylontechSource:
        """Return the source, not yet started."""
        dialect = DIALECTS[self.dialect]
        return PylontechSource(
            name,
            publish,
            port=self.port,
            baudrate=self.baudrate,
            dialect=dialect,
            address=dialect.address if self.address is None else self.address,
            interval=self.interval,
        )
