"""What the options of every family share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import msgspec

from exporter.sources.base import Publish, Source
from toolkit.config import ConfigError, Duration


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """The options of one source; `type` names the family."""

    @property
    def line(self) -> str | None:
        """The port that no other source may use as well; None when it may be shared."""
        return None

    @abstractmethod
    def open(self, name: str, publish: Publish) -> Source[Any]:
        """Make the source, not yet started; touches no device."""
        raise NotImplementedError


class AskedSerialConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a serial line that answers one at a time, asked at an interval.

    Attributes:
        port: a device such as /dev/ttyUSB1, or a URL of pyserial such as socket://10.0.0.5:4001.
        interval: seconds from one reading to the next.
    """

    port: str
    interval: Duration = Duration(5)

    def __post_init__(self) -> None:
        """Refuse a port of nothing, and an interval of nothing."""
        if not self.port:
            raise ConfigError("port", "nothing", "a device such as /dev/ttyUSB0")
        if self.interval <= 0:
            raise ConfigError("interval", "0s", "a span longer than nothing, such as 5s")

    @property
    def line(self) -> str | None:
        """The port: nobody else may be talked to on it."""
        return self.port
