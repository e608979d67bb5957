"""The model of the whole site, without a clock and without I/O: `advance(site, seconds)` lets time pass.

    site = Site(settings.SiteSettings(battery=settings.Battery(soc=0.3)))
    site.contact = True
    advance(site, 600)
    site.inverter.status, site.battery.soc, site.ags.status

Engine, AGS and transfer relay run in real seconds. Sun, load, battery and the charger's absorb timer run in *site
seconds*, of which `settings.speed` pass in each real second.
"""

from __future__ import annotations

from simulator import settings
from simulator.ags import Ags
from simulator.battery import Battery
from simulator.battery_monitor import BatteryMonitor
from simulator.charger import Stage, ThreeStage
from simulator.engine import Engine
from simulator.faults import Faults, clear_fault, set_fault
from simulator.inverter import AC_VOLTS, CHARGE_EFFICIENCY, EFFICIENCY, Inverter
from simulator.sun import Sun

LONGEST_STEP_SITE_SECONDS = 120.0
"""Longer steps are split: sun and volts change little in this time."""

SHORTEST_STEP_SECONDS = 1e-6


class Site:
    """The state of the site. Set `contact`, `speed`, `load_watts` and `sun_watts` (None: by the hour); read the rest.

    Change faults with `inject` and `clear`. `solar_watts` is the panels' output after regulation. The joules balance:
    solar + charged = drawn + what the battery took in.
    """

    def __init__(self, site: settings.SiteSettings | None = None) -> None:
        self.settings = site = site or settings.SiteSettings()
        blocks = site.bus.nominal_volts / 12
        self.speed = site.speed
        self.site_seconds = site.hour * 3600
        self.seconds = 0.0
        self.contact = False
        self.load_watts: float | None = None
        self.sun_watts: float | None = None
        self.faults = Faults()
        self.battery = Battery(site.battery, blocks, float(site.battery.soc))
        self.engine = Engine(site.engine, self.faults, site.seed)
        self.ags = Ags(site.engine, self.faults, self.engine)
        self.inverter = Inverter(site.charger, blocks)
        self.solar_charger = ThreeStage(site.charger, blocks)
        self.sun = Sun(site.sun, site.seed)
        self.monitor = BatteryMonitor(
            soc=self.battery.soc,
            capacity_ampere_hours=site.battery.capacity_ampere_hours,
            min_volts=self.battery.volts,
            max_volts=self.battery.volts,
            net_ampere_hours=(self.battery.soc - 1) * site.battery.capacity_ampere_hours,
        )
        self.solar_watts = 0.0
        self.solar_joules = 0.0
        self.charged_joules = 0.0
        self.drawn_joules = 0.0

    @property
    def hour(self) -> float:
        """The hour of the site's day, 0 up to 24."""
        return self.site_seconds / 3600 % 24

    @property
    def ac_input_volts(self) -> float:
        """RMS volts at the inverter's AC input, transferred or not."""
        return AC_VOLTS if self.inverter.ac_at_input else 0.0

    @property
    def floats(self) -> bool:
        """Whether a charger has filled the battery and holds it: the inverter's own, or the solar charger by day."""
        inverter = self.inverter
        charges = inverter.transferred and inverter.charger_enabled and inverter.charger.stage is Stage.FLOAT
        return charges or (self.solar_watts > 1 and self.solar_charger.stage is Stage.FLOAT)

    @property
    def requested_load_watts(self) -> float:
        """AC watts of the load now."""
        return self.settings.load[int(self.hour)] if self.load_watts is None else self.load_watts


def inject(site: Site, name: str, value: object = None) -> None:
    """Set a fault; without a value, to its default argument.

    Raises:
        UnknownFaultError: no such fault.
        msgspec.ValidationError: the value is not what this fault takes.
    """
    set_fault(site.faults, name, value)
    if name == "bmk_jump" and site.faults.bmk_jump is not None:
        site.monitor.soc = site.faults.bmk_jump


def clear(site: Site, name: str) -> None:
    """Clear a fault; a BMK that has jumped or stuck gets the true state of charge again.

    Raises:
        UnknownFaultError: no such fault.
    """
    clear_fault(site.faults, name)
    if name in ("bmk_jump", "bmk_soc_stuck"):
        site.monitor.soc = site.battery.soc


def set_soc(site: Site, soc: float) -> None:
    """Set the state of charge (ratio) of the battery and of its monitor."""
    site.battery.soc = site.monitor.soc = soc
    site.monitor.net_ampere_hours = (soc - 1) * site.monitor.capacity_ampere_hours
    site.battery.volts = site.battery.rest_volts()


def advance(site: Site, seconds: float) -> None:
    """Let time pass, in steps that end where something changes."""
    left = seconds
    while True:
        _settle(site)
        if left <= 0:
            return
        step = min(
            left,
            LONGEST_STEP_SITE_SECONDS / site.speed,
            site.ags.until_change(),
            site.engine.until_change(),
            site.inverter.until_change(),
        )
        step = max(step, SHORTEST_STEP_SECONDS)
        _flow(site, step)
        left -= step


def _settle(site: Site) -> None:
    site.engine.settle()
    site.ags.contact = site.contact
    site.ags.shore = site.faults.shore
    site.ags.settle()
    site.inverter.settle(
        site.battery.volts,
        ac_at_input=site.engine.running or site.faults.shore,
        connected=site.ags.connects or site.faults.shore,
    )


def _flow(site: Site, seconds: float) -> None:
    site_seconds = seconds * site.speed
    battery, inverter = site.battery, site.inverter

    load = site.requested_load_watts if inverter.has_output else 0.0
    drawn = 0.0 if inverter.transferred or not inverter.has_output else inverter.drawn_watts(load)
    offered = site.sun.watts(site.site_seconds) if site.sun_watts is None else site.sun_watts
    solar = min(offered, drawn + battery.watts_at(site.solar_charger.volts))
    left = solar - drawn
    charged = min(
        inverter.charge_watts(battery.volts, site.settings.engine.watts - load),
        max(0.0, battery.watts_at(inverter.charger.volts) - left),
    )
    min_watts = battery.min_watts()
    if left + charged < min_watts:
        inverter.low_battery = True
        shed = min_watts - left - charged
        drawn -= shed
        load = max(0.0, load - shed * EFFICIENCY)

    soc_change = battery.flow(solar + charged - drawn, site_seconds)
    site.monitor.count(0.0 if site.faults.bmk_soc_stuck else soc_change, battery.amperes, battery.volts, site_seconds)
    inverter.load_watts = load
    inverter.dc_watts = charged - drawn
    inverter.charging_ac_watts = charged / CHARGE_EFFICIENCY
    site.solar_watts = solar
    site.solar_joules += solar * site_seconds
    site.charged_joules += charged * site_seconds
    site.drawn_joules += drawn * site_seconds

    capacity = site.settings.battery.capacity_ampere_hours
    if inverter.transferred:
        inverter.charger.pass_time(battery.volts, battery.amperes, capacity, site_seconds)
    if offered > 1:
        site.solar_charger.pass_time(battery.volts, battery.amperes, capacity, site_seconds)
    else:
        site.solar_charger.begin()
    ac_watts = load + inverter.charging_ac_watts if inverter.transferred and not site.faults.shore else 0.0
    site.engine.pass_time(seconds, site_seconds, ac_watts)
    site.ags.pass_time(seconds)
    if inverter.ac_at_input and inverter.connected:
        inverter.qualified_seconds += seconds
    site.site_seconds += site_seconds
    site.seconds += seconds
