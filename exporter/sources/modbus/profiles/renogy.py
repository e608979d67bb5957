"""Renogy smart lithium batteries on RS-485 at 9600 baud; the address is 0x30 or, assigned by the battery, 0xF7.

The state of charge is computed: the battery reports remaining and full ampere-hours.

Source: cyrils/renogy-bt; mr-manuel/venus-os_dbus-serialbattery, renogy.py.
"""

from __future__ import annotations

from functools import partial

from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, U32, At
from exporter.sources.plausibility import REMAINING, SOC, cell_sum

_SOURCE = "cyrils/renogy-bt"
_quantity = partial(q.quantity, source=_SOURCE)
_REMAINING, _FULL = At(5044, U32, absent=frozenset({0})), At(5046, U32, absent=frozenset({0}))

PROFILE = Profile(
    name="renogy",
    device="Renogy smart lithium battery",
    unit_id=0x30,
    checks=(cell_sum(rounding=0.05), SOC, REMAINING),
    fields=(
        *q.cells(At(5001), 16, source=_SOURCE, scale=q.TENTH),
        _quantity(q.AMPERES, At(5042, S16), q.HUNDREDTH),
        _quantity(q.VOLTS, At(5043, absent=frozenset({0})), q.TENTH),
        _quantity(q.REMAINING, _REMAINING, q.THOUSANDTH),
        _quantity(q.FULL, _FULL, q.THOUSANDTH),
        _quantity(q.SOC, q.share(_REMAINING, _FULL), q.PERCENT),
        _quantity(q.CYCLES, At(5048)),
    ),
)
