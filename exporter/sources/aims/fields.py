"""What the words in a Megatec device's replies mean.

Source: AIMS, Inverter serial specification; Megatec protocol; Network UPS Tools, drivers nutdrv_qx and blazer.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from exporter.fields import Computed, Field, Flags, quantity
from exporter.sources.aims.reply import Reply
from toolkit.homeassistant.options import DIAGNOSTIC, PROBLEM, EntityOptions, Flag

SPEC = "AIMS inverter serial specification"
NUT = "Network UPS Tools, nutdrv_qx"
CAPTURE = "captures"

MOST_VOLTS_OF_A_CELL = 3.0
LEAST_SHARE_OF_A_BATTERY = 1 / 3
"""A voltage below this share of the rated one is one cell's: no battery is discharged so far."""

CELL_COUNTS = (120, 100, 80, 60, 48, 36, 30, 24, 18, 12, 8, 6, 4, 3, 2, 1)
"""Cells in series that Network UPS Tools knows."""

LOWEST_SHARE, HIGHEST_SHARE = 0.875, 1.225
"""Of the rated voltage: a lead-acid cell, rated at 2 V, has 1.75 V when empty and 2.45 V when charged."""

STATUS = {
    0x80: "utility_fail",
    0x40: "battery_low",
    0x20: "bypass_or_boost",
    0x10: "failed",
    0x08: "standby_type",
    0x04: "test",
    0x02: "shutdown_active",
    0x01: "beeper_on",
}

INPUT_VOLTS, FAULT_VOLTS, OUTPUT_VOLTS, LOAD, FREQUENCY, BATTERY, TEMPERATURE = range(7)
RATED_VOLTS, RATED_AMPERES, RATED_BATTERY, RATED_FREQUENCY = range(4)
PERCENT = Fraction(1, 100)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Word:
    """A number in a reply.

    Attributes:
        command: the command that it answers.
        index: counted from 0.
        absent: numbers that mean "not measured".
    """

    command: str
    index: int
    absent: frozenset[float] = frozenset()

    def read(self, record: Reply, /) -> float | None:
        """Return the number, or None."""
        number = record.numbers[self.index] if self.index < len(record.numbers) else None
        return None if number in self.absent else number

    def __str__(self) -> str:
        """Return the place in words."""
        return f"reply to {self.command}, number {self.index + 1}"


def cells(cell_volts: float, rated_volts: float) -> int | None:
    """Return how many cells in series give about the rated voltage; None unless exactly one count does."""
    if rated_volts <= 0:
        return None
    fitting = [
        count for count in CELL_COUNTS if LOWEST_SHARE <= cell_volts * count / rated_volts <= HIGHEST_SHARE + _ROUNDING
    ]
    return fitting[0] if len(fitting) == 1 else None


def is_of_one_cell(record: Reply, volts: float) -> bool:
    """Return whether a battery voltage is one cell's: by the count of cells or the ratings, else below 3 V."""
    if record.cells is not None:
        return volts < max(record.cells, MOST_VOLTS_OF_A_CELL)
    if record.rated_battery_volts is not None:
        return volts < max(LEAST_SHARE_OF_A_BATTERY * record.rated_battery_volts, MOST_VOLTS_OF_A_CELL)
    return volts < MOST_VOLTS_OF_A_CELL


_ZERO = frozenset({0.0})
"""What devices report that do not measure a battery or do not know a rating (Network UPS Tools, blazer)."""

_q1 = partial(Word, "Q1")
_f = partial(Word, "F", absent=_ZERO)
_battery = _q1(BATTERY, _ZERO)


def _cell_volts(record: Reply) -> float | None:
    volts = _battery.read(record)
    return volts if volts is not None and is_of_one_cell(record, volts) else None


def _battery_volts(record: Reply) -> float | None:
    volts = _battery.read(record)
    if volts is None or not is_of_one_cell(record, volts):
        return volts
    return None if record.cells is None else volts * record.cells


_number = partial(quantity, "aims", source=SPEC)


STATE: tuple[Field[Reply], ...] = (
    _number("input_volts", "AC input voltage; meaningless while aims_status reports utility_fail", _q1(INPUT_VOLTS)),
    _number("input_fault_volts", "AC input voltage at the last failure", _q1(FAULT_VOLTS)),
    _number("output_volts", "AC output voltage", _q1(OUTPUT_VOLTS)),
    _number("load_ratio", "Load, as a share of the inverter's rating", _q1(LOAD), PERCENT),
    _number("frequency_hertz", "AC frequency: the input's while it has AC", _q1(FREQUENCY)),
    _number(
        "battery_volts",
        "Battery voltage; where the device reports one cell's, times the number of cells once that is settled",
        Computed(how=f"{_battery}; below a third of the rating it is one cell's", compute=_battery_volts),
        source=f"{NUT}; {CAPTURE}",
    ),
    _number(
        "battery_cell_volts",
        "Voltage of one battery cell; absent on a device that reports the whole battery's",
        Computed(how=f"{_battery}, when it is below a third of the rating", compute=_cell_volts),
        source=f"{NUT}; {CAPTURE}",
    ),
    _number(
        "celsius",
        "Temperature in the device; absent without a sensor, which some devices report as 0.0",
        _q1(TEMPERATURE, frozenset({0.0})),
        source=f"{SPEC}; {CAPTURE}",
    ),
    Flags(
        metric="aims_status",
        help="Status bits of the device; some models set shutdown_active whenever the utility has failed",
        place=Computed(how="reply to Q1, the last word's bits", compute=lambda record: record.status),
        bits=STATUS,
        source=f"{SPEC}; {CAPTURE}",
        entity=EntityOptions(
            flags={
                "utility_fail": Flag(name="Utility", device_class="power", inverted=True),
                "battery_low": Flag(name="Battery", device_class="battery"),
                "bypass_or_boost": Flag(name="AVR, bypass or boost"),
                "failed": Flag(name="Failed", device_class=PROBLEM),
                "standby_type": Flag(name="Line-interactive"),
                "test": Flag(name="Test", device_class="running"),
                "shutdown_active": Flag(name="Shutdown"),
                "beeper_on": Flag(name="Beeper"),
            }
        ),
    ),
)

RATINGS: tuple[Field[Reply], ...] = (
    _number("rated_volts", "Rated output voltage", _f(RATED_VOLTS), entity=DIAGNOSTIC),
    _number("rated_amperes", "Rated output current", _f(RATED_AMPERES), entity=DIAGNOSTIC),
    _number("rated_battery_volts", "Rated battery voltage", _f(RATED_BATTERY), entity=DIAGNOSTIC),
    _number("rated_frequency_hertz", "Rated output frequency", _f(RATED_FREQUENCY), entity=DIAGNOSTIC),
)
