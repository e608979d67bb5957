"""The present state of all devices: their last readings, and the verdict on the state of charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.readings import Attempts, Reading
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
    """All devices and the judge. Only the event loop touches it.

    Attributes:
        devices: by the source's name.
        judge: decides which state of charge leads.
        listed: the sources under `battery.soc.sources` in the configuration; None: all that have a state of charge.
    """

    def __init__(self, judge: Judge, listed: Sequence[str] | None) -> None:
        self.devices: dict[str, Device] = {}
        self.judge = judge
        self.listed = listed
        self._logged = _Logged(None, {})

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
            if reading.charge is not None:
                self.judge.update(name, reading.charge, at=reading.at, wall=reading.wall)

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
