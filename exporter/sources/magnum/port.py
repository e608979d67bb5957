"""Opens the port of a Magnum network: 19200 baud, 8 data bits, no parity, one stop bit, never written to."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from exporter.sources.base import SourceError

BAUD = 19200
SILENCE = 0.03
_GATHER = 0.01


@contextmanager
def opened(port: str) -> Iterator[serial.Serial]:
    """Open the port for this program alone and close it at the end; raises SourceError saying what is wrong."""
    try:
        connection = serial.serial_for_url(port, baudrate=BAUD, timeout=SILENCE, exclusive=True)
    except (OSError, ValueError) as error:
        raise SourceError(_why(port, error)) from error
    with connection:
        yield connection


def _why(port: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return f"{port} is not there; is the adapter plugged in?"
    if number == errno.EACCES:
        return f"no permission to open {port}; add this program's user to the group dialout"
    if number in {errno.EAGAIN, errno.EBUSY} or "exclusively lock" in str(error):
        return f"{port} is in use by another program; two readers would each get a part of the bytes"
    return f"{port} cannot be opened: {error}"


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
            data += connection.read(connection.in_waiting)
    except OSError as error:
        raise SourceError(f"{connection.name} is gone: {error}") from error
    return bytes(data), at
