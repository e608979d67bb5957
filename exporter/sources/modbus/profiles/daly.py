"""Daly BMS on RS-485 at 9600 baud: the H, K, M and S models, and the P81 models, which answer as another unit.

Source: syssi/esphome-daly-bms, register tables and captured frames.
"""

from __future__ import annotations

from functools import partial

from exporter.fields import Confidence
from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import At
from exporter.sources.plausibility import CELLS, SOC

_SOURCE = "syssi/esphome-daly-bms"
_quantity = partial(q.quantity, source=_SOURCE)
_seen = partial(q.quantity, source=_SOURCE, confidence=Confidence.PROVEN)
_at = partial(At, decimal=False)
_NO_CURRENT = 30000
_COLDEST = 40
_ZERO = frozenset({0})


def _sensors(first: int) -> tuple[q.Quantity, ...]:
    return tuple(
        _quantity(
            q.CELSIUS,
            _at(first + index, low=1, high=0xFE),
            zero=_COLDEST,
            labels=(str(index + 1),),
        )
        for index in range(4)
    )


PROFILE = Profile(
    name="daly",
    device="Daly BMS, models H, K, M and S",
    unit_id=0xD2,
    checks=(CELLS, SOC),
    fields=(
        *q.cells(_at(0x00), 32, source=_SOURCE),
        *_sensors(0x20),
        _seen(q.VOLTS, _at(0x28, absent=_ZERO), q.TENTH),
        _seen(q.AMPERES, _at(0x29, absent=_ZERO), q.TENTH, zero=_NO_CURRENT),
        _seen(q.SOC, _at(0x2A, absent=_ZERO), q.TENTH_PERCENT),
        q.battery_state(_at(0x2F), {0: "idle", 1: "charging", 2: "discharging"}, source=_SOURCE),
        _seen(q.REMAINING, _at(0x30, absent=_ZERO), q.TENTH),
        _seen(q.CYCLES, _at(0x33)),
    ),
)

P81 = Profile(
    name="daly-p81",
    device="Daly BMS, models P81",
    unit_id=0x81,
    reply_unit=0x51,
    checks=(CELLS, SOC),
    fields=(
        *q.cells(_at(0x00), 32, source=_SOURCE),
        *_sensors(0x30),
        _seen(q.VOLTS, _at(0x38, absent=_ZERO), q.TENTH),
        _seen(q.AMPERES, _at(0x39, absent=_ZERO), q.TENTH, zero=_NO_CURRENT),
        _seen(q.SOC, _at(0x3A, absent=_ZERO), q.TENTH_PERCENT),
        _seen(q.REMAINING, _at(0x4B, absent=_ZERO), q.TENTH),
        _seen(q.CYCLES, _at(0x4C)),
    ),
)
