"""The owner's own list of registers: what it must not have, and the profile that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from exporter.fields import Confidence, Field, Kind, Metric
from exporter.sources.modbus import quantities, registers
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import At, Registers, Type
from exporter.sources.plausibility import HEALTH, POWER, REMAINING, SOC
from toolkit.config import ConfigError

if TYPE_CHECKING:
    from exporter.sources.modbus.config import RegisterConfig

_TYPES: Mapping[str, Type] = {
    "u16": registers.U16,
    "s16": registers.S16,
    "u32": registers.U32,
    "s32": registers.S32,
    "u64": registers.U64,
    "s64": registers.S64,
    "f32": registers.F32,
}
CHECKS = (SOC, REMAINING, HEALTH, POWER)
"""What the values of an own list must agree with; not the sum of the cells, because it may have only some of them."""

_METRIC = re.compile(r"modbus_[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset(f"modbus_{name}" for name in ("up", "last_success_timestamp_seconds", "reads_total"))
_ALSO_RESERVED = frozenset({"modbus_read_failures_total", quantities.STATE.name, quantities.STATE_CODE.name})


def check(register: RegisterConfig) -> None:
    """Refuse a name that is no metric of this family, a scale of 0, an address out of range, and wrong labels."""
    if not _METRIC.fullmatch(register.metric):
        raise ConfigError("metric", f'"{register.metric}"', "modbus_ and small letters, such as modbus_tank_volts")
    if register.metric in _RESERVED | _ALSO_RESERVED:
        raise ConfigError("metric", f'"{register.metric}"', "a name that is not already in use")
    if register.scale == 0:
        raise ConfigError("scale", "0", "the value of one count, such as 0.1")
    if register.address + _TYPES[register.type].words - 1 > 0xFFFF:
        raise ConfigError("address", str(register.address), "an address whose registers are all below 65536")
    wrong = next((label for label in register.labels if not _LABEL.fullmatch(label) or label == "device"), None)
    if wrong is not None:
        raise ConfigError("labels", f'"{wrong}"', "small letters, and not device")
    shared = _shared(register)
    if shared and set(shared.labels) != set(register.labels):
        raise ConfigError("labels", str(register.labels), f"{', '.join(shared.labels) or 'none'} for {register.metric}")


def check_together(listed: Sequence[RegisterConfig]) -> None:
    """Refuse two meanings of one metric, and two registers for one series."""
    meanings: dict[str, Metric] = {}
    places: set[tuple[str, tuple[str, ...]]] = set()
    for index, register in enumerate(listed):
        meaning = _meaning(register)
        if meanings.setdefault(meaning.name, meaning) != meaning:
            raise ConfigError(f"registers[{index}]", f"another help or labels for {meaning.name}", "the same")
        place = (meaning.name, tuple(register.labels[label] for label in meaning.labels))
        if place in places:
            raise ConfigError(f"registers[{index}].metric", f"{meaning.name} twice", "different labels for each")
        places.add(place)


def profile(listed: Sequence[RegisterConfig]) -> Profile:
    """Return the profile to read by."""
    return Profile(
        name="registers",
        device="as listed in the configuration",
        unit_id=1,
        checks=CHECKS,
        fields=tuple(_field(register) for register in listed),
    )


def _shared(register: RegisterConfig) -> Metric | None:
    return next((metric for metric in quantities.METRICS if metric.name == register.metric), None)


def _meaning(register: RegisterConfig) -> Metric:
    kind = Kind.COUNTER if register.metric.endswith("_total") else Kind.GAUGE
    text = register.help or "As named in the configuration."
    return _shared(register) or Metric(register.metric, text, kind, tuple(sorted(register.labels)))


def _field(register: RegisterConfig) -> Field[Registers]:
    unknown = register.unknown
    if unknown is None:
        unknown = (0,) if register.metric == quantities.SOC.name else ()
    place = At(
        register.address,
        _TYPES[register.type],
        register.function,
        low_word_first=register.word_order == "little",
        absent=frozenset(unknown),
    )
    meaning = _meaning(register)
    return quantities.quantity(
        meaning,
        place,
        Fraction(str(register.scale)),
        zero=register.zero,
        labels=tuple(register.labels[label] for label in meaning.labels),
        source="the configuration",
        confidence=Confidence.LIKELY,
    )
