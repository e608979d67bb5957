"""The options of a `classic` source."""

from __future__ import annotations

from typing import Annotated

import msgspec

from exporter.sources.base import Publish
from exporter.sources.classic.source import ClassicSource
from exporter.sources.config import SourceConfig
from toolkit.config import ConfigError, Duration
from toolkit.modbus import TcpAddress


class ClassicConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="classic"):
    """A MidNite Classic on the network.

    Attributes:
        host: its name or address.
        port: of Modbus TCP.
        unit_id: 10 when delivered; a Classic forwards requests for other units to its serial ports.
        interval: seconds from one poll to the next.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)] = 502
    unit_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 10
    interval: Duration = Duration(5)

    def __post_init__(self) -> None:
        """Refuse an empty host and an interval of 0."""
        if not self.host:
            raise ConfigError("host", "nothing", "a name or an address such as 192.168.1.20")
        if self.interval <= 0:
            raise ConfigError("interval", "0s", "a duration above 0s, such as 5s")

    def open(self, name: str, publish: Publish) -> ClassicSource:
        """Return the source, not yet started."""
        address = TcpAddress(self.host, self.port)
        return ClassicSource(name, publish, address=address, unit_id=self.unit_id, interval=self.interval)
