"""The present state of all devices: their last readings, and the verdict on the state of charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.banks import Bank, Seen
from exporter.readings import Attempts, Pack, Reading
from exporter.soc import Judge, Reason, Verdict
from exporter.sources.base import Family
from toolkit import log

_LEAD_PERIOD = 60.0
"""Seconds. A lone source that comes and goes takes and loses the lead each time; this is logged once a minute."""

_log = log.get("soc")


@dataclass(slots=True)
class Device:
    """The state of one source.

    Attributes:
        family: its family.
        stale_after: seconds after its last reading until it counts as down.
        readings: the last reading of each group.
        attempts: how often it was read, and how often that failed.
        last: the last reading that proves that the device answers.
    """

    family: Family
    stale_after: float
    readings: dict[str, Reading] = field(default_factory=dict)
    attempts: Attempts = field(default_factory=Attempts)
    last: Reading | None = None

    def up(self, now: float) -> bool:
        """Return whether the device answers at monotonic `now`."""
        return self.last is not None and now - self.last.at <= self.stale_after

    def fresh(self, now: float) -> Iterator[Reading]:
        """Yield the readings that are fresh at monotonic `now`, the newest first."""
        newest_first = sorted(self.readings.values(), key=lambda reading: reading.at, reverse=True)
        return (reading for reading in newest_first if reading.fresh(now))


class _Logged(NamedTuple):
    """The verdict that was last logged, so that only changes are logged."""

    lead: str | None
    refused: Mapping[str, Reason | None]


class Site:
    """All devices, the banks and the judge. Only the event loop touches it.

    A source with several packs is a bank of its own, with its own name, unless it is a part of a configured one.

    Args:
        judge: decides which state of charge leads.
        listed: the sources under `battery.soc.sources` in the configuration; None: all that have a state of charge.
        banks: the configured banks, by name.
        members: the sources of each configured bank, by its name.
        max_age: seconds after which a pack is missing.

    Attributes:
        devices: by the source's name.
        judge: decides which state of charge leads.
        listed: see above.
        banks: by name, with those of sources with several packs.
    """

    def __init__(
        self,
        judge: Judge,
        listed: Sequence[str] | None,
        *,
        banks: Mapping[str, Bank] | None = None,
        members: Mapping[str, Sequence[str]] | None = None,
        max_age: float = 60.0,
    ) -> None:
        self.devices: dict[str, Device] = {}
        self.judge = judge
        self.listed = listed
        self.banks: dict[str, Bank] = dict(banks or {})
        self._bank_of = {source: bank for bank, sources in (members or {}).items() for source in sources}
        self.max_age = max_age
        self._logged = _Logged(None, {})
        for source, bank in self._bank_of.items():
            self.banks[bank].packs.setdefault(source, None)

    def expect(self, name: str, packs: Sequence[str]) -> None:
        """Tell that a source is configured to read these packs, so that one that never answers is missing."""
        if packs:
            self._name_packs(name, packs)

    def take(self, name: str, readings: Sequence[Reading], attempts: Attempts) -> None:
        """Take a source's readings; those of a source that was removed meanwhile are ignored."""
        device = self.devices.get(name)
        if device is None:
            return
        device.attempts = attempts
        for reading in readings:
            device.readings[reading.group] = reading
            if reading.alive:
                device.last = reading
            if reading.full is not None:
                self.judge.update_charger(name, full=reading.full, at=reading.at)
            bank = self._bank(name, reading)
            if bank is not None:
                state = self.banks[bank].state(reading.at)
                if state.at is not None and state.wall is not None:
                    self.judge.update(bank, state.charge, at=state.at, wall=state.wall)
            elif reading.charge is not None:
                self.judge.update(name, reading.charge, at=reading.at, wall=reading.wall)

    def _bank(self, name: str, reading: Reading) -> str | None:
        """Put a reading's packs into their bank; return its name, or None when the reading is of no bank."""
        packs = reading.packs
        configured = name in self._bank_of
        if not packs and configured and reading.charge is not None:
            packs = (Pack("", ratio=reading.charge.ratio, amperes=reading.charge.amperes),)
        if not packs or not (configured or name in self.banks or len(packs) > 1):
            return None
        names = self._name_packs(name, [pack.name for pack in packs])
        bank = self._bank_of.get(name, name)
        for pack in packs:
            self.banks[bank].packs[names[pack.name]] = Seen(pack, reading.at, reading.wall)
        return bank

    def _name_packs(self, name: str, packs: Sequence[str]) -> Mapping[str, str]:
        """Make a source's packs known to its bank; return their names in it.

        In a bank of several sources a pack has the name of its source, and its own too where it is one of several.
        """
        configured = self._bank_of.get(name)
        if configured is None:
            bank = self.banks.setdefault(name, Bank(tolerant=False, max_age=self.max_age))
            names = {pack: pack for pack in packs}
        else:
            bank = self.banks[configured]
            several = len(packs) > 1 or any(known.startswith(f"{name}/") for known in bank.packs)
            names = {pack: f"{name}/{pack}" if several else name for pack in packs}
            if several:
                # Until its first reading it counted as one pack.
                bank.packs.pop(name, None)
        for known in names.values():
            bank.packs.setdefault(known, None)
        return names

    def verdict(self, now: float) -> Verdict:
        """Return the verdict at monotonic `now`, without the sources that have no state of charge."""
        verdict = self.judge.verdict(now)
        shown = {
            name: opinion
            for name, opinion in verdict.opinions.items()
            if self.listed is not None or self.judge.has_reading(name)
        }
        return verdict._replace(opinions=shown)

    def log_changes(self, now: float) -> None:
        """Log what has changed about the state of charge since the last call."""
        verdict = self.verdict(now)
        refused = {name: opinion.refused for name, opinion in verdict.opinions.items()}
        for name, reason in refused.items():
            before = self._logged.refused.get(name)
            if reason is not before and reason is not None:
                _log.limited(f"{name} {reason}", "state of charge refused", source=name, reason=reason.value)
            elif reason is not before:
                _log.limited(f"{name} trusted", "state of charge trusted again", level="info", source=name)
        if verdict.lead != self._logged.lead:
            _log.limited(
                f"lead {verdict.lead}",
                "another source leads the state of charge",
                level="info",
                period=_LEAD_PERIOD,
                source=verdict.lead,
                before=self._logged.lead,
            )
        self._logged = _Logged(verdict.lead, refused)
