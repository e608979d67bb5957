"""A serial line with batteries that answer in lines of text; several sources may share it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import serial

from exporter.sources import serial_port
from exporter.sources.shared_line import Lines, SharedLine
from toolkit.modbus import SerialAddress

GAP = 0.05
"""Seconds between the end of one exchange and the next request: the batteries release the line meanwhile."""

_READ_TIMEOUT = 0.1
_LONGEST_LINE = 4110


class TextLine(SharedLine):
    """One serial line.

    Attributes:
        listed: the addresses that the sources on this line read, by source.
    """

    def __init__(self, address: SerialAddress) -> None:
        super().__init__(address)
        self.listed: dict[object, tuple[int, ...]] = {}
        self._open: ExitStack | None = None
        self._connection: serial.Serial | None = None
        self._last = 0.0

    def leave(self, user: object) -> None:
        """End using the line."""
        self.listed.pop(user, None)
        super().leave(user)

    @contextmanager
    def asked(self, request: bytes, seconds: float) -> Iterator[Iterator[bytes]]:
        """Send a request; give the lines that are received after it, without its echo, until the time is over."""
        with self._held():
            connection = self._opened()
            time.sleep(max(0.0, self._last + GAP - time.monotonic()))
            serial_port.drain(connection)
            connection.write(request)
            try:
                yield self._lines(connection, request.rstrip(b"\r"), time.monotonic() + seconds)
            finally:
                self._last = time.monotonic()

    def _lines(self, connection: serial.Serial, request: bytes, deadline: float) -> Iterator[bytes]:
        pending = b""
        while time.monotonic() < deadline:
            pending += connection.read(max(1, connection.in_waiting))
            while b"\r" in pending:
                line, _, pending = pending.partition(b"\r")
                if line.strip(b"\0 \n") not in {b"", request}:
                    yield line
            pending = pending[-_LONGEST_LINE:]
        if pending:
            yield pending

    def _opened(self) -> serial.Serial:
        if self._connection is None:
            with ExitStack() as stack:
                self._connection = stack.enter_context(
                    serial_port.opened(self.address.port, baudrate=self.address.baudrate, timeout=_READ_TIMEOUT)
                )
                self._open = stack.pop_all()
        return self._connection

    def _close(self) -> None:
        opened, self._open, self._connection = self._open, None, None
        if opened is not None:
            opened.close()


LINES = Lines(TextLine)
