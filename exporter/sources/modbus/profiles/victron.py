"""Victron GX over Modbus TCP: the battery monitor's own unit, and the system's.

A GX answers 0 for a value that the device behind it does not know, and 0xFFFF for a reserved one. Where 0 can also be a
true value, another value of the same device must support it.

Source: victronenergy/dbus_modbustcp, attributes.csv and mappings.cpp; its registertest.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from exporter.fields import Confidence, Metric
from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, S32, At, ComputedFromRegisters, Registers
from exporter.sources.plausibility import HEALTH, POWER, POWER_TOLERANCE_WATTS, SOC

_SOURCE = "victronenergy/dbus_modbustcp"
_UNKNOWN = frozenset({0, 0xFFFF})
_STATES: Mapping[int, str] = {0: "idle", 1: "charging", 2: "discharging"}
_HUNDRED_SECONDS = Fraction(100)


def _while_there(volts: At, place: At) -> ComputedFromRegisters:
    """Return a place that is absent without battery volts."""
    return ComputedFromRegisters(
        how=f"{place}, while {volts} is not 0",
        registers=(volts, place),
        compute=lambda record: place.read(record) if volts.read(record) else None,
    )


def _soc(soc: At, volts: At, consumed: At) -> ComputedFromRegisters:
    """Return the place of a state of charge; its 0 counts only if the monitor knows how much was taken out."""

    def compute(record: Registers) -> float | None:
        percent = soc.read(record)
        if not volts.read(record) or percent is None:
            return None
        return percent if percent or consumed.read(record) else None

    return ComputedFromRegisters(
        how=f"{soc}; its 0 counts only while {volts} and {consumed} are not 0",
        registers=(soc, volts, consumed),
        compute=compute,
    )


def _power(volts: At, amperes: At, watts: At, volts_scale: Fraction) -> tuple[ComputedFromRegisters, ...]:
    """Return the places of current and power; a 0 of one that the other contradicts means unknown."""

    def other(record: Registers, place: At) -> bool:
        tension, current, power = volts.read(record), amperes.read(record), watts.read(record)
        if tension is None or current is None or power is None:
            return False
        product = tension * float(volts_scale) * current / 10
        return abs(product if place is watts else power) > POWER_TOLERANCE_WATTS

    def place_of(place: At, name: str) -> ComputedFromRegisters:
        def compute(record: Registers) -> float | None:
            value = place.read(record)
            return None if not volts.read(record) or (value == 0 and other(record, place)) else value

        return ComputedFromRegisters(
            how=f"{place}, while {volts} is not 0; its 0 counts only while {name} is about 0",
            registers=(volts, amperes, watts),
            compute=compute,
        )

    return place_of(amperes, "power"), place_of(watts, "current times volts")


def _used(volts: At, consumed: At, soc: At, full: int) -> ComputedFromRegisters:
    """Return the place of the consumed ampere-hours; their 0 counts only at a full battery, `full` and above."""

    def compute(record: Registers) -> float | None:
        value, percent = consumed.read(record), soc.read(record)
        if not volts.read(record) or (value == 0 and (percent is None or percent < full)):
            return None
        return value

    return ComputedFromRegisters(
        how=f"{consumed}, while {volts} is not 0; its 0 counts only while {soc} is {full} or more",
        registers=(volts, consumed, soc),
        compute=compute,
    )


def _quantity(meaning: Metric, place: At | ComputedFromRegisters, scale: Fraction = Fraction(1)) -> q.Quantity:
    return q.quantity(meaning, place, scale, source=_SOURCE, confidence=Confidence.PROVEN)


_VOLTS = At(259, absent=_UNKNOWN)
_CONSUMED = At(265, S16)
_PERCENT = At(266, absent=frozenset({0xFFFF}))
_AMPERES, _WATTS = _power(_VOLTS, At(261, S16), At(256, S32), q.HUNDREDTH)
_BATTERY = (
    _quantity(q.VOLTS, _VOLTS, q.HUNDREDTH),
    _quantity(q.AMPERES, _AMPERES, q.TENTH),
    _quantity(q.WATTS, _WATTS),
    _quantity(q.SOC, _soc(_PERCENT, _VOLTS, _CONSUMED), q.TENTH_PERCENT),
    _quantity(q.CONSUMED, _used(_VOLTS, _CONSUMED, _PERCENT, 990), q.TENTH),
    _quantity(q.TIME_TO_GO, At(303, absent=_UNKNOWN), _HUNDRED_SECONDS),
    _quantity(q.SOH, At(304, absent=_UNKNOWN), q.TENTH_PERCENT),
    _quantity(q.FULL, At(309, absent=_UNKNOWN), q.TENTH),
    q.quantity(
        q.CELSIUS,
        At(262, S16, absent=frozenset({0, -1})),
        q.TENTH,
        labels=("battery",),
        source=_SOURCE,
        confidence=Confidence.PROVEN,
    ),
)

_SYSTEM_VOLTS = At(840, absent=_UNKNOWN)
_SYSTEM_CONSUMED = At(845, S16)
_SYSTEM_PERCENT = At(843, absent=frozenset({0xFFFF}))
_SYSTEM_AMPERES, _SYSTEM_WATTS = _power(_SYSTEM_VOLTS, At(841, S16), At(842, S16), q.TENTH)
_SYSTEM = (
    _quantity(q.VOLTS, _SYSTEM_VOLTS, q.TENTH),
    _quantity(q.AMPERES, _SYSTEM_AMPERES, q.TENTH),
    _quantity(q.WATTS, _SYSTEM_WATTS),
    _quantity(q.SOC, _soc(_SYSTEM_PERCENT, _SYSTEM_VOLTS, _SYSTEM_CONSUMED), q.PERCENT),
    _quantity(q.CONSUMED, _used(_SYSTEM_VOLTS, _SYSTEM_CONSUMED, _SYSTEM_PERCENT, 99), q.TENTH),
    _quantity(q.TIME_TO_GO, At(846, absent=_UNKNOWN), _HUNDRED_SECONDS),
    q.BatteryState(
        metric=q.STATE.name,
        help=q.STATE.help,
        place=_while_there(_SYSTEM_VOLTS, At(844)),
        names=_STATES,
        source=_SOURCE,
    ),
)

SYSTEM_UNITS = frozenset({0, 100})
"""Unit ids of the system itself; every other one is a device behind it."""

SYSTEM = Profile(
    name="victron-gx", device="Victron GX, service system", unit_id=100, fields=_SYSTEM, checks=(SOC, POWER)
)
BATTERY = Profile(
    name="victron-gx",
    device="Victron GX, a battery monitor behind it",
    unit_id=225,
    fields=_BATTERY,
    checks=(SOC, HEALTH, POWER),
)
