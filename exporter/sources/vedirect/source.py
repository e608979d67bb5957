"""A VE.Direct port as a source: reads, never sends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import serial

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources import serial_port
from exporter.sources.base import Family, Publish, Source, SourceError
from exporter.sources.plausibility import facts_of, judge, reasons, without
from exporter.sources.vedirect import fields
from exporter.sources.vedirect.framing import Block, Framer

BAUD = 19200
LIVE_STALE_AFTER = 10.0
HISTORY_STALE_AFTER = 30.0
SILENT_AFTER = 5.0
_READ_TIMEOUT = 0.25


class VeDirectSource(Source[serial.Serial]):
    """Reads one battery monitor."""

    family = Family("vedirect", tuple(metric for field in (*fields.LIVE, *fields.HISTORY) for metric in field.metrics))
    stale_after = LIVE_STALE_AFTER
    reasons = reasons(fields.CHECKS)

    def __init__(self, name: str, publish: Publish, *, port: str) -> None:
        super().__init__(name, publish)
        self._port = port
        self._mode: Block | None = None
        self._refused = 0

    def connect(self) -> AbstractContextManager[serial.Serial]:
        """Open the port."""
        return serial_port.opened(self._port, baudrate=BAUD, timeout=_READ_TIMEOUT)

    def serve(self, connection: serial.Serial) -> None:
        """Publish each whole block, until none is received for 5 s."""
        framer = Framer()
        damaged, received = 0, 0
        last = time.monotonic()
        while not self.stopped():
            try:
                data = connection.read(max(1, connection.in_waiting))
            except OSError as error:
                raise serial_port.lost_error(self._port, error) from error
            at, wall = time.monotonic(), time.time()
            received += len(data)
            blocks = list(framer.feed(data))
            refused = self._refused
            readings = [reading for block in blocks for reading in self._readings(block, at, wall)]
            bad = framer.damaged - damaged + self._refused - refused
            damaged = framer.damaged
            self.count(reads=len(readings) + bad, failures=bad)
            if readings or bad:
                self.publish(readings)
            if readings:
                self.recovered()
                last, received = at, 0
            elif at - last > SILENT_AFTER:
                raise SourceError(f"{self._port}: {_why(received)}")

    def _readings(self, block: Block, at: float, wall: float) -> Iterator[Reading]:
        if "V" not in block:
            # What its energies mean depends on the mode, which only the other block has.
            if self._mode is not None:
                samples = decode(fields.HISTORY, {**block, **self._mode})
                yield Reading("history", at, wall, HISTORY_STALE_AFTER, samples)
            return
        self._mode = {label: value for label, value in block.items() if label == fields.MODE.label}
        samples, charge = decode(fields.LIVE, block), fields.charge(block)
        judged = judge(fields.CHECKS, facts_of(samples, self.family.name))
        for contradiction in judged.contradictions:
            self.refuse(contradiction.reason, contradiction.values)
        if judged.whole is not None:
            self._refused += 1
            return
        if charge is not None and "amperes" in judged.refused:
            charge = replace(charge, amperes=None)
        left = without(samples, self.family.name, judged.refused) if judged.refused else samples
        yield Reading("live", at, wall, LIVE_STALE_AFTER, left, charge=charge)


def _why(received: int) -> str:
    if received:
        return f"{received} bytes received but no whole block; is this a VE.Direct port, at {BAUD} baud?"
    return "no bytes received; is the monitor powered, and the cable in its VE.Direct port?"
