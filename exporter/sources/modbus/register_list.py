"""The owner's own list of registers: what it must not have, and the profile that it makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from exporter.fields import Confidence, Field, Kind, Metric
from exporter.sources.modbus import quantities, registers
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.register_config import RegisterConfig
from exporter.sources.modbus.registers import At, Registers, Type
from exporter.sources.plausibility import HEALTH, POWER, REMAINING, SOC
from toolkit.config import ConfigError, decode

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

_ALONE = (quantities.STATE, quantities.STATE_CODE)
"""Metrics of the profiles that no register of an own list can have: it names no states."""

_FREE = "a name that is not already in use, also without its _total or _created"


def check(lists: Mapping[str, Sequence[object]], of_exporter: Iterable[Metric]) -> Iterator[ConfigError]:
    """Yield what is wrong between the registers of a file; what is wrong inside of one, `RegisterConfig` refuses.

    A metric has a name that is not in use, the labels and the help that it has elsewhere, and each place once.

    Args:
        lists: the own lists by source, as the file has them: a register with another fault is looked at too.
        of_exporter: the metrics that the exporter itself adds to those of a device.
    """
    unusable = {metric.name for metric in (*of_exporter, *_ALONE)}
    known = {name: (metric, "") for metric in (*quantities.METRICS, *of_exporter) for name in _page_names(metric)}
    for source, listed in lists.items():
        places: set[tuple[str, tuple[str, ...]]] = set()
        for index, item in enumerate(listed):
            where = f"sources.{source}.registers[{index}]"
            named = _partly(item, "metric")
            clash = None if named is None else _clash(_meaning(named), known, unusable)
            if clash is not None:
                yield ConfigError(f"{where}.metric", clash, _FREE)
                continue
            register = _partly(item, "metric", "help", "labels")
            if register is None:
                continue
            meaning = _meaning(register)
            if set(meaning.labels) != set(register.labels):
                expected = f"{_named(meaning.labels)} for {meaning.name}"
                yield ConfigError(f"{where}.labels", _named(register.labels), expected)
                continue
            for name in _page_names(meaning):
                known.setdefault(name, (meaning, where))
            first, there = known[meaning.name]
            if first != meaning:
                yield ConfigError(
                    where, f"{_described(meaning)} for {meaning.name}", f"{_described(first)}, as {there} has"
                )
                continue
            place = (meaning.name, tuple(register.labels[label] for label in meaning.labels))
            if place in places:
                yield ConfigError(f"{where}.metric", f"{meaning.name} twice", "different labels for each")
            places.add(place)


def _page_names(metric: Metric) -> tuple[str, ...]:
    """Return the names that a metric takes on a page in the OpenMetrics format, where a counter has three."""
    if metric.kind is not Kind.COUNTER:
        return (metric.name,)
    counted = metric.name.removesuffix("_total")
    return (metric.name, counted, f"{counted}_created")


def _clash(meaning: Metric, known: Mapping[str, tuple[Metric, str]], unusable: Collection[str]) -> str | None:
    """Return what is wrong with a name beside the known ones; None if it is free, or the same metric's."""
    for name in _page_names(meaning):
        other, there = known.get(name, (meaning, ""))
        if other.name in unusable or other.name != meaning.name:
            beside = "" if other.name == meaning.name else f", beside {other.name}{there and f' of {there}'}"
            return f'"{meaning.name}"{beside}'
    return None


def _partly(item: object, *keys: str) -> RegisterConfig | None:
    """Return a register with only these of its keys, or None where one of them is wrong."""
    if not isinstance(item, dict):
        return None
    try:
        return decode({"address": 0, **{key: item[key] for key in keys if key in item}}, RegisterConfig)
    except ConfigError:
        return None


def _named(labels: Iterable[str]) -> str:
    return ", ".join(labels) or "none"


def _described(metric: Metric) -> str:
    return f'the help "{metric.help}" and the labels {_named(metric.labels)}'


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
