"""How fast the state of charge falls while no engine runs. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from actuator.core.settings import HOUR, MINUTE
from actuator.core.signals import LOST, SAMPLES

if TYPE_CHECKING:
    from actuator.core.battery import Battery

WINDOW: Final = HOUR
"""Seconds over which the fall is judged."""
SHORTEST: Final = 30 * MINUTE
"""Seconds of samples that it takes at least."""
SPACING: Final = MINUTE
"""Seconds between two samples that are kept."""


class Point(NamedTuple):
    """A fresh state of charge, 0 to 1, at a monotonic time."""

    at: float
    soc: float


class SocTrend(msgspec.Struct, frozen=True, kw_only=True):
    """The state of charge over the last hour, without a gap of 5 min or more and without a run.

    Attributes:
        points: one a minute.
    """

    points: tuple[Point, ...] = ()

    @property
    def level(self) -> float | None:
        """The latest state of charge, 0 to 1; one wrong sample does not change it."""
        return median(point.soc for point in self.points[-SAMPLES:]) if len(self.points) >= SAMPLES else None

    @property
    def fall(self) -> float | None:
        """How much the state of charge falls each second; None before there are enough samples."""
        if len(self.points) < 2 * SAMPLES or self.points[-1].at - self.points[0].at < SHORTEST:
            return None
        first, last = self.points[:SAMPLES], self.points[-SAMPLES:]
        fallen = median(point.soc for point in first) - median(point.soc for point in last)
        return fallen / (last[1].at - first[1].at)


NO_TREND: Final = SocTrend()


def update(trend: SocTrend, battery: Battery, now: float, *, engine_runs: bool) -> SocTrend:
    """Return the trend after one step; an engine that runs begins it again."""
    if engine_runs or (trend.points and now - trend.points[-1].at >= LOST):
        trend = NO_TREND
    soc = battery.fresh_soc(now)
    if engine_runs or soc is None or not battery.soc.sampled:
        return trend
    if trend.points and now - trend.points[-1].at < SPACING:
        return trend
    kept = tuple(point for point in trend.points if now - point.at <= WINDOW)
    return SocTrend(points=(*kept, Point(now, soc)))
