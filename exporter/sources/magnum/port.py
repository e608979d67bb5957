"""The port of a Magnum network: 19200 baud, 8N1, never written to."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import serial

from exporter.sources import serial_port
from exporter.sources.base import GONE, SourceError

BAUD = 19200
SILENCE = 0.03
_GATHER = 0.01
_MOST_AT_ONCE = 4096


def opened(port: str) -> AbstractContextManager[serial.Serial]:
    """Open the port for this program alone and close it at the end; raises SourceError."""
    return serial_port.opened(port, baudrate=BAUD, timeout=SILENCE)


def read(connection: serial.Serial) -> tuple[bytes, float]:
    """Return the bytes received and when (monotonic seconds); no bytes after 30 ms of silence.

    Raises SourceError when the port is gone.
    """
    try:
        data = connection.read(1)
        at = time.monotonic()
        if data:
            time.sleep(_GATHER)
            at = time.monotonic()
            while len(data) < _MOST_AT_ONCE and (waiting := connection.in_waiting):
                data += connection.read(waiting)
    except OSError as error:
        raise SourceError(f"{connection.name} is gone: {error}", cause=GONE) from error
    return bytes(data), at
