"""JK BMS, PB series, on its RS-485 port at 115200 baud.

Its addresses count bytes: the next register is two addresses further, and a reply has the registers without gaps.
Firmware 15.38 always answers 0 for the state of charge; `soc: amphours` computes it from the ampere-hours instead.

Source: syssi/esphome-jk-bms, documents on the PB models and issue 763; mr-manuel/venus-os_dbus-serialbattery.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, S32, U32, At
from exporter.sources.plausibility import CELLS, HEALTH, REMAINING, SOC

_SOURCE = "syssi/esphome-jk-bms"
_quantity = partial(q.quantity, source=_SOURCE)
_at = partial(At, decimal=False)
_ZERO = frozenset({0})
_REMAINING, _FULL = _at(0x12A8, S32, absent=_ZERO), _at(0x12AC, U32, absent=_ZERO)
_NO_SENSOR = frozenset({-2000})

PROFILE = Profile(
    name="jk-bms",
    device="JK BMS, PB series",
    unit_id=1,
    step=2,
    checks=(CELLS, SOC, REMAINING, HEALTH),
    fields=(
        _quantity(q.VOLTS, _at(0x1290, U32, absent=frozenset({0})), q.THOUSANDTH),
        _quantity(q.AMPERES, _at(0x1298, S32), q.THOUSANDTH),
        _quantity(q.SOC, q.percent(_at(0x12A6, mask=0x00FF), _REMAINING, _FULL), q.PERCENT),
        _quantity(q.REMAINING, _REMAINING, q.THOUSANDTH),
        _quantity(q.FULL, _FULL, q.THOUSANDTH),
        _quantity(q.CYCLES, _at(0x12B0, U32), Fraction(1)),
        _quantity(q.SOH, _at(0x12B8, mask=0xFF00, shift=8, absent=frozenset({0})), q.PERCENT),
        _quantity(q.CELSIUS, _at(0x128A, S16, absent=_NO_SENSOR), q.TENTH, labels=("mos",)),
        _quantity(q.CELSIUS, _at(0x129C, S16, absent=_NO_SENSOR), q.TENTH, labels=("1",)),
        _quantity(q.CELSIUS, _at(0x129E, S16, absent=_NO_SENSOR), q.TENTH, labels=("2",)),
        *q.cells(_at(0x1200), 32, step=2, source=_SOURCE),
    ),
)
