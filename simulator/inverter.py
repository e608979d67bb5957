"""The inverter/charger: it powers the load from the battery or from its AC input, and charges from AC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from simulator import settings
from simulator.charger import Stage, ThreeStage

EFFICIENCY = 0.90
CHARGE_EFFICIENCY = 0.85
IDLE_WATTS = 25.0
AC_VOLTS = 120.0

CUT_OUT_PER_12V = 10.0
CUT_IN_PER_12V = 12.0
LOW_BATTERY = 0x08


class Status(IntEnum):
    """Inverter packet, byte 0 (Magnum networking protocol, 2009-10-15); only those that this site uses."""

    CHARGER_STANDBY = 0x00
    FLOAT = 0x02
    ABSORB = 0x04
    BULK = 0x08
    OFF = 0x20
    INVERTING = 0x40


_CHARGING = {Stage.BULK: Status.BULK, Stage.ABSORB: Status.ABSORB, Stage.FLOAT: Status.FLOAT}


@dataclass(slots=True)
class Inverter:
    """The inverter's state. Watts are averages over the last step; `dc_watts` is positive into the battery."""

    settings: settings.Charger
    blocks: float
    charger: ThreeStage = field(init=False)
    charger_enabled: bool = True
    ac_at_input: bool = False
    connected: bool = False
    qualified_seconds: float = 0.0
    transferred: bool = False
    low_battery: bool = False
    load_watts: float = 0.0
    dc_watts: float = 0.0
    charging_ac_watts: float = 0.0

    def __post_init__(self) -> None:
        """Make the charger."""
        self.charger = ThreeStage(self.settings, self.blocks)

    @property
    def status(self) -> Status:
        """The status byte."""
        if self.transferred:
            return _CHARGING[self.charger.stage] if self.charger_enabled else Status.CHARGER_STANDBY
        return Status.OFF if self.low_battery else Status.INVERTING

    @property
    def fault(self) -> int:
        """The fault byte."""
        return LOW_BATTERY if self.low_battery else 0

    @property
    def has_output(self) -> bool:
        """Whether the loads have AC."""
        return self.transferred or not self.low_battery

    def settle(self, volts: float, *, ac_at_input: bool, connected: bool) -> None:
        """Update from the battery's volts and the AC input; `connected` is whether the AC may carry a load."""
        self.ac_at_input, self.connected = ac_at_input, connected
        if not (ac_at_input and connected):
            self.transferred = False
            self.qualified_seconds = 0.0
        elif not self.transferred and self.qualified_seconds >= self.settings.ac_transfer_delay:
            self.transferred = True
            self.charger.begin()
        if volts <= CUT_OUT_PER_12V * self.blocks:
            self.low_battery = True
        elif self.transferred or volts >= CUT_IN_PER_12V * self.blocks:
            self.low_battery = False

    def until_change(self) -> float:
        """Return the seconds until the inverter transfers to the AC that it qualifies."""
        if self.ac_at_input and self.connected and not self.transferred:
            return max(0.0, self.settings.ac_transfer_delay - self.qualified_seconds)
        return float("inf")

    def drawn_watts(self, load_watts: float) -> float:
        """Return the DC watts that a load of AC watts draws from the battery."""
        return load_watts / EFFICIENCY + IDLE_WATTS

    def charge_watts(self, battery_volts: float, ac_watts_left: float) -> float:
        """Return the most DC watts of the charger: limited by its amperes and the AC watts left."""
        if not (self.transferred and self.charger_enabled):
            return 0.0
        return max(0.0, min(self.settings.amperes * battery_volts, ac_watts_left * CHARGE_EFFICIENCY))
