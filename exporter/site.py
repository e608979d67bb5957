"""What is known of all devices at this moment, on the event loop: the last readings, and the state of charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.readings import Attempts, Reading
from exporter.soc import Judge, Reason, Verdict
from exporter.sources.base import Family
from toolkit import log

_LEAD_PERIOD = 60.0
"""Seconds; a source that comes and goes alone takes and loses the lead each time, and is said this often."""

_log = log.get("soc")


@dataclass(slots=True)
class Device:
    """What one source has handed over.

    Attributes:
        family: its family.
        stale_after: seconds after its last reading at which it is down.
        readings: the last reading of each group.
        attempts: how often it was tried.
        last: the last reading that proves it alive.
    """

    family: Family
    stale_after: float
    readings: dict[str, Reading] = field(default_factory=dict)
    attempts: Attempts = field(default_factory=Attempts)
    last: Reading | None = None

    def up(self, now: float) -> bool:
        """Return whether it answers at monotonic `now`."""
        return self.last is not None and now - self.last.at <= self.stale_after

    def fresh(self, now: float) -> Iterator[Reading]:
        """Yield the readings that are still true at monotonic `now`, the newest first."""
        newest_first = sorted(self.readings.values(), key=lambda reading: reading.at, reverse=True)
        return (reading for reading in newest_first if reading.fresh(now))


class Spoken(NamedTuple):
    """What has last been said of the state of charge, so that only changes are said."""

    lead: str | None
    refused: Mapping[str, Reason | None]


class Site:
    """All devices and the judge. Only the event loop touches it.

    Attributes:
        devices: by the source's name.
        judge: hears every account of the battery.
        listed: sources whose state of charge the configuration asks for; None: whichever tells one.
    """

    def __init__(self, judge: Judge, listed: Sequence[str] | None) -> None:
        self.devices: dict[str, Device] = {}
        self.judge = judge
        self.listed = listed
        self._spoken = Spoken(None, {})

    def take(self, name: str, readings: Sequence[Reading], attempts: Attempts) -> None:
        """Take what a source has read; one that has been removed meanwhile is ignored."""
        device = self.devices.get(name)
        if device is None:
            return
        device.attempts = attempts
        for reading in readings:
            device.readings[reading.group] = reading
            if reading.alive:
                device.last = reading
            if reading.full is not None:
                self.judge.charger(name, full=reading.full, at=reading.at)
            if reading.charge is not None:
                self.judge.hear(name, reading.charge, at=reading.at, wall=reading.wall)

    def verdict(self, now: float) -> Verdict:
        """Return what is thought of the state of charge at monotonic `now`, of those sources only that have one."""
        verdict = self.judge.verdict(now)
        shown = {
            name: opinion
            for name, opinion in verdict.opinions.items()
            if self.listed is not None or self.judge.heard(name)
        }
        return verdict._replace(opinions=shown)

    def speak(self, now: float) -> None:
        """Say what has changed about the state of charge since this was last called."""
        verdict = self.verdict(now)
        refused = {name: opinion.refused for name, opinion in verdict.opinions.items()}
        for name, reason in refused.items():
            before = self._spoken.refused.get(name)
            if reason is not before and reason is not None:
                _log.limited(f"{name} {reason}", "state of charge refused", source=name, reason=reason.value)
            elif reason is not before:
                _log.limited(f"{name} trusted", "state of charge trusted again", level="info", source=name)
        if verdict.lead != self._spoken.lead:
            _log.limited(
                f"lead {verdict.lead}",
                "another source leads the state of charge",
                level="info",
                period=_LEAD_PERIOD,
                source=verdict.lead,
                before=self._spoken.lead,
            )
        self._spoken = Spoken(verdict.lead, refused)
