"""Seplos BMS V3 on RS-485 at 19200 baud: one pack, and the bank of all packs as the first one sums it up.

Source: syssi/esphome-seplos-bms, documents and captures of V3; mr-manuel/venus-os_dbus-serialbattery, seplosv3.py.
"""

from __future__ import annotations

from functools import partial

from exporter.fields import Confidence
from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.protocol import READ_INPUT
from exporter.sources.modbus.registers import S16, S32, U32, At
from exporter.sources.plausibility import CELLS, HEALTH, REMAINING, SOC

_SOURCE = "syssi/esphome-seplos-bms"
_quantity = partial(q.quantity, source=_SOURCE)
_seen = partial(q.quantity, source=_SOURCE, confidence=Confidence.PROVEN)
_at = partial(At, function=READ_INPUT, decimal=False)
_long = partial(At, function=READ_INPUT, low_word_first=True, decimal=False)
_ZERO_CELSIUS = 2731
_NO_SENSOR = frozenset({0, _ZERO_CELSIUS})
_ZERO = frozenset({0})
_REMAINING, _FULL = _at(0x1002, absent=_ZERO), _at(0x1003, absent=_ZERO)
_BANK_REMAINING, _BANK_FULL = _long(0x2004, U32, absent=_ZERO), _long(0x2006, U32, absent=_ZERO)

PACK = Profile(
    name="seplos-v3",
    device="Seplos BMS V3, one pack",
    unit_id=0,
    checks=(CELLS, SOC, REMAINING, HEALTH),
    fields=(
        _quantity(q.VOLTS, _at(0x1000, absent=frozenset({0})), q.HUNDREDTH),
        _quantity(q.AMPERES, _at(0x1001, S16), q.HUNDREDTH),
        _quantity(q.REMAINING, _REMAINING, q.HUNDREDTH),
        _quantity(q.FULL, _FULL, q.HUNDREDTH),
        _quantity(q.SOC, q.percent(_at(0x1005), _REMAINING, _FULL), q.TENTH_PERCENT),
        _quantity(q.SOH, _at(0x1006, absent=frozenset({0})), q.TENTH_PERCENT),
        _quantity(q.CYCLES, _at(0x1007)),
        *q.cells(_at(0x1100), 16, source=_SOURCE),
        *(
            _quantity(
                q.CELSIUS,
                _at(address, absent=_NO_SENSOR),
                q.TENTH,
                zero=_ZERO_CELSIUS,
                labels=(name,),
            )
            for address, name in (
                (0x1110, "1"),
                (0x1111, "2"),
                (0x1112, "3"),
                (0x1113, "4"),
                (0x1118, "environment"),
                (0x1119, "mos"),
            )
        ),
    ),
)

BANK = Profile(
    name="seplos-v3-bank",
    device="Seplos BMS V3, all packs together",
    unit_id=0,
    checks=(SOC, REMAINING, HEALTH),
    fields=(
        _seen(q.VOLTS, _at(0x2000, absent=frozenset({0})), q.HUNDREDTH),
        _quantity(q.AMPERES, _long(0x2002, S32), q.TENTH),
        _seen(q.REMAINING, _BANK_REMAINING, q.HUNDREDTH),
        _seen(q.FULL, _BANK_FULL, q.HUNDREDTH),
        _seen(q.CYCLES, _at(0x2017)),
        _seen(q.SOC, q.percent(_at(0x2018), _BANK_REMAINING, _BANK_FULL), q.TENTH_PERCENT),
        _seen(q.SOH, _at(0x2019, absent=frozenset({0})), q.TENTH_PERCENT),
    ),
)
