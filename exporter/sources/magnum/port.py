"""The port of a Magnum network: 19200 baud, 8N1, never written to."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import serial

from exporter.sources import serial_port
from exporter.sources.base import GONE, SourceError

BAUD = 19200
BLOCK_SECONDS = 0.25
"""A packet's seam is in its bytes, not in its arrival: one read in this time is enough. The kernel keeps 4 kB."""
MOST_IN_BLOCK = BLOCK_SECONDS * BAUD / 10
"""Bytes that the line carries in this time."""
SILENCE = 0.03
_GATHER = 0.01
_MOST_AT_ONCE = 4096


def opened(port: str, *, live: bool) -> AbstractContextManager[serial.Serial]:
    """Open the port for this program alone, for `read_live` or for `read_block`, and close it at the end.

    Raises SourceError.
    """
    return serial_port.opened(port, baudrate=BAUD, timeout=SILENCE if live else 0)


def read_block(connection: serial.Serial) -> tuple[bytes, float]:
    """Return the bytes since the last block, and when they were read (monotonic seconds); for `live=False`.

    Raises SourceError when the port is gone.
    """
    try:
        return serial_port.received(connection)
    except OSError as error:
        raise _gone(connection, error) from error


def read_live(connection: serial.Serial) -> tuple[bytes, float]:
    """Return the bytes as they arrive, and when (monotonic seconds); no bytes after 30 ms of silence; for `live=True`.

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
        raise _gone(connection, error) from error
    return bytes(data), at


def _gone(connection: serial.Serial, error: OSError) -> SourceError:
    return SourceError(f"{connection.name} is gone: {error}", cause=GONE)
