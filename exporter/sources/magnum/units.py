"""Factors that turn the raw numbers of the network into base units."""

from __future__ import annotations

from fractions import Fraction

TENTH = Fraction(1, 10)
HUNDREDTH = Fraction(1, 100)
PERCENT = Fraction(1, 100)
SECONDS_IN_MINUTE = Fraction(60)
SECONDS_IN_TENTH_HOUR = Fraction(360)
SECONDS_IN_QUARTER_HOUR = Fraction(900)
SECONDS_IN_DAY = Fraction(86400)
TEN = Fraction(10)
JOULES_IN_KILOWATT_HOUR = Fraction(3_600_000)
# Celsius = (Fahrenheit - 32) x 5/9
FAHRENHEIT = Fraction(5, 9)
FREEZING_FAHRENHEIT = 32
