"""The answers of `GET /api/v1/history` and `GET /api/v1/runs`. Pure."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.settings import DAY
from actuator.history.recorder import PastRun, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RANGES: Final = {"24h": DAY, "7d": 7 * DAY}
STEPS: Final = {"24h": 300.0, "7d": 1800.0}
"""Seconds between two points: some three hundred points fill a screen, and are few kilobytes in bad reception."""

MOST_RUNS: Final = 500


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The past of the battery, a point for each step in which there was a sample; null is unknown.

    Attributes:
        range: 24h or 7d.
        step: seconds from one point to the next; where more lie between two of them, nothing was recorded.
        time: of each point, Unix time.
        soc: mean state of charge, 0 to 1.
        volts: mean of the battery.
        amperes: mean of the battery, positive into it.
        running: the engine was confirmed to run at least once.
        closed: the contact was closed at least once.
        start_soc: the engine is requested at or under this.
        stop_soc: the engine is no longer requested at or over this.
    """

    range: str
    step: float
    time: tuple[int, ...]
    soc: tuple[float | None, ...]
    volts: tuple[float | None, ...]
    amperes: tuple[float | None, ...]
    running: tuple[bool | None, ...]
    closed: tuple[bool, ...]
    start_soc: float
    stop_soc: float


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Past runs.

    Attributes:
        runs: the newest first, among them the one in progress.
    """

    runs: tuple[PastRun, ...]


def curve(samples: Iterable[Sample], name: str, *, start_soc: float, stop_soc: float) -> Curve:
    """Return the points of a range from its samples."""
    step = STEPS[name]
    buckets: dict[int, list[Sample]] = {}
    for sample in samples:
        buckets.setdefault(int(sample.wall // step), []).append(sample)
    points = sorted(buckets.items())
    return Curve(
        range=name,
        step=step,
        time=tuple(int(number * step) for number, _ in points),
        soc=tuple(_mean([sample.soc for sample in bucket], 4) for _, bucket in points),
        volts=tuple(_mean([sample.volts for sample in bucket], 2) for _, bucket in points),
        amperes=tuple(_mean([sample.amperes for sample in bucket], 1) for _, bucket in points),
        running=tuple(_any(bucket) for _, bucket in points),
        closed=tuple(any(sample.closed for sample in bucket) for _, bucket in points),
        start_soc=float(start_soc),
        stop_soc=float(stop_soc),
    )


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), digits) if known else None


def _any(bucket: Sequence[Sample]) -> bool | None:
    """Return True if the engine was confirmed to run, None if nothing was known about it."""
    known = [sample.running for sample in bucket if sample.running is not None]
    return any(known) if known else None
