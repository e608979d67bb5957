"""The ME-BMK battery monitor: it counts ampere-hours, so its state of charge can be wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BatteryMonitor:
    """The monitor's own values; `soc` is a ratio, and ampere-hours are those of the real bank."""

    soc: float
    capacity_ampere_hours: float
    min_volts: float
    max_volts: float
    net_ampere_hours: float
    trip_ampere_hours: float = 0.0
    discharged_ampere_hours: float = 0.0

    @property
    def percent(self) -> int:
        """The state of charge on its display."""
        return round(self.soc * 100)

    def count(self, soc_change: float, amperes: float, volts: float, site_seconds: float) -> None:
        """Count a period in which the battery's true state of charge changed by `soc_change`."""
        self.soc = min(1.0, max(0.0, self.soc + soc_change))
        self.min_volts = min(self.min_volts, volts)
        self.max_volts = max(self.max_volts, volts)
        moved = amperes * site_seconds / 3600
        self.net_ampere_hours = min(0.0, self.net_ampere_hours + soc_change * self.capacity_ampere_hours)
        if moved < 0:
            self.trip_ampere_hours -= moved
            self.discharged_ampere_hours -= moved
