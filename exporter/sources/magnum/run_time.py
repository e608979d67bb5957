"""How long the generator has run, by the generator starter (AGS), whoever started it."""

from __future__ import annotations

from exporter.fields import Kind, Metric, Sample
from toolkit.homeassistant.options import EntityOptions

LONGEST_INTERVAL = 30.0

RUN_SECONDS = Metric(
    "magnum_ags_run_seconds_total",
    "How long the generator starter has reported that the generator runs, whoever started it; a gap of more than 30 s "
    "adds nothing. Restarts at 0 with the exporter, unless energy_state is set.",
    Kind.COUNTER,
    entity=EntityOptions(name="AGS run time in all", shown_in="h"),
)


class RunTime:
    """Adds up the time between two packets in a row that both show the generator running.

    The counter is absent until the starter's state was known once.
    """

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._running_at: float | None = None

    def restore(self, seconds: float) -> None:
        """Go on from what was counted before the program was started."""
        self._seconds = seconds

    def add(self, running: float | None, at: float) -> None:
        """Take what the starter's packet received at monotonic `at` reports: 1 running, 0 not, None unknown."""
        if running is None:
            self._running_at = None
            return
        interval = at - self._running_at if running and self._running_at is not None else 0.0
        self._seconds = (self._seconds or 0.0) + (interval if interval <= LONGEST_INTERVAL else 0.0)
        self._running_at = at if running else None

    def counter(self) -> tuple[Sample, ...]:
        """Return the seconds so far."""
        return () if self._seconds is None else (Sample(RUN_SECONDS.name, self._seconds),)
