"""The known batteries and monitors, one module each. To add one, write a module with a `Profile` and add it here."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.sources.modbus.profiles import daly, eg4, jk, pace, pylontech, renogy, seplos, victron
from exporter.sources.modbus.profiles.profile import Profile

__all__ = ["PROFILES", "Profile", "profile"]

PROFILES: Mapping[str, Profile] = {
    known.name: known
    for known in (
        victron.SYSTEM,
        jk.PROFILE,
        pace.PROFILE,
        seplos.PACK,
        seplos.BANK,
        renogy.PROFILE,
        eg4.PROFILE,
        daly.PROFILE,
        daly.P81,
        pylontech.PROFILE,
    )
}


def profile(name: str, unit_id: int | None) -> Profile:
    """Return a profile by its name; on a Victron GX the unit decides between the system and a battery monitor."""
    if name == victron.SYSTEM.name and unit_id is not None and unit_id not in victron.SYSTEM_UNITS:
        return victron.BATTERY
    return PROFILES[name]
