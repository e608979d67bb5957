"""The options of a `modbus` source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

import msgspec

from exporter.fields import Confidence, Field, Kind, Metric
from exporter.sources.base import Publish
from exporter.sources.config import SourceConfig
from exporter.sources.modbus import quantities, registers
from exporter.sources.modbus.registers import At, Registers, Type
from exporter.sources.plausibility import HEALTH, POWER, REMAINING, SOC
from toolkit.config import ConfigError, Duration
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
Number16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
UnitId = Annotated[int, msgspec.Meta(ge=0, le=255)]

_TYPES: Mapping[str, Type] = {
    "u16": registers.U16,
    "s16": registers.S16,
    "u32": registers.U32,
    "s32": registers.S32,
    "u64": registers.U64,
    "s64": registers.S64,
    "f32": registers.F32,
}
OWN_CHECKS = (SOC, REMAINING, HEALTH, POWER)
"""What the values of an own list must agree with; not the sum of the cells, because it may have only some of them."""

_METRIC = re.compile(r"modbus_[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset(f"modbus_{name}" for name in ("up", "last_success_timestamp_seconds", "reads_total"))
_ALSO_RESERVED = frozenset({"modbus_read_failures_total", quantities.STATE.name, quantities.STATE_CODE.name})


class RegisterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number in a device's registers, and the metric that it becomes: (raw - zero) x scale.

    Attributes:
        address: of the first register, as sent on the wire.
        metric: its name: begins with modbus_ and ends with the unit; a shared name has its help already.
        function: 3 (holding registers) or 4 (input registers).
        type: the number of registers, and how they make a number.
        word_order: which of several words comes first: big (the most significant) or little.
        scale: the value of one count in the metric's unit.
        zero: the raw number of the value 0.
        unknown: raw numbers that mean unknown; by default 0 for modbus_soc_ratio, and none for other metrics.
        help: what the number means.
        labels: labels besides `device`, where several registers share a metric.
    """

    address: Number16
    metric: str
    function: Literal[3, 4] = 3
    type: Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32"] = "u16"
    word_order: Literal["big", "little"] = "big"
    scale: float = 1
    zero: float = 0
    unknown: tuple[int, ...] | None = None
    help: str = ""
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse a name that is no metric of this family, a scale of 0, an address out of range, and wrong labels."""
        if not _METRIC.fullmatch(self.metric):
            raise ConfigError("metric", f'"{self.metric}"', "modbus_ and small letters, such as modbus_tank_volts")
        if self.metric in _RESERVED | _ALSO_RESERVED:
            raise ConfigError("metric", f'"{self.metric}"', "a name that is not already in use")
        if self.scale == 0:
            raise ConfigError("scale", "0", "the value of one count, such as 0.1")
        if self.address + _TYPES[self.type].words - 1 > 0xFFFF:
            raise ConfigError("address", str(self.address), "an address whose registers are all below 65536")
        wrong = next((label for label in self.labels if not _LABEL.fullmatch(label) or label == "device"), None)
        if wrong is not None:
            raise ConfigError("labels", f'"{wrong}"', "small letters, and not device")
        shared = self._shared
        if shared and set(shared.labels) != set(self.labels):
            raise ConfigError("labels", str(self.labels), f"{', '.join(shared.labels) or 'none'} for {self.metric}")

    @property
    def _shared(self) -> Metric | None:
        return next((metric for metric in quantities.METRICS if metric.name == self.metric), None)

    @property
    def meaning(self) -> Metric:
        """The metric of this register."""
        kind = Kind.COUNTER if self.metric.endswith("_total") else Kind.GAUGE
        own = Metric(self.metric, self.help or "As named in the configuration.", kind, tuple(sorted(self.labels)))
        return self._shared or own

    def field(self) -> Field[Registers]:
        """Return this as a field."""
        unknown = self.unknown
        if unknown is None:
            unknown = (0,) if self.metric == quantities.SOC.name else ()
        place = At(
            self.address,
            _TYPES[self.type],
            self.function,
            low_word_first=self.word_order == "little",
            absent=frozenset(unknown),
        )
        meaning = self.meaning
        return quantities.quantity(
            meaning,
            place,
            Fraction(str(self.scale)),
            zero=self.zero,
            labels=tuple(self.labels[label] for label in meaning.labels),
            source="the configuration",
            confidence=Confidence.LIKELY,
        )


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
    current_scale: float | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong URL, an interval of 0, and a device without exactly one of `profile` and `registers`."""
        self.address()
        if self.interval <= 0:
            raise ConfigError("interval", "0s", "a duration above 0s, such as 5s")
        if (self.profile is None) == (not self.registers):
            got = "neither profile nor registers" if self.profile is None else "both profile and registers"
            raise ConfigError("", got, "one of them")
        if self.current_scale is not None and (self.profile is None or self.current_scale == 0):
            raise ConfigError("current_scale", f"{self.current_scale:g}", "amperes of one count, with a profile")
        if self.soc == "amphours" and (self.profile is None or not self._known(self.profile).counts_amphours):
            raise ConfigError("soc", '"amphours"', "a profile with remaining and full ampere-hours")
        meanings: dict[str, Metric] = {}
        places: set[tuple[str, tuple[str, ...]]] = set()
        for index, register in enumerate(self.registers):
            meaning = register.meaning
            if meanings.setdefault(meaning.name, meaning) != meaning:
                raise ConfigError(f"registers[{index}]", f"another help or labels for {meaning.name}", "the same")
            place = (meaning.name, tuple(register.labels[label] for label in meaning.labels))
            if place in places:
                raise ConfigError(f"registers[{index}].metric", f"{meaning.name} twice", "different labels for each")
            places.add(place)

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
            from exporter.sources.modbus.profiles import Profile  # noqa: PLC0415 - see the package

            fields = tuple(register.field() for register in self.registers)
            return Profile(
                name="registers",
                device="as listed in the configuration",
                unit_id=1,
                checks=OWN_CHECKS,
                fields=fields,
            )
        known = self._known(self.profile)
        if self.current_scale is not None:
            known = known.changed(quantities.AMPERES, scale=Fraction(str(self.current_scale)))
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
