"""Whether registers are those of a known battery or monitor, by any profile. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exporter.fields import decode
from exporter.sources.modbus import plan
from exporter.sources.modbus.profiles import PROFILES, Profile
from exporter.sources.modbus.registers import Registers
from exporter.sources.plausibility import Facts, facts_of, judge
from toolkit.formatting import percent

Ask = Callable[[int, int, int], tuple[int, ...]]
"""Takes function code, address and count of a unit, and returns the registers."""

_VOLTS = (8.0, 120.0)
"""Of any battery that a profile is for."""

_OF_ANOTHER = "seplos-v3-bank"
"""A second view of batteries that `seplos-v3` reads one by one."""


def candidates(*, serial: bool) -> Iterator[Profile]:
    """Yield the profiles in the order in which they are tried; a Victron GX is on the network alone."""
    for profile in PROFILES.values():
        if profile.name != _OF_ANOTHER and not (serial and profile.name == "victron-gx"):
            yield profile


def read(profile: Profile, ask: Ask) -> Facts | None:
    """Return what a battery reports; None: its registers are not those of this profile.

    Raises:
        SourceError, OSError, ModbusError: what `ask` raises.
    """
    record = plan.Reader(plan.blocks(profile.places, step=profile.step), step=profile.step).read(ask)
    return identified(profile, record)


def identified(profile: Profile, record: Registers) -> Facts | None:
    """Return what a battery's registers report; None: they are not those of this profile."""
    judged = judge(profile.checks, facts_of(decode(profile.fields, record), "modbus"))
    facts = judged.facts
    low, high = _VOLTS
    # Registers of an unknown device may hold any number: its volts alone are no proof.
    if judged.whole is not None or facts.volts is None or not low <= facts.volts <= high:
        return None
    return facts if facts.cells or facts.soc is not None else None


def state(facts: Facts) -> str:
    """Return what a battery reports, for a person who compares it with its display."""
    parts = [f"{facts.volts:.1f} V"] if facts.volts is not None else []
    parts += [percent(round(facts.soc, 2))] if facts.soc is not None else []
    parts += [f"{len(facts.cells)} cells"] if facts.cells else []
    parts += [f"{facts.full:.0f} Ah"] if facts.full is not None else []
    return ", ".join(parts)
