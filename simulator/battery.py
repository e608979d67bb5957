"""A lead-acid bank: what it holds, and what volts it shows for a current."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

from simulator import settings

OHM_AMPERE_HOURS_PER_12V = 2.0
"""Internal resistance times capacity of a usual flooded bank, for each 12 V of it."""

OPEN_CIRCUIT_VOLTS = (11.40, 11.70, 11.90, 12.03, 12.15, 12.26, 12.36, 12.46, 12.56, 12.66, 12.76)
"""Rest volts of a 12 V battery at 0, 10, … 100 % state of charge."""


@dataclass(slots=True)
class Battery:
    """The bank's state. `amperes` and `watts` are positive into the battery; energy in joules since the beginning."""

    settings: settings.Battery
    blocks: float
    soc: float
    internal_ohms: float = field(init=False)
    amperes: float = 0.0
    volts: float = field(init=False)
    joules: float = 0.0
    gassed_ampere_hours: float = 0.0

    def __post_init__(self) -> None:
        """Derive the resistance, and the volts at rest."""
        usual = OHM_AMPERE_HOURS_PER_12V * self.blocks / self.settings.capacity_ampere_hours
        self.internal_ohms = self.settings.internal_ohms or usual
        self.volts = self.rest_volts()

    def rest_volts(self) -> float:
        """Volts without a current."""
        place = self.soc * 10
        low = min(int(place), 9)
        return self.blocks * (
            OPEN_CIRCUIT_VOLTS[low] + (place - low) * (OPEN_CIRCUIT_VOLTS[low + 1] - OPEN_CIRCUIT_VOLTS[low])
        )

    def charge_ohms(self) -> float:
        """Resistance to a charging current: it grows as the bank fills, which is why absorb takes hours."""
        return self.internal_ohms * (1 + 5 * self.soc * self.soc + 0.4 / (1.02 - self.soc))

    def watts_at(self, volts: float) -> float:
        """Charging watts that bring the bank to `volts`; 0 when it rests above them."""
        above = volts - self.rest_volts()
        return volts * above / self.charge_ohms() if above > 0 else 0.0

    def weakest_watts(self) -> float:
        """Most watts (negative) that can be drawn before the volts collapse, with a margin."""
        if self.soc <= 0:
            return 0.0
        rest = self.rest_volts()
        return -0.9 * rest * rest / (4 * self.internal_ohms)

    def flow(self, watts: float, site_seconds: float) -> float:
        """Pass `watts` for a time, positive into the battery; return the change of state of charge."""
        rest = self.rest_volts()
        ohms = self.charge_ohms() if watts > 0 else self.internal_ohms
        self.amperes = (sqrt(rest * rest + 4 * ohms * watts) - rest) / (2 * ohms)
        self.volts = rest + self.amperes * ohms
        self.joules += watts * site_seconds
        hours = site_seconds / 3600
        moved = self.amperes * hours * (self.settings.charge_efficiency if watts > 0 else 1.0)
        before = self.soc
        wanted = before + moved / self.settings.capacity_ampere_hours
        self.soc = min(1.0, max(0.0, wanted))
        self.gassed_ampere_hours += max(0.0, wanted - self.soc) * self.settings.capacity_ampere_hours
        return self.soc - before
