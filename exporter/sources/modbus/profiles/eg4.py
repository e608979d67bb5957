"""EG4-LL batteries on RS-485 at 9600 or 19200 baud, register map V01.06; 16 is the master's address as delivered.

Two sources disagree on the current: 10 mA a count (the protocol, wombatt, eg4_ll.py) or 100 mA (aiobmsble, by the
battery's own app); set `current_scale` after a comparison with a shunt. Other EG4 models use the same register numbers
for other things.

Source: EG4-LL Modbus communication protocol V01.06; gonzalop/wombatt; patman15/aiobmsble.
"""

from __future__ import annotations

from functools import partial

from exporter.fields import Confidence
from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, U32, At
from exporter.sources.plausibility import CELLS, HEALTH, SOC

_SOURCE = "EG4-LL Modbus communication protocol V01.06"
_quantity = partial(q.quantity, source=_SOURCE)
_seen = partial(q.quantity, source=_SOURCE, confidence=Confidence.PROVEN)

PROFILE = Profile(
    name="eg4-ll",
    device="EG4-LL battery",
    unit_id=1,
    checks=(CELLS, SOC, HEALTH),
    fields=(
        _seen(q.VOLTS, At(0, absent=frozenset({0})), q.HUNDREDTH),
        _quantity(q.AMPERES, At(1, S16), q.HUNDREDTH),
        *q.cells(At(2), 16, source=_SOURCE),
        _seen(q.CELSIUS, At(18, S16), labels=("pcb",)),
        _seen(q.SOH, At(23, absent=frozenset({0})), q.PERCENT),
        _seen(q.SOC, At(24, absent=frozenset({0})), q.PERCENT),
        q.battery_state(
            At(25, mask=0x7FFF),
            {0: "idle", 1: "charging", 2: "discharging", 4: "protected", 8: "charging_limited"},
            source=_SOURCE,
        ),
        _quantity(q.CYCLES, At(29, U32)),
    ),
)
