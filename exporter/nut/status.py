"""Decides the status that Network UPS Tools receives. Pure: no clock and no I/O.

`OB LB` (on battery, and low) is what makes `upsmon` shut a machine down; each alone does not. At an off-grid site the
battery is the normal supply, so a battery that is not low is `OL` (on line), also while it discharges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from exporter.nut.config import HYSTERESIS

SECONDS = 60.0
"""How long the battery must be low without charge, or must be charged, until the status changes."""

CHARGE_SECONDS = 10.0
"""How long charge must last until the time for which the battery has been low begins again: one reading is noise."""

RUNTIME_FACTOR = 2.0
"""The time to empty must be this many times `low_runtime` until the battery is not low any more."""

_ROUNDING = 1e-9


class Battery(NamedTuple):
    """The battery at one moment; None: unknown.

    Attributes:
        ratio: the trusted state of charge, 0 to 1.
        runtime: seconds to empty; None also while it does not discharge.
        amperes: positive into the battery.
    """

    ratio: float
    runtime: float | None
    amperes: float | None


class BatteryStatus:
    """The status by the leading state of charge.

    Args:
        low: the state of charge at which the battery is low.
        low_runtime: the seconds to empty at which it is.
    """

    def __init__(self, low: float, low_runtime: float) -> None:
        self._low = low
        self._low_runtime = low_runtime
        self._is_low = False
        self._low_since: float | None = None
        self._relieved_since: float | None = None
        self._charging_since: float | None = None
        self._known_at = -math.inf

    def update(self, battery: Battery | None, now: float, max_age: float) -> str | None:
        """Return the status at monotonic `now`; None: nothing is known, so upsd's data is stale.

        Args:
            battery: at this moment; None: unknown.
            now: monotonic seconds.
            max_age: how long nothing may be known until what was before is no evidence of a low battery any more.
        """
        if battery is None:
            # A battery that was low is low until it is known to be better.
            self._charging_since = None
            return None
        if now - self._known_at > max_age:
            self._low_since = self._relieved_since = None
        self._known_at = now
        charging = battery.amperes is not None and battery.amperes > 0
        low = battery.ratio <= self._low + _ROUNDING or (
            battery.runtime is not None and battery.runtime <= self._low_runtime
        )
        self._charging_since = _since(self._charging_since, now) if charging else None
        if low and not charging:
            self._low_since, self._relieved_since = _since(self._low_since, now), None
        else:
            self._relieved_since = _since(self._relieved_since, now)
            # Only while it discharges is the time to empty known, or known not to be known.
            above = not low and (battery.runtime is not None or (battery.amperes or 0) < 0)
            if above or now - self._relieved_since >= CHARGE_SECONDS:
                self._low_since = None
        if self._is_low:
            self._is_low = not (self._recovered(battery) or _lasted(self._charging_since, now))
        else:
            self._is_low = low and not charging and _lasted(self._low_since, now)
        if self._is_low:
            return "OB LB CHRG" if charging else "OB LB DISCHRG"
        if battery.amperes is None or battery.amperes == 0:
            return "OL"
        return "OL CHRG" if charging else "OL DISCHRG"

    def _recovered(self, battery: Battery) -> bool:
        above = battery.ratio >= self._low + HYSTERESIS - _ROUNDING
        return above and (battery.runtime is None or battery.runtime >= RUNTIME_FACTOR * self._low_runtime)


def _since(since: float | None, now: float) -> float:
    return now if since is None else since


def _lasted(since: float | None, now: float) -> bool:
    return since is not None and now - since >= SECONDS


def of_device(flags: Mapping[str, bool]) -> str | None:
    """Return the status by a device's own flags; None: it does not report whether there is utility power.

    Args:
        flags: `utility_fail`, `battery_low`, by name.
    """
    if "utility_fail" not in flags:
        return None
    on_battery = flags["utility_fail"]
    return " ".join(
        (
            "OB" if on_battery else "OL",
            *(("LB",) if flags.get("battery_low") else ()),
            *(("DISCHRG",) if on_battery else ()),
        )
    )
