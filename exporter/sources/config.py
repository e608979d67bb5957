"""The options that the sources of all families share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from exporter.sources.base import Publish, Source
from toolkit.config import ConfigError, Duration


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """The options of one source; `type` names the family.

    Attributes:
        HINTS: hint for the error message, by the wrong word written as `type`.
    """

    HINTS: ClassVar[Mapping[str, str]] = {"mqtt": "devices are not read over MQTT: configure the device itself"}

    @property
    def line(self) -> str | None:
        """The port that no other source may use, unless `shared_as` says so; None when it has none."""
        return None

    @property
    def shared_as(self) -> str | None:
        """The protocol and settings with which sources may share the port; None: it is for one source alone."""
        return None

    @property
    def units(self) -> tuple[int, ...]:
        """The addresses on a shared port that this source reads; no other source may read them."""
        return ()

    @property
    def has_soc(self) -> bool | None:
        """Whether the device reports a state of charge; None: with a battery monitor that not every one has."""
        return True

    @property
    def has_utility_flag(self) -> bool:
        """Whether the device reports if there is utility power, as a UPS does."""
        return False

    @abstractmethod
    def open(self, name: str, publish: Publish) -> Source[Any]:
        """Return the source, not yet started; does not touch the device."""
        raise NotImplementedError


class SerialConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a serial line of its own.

    Attributes:
        port: a device such as /dev/ttyUSB1, or a URL of pyserial such as socket://10.0.0.5:4001.
    """

    port: str

    def __post_init__(self) -> None:
        """Refuse an empty port."""
        if not self.port:
            raise ConfigError("port", "nothing", "a device such as /dev/ttyUSB0")

    @property
    def line(self) -> str | None:
        """The port: two readers would each get a part of the bytes."""
        return self.port


class PolledSerialConfig(SerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a serial line of its own that is polled.

    Attributes:
        interval: from one poll to the next.
    """

    interval: Duration = Duration(5)

    def __post_init__(self) -> None:
        """Refuse an empty port and an interval of 0."""
        SerialConfig.__post_init__(self)
        if self.interval <= 0:
            raise ConfigError("interval", "0s", "a duration above 0s, such as 5s")
