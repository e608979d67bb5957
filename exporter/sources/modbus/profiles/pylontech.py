"""Pylontech RT12100 batteries on RS-485, which use Modbus and not Pylontech's older ASCII protocol.

Source: patman15/aiobmsble, Pylontech, and its captured frame.
"""

from __future__ import annotations

from functools import partial

from exporter.fields import Confidence
from exporter.sources.modbus import quantities as q
from exporter.sources.modbus.profiles.profile import Profile
from exporter.sources.modbus.registers import S16, At
from exporter.sources.plausibility import HEALTH, SOC

_quantity = partial(q.quantity, source="patman15/aiobmsble", confidence=Confidence.PROVEN)
_at = partial(At, decimal=False)
_ZERO = frozenset({0})

PROFILE = Profile(
    name="pylontech-rt",
    device="Pylontech RT12100",
    unit_id=1,
    checks=(SOC, HEALTH),
    fields=(
        _quantity(q.VOLTS, _at(0x1016, absent=_ZERO), q.HUNDREDTH),
        _quantity(q.AMPERES, _at(0x1017, S16), q.TENTH),
        _quantity(q.SOC, _at(0x101C, absent=_ZERO), q.PERCENT),
        _quantity(q.SOH, _at(0x101D, absent=_ZERO), q.PERCENT),
    ),
)
