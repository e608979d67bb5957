"""A battery with Pylontech's protocol as a source; only the request for measurements is ever sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import serial

from exporter.readings import Reading
from exporter.sources import serial_port
from exporter.sources.base import Family, PolledSource, Publish, SourceError
from exporter.sources.pylontech import modules
from exporter.sources.pylontech.frame import ANALOG_VALUES, Frame, FrameError, decode
from exporter.sources.pylontech.modules import ContentError, Dialect

TIMEOUT = 2.0
"""Seconds for a whole reply; that of 8 modules takes 1 s at 9600 baud."""

_READ_TIMEOUT = 0.1
_LONGEST_LINE = 4110


class PylontechSource(PolledSource[serial.Serial]):
    """Polls one battery or stack."""

    family = Family("pylontech", modules.METRICS)

    def __init__(
        self, name: str, publish: Publish, *, port: str, baudrate: int, dialect: Dialect, address: int, interval: float
    ) -> None:
        super().__init__(name, publish, interval=interval)
        self.retry = min(5.0, interval)
        self._port = port
        self._baudrate = baudrate
        self._dialect = dialect
        data = address if dialect.every is None else dialect.every
        self._request = Frame(dialect.version, address, ANALOG_VALUES, bytes((data,)))

    def connect(self) -> AbstractContextManager[serial.Serial]:
        """Open the port."""
        return serial_port.opened(self._port, baudrate=self._baudrate, timeout=_READ_TIMEOUT)

    def poll(self, connection: serial.Serial) -> Iterator[Reading]:
        """Return the measurements."""
        at, wall = time.monotonic(), time.time()
        try:
            found = self._dialect.read(decode(self._ask(connection), self._request).info)
        except (FrameError, ContentError) as error:
            raise SourceError(f"address {self._request.address} on {self._port} answers {error}") from error
        except OSError as error:
            raise serial_port.lost_error(self._port, error) from error
        yield Reading("modules", at, wall, self.stale_after, modules.samples(found), charge=modules.charge(found))

    def _ask(self, connection: serial.Serial) -> bytes:
        """Return the reply without its carriage return; the echo of the request is skipped."""
        request = self._request.encode()
        serial_port.drain(connection)
        connection.write(request)
        pending = b""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and len(pending) < _LONGEST_LINE:
            pending += connection.read(max(1, connection.in_waiting))
            while b"\r" in pending:
                line, _, pending = pending.partition(b"\r")
                if b"~" in line and not request.startswith(line):
                    return line
        what = f"only {pending[:40]!r}" if pending else "nothing"
        raise SourceError(f"address {self._request.address} on {self._port} answers {what} at {self._baudrate} baud")
