"""The power that the panels offer: the curve of a clear day, less clouds that follow from a seed."""

from __future__ import annotations

import random
from math import pi, sin

from simulator import settings


class Sun:
    """The sun over a site. The same seed gives the same weather, in steps of any size."""

    def __init__(self, sun: settings.Sun, seed: int) -> None:
        self._sun = sun
        self._seed = seed
        self._hour = -1
        self._light = (1.0, 1.0)

    def watts(self, site_seconds: float) -> float:
        """Return the watts that the panels offer at a time in seconds since the midnight before the start."""
        sun = self._sun
        hours = site_seconds / 3600
        hour_of_day = hours % 24
        if not sun.rises < hour_of_day < sun.sets:
            return 0.0
        clear = sun.peak_watts * sin(pi * (hour_of_day - sun.rises) / (sun.sets - sun.rises))
        hour = int(hours)
        if hour != self._hour:
            self._hour = hour
            self._light = (self._light_at(hour), self._light_at(hour + 1))
        now, then = self._light
        return clear * (now + (then - now) * (hours - hour))

    def _light_at(self, hour: int) -> float:
        day = random.Random(self._seed * 1_000_003 + hour // 24).random()  # noqa: S311 - weather
        moment = random.Random(self._seed * 7_000_003 + hour).random()  # noqa: S311 - weather
        return 1.0 - self._sun.cloud * (0.6 * day + 0.4 * moment)
