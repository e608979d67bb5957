"""A MidNite Classic 150 with a Whizbang Jr: its register map over Modbus TCP.

Source: MidNite Solar's Modbus specification, Rev C; registers 4361-4381 from the community and captures. Register N
is read at address N - 1; 32-bit values have the low word first.
"""

from __future__ import annotations

from simulator.charger import Stage
from simulator.device_faults import DeviceFaults, reported_soc
from simulator.modbus.registers import low_first
from simulator.site import Site

MAC = bytes.fromhex("601D0F002EE6")
NAME = "CLASSIC1"
WHIZBANG_ON_AUX_2 = 18
PV_VOLTS = 90.3
PV_VOLTS_AT_NIGHT = 10.3
LIFETIME_KWH = 7770.6
LIFETIME_AMPERE_HOURS = 149500
RESTING, LOW_POWER = 0, 5
STAGE = {Stage.BULK: (4, 3), Stage.ABSORB: (3, 4), Stage.FLOAT: (5, 4)}
"""Charge stage → the two bytes of register 4120, stage and state."""


class Classic:
    """The controller between the site's panels and its battery."""

    def __init__(self, site: Site, faults: DeviceFaults, *, whizbang: bool = True) -> None:
        self._site = site
        self._faults = faults
        self._whizbang = whizbang
        self._day = -1
        self._joules_at_midnight = 0.0

    def image(self, _unit: int) -> dict[int, int]:
        """Return every register by its wire address; it answers for any unit."""
        numbered = dict.fromkeys(range(4101, 4400), 0) | dict.fromkeys(range(16385, 16395), 0)
        numbered |= self._identity() | self._charging() | self._clock() | self._settings()
        if self._whizbang and not self._faults.unknown:
            numbered |= self._shunt()
        return {number - 1: value & 0xFFFF for number, value in numbered.items()}

    def _identity(self) -> dict[int, int]:
        seconds = int(self._site.seconds)
        name = NAME.encode()
        return {
            4101: 4 << 8 | 150,
            4102: 2018,
            4103: 2 << 8 | 6,
            4104: 0x0E,
            4106: MAC[4] << 8 | MAC[5],
            4107: MAC[2] << 8 | MAC[3],
            4108: MAC[0] << 8 | MAC[1],
            **low_first(4111, 0xEBE334CB),
            4113: (seconds % 16) << 12 | seconds * 7 & 0xFFF,
            4137: 502,
            **{4210 + place: name[2 * place + 1] << 8 | name[2 * place] for place in range(4)},
            **low_first(16387, 2193),
            **low_first(16389, 2122),
        }

    def _charging(self) -> dict[int, int]:
        site = self._site
        day = int(site.site_seconds // 86400)
        if day != self._day:
            self._day, self._joules_at_midnight = day, site.solar_joules
        today = (site.solar_joules - self._joules_at_midnight) / 3.6e6
        volts, watts = site.battery.volts, site.solar_watts
        sunny = watts >= 1
        pv_volts = PV_VOLTS if sunny else PV_VOLTS_AT_NIGHT
        stage, state = STAGE[site.solar_charger.stage] if sunny else (RESTING, 0)
        celsius = round(site.settings.celsius * 10)
        lifetime = LIFETIME_KWH + site.solar_joules / 3.6e6
        nominal = site.settings.bus.nominal_volts
        return {
            4115: round(volts * 10),
            4116: round(pv_volts * 10),
            4117: round(watts / volts * 10),
            4118: round(today * 10),
            4119: round(watts),
            4120: stage << 8 | state,
            4121: round(watts / pv_volts * 10),
            4122: 912,
            4123: 1465,
            4125: round(today * 1000 / nominal),
            **low_first(4126, round(lifetime * 10)),
            **low_first(4128, LIFETIME_AMPERE_HOURS + round(site.solar_joules / 3600 / nominal)),
            **low_first(4130, 0xB2003004),
            4132: celsius,
            4133: celsius + 150 + round(watts / 10),
            4134: celsius + 100,
            4139: round(site.settings.charger.absorb_time),
            4244: round(site.solar_charger.volts * 10),
            4275: 0 if sunny else LOW_POWER,
            4276: round(volts * 10),
            4277: round(pv_volts * 10),
        }

    def _settings(self) -> dict[int, int]:
        charger, nominal = self._site.settings.charger, self._site.settings.bus.nominal_volts
        blocks = nominal / 12
        return {
            4148: 810,
            4149: round(charger.absorb_per_12v * blocks * 10),
            4150: round(charger.float_per_12v * blocks * 10),
            4151: round(15.3 * blocks * 10),
            4154: round(charger.absorb_time),
            4164: 11,
            4165: 0x11,
            4245: nominal,
            4246: 40,
        }

    def _clock(self) -> dict[int, int]:
        seconds = int(self._site.site_seconds)
        day = seconds // 86400 % 28
        return {
            4214: seconds // 60 % 60 << 8 | seconds % 60,
            4215: seconds // 3600 % 24,
            4216: 1 << 8 | day + 1,
            4217: 2025,
            4218: day + 1,
        }

    def _shunt(self) -> dict[int, int]:
        site = self._site
        capacity = site.settings.battery.capacity_ampere_hours
        soc = reported_soc(self._faults, site.battery.soc)
        net = round((soc - 1) * capacity)
        return {
            4104: 0x0F,
            **low_first(4109, net),
            4165: WHIZBANG_ON_AUX_2 << 8 | 0x11,
            4361: 0x35,
            4362: round(site.battery.amperes * 10),
            **low_first(4365, 30273),
            **low_first(4367, -27048),
            **low_first(4369, net),
            4371: round(site.battery.amperes * 10),
            4372: 166 << 8 | round(site.settings.celsius) + 50,
            4373: int(soc * 100),
            4377: round(soc * capacity),
            4381: round(capacity),
        }
