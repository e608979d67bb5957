"""The owner's own list of registers: what it must not have, and the profile that it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from exporter.fields import Confidence, Field, Kind, Metric
from exporter.sources.modbus import quantities, registers
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.register_config import RegisterConfig
from exporter.sources.modbus.registers import At, Registers, Type
from exporter.sources.plausibility import HEALTH, POWER, REMAINING, SOC
from toolkit.config import ConfigError

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

_RESERVED = frozenset(
    {
        *(f"modbus_{name}" for name in ("up", "last_success_timestamp_seconds", "reads_total", "read_failures_total")),
        quantities.STATE.name,
        quantities.STATE_CODE.name,
    }
)


def check(listed: Sequence[RegisterConfig]) -> None:
    """Refuse a name that is in use, labels that a shared metric does not have, and two meanings or places of one."""
    meanings: dict[str, Metric] = {}
    places: set[tuple[str, tuple[str, ...]]] = set()
    for index, register in enumerate(listed):
        if register.metric in _RESERVED:
            raise ConfigError(f"registers[{index}].metric", f'"{register.metric}"', "a name that is not already in use")
        meaning = _meaning(register)
        if set(meaning.labels) != set(register.labels):
            expected = f"{', '.join(meaning.labels) or 'none'} for {register.metric}"
            raise ConfigError(f"registers[{index}].labels", str(register.labels), expected)
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


def _meaning(register: RegisterConfig) -> Metric:
    """Return the metric that the profiles share, if it is one, else one of its own."""
    shared = next((metric for metric in quantities.METRICS if metric.name == register.metric), None)
    if shared is not None:
        return shared
    kind = Kind.COUNTER if register.metric.endswith("_total") else Kind.GAUGE
    return Metric(
        register.metric, register.help or "As named in the configuration.", kind, tuple(sorted(register.labels))
    )


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
