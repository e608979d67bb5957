"""The options of an `aims` source."""

from __future__ import annotations

from typing import Annotated

import msgspec

from exporter.sources.aims.source import AimsSource
from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from toolkit.config import ConfigError, Duration


class AimsConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="aims"):
    """An AIMS inverter, or another device with the Megatec protocol.

    Attributes:
        port: a device such as /dev/ttyAMA0, or a URL of pyserial such as socket://10.0.0.5:4001.
        interval: seconds from one reading to the next.
        cells: battery cells in a row, for a device that tells the volts of one; without it, reckoned by its ratings.
    """

    port: str
    interval: Duration = Duration(5)
    cells: Annotated[int, msgspec.Meta(ge=1, le=400)] | None = None

    def __post_init__(self) -> None:
        """Refuse a port of nothing, and an interval of nothing."""
        if not self.port:
            raise ConfigError("port", "nothing", "a device such as /dev/ttyUSB0")
        if self.interval <= 0:
            raise ConfigError("interval", "0s", "a span longer than nothing, such as 5s")

    @property
    def line(self) -> str | None:
        """The port: the device answers one at a time."""
        return self.port

    def open(self, name: str, publish: Publish) -> AimsSource:
        """Make the source."""
        return AimsSource(name, publish, port=self.port, interval=self.interval, cells=self.cells)
