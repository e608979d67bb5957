"""A Magnum network as a source: reads the port in a thread, and reports what is wrong when no packets come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

import serial

from exporter.fields import Kind, Metric, Sample
from exporter.readings import Reading
from exporter.sources.base import Family, Publish, Source
from exporter.sources.magnum import energy, port
from exporter.sources.magnum.bus import DURABLE, OWN, Bus
from exporter.sources.magnum.packet_kinds import INVERTER_STALE_AFTER, metrics
from toolkit import log
from toolkit.homeassistant.options import DIAGNOSTIC

RECONNECTS = Metric(
    "magnum_reconnects_total", "How often since the start the port was reopened.", Kind.COUNTER, entity=DIAGNOSTIC
)
_SILENT_AFTER = 5.0
_COUNTERS_EVERY = 1.0

_REASONS = {
    "nothing": "no bytes received: is the bus powered, and are A and B connected?",
    "swapped": "A and B are swapped: swap the two data wires",
    "no packets": "bytes received but no Magnum packets: is this the outer pair of the four wires?",
}

_log = log.get("magnum")


class _Absence:
    """Measures how long bytes and packets have been missing."""

    def __init__(self, at: float) -> None:
        self._last_bytes = self._bytes_since = self._last_packet = at

    def update(self, at: float, *, has_bytes: bool, has_packets: bool) -> str | None:
        """Update with what was received at monotonic `at`; return what has been missing for 5 s, if anything."""
        if has_bytes:
            self._bytes_since = at if at - self._last_bytes > _SILENT_AFTER else self._bytes_since
            self._last_bytes = at
        if has_packets:
            self._last_packet = at
        if at - self._last_bytes > _SILENT_AFTER:
            return "nothing"
        return "no packets" if at - max(self._last_packet, self._bytes_since) > _SILENT_AFTER else None


class MagnumSource(Source[serial.Serial]):
    """Listens to one Magnum network; never sends."""

    family = Family("magnum", (*metrics(), *energy.METRICS, *OWN, RECONNECTS), DURABLE)
    stale_after = INVERTER_STALE_AFTER

    def __init__(self, name: str, publish: Publish, *, port: str, peak_window: float = 60.0) -> None:
        super().__init__(name, publish)
        self._port = port
        self._bus = Bus(peak_window)
        self._opened = 0
        self._failures_counted = 0

    def restore(self, counters: Mapping[str, float]) -> None:
        """Go on from counters of energy and run time, by metric."""
        self._bus.restore(counters)

    def connect(self) -> AbstractContextManager[serial.Serial]:
        """Open the port."""
        return port.opened(self._port, live=False)

    def serve(self, connection: serial.Serial) -> None:
        """Read until the port is lost."""
        self._opened += 1
        counted = time.monotonic()
        self.publish((self._counters(counted, time.time()),))
        absence = _Absence(counted)
        last, behind = counted, False
        while not self.wait(0 if behind else port.BLOCK_SECONDS):
            before = sum(self._bus.frames.values())
            data, at = port.read_block(connection)
            wall = time.time()
            readings = self._bus.feed(data, at, wall, over=at - last) if data else self._bus.silence(at, wall)
            # This machine was busy for longer than a block, and the kernel may hold more than one read returns.
            last, behind = at, len(data) > 2 * port.MOST_IN_BLOCK
            packets = sum(self._bus.frames.values()) - before
            if packets:
                self.count(reads=packets)
                self._recovered()
            cause = absence.update(at, has_bytes=bool(data), has_packets=packets > 0)
            if cause == "nothing":
                # An incomplete packet will never be completed now.
                self._bus.reset()
            if cause is not None:
                self._report("swapped" if cause == "no packets" and self._bus.framer.swapped else cause)
            if readings or at - counted >= _COUNTERS_EVERY:
                counted = at
                self._count_damage()
                self.publish((*readings, self._bus.means(at, wall), self._counters(at, wall)))

    def lost(self) -> None:
        """Drop the bytes of an incomplete packet."""
        self._bus.reset()
        self.publish((self._counters(time.monotonic(), time.time()),))

    def _counters(self, at: float, wall: float) -> Reading:
        counters = self._bus.counters(at, wall)
        reconnects = Sample(RECONNECTS.name, max(0, self._opened - 1))
        return Reading("counters", at, wall, counters.stale_after, (*counters.samples, reconnects), alive=False)

    def _count_damage(self) -> None:
        new = self._bus.framer.damaged - self._failures_counted
        if new:
            self._failures_counted += new
            self.count(reads=new, failures=new)

    def _recovered(self) -> None:
        self.recovered()
        for cause in _REASONS:
            _log.recovered(f"{self.name} {cause}", "magnum packets received", device=self.name)
        for other in self._bus.others:
            _log.limited(
                f"{self.name} other inverter",
                "another inverter sends on this port and is not read; give it a port of its own",
                device=self.name,
                inverter=str(other),
            )

    def _report(self, cause: str) -> None:
        _log.limited(f"{self.name} {cause}", "no magnum packets", device=self.name, reason=_REASONS[cause])
