"""The Modbus registers of battery management systems (BMS), by maker.

Sources: Victron dbus_modbustcp attributes.csv · JK: esphome-jk-bms, dbus-serialbattery · Pace: wombatt, aiobmsble ·
Seplos V3: esphome-seplos-bms · Renogy: renogy-bt · EG4-LL: official V01.06 map · Daly: esphome-daly-bms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.modbus.protocol import RefusedError
from simulator.modbus.registers import READ_HOLDING, READ_INPUT, high_first

SERVICE_MISSING = 0x0A
UNIT_UNKNOWN = 0x0B
GX_SYSTEM_UNITS = (0, 100)
GX_BATTERY_UNIT = 225


@dataclass(frozen=True)
class BmsReadings:
    """What a BMS reports; `soc` is a ratio, reported as 0 unless it is `known`."""

    volts: float
    amperes: float
    soc: float
    capacity_ampere_hours: float
    celsius: float
    nominal_volts: int
    known: bool

    @property
    def remaining_ampere_hours(self) -> float:
        """The ampere-hours left, by its own count."""
        return self.soc * self.capacity_ampere_hours

    @property
    def cells(self) -> int:
        """The number of lithium iron phosphate cells in series."""
        return self.nominal_volts // 3

    @property
    def percent(self) -> float:
        """The reported state of charge: 0 when it is not known."""
        return self.soc * 100 if self.known else 0.0


@dataclass(frozen=True)
class Profile:
    """A maker's registers: default unit, register image, functions it answers, and address step."""

    unit: int
    image: Callable[[BmsReadings, int], dict[int, int]]
    functions: tuple[int, ...] = (READ_HOLDING,)
    stride: int = 1


def _victron_gx(bms: BmsReadings, unit: int) -> dict[int, int]:
    watts = round(bms.volts * bms.amperes)
    consumed = round((bms.soc - 1) * bms.capacity_ampere_hours * -10)
    if unit in GX_SYSTEM_UNITS:
        state = 1 if bms.amperes > 0.5 else 2 if bms.amperes < -0.5 else 0
        return {
            826: 240,
            840: round(bms.volts * 10),
            841: round(bms.amperes * 10),
            842: watts,
            843: round(bms.percent),
            844: state,
            845: consumed if bms.known else 0,
            846: 0,
        }
    if unit != GX_BATTERY_UNIT:
        raise RefusedError(UNIT_UNKNOWN)
    if not bms.known:
        raise RefusedError(SERVICE_MISSING)
    return {
        **high_first(256, watts),
        258: 0xFFFF,
        259: round(bms.volts * 100),
        260: 0,
        261: round(bms.amperes * 10),
        262: round(bms.celsius * 10),
        263: 0,
        264: 0,
        265: consumed,
        266: round(bms.percent * 10),
        303: 0,
        304: 1000,
        309: round(bms.capacity_ampere_hours * 10),
    }


def _jk_bms(bms: BmsReadings, _unit: int) -> dict[int, int]:
    remaining, full = round(bms.remaining_ampere_hours * 1000), round(bms.capacity_ampere_hours * 1000)
    celsius = round(bms.celsius * 10)
    return dict.fromkeys(range(0x1280, 0x1300, 2), 0) | {
        0x128A: celsius + 40,
        **high_first(0x1290, round(bms.volts * 1000), 2),
        **high_first(0x1294, round(bms.volts * abs(bms.amperes) * 1000), 2),
        **high_first(0x1298, round(bms.amperes * 1000), 2),
        0x129C: celsius,
        0x129E: celsius,
        0x12A6: round(bms.percent),
        **high_first(0x12A8, remaining, 2),
        **high_first(0x12AC, full, 2),
        **high_first(0x12B0, 62, 2),
        0x12B8: 100 << 8,
    }


def _pace(bms: BmsReadings, _unit: int) -> dict[int, int]:
    full = round(bms.capacity_ampere_hours * 100)
    celsius = round(bms.celsius * 10)
    return dict.fromkeys(range(125), 0) | {
        0: round(bms.amperes * 100),
        1: round(bms.volts * 100),
        2: round(bms.percent),
        3: 100,
        4: round(bms.remaining_ampere_hours * 100),
        5: full,
        6: full,
        7: 140,
        **{15 + cell: round(bms.volts / bms.cells * 1000) for cell in range(bms.cells)},
        **dict.fromkeys(range(31, 37), celsius),
    }


def _seplos_v3(bms: BmsReadings, _unit: int) -> dict[int, int]:
    kelvin = round(bms.celsius * 10 + 2731.5)
    millivolts = round(bms.volts / bms.cells * 1000)
    return {
        0x1000: round(bms.volts * 100),
        0x1001: round(bms.amperes * 100),
        0x1002: round(bms.remaining_ampere_hours * 100),
        0x1003: round(bms.capacity_ampere_hours * 100),
        0x1004: 330,
        0x1005: round(bms.percent * 10),
        0x1006: 999,
        0x1007: 10,
        0x1008: millivolts,
        0x1009: kelvin,
        0x100A: millivolts,
        0x100B: millivolts,
        0x100C: kelvin,
        0x100D: kelvin,
        0x100E: 0,
        0x100F: 200,
        0x1010: 200,
        0x1011: 0,
    }


def _renogy(bms: BmsReadings, _unit: int) -> dict[int, int]:
    remaining = bms.remaining_ampere_hours if bms.known else 0.0
    return {
        5042: round(bms.amperes * 100),
        5043: round(bms.volts * 10),
        **high_first(5044, round(remaining * 1000)),
        **high_first(5046, round(bms.capacity_ampere_hours * 1000)),
        5048: 7,
    }


def _eg4_ll(bms: BmsReadings, _unit: int) -> dict[int, int]:
    celsius = round(bms.celsius) & 0xFF
    return dict.fromkeys(range(39), 0) | {
        0: round(bms.volts * 100),
        1: round(bms.amperes * 100),
        **{2 + cell: round(bms.volts / bms.cells * 1000) for cell in range(bms.cells)},
        18: celsius,
        19: celsius,
        20: celsius,
        21: round(bms.remaining_ampere_hours),
        22: 750,
        23: 100,
        24: round(bms.percent),
        25: 2,
        30: 1,
        **high_first(31, round(bms.capacity_ampere_hours * 3_600_000)),
        36: bms.cells,
    }


def _daly(bms: BmsReadings, _unit: int) -> dict[int, int]:
    millivolts = round(bms.volts / bms.cells * 1000)
    return dict.fromkeys(range(0x50), 0) | {
        **dict.fromkeys(range(bms.cells), millivolts),
        0x20: round(bms.celsius) + 40,
        0x28: round(bms.volts * 10),
        0x29: 30000 + round(bms.amperes * 10),
        0x2A: round(bms.percent * 10),
        0x2B: millivolts,
        0x2C: millivolts,
        0x30: round(bms.remaining_ampere_hours * 10),
        0x31: bms.cells,
        0x33: 60,
    }


PROFILES = {
    "victron-gx": Profile(100, _victron_gx, (READ_HOLDING, READ_INPUT)),
    "jk-bms": Profile(1, _jk_bms, stride=2),
    "pace": Profile(1, _pace),
    "seplos-v3": Profile(0, _seplos_v3, (READ_INPUT,)),
    "renogy": Profile(0x30, _renogy),
    "eg4-ll": Profile(1, _eg4_ll),
    "daly": Profile(0xD2, _daly),
}
