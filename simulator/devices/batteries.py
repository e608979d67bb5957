"""What a battery's own electronics says over Modbus, each in its maker's registers.

Sources: Victron dbus_modbustcp attributes.csv · JK: esphome-jk-bms, dbus-serialbattery · Pace: wombatt, aiobmsble ·
Seplos V3: esphome-seplos-bms · Renogy: renogy-bt · EG4-LL: official V01.06 map · Daly: esphome-daly-bms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.devices.registers import READ_HOLDING, READ_INPUT, high_first
from simulator.modbus import RefusedError

SERVICE_MISSING = 0x0A
UNIT_UNKNOWN = 0x0B
GX_SYSTEM_UNITS = (0, 100)
GX_BATTERY_UNIT = 225


@dataclass(frozen=True)
class Bank:
    """What the electronics has measured; `soc` is what it tells, a ratio; not `known`, it is told as 0."""

    volts: float
    amperes: float
    soc: float
    capacity_ampere_hours: float
    celsius: float
    nominal_volts: int
    known: bool

    @property
    def remaining_ampere_hours(self) -> float:
        """What is left, by its own count."""
        return self.soc * self.capacity_ampere_hours

    @property
    def cells(self) -> int:
        """Lithium iron phosphate cells in a row."""
        return self.nominal_volts // 3

    @property
    def percent(self) -> float:
        """State of charge as it is told: 0 when it is not known."""
        return self.soc * 100 if self.known else 0.0


@dataclass(frozen=True)
class Profile:
    """A maker's way: default unit, functions that it answers, address step, and its registers."""

    unit: int
    image: Callable[[Bank, int], dict[int, int]]
    functions: tuple[int, ...] = (READ_HOLDING,)
    stride: int = 1


def _victron_gx(bank: Bank, unit: int) -> dict[int, int]:
    watts = round(bank.volts * bank.amperes)
    consumed = round((bank.soc - 1) * bank.capacity_ampere_hours * -10)
    if unit in GX_SYSTEM_UNITS:
        state = 1 if bank.amperes > 0.5 else 2 if bank.amperes < -0.5 else 0
        return {
            826: 240,
            840: round(bank.volts * 10),
            841: round(bank.amperes * 10),
            842: watts,
            843: round(bank.percent),
            844: state,
            845: consumed if bank.known else 0,
            846: 0,
        }
    if unit != GX_BATTERY_UNIT:
        raise RefusedError(UNIT_UNKNOWN)
    if not bank.known:
        raise RefusedError(SERVICE_MISSING)
    return {
        **high_first(256, watts),
        258: 0xFFFF,
        259: round(bank.volts * 100),
        260: 0,
        261: round(bank.amperes * 10),
        262: round(bank.celsius * 10),
        263: 0,
        264: 0,
        265: consumed,
        266: round(bank.percent * 10),
        303: 0,
        304: 1000,
        309: round(bank.capacity_ampere_hours * 10),
    }


def _jk_bms(bank: Bank, _unit: int) -> dict[int, int]:
    remaining, full = round(bank.remaining_ampere_hours * 1000), round(bank.capacity_ampere_hours * 1000)
    celsius = round(bank.celsius * 10)
    return dict.fromkeys(range(0x1280, 0x1300, 2), 0) | {
        0x128A: celsius + 40,
        **high_first(0x1290, round(bank.volts * 1000), 2),
        **high_first(0x1294, round(bank.volts * abs(bank.amperes) * 1000), 2),
        **high_first(0x1298, round(bank.amperes * 1000), 2),
        0x129C: celsius,
        0x129E: celsius,
        0x12A6: round(bank.percent),
        **high_first(0x12A8, remaining, 2),
        **high_first(0x12AC, full, 2),
        **high_first(0x12B0, 62, 2),
        0x12B8: 100 << 8,
    }


def _pace(bank: Bank, _unit: int) -> dict[int, int]:
    full = round(bank.capacity_ampere_hours * 100)
    celsius = round(bank.celsius * 10)
    return dict.fromkeys(range(125), 0) | {
        0: round(bank.amperes * 100),
        1: round(bank.volts * 100),
        2: round(bank.percent),
        3: 100,
        4: round(bank.remaining_ampere_hours * 100),
        5: full,
        6: full,
        7: 140,
        **{15 + cell: round(bank.volts / bank.cells * 1000) for cell in range(bank.cells)},
        **dict.fromkeys(range(31, 37), celsius),
    }


def _seplos_v3(bank: Bank, _unit: int) -> dict[int, int]:
    kelvin = round(bank.celsius * 10 + 2731.5)
    millivolts = round(bank.volts / bank.cells * 1000)
    return {
        0x1000: round(bank.volts * 100),
        0x1001: round(bank.amperes * 100),
        0x1002: round(bank.remaining_ampere_hours * 100),
        0x1003: round(bank.capacity_ampere_hours * 100),
        0x1004: 330,
        0x1005: round(bank.percent * 10),
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


def _renogy(bank: Bank, _unit: int) -> dict[int, int]:
    remaining = bank.remaining_ampere_hours if bank.known else 0.0
    return {
        5042: round(bank.amperes * 100),
        5043: round(bank.volts * 10),
        **high_first(5044, round(remaining * 1000)),
        **high_first(5046, round(bank.capacity_ampere_hours * 1000)),
        5048: 7,
    }


def _eg4_ll(bank: Bank, _unit: int) -> dict[int, int]:
    celsius = round(bank.celsius) & 0xFF
    return dict.fromkeys(range(39), 0) | {
        0: round(bank.volts * 100),
        1: round(bank.amperes * 100),
        **{2 + cell: round(bank.volts / bank.cells * 1000) for cell in range(bank.cells)},
        18: celsius,
        19: celsius,
        20: celsius,
        21: round(bank.remaining_ampere_hours),
        22: 750,
        23: 100,
        24: round(bank.percent),
        25: 2,
        30: 1,
        **high_first(31, round(bank.capacity_ampere_hours * 3_600_000)),
        36: bank.cells,
    }


def _daly(bank: Bank, _unit: int) -> dict[int, int]:
    millivolts = round(bank.volts / bank.cells * 1000)
    return dict.fromkeys(range(0x50), 0) | {
        **dict.fromkeys(range(bank.cells), millivolts),
        0x20: round(bank.celsius) + 40,
        0x28: round(bank.volts * 10),
        0x29: 30000 + round(bank.amperes * 10),
        0x2A: round(bank.percent * 10),
        0x2B: millivolts,
        0x2C: millivolts,
        0x30: round(bank.remaining_ampere_hours * 10),
        0x31: bank.cells,
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
