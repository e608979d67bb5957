"""Three-stage charging: the volts that a charger holds, and when it changes to the next stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simulator import settings

REBULK_PER_12V = 12.6
"""A charger in float starts over below these volts (per 12 V of the bank)."""

TAIL_OF_CAPACITY = 0.015
"""Absorb ends early once the current is below this share of the capacity: the battery is full."""


class Stage(Enum):
    """A stage of charging."""

    BULK = "bulk"
    ABSORB = "absorb"
    FLOAT = "float"


@dataclass(slots=True)
class ThreeStage:
    """The regulation of one charger. Its times are site seconds: they run as fast as the battery does."""

    settings: settings.Charger
    blocks: float
    stage: Stage = Stage.BULK
    absorbed_seconds: float = 0.0

    def begin(self) -> None:
        """Start over with bulk, as after a loss of the source."""
        self.stage = Stage.BULK
        self.absorbed_seconds = 0.0

    @property
    def volts(self) -> float:
        """The most volts in this stage."""
        per_12v = self.settings.float_per_12v if self.stage is Stage.FLOAT else self.settings.absorb_per_12v
        return per_12v * self.blocks

    def pass_time(self, volts: float, amperes: float, capacity_ampere_hours: float, site_seconds: float) -> None:
        """Change the stage by the battery's volts and current over a period."""
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
