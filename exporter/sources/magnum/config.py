"""The options of a `magnum` source."""

from __future__ import annotations

from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from exporter.sources.magnum.source import MagnumSource
from toolkit.config import ConfigError, Duration


class MagnumConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="magnum"):
    """A Magnum network on a port.

    Attributes:
        port: a device such as /dev/serial/by-id/usb-FTDI_..., or a URL of pyserial such as socket://10.0.0.5:4001.
        peak_window: the time over which magnum_inverter_ac_output_watts_peak looks back.
    """

    port: str
    peak_window: Duration = Duration(60)

    def __post_init__(self) -> None:
        """Refuse what cannot be opened or looked back over."""
        if not self.port:
            raise ConfigError("port", "nothing", "a device such as /dev/ttyUSB0")
        if not self.peak_window > 0:
            raise ConfigError("peak_window", "0s", "a span longer than nothing")

    @property
    def line(self) -> str | None:
        """The port: two readers would each get a part of the bytes."""
        return self.port

    def open(self, name: str, publish: Publish) -> MagnumSource:
        """Make the source."""
        return MagnumSource(name, publish, port=self.port, peak_window=self.peak_window)
