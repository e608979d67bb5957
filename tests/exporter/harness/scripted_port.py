"""A serial port in memory: what is written to it is answered at once, without a pty and without waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import serial

from exporter.sources.base import PolledSource
from tests.exporter.harness.running_sources import by_metric

Answer = Callable[[bytes], bytes]
"""From what was written to what is sent back."""


class ScriptedPort:
    """Answers each write by `answer`; `writes` keeps what was written.

    It is the clock too, for the module that waits for its answers: time passes only while nothing is received.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.writes: list[bytes] = []
        self._waiting = b""
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    @property
    def connection(self) -> serial.Serial:
        return cast("serial.Serial", self)

    @property
    def in_waiting(self) -> int:
        return len(self._waiting)

    def reset_input_buffer(self) -> None:
        self._waiting = b""

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self._waiting += self.answer(data)

    def read(self, size: int) -> bytes:
        """Return what waits; time passes when nothing does, as at a port with a time-out."""
        if not self._waiting:
            self.sleep(0.1)
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken


def polled(source: PolledSource[Any], port: ScriptedPort) -> Mapping[str, float]:
    """Return the values of one poll by metric, as `name` or `name{labels}`; raises SourceError."""
    return {metric: value for reading in source.poll(port.connection) for metric, value in by_metric(reading).items()}
