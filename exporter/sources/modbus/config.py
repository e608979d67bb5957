"""The options of a `modbus` source."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

import msgspec

from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from exporter.sources.modbus.register_config import SMALLEST_SCALE, RegisterConfig, Scale
from toolkit.config import ConfigError, Duration, refuse
from toolkit.modbus import SerialAddress, TcpAddress, parse

if TYPE_CHECKING:
    from exporter.sources.modbus.profiles import Profile
    from exporter.sources.modbus.source import ModbusSource

ProfileName = Literal[
    "victron-gx",
    "jk-bms",
    "pace",
    "seplos-v3",
    "seplos-v3-bank",
    "renogy",
    "eg4-ll",
    "daly",
    "daly-p81",
    "pylontech-rt",
]
UnitId = Annotated[int, msgspec.Meta(ge=0, le=255)]


class ModbusConfig(SourceConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="modbus"):
    """A battery or monitor that answers Modbus; set either `profile` or `registers`.

    Attributes:
        url: tcp://HOST:502, rtu:///dev/ttyUSB1?baudrate=9600, or rtu://HOST:4001 for a serial adapter on the network.
        profile: a known device.
        registers: the owner's own list.
        unit_id: the device's address; by default the one that devices of this profile have when delivered.
        interval: from one poll to the next.
        soc: the source of the state of charge: the profile's register, or remaining over full ampere-hours where that
            register is wrong.
        current_scale: amperes of one count of the profile's current, if it differs; negative if the sign is reversed.
    """

    HINTS: ClassVar = {
        **{name: f'did you mean "modbus" with profile: {name}?' for name in get_args(ProfileName)},
        **dict.fromkeys(("tcp", "rtu", "modbus-tcp", "modbus-rtu"), 'did you mean "modbus"?'),
    }

    url: str
    profile: ProfileName | None = None
    registers: tuple[RegisterConfig, ...] = ()
    unit_id: UnitId | None = None
    interval: Duration = Duration(5)
    soc: Literal["register", "amphours"] = "register"
    current_scale: Scale | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong URL, an interval of 0, and a device without exactly one of `profile` and `registers`."""
        refuse(self._wrong())

    def _wrong(self) -> Iterator[ConfigError]:
        try:
            self.address()
        except ConfigError as error:
            yield error
        if self.interval <= 0:
            yield ConfigError("interval", "0s", "a duration above 0s, such as 5s")
        if (self.profile is None) == (not self.registers):
            got = "neither profile nor registers" if self.profile is None else "both profile and registers"
            yield ConfigError("", got, "one of them")
        if self.current_scale is not None and (self.profile is None or abs(self.current_scale) < SMALLEST_SCALE):
            yield ConfigError("current_scale", f"{self.current_scale:g}", "amperes of one count, with a profile")
        if self.soc == "amphours" and (self.profile is None or not self._known(self.profile).counts_amphours):
            yield ConfigError("soc", '"amphours"', "a profile with remaining and full ampere-hours")

    def address(self) -> TcpAddress | SerialAddress:
        """Return the device's address."""
        return parse(self.url)

    @property
    def line(self) -> str | None:
        """The serial port; None on TCP."""
        address = self.address()
        return address.port if isinstance(address, SerialAddress) else None

    @property
    def shared_as(self) -> str | None:
        """Sources with the same settings share a serial line."""
        address = self.address()
        if isinstance(address, TcpAddress):
            return None
        return f"modbus at {address.baudrate} baud {address.parity}{address.stopbits}"

    @property
    def units(self) -> tuple[int, ...]:
        """The unit; a list of the owner's own may have other registers of a unit that another source reads."""
        return () if self.profile is None else (self.device().unit_id if self.unit_id is None else self.unit_id,)

    @property
    def has_soc(self) -> bool:
        """Whether the profile, or the owner's list, has one."""
        return self.device().has_soc

    def device(self) -> Profile:
        """Return the profile to read by."""
        if self.profile is None:
            from exporter.sources.modbus import register_list  # noqa: PLC0415 - see the package

            return register_list.profile(self.registers)
        known = self._known(self.profile)
        if self.current_scale is not None:
            known = known.with_current_scale(Fraction(str(self.current_scale)))
        return known.soc_by_amphours() if self.soc == "amphours" else known

    def _known(self, name: str) -> Profile:
        from exporter.sources.modbus.profiles import profile  # noqa: PLC0415 - see the package

        return profile(name, self.unit_id)

    def open(self, name: str, publish: Publish) -> ModbusSource:
        """Return the source, not yet started."""
        from exporter.sources.modbus.source import ModbusSource  # noqa: PLC0415 - see the package

        device = self.device()
        return ModbusSource(
            name,
            publish,
            address=self.address(),
            unit_id=device.unit_id if self.unit_id is None else self.unit_id,
            profile=device,
            interval=self.interval,
        )
