"""What a source hands to the event loop: immutable readings with their time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.fields import Sample


@dataclass(frozen=True, slots=True)
class Charge:
    """A battery monitor's reading of the battery.

    Attributes:
        ratio: state of charge, normally 0 to 1, as the device reports it; None when the device does not know it.
        amperes: current, positive into the battery; None when the device does not measure it.
    """

    ratio: float | None
    amperes: float | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """One of the packs of a battery bank; None: unknown.

    Attributes:
        name: within its source; empty for a source that is one pack.
        ratio: state of charge, 0 to 1.
        amperes: current, positive into the pack.
        volts: of the whole pack.
        full: ampere-hours when full.
        lowest: volts of its lowest cell.
        highest: volts of its highest cell.
        watts: power, positive into the pack; where it is not measured, it is computed.
    """

    name: str
    ratio: float | None
    amperes: float | None = None
    volts: float | None = None
    full: float | None = None
    lowest: float | None = None
    highest: float | None = None
    watts: float | None = None

    @property
    def power(self) -> float | None:
        """Watts, positive into the pack, as measured or computed."""
        if self.watts is not None:
            return self.watts
        return None if self.volts is None or self.amperes is None else self.volts * self.amperes


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of one packet, one block of registers or one reply.

    A later reading of the same device and group replaces the earlier one entirely.

    Attributes:
        group: the part of the device; parts become stale separately.
        at: monotonic seconds when it was received; this alone decides freshness.
        wall: Unix seconds of the same moment, for exported timestamps only.
        stale_after: seconds after which the samples are stale; infinite for our own counters.
        samples: the values, absent ones left out.
        charge: the battery monitor's reading, where there is one.
        full: whether a charger considers the battery full (it floats or rests); None on other readings.
        alive: whether this proves that the device answers; False for our own counters.
        packs: the packs of the battery that this reading has.
    """

    group: str
    at: float
    wall: float
    stale_after: float
    samples: tuple[Sample, ...]
    charge: Charge | None = None
    full: bool | None = None
    alive: bool = True
    packs: tuple[Pack, ...] = ()

    def fresh(self, now: float) -> bool:
        """Return whether the samples are fresh at monotonic `now`."""
        return now - self.at <= self.stale_after


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a source has tried to read its device since the start, and how often that failed.

    Attributes:
        reads: attempts, failed ones included.
        failures: attempts without a usable reading.
        implausible: by reason, how often an answer or a part of it was refused because it contradicts itself.
    """

    reads: int = 0
    failures: int = 0
    implausible: Mapping[str, int] = field(default_factory=dict)
