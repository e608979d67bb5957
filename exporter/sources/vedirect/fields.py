"""What the lines of a battery monitor mean.

Source: Victron Energy, VE.Direct protocol, version 3.33, the tables for BMV and SmartShunt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from exporter.fields import Confidence, Field, Flags, Info, Kind, quantity
from exporter.readings import Charge
from exporter.sources.vedirect.framing import Block

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

SOC = _number("soc_ratio", "State of charge; absent while the monitor does not know it", Line("SOC"), THOUSANDTH)
AMPERES = _number("battery_amperes", "Battery current, + into the battery, - out of it", Line("I"), THOUSANDTH)

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
    ),
    _number("battery_volts", "Battery voltage", Line("V"), THOUSANDTH),
    AMPERES,
    _number("battery_watts", "Battery power, + into the battery, - out of it", Line("P")),
    SOC,
    _number("consumed_amphours", "Ampere-hours out of the battery since it was last full", Line("CE"), -THOUSANDTH),
    _number(
        "time_to_go_seconds",
        "Time until the battery is empty, by the monitor; absent while charging",
        Line("TTG", frozenset({-1})),
        MINUTE,
    ),
    _unseen("celsius", "Battery temperature; absent without a sensor", Line("T")),
    _unseen("starter_volts", "Voltage of the starter battery", Line("VS"), THOUSANDTH),
    _unseen("mid_volts", "Voltage at the midpoint of the battery bank", Line("VM"), THOUSANDTH),
    _unseen("mid_deviation_ratio", "Deviation of the midpoint voltage", Line("DM"), THOUSANDTH),
    _number("alarm", "1 while the monitor shows an alarm", Line("Alarm")),
    _number("relay_closed", "1 while the monitor's relay is closed", Line("Relay")),
    Flags(metric="vedirect_alarm_reason", help="Reasons of the alarm", place=Line("AR"), bits=ALARMS, source=SPEC),
)

HISTORY: tuple[Field[Block], ...] = (
    _counter("cycles_total", "Charge cycles", Line("H4")),
    _counter("full_discharges_total", "How often the battery was fully discharged", Line("H5")),
    _counter(
        "discharged_amphours_total", "Ampere-hours out of the battery over the monitor's life", Line("H6"), -THOUSANDTH
    ),
    _number("since_full_seconds", "Time since the battery was last full", Line("H9")),
    _counter("synchronizations_total", "How often the monitor has detected a full battery", Line("H10")),
    _counter(
        "discharged_joules_total",
        "Energy out of the battery over the monitor's life",
        Line("H17"),
        HUNDREDTH_KILOWATT_HOUR,
    ),
    _counter(
        "charged_joules_total", "Energy into the battery over the monitor's life", Line("H18"), HUNDREDTH_KILOWATT_HOUR
    ),
)


def charge(block: Block) -> Charge | None:
    """Return the battery's state of charge and current; None in a block without them."""
    return Charge(SOC.value(block), AMPERES.value(block)) if "SOC" in block else None
