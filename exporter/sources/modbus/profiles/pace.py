"""Pace BMS (SOK, Gobel, Jakiper, PowMr and others) on RS-485 at 9600 baud; 0 is the address of the first pack.

Source: Pace BMS Modbus protocol for RS485, V1.3, 2017-06-27; gonzalop/wombatt; patman15/aiobmsble.
"""

from __future__ import annotations

from functools import partial

from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, At
from exporter.sources.plausibility import CELLS, HEALTH, REMAINING, SOC

_SOURCE = "Pace BMS Modbus protocol V1.3"
_quantity = partial(q.quantity, source=_SOURCE)
_ZERO = frozenset({0})
_REMAINING, _FULL = At(4, absent=_ZERO), At(5, absent=_ZERO)

PROFILE = Profile(
    name="pace",
    device="Pace BMS",
    unit_id=0,
    checks=(CELLS, SOC, REMAINING, HEALTH),
    fields=(
        _quantity(q.AMPERES, At(0, S16), q.HUNDREDTH),
        _quantity(q.VOLTS, At(1, absent=frozenset({0})), q.HUNDREDTH),
        _quantity(q.SOC, q.percent(At(2), _REMAINING, _FULL), q.PERCENT),
        _quantity(q.SOH, At(3, absent=frozenset({0})), q.PERCENT),
        _quantity(q.REMAINING, _REMAINING, q.HUNDREDTH),
        _quantity(q.FULL, _FULL, q.HUNDREDTH),
        _quantity(q.DESIGN, At(6, absent=_ZERO), q.HUNDREDTH),
        _quantity(q.CYCLES, At(7)),
        *q.cells(At(15), 16, source=_SOURCE),
        *(_quantity(q.CELSIUS, At(31 + index, S16), q.TENTH, labels=(str(index + 1),)) for index in range(4)),
        _quantity(q.CELSIUS, At(35, S16, absent=frozenset({0})), q.TENTH, labels=("mos",)),
        _quantity(q.CELSIUS, At(36, S16, absent=frozenset({0})), q.TENTH, labels=("environment",)),
    ),
)
