"""What the panels could give at an hour: a clear day's bow, darkened by clouds that a seed decides."""

from __future__ import annotations

import random
from math import pi, sin

from simulator import settings


class Sky:
    """The weather of a site. The same seed gives the same weather, whatever the steps in which time passes."""

    def __init__(self, sun: settings.Sun, seed: int) -> None:
        self._sun = sun
        self._seed = seed
        self._hour = -1
        self._light = (1.0, 1.0)

    def watts(self, site_seconds: float) -> float:
        """Watts that the panels offer at a time, in seconds since the midnight before the site began."""
        sun = self._sun
        hours = site_seconds / 3600
        of_day = hours % 24
        if not sun.rises < of_day < sun.sets:
            return 0.0
        clear = sun.peak_watts * sin(pi * (of_day - sun.rises) / (sun.sets - sun.rises))
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
