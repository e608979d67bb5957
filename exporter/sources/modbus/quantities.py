"""The metrics that all profiles share, and the constructors of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from exporter.fields import ONE, Confidence, Kind, Metric, Number, Place, Sample, States, raw_code
from exporter.sources.modbus.registers import At, ComputedFromRegisters, Registers
from exporter.sources.plausibility import REMAINING_MOST
from toolkit.homeassistant.options import EntityOptions, Form

TENTH = Fraction(1, 10)
HUNDREDTH = Fraction(1, 100)
THOUSANDTH = Fraction(1, 1000)
PERCENT = Fraction(1, 100)
TENTH_PERCENT = Fraction(1, 1000)

ABOUT_EMPTY = 0.02

_metric = partial(Metric, source="see each profile", confidence=Confidence.LIKELY)

VOLTS = _metric("modbus_battery_volts", "Battery volts.")
AMPERES = _metric("modbus_battery_amperes", "Battery amperes, + into the battery, - out of it.")
WATTS = _metric("modbus_battery_watts", "Battery power, + into the battery, - out of it.")
SOC = _metric("modbus_soc_ratio", "State of charge, 0 to 1; absent when the device's 0 means unknown.")
SOH = _metric("modbus_soh_ratio", "State of health, 0 to 1.")
REMAINING = _metric("modbus_remaining_amphours", "Ampere-hours left in the battery.")
FULL = _metric("modbus_full_amphours", "Ampere-hours in the battery when full.")
DESIGN = _metric("modbus_design_amphours", "Ampere-hours in the battery when it was new.")
CONSUMED = _metric(
    "modbus_consumed_amphours",
    "Ampere-hours taken out since the battery was last full; absent where 0 contradicts the state of charge.",
)
TIME_TO_GO = _metric(
    "modbus_time_to_go_seconds",
    "Time until the battery is empty, as estimated by the device.",
    entity=EntityOptions(shown_in="h"),
)
CYCLES = _metric("modbus_cycles_total", "Charge cycles since the battery was new.", Kind.COUNTER)
CELL_VOLTS = _metric("modbus_cell_volts", "Volts of each cell.", labels=("cell",))
CELSIUS = _metric("modbus_celsius", "Temperature at each sensor.", labels=("sensor",))
STATE = _metric(
    "modbus_battery_state",
    "State of the battery; 1 for the present value.",
    labels=("state",),
    entity=EntityOptions(form=Form.LISTED),
)
STATE_CODE = _metric(
    "modbus_battery_state_code", "The raw code of modbus_battery_state.", entity=raw_code("modbus_battery_state")
)

METRICS = (
    VOLTS,
    AMPERES,
    WATTS,
    SOC,
    SOH,
    REMAINING,
    FULL,
    DESIGN,
    CONSUMED,
    TIME_TO_GO,
    CYCLES,
    CELL_VOLTS,
    CELSIUS,
    STATE,
    STATE_CODE,
)


@dataclass(frozen=True, kw_only=True)
class Quantity(Number[Registers]):
    """A number with a shared metric.

    Attributes:
        meaning: the metric; its help names no register, because each profile has another one.
        labels: values of the metric's labels besides `device`.
    """

    meaning: Metric
    labels: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The shared family."""
        return (self.meaning,)

    def samples(self, record: Registers) -> Iterator[Sample]:
        """Yield the quantity, unless it is absent."""
        value = self.value(record)
        if value is not None:
            yield Sample(self.metric, value, self.labels)


@dataclass(frozen=True, kw_only=True)
class BatteryState(States[Registers]):
    """The state of the battery; each profile has its own codes."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The two shared families."""
        return (STATE, STATE_CODE)


def quantity(
    meaning: Metric,
    place: Place[Registers],
    scale: Fraction = ONE,
    *,
    source: str,
    zero: float = 0,
    labels: tuple[str, ...] = (),
    confidence: Confidence = Confidence.LIKELY,
) -> Quantity:
    """Return the field (raw - zero) x scale of a shared metric."""
    return Quantity(
        metric=meaning.name,
        help=meaning.help.removesuffix("."),
        kind=meaning.kind,
        meaning=meaning,
        place=place,
        scale=scale,
        zero=zero,
        labels=labels,
        source=source,
        confidence=confidence,
    )


def cells(first: At, count: int, *, source: str, step: int = 1, scale: Fraction = THOUSANDTH) -> tuple[Quantity, ...]:
    """Return the fields of the volts of `count` cells in consecutive registers; a missing cell reads 0."""
    return tuple(
        quantity(
            CELL_VOLTS,
            At(first.address + step * index, function=first.function, absent=frozenset({0, 0xFFFF})),
            scale,
            labels=(str(index + 1),),
            source=source,
        )
        for index in range(count)
    )


def battery_state(place: At, names: dict[int, str], *, source: str) -> BatteryState:
    """Return the field of the battery's state, by the codes of a profile."""
    return BatteryState(
        metric=STATE.name,
        help=STATE.help,
        place=place,
        names=names,
        source=source,
        confidence=Confidence.LIKELY,
    )


def percent(soc: At, remaining: At, full: At) -> ComputedFromRegisters:
    """Return the place of a state of charge in percent; its 0 counts only when hardly any ampere-hours remain.

    Several devices report 0 when they do not know it.
    """

    def compute(record: Registers) -> float | None:
        reading, left, whole = soc.read(record), remaining.read(record), full.read(record)
        if reading == 0 and not (left and whole and 0 < left < ABOUT_EMPTY * whole):
            return None
        return reading

    return ComputedFromRegisters(
        how=f"{soc}; its 0 counts only when hardly any ampere-hours remain",
        registers=(soc, remaining, full),
        compute=compute,
    )


def share(remaining: At, full: At) -> ComputedFromRegisters:
    """Return the place of a state of charge in percent: remaining over full ampere-hours; 0 means unknown in both.

    A battery may hold a little more than when it was last measured as full; that is 100 %.
    """

    def compute(record: Registers) -> float | None:
        left, whole = remaining.read(record), full.read(record)
        if not (left and whole and 0 < left <= REMAINING_MOST * whole):
            return None
        return min(100.0, 100 * left / whole)

    return ComputedFromRegisters(how=f"{remaining} over {full}", registers=(remaining, full), compute=compute)
