"""The options of a `vedirect` source."""

from __future__ import annotations

from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from exporter.sources.vedirect.source import VeDirectSource
from toolkit.config import ConfigError


class VeDirectConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vedirect"):
    """A Victron battery monitor on its VE.Direct port.

    Attributes:
        port: a device such as /dev/serial/by-id/usb-VictronEnergy_BV_..., or a URL of pyserial.
    """

    port: str

    def __post_init__(self) -> None:
        """Refuse a port of nothing."""
        if not self.port:
            raise ConfigError("port", "nothing", "a device such as /dev/ttyUSB0")

    @property
    def line(self) -> str | None:
        """The port: two readers would each get a part of the bytes."""
        return self.port

    def open(self, name: str, publish: Publish) -> VeDirectSource:
        """Return the source, not yet started."""
        return VeDirectSource(name, publish, port=self.port)
