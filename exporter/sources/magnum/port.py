"""The port of a Magnum network: 19200 baud, 8 data bits, no parity, one stop bit, never written to."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import serial

from exporter.sources import serial_port
from exporter.sources.base import SourceError

BAUD = 19200
SILENCE = 0.03
_GATHER = 0.01
_MOST_AT_ONCE = 4096


def opened(port: str) -> AbstractContextManager[serial.Serial]:
    """Open the port for this program alone and close it at the end; raises SourceError saying what is wrong."""
    return serial_port.opened(port, baudrate=BAUD, timeout=SILENCE)


def read(connection: serial.Serial) -> tuple[bytes, float]:
    """Return what has come and the monotonic seconds of it; nothing when the line is silent for 30 ms.

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
        raise SourceError(f"{connection.name} is gone: {error}", cause="gone") from error
    return bytes(data), at
