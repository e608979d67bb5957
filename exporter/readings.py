"""What a source hands to the event loop: immutable, with the moment at which it was true."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.fields import Sample


@dataclass(frozen=True, slots=True)
class Charge:
    """A battery monitor's account of the battery.

    Attributes:
        ratio: state of charge, 0 to 1 as the device gives it; None when the device answers that it does not know.
        amperes: current, positive into the battery; None when the device does not measure it.
    """

    ratio: float | None
    amperes: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one packet, one block of registers or one reply said.

    A later reading of the same device and group replaces an earlier one whole.

    Attributes:
        group: which part of the device this is; parts age separately.
        at: monotonic seconds when it was received; only this decides freshness.
        wall: Unix seconds of the same moment, for exported timestamps only.
        stale_after: seconds after which the samples are no longer true; infinite for our own counters.
        samples: the values, absent ones left out.
        charge: the battery monitor's account, on readings that carry one.
        full: a charger's own word on whether the battery is full (it floats or rests); None on other readings.
        alive: whether this proves that the device answers; False for our own counters.
    """

    group: str
    at: float
    wall: float
    stale_after: float
    samples: tuple[Sample, ...]
    charge: Charge | None = None
    full: bool | None = None
    alive: bool = True

    def fresh(self, now: float) -> bool:
        """Return whether the samples may still be shown at monotonic `now`."""
        return now - self.at <= self.stale_after


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a source tried to read its device since the start, and how often it failed.

    Attributes:
        reads: attempts, failed ones included.
        failures: attempts that gave nothing that could be used.
    """

    reads: int = 0
    failures: int = 0
