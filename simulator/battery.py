"""A lead-acid bank: its state of charge, and its volts at a given current."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

from simulator import settings

OHM_AMPERE_HOURS_PER_12V = 2.0
"""Internal resistance times capacity of a typical flooded bank, per 12 V."""

OPEN_CIRCUIT_VOLTS = (11.40, 11.70, 11.90, 12.03, 12.15, 12.26, 12.36, 12.46, 12.56, 12.66, 12.76)
"""Rest volts of a 12 V battery at 0, 10, … 100 % state of charge."""


@dataclass(slots=True)
class Battery:
    """The bank's state. Amperes and watts are positive into the battery; `joules` counts energy since the start."""

    settings: settings.Battery
    blocks: float
    soc: float
    internal_ohms: float = field(init=False)
    amperes: float = 0.0
    volts: float = field(init=False)
    joules: float = 0.0

    def __post_init__(self) -> None:
        """Set the resistance and the volts at rest."""
        usual = OHM_AMPERE_HOURS_PER_12V * self.blocks / self.settings.capacity_ampere_hours
        self.internal_ohms = self.settings.internal_ohms or usual
        self.volts = self.rest_volts()

    def rest_volts(self) -> float:
        """Return the volts at no current."""
        place = self.soc * 10
        low = min(int(place), 9)
        return self.blocks * (
            OPEN_CIRCUIT_VOLTS[low] + (place - low) * (OPEN_CIRCUIT_VOLTS[low + 1] - OPEN_CIRCUIT_VOLTS[low])
        )

    def charge_ohms(self) -> float:
        """Return the resistance to a charging current, which grows as the bank fills; so absorb takes hours."""
        return self.internal_ohms * (1 + 5 * self.soc * self.soc + 0.4 / (1.02 - self.soc))

    def watts_at(self, volts: float) -> float:
        """Return the charging watts that bring the bank to `volts`; 0 when it rests above them."""
        above = volts - self.rest_volts()
        return volts * above / self.charge_ohms() if above > 0 else 0.0

    def min_watts(self) -> float:
        """Return the most watts (negative) that a load can draw before the volts collapse, less a margin."""
        if self.soc <= 0:
            return 0.0
        rest = self.rest_volts()
        return -0.9 * rest * rest / (4 * self.internal_ohms)

    def flow(self, watts: float, site_seconds: float) -> float:
        """Charge (positive) or discharge with `watts` for a time; return the change of state of charge."""
        rest = self.rest_volts()
        ohms = self.charge_ohms() if watts > 0 else self.internal_ohms
        self.amperes = (sqrt(rest * rest + 4 * ohms * watts) - rest) / (2 * ohms)
        self.volts = rest + self.amperes * ohms
        self.joules += watts * site_seconds
        hours = site_seconds / 3600
        moved = self.amperes * hours * (self.settings.charge_efficiency if watts > 0 else 1.0)
        before = self.soc
        self.soc = min(1.0, max(0.0, before + moved / self.settings.capacity_ampere_hours))
        return self.soc - before
