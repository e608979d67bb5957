"""The engine: it cranks, runs, burns fuel and stops. The AGS decides when."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from simulator import settings
from simulator.faults import Faults


@dataclass(slots=True)
class Engine:
    """The engine's state. It runs in real seconds and burns fuel in site seconds."""

    settings: settings.Engine
    faults: Faults
    seed: int
    running: bool = False
    running_seconds: float = 0.0
    fuel_litres: float = field(init=False)
    starts: int = 0
    failed_starts: int = 0
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Fill the tank."""
        self.fuel_litres = self.settings.fuel_litres
        self._chance = random.Random(self.seed)  # noqa: S311 - which attempts fail

    @property
    def has_fuel(self) -> bool:
        """Whether fuel reaches the engine."""
        return self.fuel_litres > 0 and not self.faults.fuel_ends

    def crank(self) -> bool:
        """Finish one start attempt; return whether the engine runs."""
        if not self.running:
            unlucky = self._chance.random() < self.settings.start_failures
            if self.faults.engine_does_not_start or unlucky or not self.has_fuel:
                self.failed_starts += 1
            else:
                self.running = True
                self.running_seconds = 0.0
                self.starts += 1
        return self.running

    def stop(self) -> None:
        """Cut the ignition."""
        if not self.faults.engine_does_not_stop:
            self.running = False

    def settle(self) -> None:
        """Stop if a fault or an empty tank stops it."""
        stalls = self.faults.engine_dies is not None and self.running_seconds >= self.faults.engine_dies
        if stalls or not self.has_fuel:
            self.running = False

    def until_change(self) -> float:
        """Return the seconds until the engine changes by itself."""
        if self.running and self.faults.engine_dies is not None:
            return max(0.0, self.faults.engine_dies - self.running_seconds)
        return float("inf")

    def pass_time(self, seconds: float, site_seconds: float, watts: float) -> None:
        """Run for a time under a load of AC watts; without a load it burns half of what it burns at full load."""
        if not self.running:
            return
        self.running_seconds += seconds
        share = 0.5 + 0.5 * min(1.0, watts / self.settings.watts)
        self.fuel_litres = max(0.0, self.fuel_litres - self.settings.litres_per_hour * share * site_seconds / 3600)
