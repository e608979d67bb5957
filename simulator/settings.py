"""The configuration of a simulated site; every key has a default, so no file is needed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from toolkit.config import Duration, Ratio

_NIGHT, _DAY = (150.0,) * 6, (500.0, 700.0, 500.0, 400.0, 400.0, 600.0)
LOAD_BY_THE_HOUR = (*_NIGHT, *_DAY, *_DAY, 800.0, 900.0, 900.0, 700.0, 400.0, 200.0)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the file; unknown keys are an error."""


def _positive(settings: Settings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name}: got {getattr(settings, name):g}, expected more than 0")


def _not_negative(settings: Settings, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 0:
            raise ValueError(f"{name}: got {getattr(settings, name):g}, expected 0 or more")


class Battery(Settings, frozen=True):
    """A lead-acid bank. The default of `internal_ohms` follows from the capacity: 2 ohm ampere-hours per 12 V."""

    capacity_ampere_hours: float = 400.0
    soc: Ratio = Ratio(0.5)
    charge_efficiency: Ratio = Ratio(0.94)
    internal_ohms: float | None = None

    def __post_init__(self) -> None:
        """Check that the numbers are positive."""
        _positive(self, "capacity_ampere_hours", "charge_efficiency")
        if self.internal_ohms is not None:
            _positive(self, "internal_ohms")


class Charger(Settings, frozen=True):
    """The charger of the inverter/charger: its most DC amperes, and volts per 12 V of the bank."""

    amperes: float = 80.0
    absorb_per_12v: float = 14.6
    float_per_12v: float = 13.4
    absorb_time: Duration = Duration(7200)
    ac_transfer_delay: Duration = Duration(15)

    def __post_init__(self) -> None:
        """Check the signs of the numbers."""
        _positive(self, "amperes", "absorb_per_12v", "float_per_12v")
        _not_negative(self, "absorb_time", "ac_transfer_delay")


class Engine(Settings, frozen=True):
    """The engine, and the times of its starter (AGS) in real seconds: `speed` does not change them.

    `tail` is the time from the opening of the contact to the stop of the engine; it ends with `cool_down`. The AGS
    notices after `noticed_after` that the engine has stopped by itself; with `sensed: false` (2-wire standby) it never
    does.
    """

    watts: float = 5000.0
    start_delay: Duration = Duration(6)
    retry_delay: Duration = Duration(15)
    attempts: int = 4
    start_failures: Ratio = Ratio(0.0)
    warm_up: Duration = Duration(60)
    cool_down: Duration = Duration(60)
    tail: Duration = Duration(120)
    max_run: Duration = Duration(43200)
    noticed_after: Duration = Duration(5)
    sensed: bool = True
    fuel_litres: float = 60.0
    litres_per_hour: float = 1.5

    def __post_init__(self) -> None:
        """Check the numbers, and that `tail` includes `cool_down`."""
        _positive(self, "watts", "attempts", "max_run")
        _not_negative(
            self,
            *("start_delay", "retry_delay", "warm_up", "cool_down", "tail", "noticed_after"),
            *("fuel_litres", "litres_per_hour"),
        )
        if self.cool_down > self.tail:
            raise ValueError(f"cool_down: got {self.cool_down:g} s, expected at most tail ({self.tail:g} s)")


class Sun(Settings, frozen=True):
    """Panels with their own charge controller; `rises` and `sets` are hours of the site's day.

    `cloud` is the share of the power that the darkest hour loses.
    """

    peak_watts: float = 1500.0
    rises: float = 7.0
    sets: float = 17.0
    cloud: Ratio = Ratio(0.5)

    def __post_init__(self) -> None:
        """Check that the day ends after it begins."""
        _not_negative(self, "peak_watts", "rises")
        if not self.rises < self.sets <= 24:
            raise ValueError(f"sets: got {self.sets:g}, expected an hour after rises ({self.rises:g}) and up to 24")


class Bus(Settings, frozen=True):
    """The Magnum network: the devices on it, and the link to its serial port."""

    link: str = str(Path(tempfile.gettempdir()) / "offgrid-magnum")
    nominal_volts: Literal[12, 24, 48] = 24
    inverter: Literal["current", "classic"] = "current"
    remote: Literal["arc", "artr", "rc50", "classic", "none"] = "arc"
    ags: bool = True
    bmk: bool = True
    junk: bool = True


class Relay(Settings, frozen=True):
    """The Modbus relay board; its coil 0 is the generator's contact. Port 0 takes any free port and logs it.

    With `link` it is also on a serial port: RTU at 9600 baud, unit `unit_id`. Over TCP it answers for any unit.
    """

    listen: str = "127.0.0.1:5020"
    link: str | None = None
    unit_id: int = 1
    coils: int = 8

    def __post_init__(self) -> None:
        """Check the number of coils."""
        if not 1 <= self.coils <= 32:
            raise ValueError(f"coils: got {self.coils}, expected 1 to 32")


class Http(Settings, frozen=True):
    """The HTTP API for state and faults."""

    listen: str = "127.0.0.1:10050"


class Classic(Settings, frozen=True):
    """A MidNite Classic on Modbus TCP, between the panels and the battery."""

    listen: str = "127.0.0.1:5021"
    whizbang: bool = True


class Bms(Settings, frozen=True):
    """A battery management system (BMS) on Modbus: TCP with `listen`, RTU with `link`, or both.

    The default of `unit_id` (RTU) is that of the profile. Over TCP it answers for any unit; only a GX has units of its
    own. With `echo` the serial adapter repeats each request.
    """

    profile: Literal["victron-gx", "jk-bms", "pace", "seplos-v3", "renogy", "eg4-ll", "daly"] = "pace"
    listen: str | None = None
    link: str | None = None
    baud: int = 9600
    unit_id: int | None = None
    echo: bool = False

    def __post_init__(self) -> None:
        """Check that it has an address or a port."""
        if self.listen is None and self.link is None:
            raise ValueError(
                'listen: got neither listen nor link, expected an address such as "127.0.0.1:5022", or link with a path'
            )
        _positive(self, "baud")


class Aims(Settings, frozen=True):
    """An AIMS inverter on a serial port; `dialect` is the status request that it answers."""

    link: str
    dialect: Literal["Q1", "QS"] = "Q1"


class SiteSettings(Settings, frozen=True):
    """The whole file. The site starts at `hour` of the day; `load` is watts for each hour of the day.

    Classic, BMS and AIMS exist only when the file names them.
    """

    speed: float = 1.0
    seed: int = 1
    hour: float = 8.0
    celsius: float = 10.0
    battery: Battery = Battery()
    charger: Charger = Charger()
    engine: Engine = Engine()
    sun: Sun = Sun()
    load: tuple[float, ...] = LOAD_BY_THE_HOUR
    bus: Bus = Bus()
    relay: Relay = Relay()
    http: Http = Http()
    classic: Classic | None = None
    bms: Bms | None = None
    aims: Aims | None = None

    def __post_init__(self) -> None:
        """Check speed, hour and load."""
        _positive(self, "speed")
        if not 0 <= self.hour < 24:
            raise ValueError(f"hour: got {self.hour:g}, expected 0 up to 24")
        if len(self.load) != 24 or min(self.load) < 0:
            raise ValueError(f"load: got {len(self.load)} numbers, expected 24 of 0 or more: watts for each hour")
