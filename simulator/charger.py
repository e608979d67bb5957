"""Three-stage charging: the volts that a charger holds, and when it goes on to the next stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simulator import settings

REBULK_PER_12V = 12.6
"""Below these volts for each 12 V of the bank, a charger in float begins again."""

TAIL_OF_CAPACITY = 0.015
"""A battery that takes less than this share of its capacity in amperes is full: absorb ends early."""


class Stage(Enum):
    """A stage of charging."""

    BULK = "bulk"
    ABSORB = "absorb"
    FLOAT = "float"


@dataclass(slots=True)
class ThreeStage:
    """One charger's regulation. Times are of the site (they run as fast as the battery does)."""

    settings: settings.Charger
    blocks: float
    stage: Stage = Stage.BULK
    absorbed_seconds: float = 0.0

    def begin(self) -> None:
        """Start over, as after the source has been away."""
        self.stage = Stage.BULK
        self.absorbed_seconds = 0.0

    @property
    def volts(self) -> float:
        """The volts that are not exceeded in this stage."""
        per_12v = self.settings.float_per_12v if self.stage is Stage.FLOAT else self.settings.absorb_per_12v
        return per_12v * self.blocks

    def pass_time(self, volts: float, amperes: float, capacity_ampere_hours: float, site_seconds: float) -> None:
        """Note the battery's volts and current over a time, and change the stage when they say so."""
        if self.stage is Stage.BULK:
            if volts >= self.volts - 0.01 * self.blocks:
                self.stage = Stage.ABSORB
                self.absorbed_seconds = 0.0
        elif self.stage is Stage.ABSORB:
            if volts >= self.volts - 0.1 * self.blocks:
                self.absorbed_seconds += site_seconds
            tailed = 0 <= amperes < TAIL_OF_CAPACITY * capacity_ampere_hours and self.absorbed_seconds >= 600
            if self.absorbed_seconds >= self.settings.absorb_time or tailed:
                self.stage = Stage.FLOAT
        elif volts < REBULK_PER_12V * self.blocks:
            self.begin()
