"""The fields of the Whizbang Jr battery monitor, whose values the Classic shows.

Registers 4373 to 4384 are reserved in the specification. Their meaning is known from programs of owners and from
captures, in which the state of charge is always the remaining over the total ampere-hours. A Classic without the
monitor has numbers there too, so they count only when `is_present` returns True.

Source: MidNite Solar, Classic Modbus specification, revision C; ClassicDIY/ClassicMQTT; captures.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from exporter.fields import Field, Kind, quantity
from exporter.readings import Charge
from exporter.sources import plausibility as check
from exporter.sources.classic.registers import CAPTURE, SPEC, TENTH
from exporter.sources.modbus.registers import S16, S32, U32, At, ComputedFromRegisters, Registers

AUX2_FUNCTION = At(4165, mask=0x3F00, shift=8)
WHIZBANG_FUNCTION = 18
CRC_GOOD = At(4104, mask=0x0001)
PERCENT = Fraction(1, 100)
_TEMPERATURE_OFFSET = 50
_ABOUT_EMPTY = 0.02

_remaining, _total, _percent = At(4377, absent=frozenset({0})), At(4381, absent=frozenset({0})), At(4373)


def is_configured(record: Registers) -> bool:
    """Return whether the Classic's second auxiliary port is set up for the monitor."""
    return AUX2_FUNCTION.read(record) == WHIZBANG_FUNCTION


def is_present(record: Registers) -> bool:
    """Return whether the monitor is connected and its last message had a good checksum."""
    return is_configured(record) and bool(CRC_GOOD.read(record))


def _soc(record: Registers) -> float | None:
    percent, remaining, total = _percent.read(record), _remaining.read(record), _total.read(record)
    if percent is None or total is None:
        return None
    return percent if percent or (remaining is not None and 0 < remaining < _ABOUT_EMPTY * total) else None


def _with_capacity(place: At) -> ComputedFromRegisters:
    return ComputedFromRegisters(
        how=f"{place}, while {_total} is not 0",
        registers=(place, _total),
        compute=lambda record: place.read(record) if _total.read(record) else None,
    )


_number = partial(quantity, "classic_whizbang", source=SPEC)


_seen = partial(_number, source=CAPTURE)

SOC = _seen(
    "soc_ratio",
    "State of charge by the Whizbang Jr, in whole percent; absent without one",
    ComputedFromRegisters(
        how=f"{_percent}, while {_total} is not 0; its 0 counts only when hardly any ampere-hours remain",
        registers=(_percent, _remaining, _total),
        compute=_soc,
    ),
    PERCENT,
)
AMPERES = _number(
    "amperes", "Battery amperes, + into the battery unless the owner has reversed the sign", At(4371, S16), TENTH
)

PRESENT = _number(
    "present",
    "1 while a Whizbang Jr is on the second auxiliary port and its last message was whole",
    ComputedFromRegisters(
        how=f"{AUX2_FUNCTION} is {WHIZBANG_FUNCTION}, {CRC_GOOD} is 1",
        registers=(AUX2_FUNCTION, CRC_GOOD),
        compute=lambda record: None if AUX2_FUNCTION.read(record) is None else float(is_present(record)),
    ),
)

AMPHOURS: tuple[Field[Registers], ...] = (
    _seen("remaining_amphours", "Ampere-hours left in the battery", _with_capacity(_remaining)),
    _seen("capacity_amphours", "Capacity of the battery in ampere-hours, as set by the owner", _total),
)
FIELDS: tuple[Field[Registers], ...] = (
    SOC,
    AMPERES,
    *AMPHOURS,
    _number(
        "net_amphours",
        "Net ampere-hours since its own reset; not the difference of the two totals",
        At(4369, S32, low_word_first=True),
    ),
    _number(
        "charge_amphours_total",
        "Ampere-hours into the battery since its own reset",
        At(4365, U32, low_word_first=True),
        kind=Kind.COUNTER,
    ),
    _number(
        "discharge_amphours_total",
        "Ampere-hours out of the battery since its own reset",
        At(4367, S32, low_word_first=True),
        Fraction(-1),
        kind=Kind.COUNTER,
    ),
    _seen(
        "shunt_celsius",
        "Temperature at the shunt",
        At(4372, mask=0x00FF, absent=frozenset({0})),
        zero=_TEMPERATURE_OFFSET,
    ),
)


CHECKS = (check.SOC, check.REMAINING)
"""What the monitor's values must agree with."""


def facts(record: Registers) -> check.Facts:
    """Return what the monitor says of the battery."""
    return check.Facts(
        amperes=AMPERES.value(record),
        soc=SOC.value(record),
        remaining=_remaining.read(record),
        full=_total.read(record),
    )


def charge(record: Registers) -> Charge:
    """Return the monitor's state of charge and current."""
    return Charge(SOC.value(record), AMPERES.value(record))
