"""The ME-BMK battery monitor: it counts what flows, believes what it has counted, and can be wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Monitor:
    """What the monitor believes; ampere-hours are of the real bank, `soc` is a ratio."""

    soc: float
    capacity_ampere_hours: float
    min_volts: float
    max_volts: float
    net_ampere_hours: float
    trip_ampere_hours: float = 0.0
    discharged_ampere_hours: float = 0.0

    @property
    def percent(self) -> int:
        """What its display says."""
        return round(self.soc * 100)

    def count(self, soc_change: float, amperes: float, volts: float, site_seconds: float) -> None:
        """Count a time in which the battery's true state of charge changed by `soc_change`."""
        self.soc = min(1.0, max(0.0, self.soc + soc_change))
        self.min_volts = min(self.min_volts, volts)
        self.max_volts = max(self.max_volts, volts)
        moved = amperes * site_seconds / 3600
        self.net_ampere_hours = min(0.0, self.net_ampere_hours + soc_change * self.capacity_ampere_hours)
        if moved < 0:
            self.trip_ampere_hours -= moved
            self.discharged_ampere_hours -= moved
