"""The options of a `classic` source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from toolkit.config import ConfigError, Duration, refuse
from toolkit.modbus import TcpAddress

if TYPE_CHECKING:
    from exporter.sources.classic.source import ClassicSource

_HOST_AND_PORT = re.compile(r"(?:[a-z]+://)?(?P<host>\[.*\]|[^:/]+)(?::(?P<port>\d+))?/?")


class ClassicConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="classic"):
    """A MidNite Classic on the network.

    Attributes:
        host: its name or address.
        port: of Modbus TCP.
        unit_id: 10 when delivered; a Classic forwards requests for other units to its serial ports.
        interval: from one poll to the next.
    """

    HINTS: ClassVar = {"midnite": 'did you mean "classic", or "pylontech" with dialect: midnite?'}

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)] = 502
    unit_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 10
    interval: Duration = Duration(5)

    def __post_init__(self) -> None:
        """Refuse a wrong host and an interval of 0."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        if not self.host:
            yield ConfigError("host", "nothing", "a name or an address such as 192.168.1.20")
        elif (found := _HOST_AND_PORT.fullmatch(self.host)) and (host := found["host"].strip("[]")) != self.host:
            what = ", a port inside the host" if found["port"] else ""
            port = f", and port: {found['port']} next to it" if found["port"] else ""
            yield ConfigError("host", f'"{self.host}"{what}', f"host: {host}{port}")
        if self.interval <= 0:
            yield ConfigError("interval", "0s", "a duration above 0s, such as 5s")

    @property
    def has_soc(self) -> None:
        """None: only a battery monitor reports it."""
        return

    def open(self, name: str, publish: Publish) -> ClassicSource:
        """Return the source, not yet started."""
        from exporter.sources.classic.source import ClassicSource  # noqa: PLC0415 - see the package

        address = TcpAddress(self.host, self.port)
        return ClassicSource(name, publish, address=address, unit_id=self.unit_id, interval=self.interval)
