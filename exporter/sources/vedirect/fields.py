"""What the lines of a battery monitor mean.

Source: Victron Energy, VE.Direct protocol, version 3.33, the tables for BMV and SmartShunt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from exporter.fields import Confidence, Field, Flags, Info, Kind, States, quantity
from exporter.readings import Charge
from exporter.sources import plausibility as check
from exporter.sources.vedirect.framing import Block
from toolkit.homeassistant.options import PROBLEM, EntityOptions

SPEC = "VE.Direct protocol 3.33"
THOUSANDTH = Fraction(1, 1000)
MINUTE = Fraction(60)
HUNDREDTH_KILOWATT_HOUR = Fraction(36_000)

ALARMS: Mapping[int, str] = {
    0x0001: "low_voltage",
    0x0002: "high_voltage",
    0x0004: "low_soc",
    0x0008: "low_starter_voltage",
    0x0010: "high_starter_voltage",
    0x0020: "low_temperature",
    0x0040: "high_temperature",
    0x0080: "mid_voltage",
}


@dataclass(frozen=True)
class Line:
    """The integer in a line.

    Attributes:
        label: the line's label.
        absent: numbers that mean "unknown", besides `---`.
    """

    label: str
    absent: frozenset[int] = frozenset()

    def read(self, record: Block, /) -> int | None:
        """Return the number; 1 for ON, 0 for OFF, None without a number."""
        text = record.get(self.label, "")
        if text in {"ON", "OFF"}:
            return int(text == "ON")
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12):
            return None
        number = int(text)
        return None if number in self.absent else number

    def __str__(self) -> str:
        """Return the place in words."""
        return f"line {self.label}"


MODE = Line("MON")
MODES: Mapping[int, str] = {
    -9: "solar_charger",
    -8: "wind_turbine",
    -7: "shaft_generator",
    -6: "alternator",
    -5: "fuel_cell",
    -4: "water_generator",
    -3: "dc_dc_charger",
    -2: "ac_charger",
    -1: "generic_source",
    0: "battery_monitor",
    1: "generic_load",
    2: "electric_drive",
    3: "fridge",
    4: "water_pump",
    5: "bilge_pump",
    6: "dc_system",
    7: "inverter",
    8: "water_heater",
}


def monitors_battery(block: Block) -> bool:
    """Return whether the monitor measures a battery; one without the line has no other mode."""
    return not MODE.read(block)


@dataclass(frozen=True)
class Of:
    """A line that counts only while the monitor measures a battery (sign 0), a source (-1) or a load (+1)."""

    line: Line
    sign: int

    def read(self, record: Block, /) -> int | None:
        """Return the line's number, or None in another mode."""
        mode = MODE.read(record) or 0
        return self.line.read(record) if (mode > 0) - (mode < 0) == self.sign else None

    def __str__(self) -> str:
        """Return the place in words."""
        return f"{self.line}, while {MODE} is {({-1: 'negative', 0: '0 or absent', 1: 'positive'})[self.sign]}"


@dataclass(frozen=True)
class Present:
    """Whether a line is present."""

    label: str

    def read(self, record: Block, /) -> float | None:
        """Return 1 when the line is present, else None."""
        return 1.0 if self.label in record else None

    def __str__(self) -> str:
        """Return the place in words."""
        return f"line {self.label}"


_number = partial(quantity, "vedirect", source=SPEC)


_counter = partial(_number, kind=Kind.COUNTER)
_unseen = partial(_number, confidence=Confidence.LIKELY)


def _of_battery(label: str, *absent: int) -> Of:
    return Of(Line(label, frozenset(absent)), 0)


SOC = _number("soc_ratio", "State of charge; absent while the monitor does not know it", _of_battery("SOC"), THOUSANDTH)
AMPERES = _number("battery_amperes", "Battery current, + into the battery, - out of it", _of_battery("I"), THOUSANDTH)

CHECKS = (check.SOC, check.POWER)
"""What a block's values must agree with."""

LIVE: tuple[Field[Block], ...] = (
    Info(
        metric="vedirect_info",
        help="Product number, model and firmware of the battery monitor",
        place=Present("PID"),
        texts={
            "product": lambda block: block.get("PID", ""),
            "model": lambda block: block.get("BMV", ""),
            "firmware": lambda block: (block.get("FW") or block.get("FWE", "")).lstrip("0"),
        },
        source=SPEC,
        entity=EntityOptions(device={"model": "model", "sw_version": "firmware"}),
    ),
    _number("battery_volts", "Battery voltage", Line("V"), THOUSANDTH),
    AMPERES,
    _number("battery_watts", "Battery power, + into the battery, - out of it", _of_battery("P")),
    _number(
        "source_amperes",
        "Current of the source that the monitor measures instead of a battery",
        Of(Line("I"), -1),
        THOUSANDTH,
    ),
    _number("source_watts", "Power of the source that the monitor measures instead of a battery", Of(Line("P"), -1)),
    _number(
        "load_amperes",
        "Current of the load that the monitor measures instead of a battery",
        Of(Line("I"), 1),
        THOUSANDTH,
    ),
    _number("load_watts", "Power of the load that the monitor measures instead of a battery", Of(Line("P"), 1)),
    States(
        metric="vedirect_monitor_mode",
        help="What the monitor measures: a battery, or a source or load of this kind",
        place=MODE,
        label="mode",
        names=MODES,
        source=SPEC,
        confidence=Confidence.LIKELY,
    ),
    SOC,
    _number(
        "consumed_amphours", "Ampere-hours out of the battery since it was last full", _of_battery("CE"), -THOUSANDTH
    ),
    _number(
        "time_to_go_seconds",
        "Time until the battery is empty, by the monitor; absent while charging",
        _of_battery("TTG", -1),
        MINUTE,
        entity=EntityOptions(shown_in="h"),
    ),
    _unseen("celsius", "Battery temperature; absent without a sensor", Line("T")),
    _unseen("starter_volts", "Voltage of the starter battery", Line("VS"), THOUSANDTH),
    _unseen("mid_volts", "Voltage at the midpoint of the battery bank", Line("VM"), THOUSANDTH),
    _unseen("mid_deviation_ratio", "Deviation of the midpoint voltage", Line("DM"), THOUSANDTH),
    _number("alarm", "1 while the monitor shows an alarm", Line("Alarm"), entity=EntityOptions(device_class=PROBLEM)),
    _number("relay_closed", "1 while the monitor's relay is closed", Line("Relay")),
    Flags(
        metric="vedirect_alarm_reason",
        help="Reasons of the alarm",
        place=Line("AR"),
        bits=ALARMS,
        source=SPEC,
        entity=EntityOptions(device_class=PROBLEM),
    ),
)

HISTORY: tuple[Field[Block], ...] = (
    _counter("cycles_total", "Charge cycles", Line("H4")),
    _counter("full_discharges_total", "How often the battery was fully discharged", Line("H5")),
    _counter(
        "discharged_amphours_total", "Ampere-hours out of the battery over the monitor's life", Line("H6"), -THOUSANDTH
    ),
    _number(
        "since_full_seconds", "Time since the battery was last full", Line("H9"), entity=EntityOptions(shown_in="d")
    ),
    _counter("synchronizations_total", "How often the monitor has detected a full battery", Line("H10")),
    _counter(
        "discharged_joules_total",
        "Energy out of the battery over the monitor's life",
        _of_battery("H17"),
        HUNDREDTH_KILOWATT_HOUR,
    ),
    _counter(
        "charged_joules_total",
        "Energy into the battery over the monitor's life",
        _of_battery("H18"),
        HUNDREDTH_KILOWATT_HOUR,
    ),
    _counter(
        "source_joules_total",
        "Energy of the source over the monitor's life",
        Of(Line("H17"), -1),
        HUNDREDTH_KILOWATT_HOUR,
        confidence=Confidence.LIKELY,
    ),
    _counter(
        "load_joules_total",
        "Energy of the load over the monitor's life",
        Of(Line("H18"), 1),
        HUNDREDTH_KILOWATT_HOUR,
        confidence=Confidence.LIKELY,
    ),
)


def charge(block: Block) -> Charge | None:
    """Return the battery's state of charge and current; None in a block without them, or of a source or load."""
    return Charge(SOC.value(block), AMPERES.value(block)) if "SOC" in block and monitors_battery(block) else None
