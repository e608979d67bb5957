"""Keeps counters over restarts of the program: a small file, written durably every 5 minutes and at the end."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from pathlib import Path

from exporter.site import Site
from toolkit import durable_file, log

EVERY_SECONDS = 300.0
_MOST_BYTES = 1024 * 1024

_log = log.get("energy_state")

Counters = Mapping[str, Mapping[str, float]]
"""By device and metric."""


class EnergyState:
    """The counters of the file and of the site. Without a path nothing is read or written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._counters: dict[str, dict[str, float]] = {}
        self._written_at = -math.inf

    def read(self) -> None:
        """Read the file; one that cannot be read is reported, and its counters restart."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                self._counters = _counters(file.read(_MOST_BYTES))
        except FileNotFoundError:
            _log.info("no energy state yet, counters start at 0", file=str(self._path))
        except (OSError, ValueError) as error:
            _log.warning("energy state cannot be read, counters start at 0", file=str(self._path), error=error)

    def of(self, device: str) -> Mapping[str, float]:
        """Return a device's counters as they were last taken or read."""
        return self._counters.get(device, {})

    def take(self, site: Site) -> None:
        """Take the counters of the site's devices; those of a device that is not there now are kept."""
        for name, device in site.devices.items():
            for reading in device.readings.values():
                for metric, value, labels in reading.samples:
                    if metric in device.family.durable and not labels:
                        self._counters.setdefault(name, {})[metric] = value

    async def write_when_due(self, site: Site, now: float) -> None:
        """Write the file when 5 minutes have passed since it was last written; the first call only starts the time."""
        if self._written_at == -math.inf:
            self._written_at = now
        elif now - self._written_at >= EVERY_SECONDS:
            self._written_at = now
            await self.write(site)

    async def write(self, site: Site) -> None:
        """Write the file in a thread; a failure is logged once an hour."""
        if self._path is None:
            return
        self.take(site)
        text = json.dumps(self._counters, indent=1, sort_keys=True)
        try:
            await asyncio.to_thread(durable_file.replace, self._path, text.encode())
        except OSError as error:
            _log.limited("write", "energy state cannot be written", file=str(self._path), error=error)
        else:
            _log.recovered("write", "energy state is written again", file=str(self._path))


def _counters(data: bytes) -> dict[str, dict[str, float]]:
    """Return the counters in a file; raises ValueError when it is not one of ours."""
    document = json.loads(data)
    try:
        counters = {
            str(device): {str(metric): float(value) for metric, value in metrics.items()}
            for device, metrics in document.items()
        }
    except (AttributeError, TypeError) as error:
        raise ValueError("got another kind of file, expected numbers by device and metric") from error
    if not all(math.isfinite(value) and value >= 0 for metrics in counters.values() for value in metrics.values()):
        raise ValueError("got a number that is no counter, expected 0 or more")
    return counters
