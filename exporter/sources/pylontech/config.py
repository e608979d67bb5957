"""The options of a `pylontech` source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from exporter.sources.base import Publish
from exporter.sources.config import PolledSerialConfig
from toolkit.config import ConfigError
from toolkit.modbus import SerialAddress

if TYPE_CHECKING:
    from exporter.sources.pylontech.source import PylontechSource

Address = Annotated[int, msgspec.Meta(ge=0, le=254)]


class PylontechConfig(PolledSerialConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="pylontech"):
    """Batteries with Pylontech's ASCII protocol on RS-485 or RS-232.

    Attributes:
        dialect: the dialect of the protocol.
        baudrate: 9600 or 115200 on most batteries, 1200 on old ones.
        address: the battery's address, or a list of several on the same line, each of which answers for itself; None:
            as delivered (Pylontech 2, Pace 1, Seplos V2 0, MidNite 1, LifePower4 1).
    """

    HINTS: ClassVar = {
        name: f'did you mean "pylontech" with dialect: {name}?' for name in ("seplos", "seplos-v2", "lifepower4")
    }

    dialect: Literal["pylontech", "pace", "seplos-v2", "midnite", "lifepower4"] = "pylontech"
    baudrate: Annotated[int, msgspec.Meta(ge=300, le=1_000_000)] = 9600
    address: Address | tuple[Address, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse an empty port, an interval of 0, and a list of addresses that is empty or repeats one."""
        PolledSerialConfig.__post_init__(self)
        if isinstance(self.address, tuple) and (not self.address or len(set(self.address)) < len(self.address)):
            raise ConfigError("address", f"{list(self.address)}", "at least one address, and each only once")

    @property
    def shared_as(self) -> str:
        """Sources at one baud rate share the line, each with addresses of its own."""
        return f"pylontech at {self.baudrate} baud"

    @property
    def units(self) -> tuple[int, ...]:
        """The addresses of the batteries that it reads."""
        if isinstance(self.address, tuple):
            return self.address
        from exporter.sources.pylontech.dialects import DIALECTS  # noqa: PLC0415 - see the package

        return (DIALECTS[self.dialect].address if self.address is None else self.address,)

    def open(self, name: str, publish: Publish) -> PylontechSource:
        """Return the source, not yet started."""
        from exporter.sources.pylontech.dialects import DIALECTS  # noqa: PLC0415 - see the package
        from exporter.sources.pylontech.source import PylontechSource  # noqa: PLC0415 - see the package

        return PylontechSource(
            name,
            publish,
            address=SerialAddress(self.port, self.baudrate),
            dialect=DIALECTS[self.dialect],
            batteries=self.units,
            interval=self.interval,
        )
