"""Opens a serial port for this program alone; errors are sentences for the owner."""

from __future__ import annotations

import errno
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import serial

from exporter.sources.base import ABSENT, SourceError
from toolkit.untouched_serial import UntouchedSerial


@contextmanager
def opened(
    port: str,
    *,
    baudrate: int,
    timeout: float,
    parity: str = serial.PARITY_NONE,
    stopbits: int = 1,
    rts: bool | None = True,
) -> Iterator[serial.Serial]:
    """Open the port and close it at the end.

    Args:
        port: a device such as /dev/ttyUSB0, or a pyserial URL such as socket://10.0.0.5:4001.
        baudrate: bits per second; always 8 data bits.
        timeout: seconds that a read waits at most.
        parity: N, E or O.
        stopbits: 1 or 2.
        rts: level of the request-to-send line; some cables draw their power from it and from DTR, which is then high;
            None: leave both as the kernel sets them, on a device of this machine.

    Raises:
        SourceError: the port cannot be opened; the text names the remedy.
    """
    try:
        options: dict[str, Any] = {
            "baudrate": baudrate,
            "timeout": timeout,
            "write_timeout": 1.0,
            "parity": parity,
            "stopbits": stopbits,
            "exclusive": True,
        }
        connection: serial.Serial
        if rts is None:
            connection = UntouchedSerial(None, **options)
            connection.port = port
        else:
            connection = serial.serial_for_url(port, do_not_open=True, **options)
            connection.rts = rts
        connection.open()
    except (OSError, ValueError) as error:
        raise open_error(port, error) from error
    with connection:
        yield connection


def received(connection: serial.Serial, most: int = 4096) -> tuple[bytes, float]:
    """Return the bytes that have arrived on a port opened with a timeout of 0, about `most` at most, and when.

    Time is in monotonic seconds. Never waits; raises OSError when the port is gone.
    """
    data = b""
    # An adapter behind a URL may return a byte or a network packet at a time.
    while len(data) < most and (piece := connection.read(most)):
        data += piece
    return data, time.monotonic()


def drain(connection: serial.Serial) -> None:
    """Discard the bytes received so far; raises OSError when the port is gone."""
    try:
        connection.reset_input_buffer()
    except termios.error as error:
        raise OSError(*error.args) from error


def lost_error(port: str, error: OSError) -> SourceError:
    """Return the error of a port that fails while open; its cause is that of an absent port."""
    return SourceError(f"{port} is gone: {error}", cause=ABSENT)


def open_error(port: str, error: Exception) -> SourceError:
    """Return the error of a port that cannot be opened; its text names the remedy."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return SourceError(f"{port} is not there; check that the adapter is plugged in", cause=ABSENT)
    if number == errno.EACCES:
        return SourceError(
            f"no permission to open {port}; add this program's user to the group dialout", cause="forbidden"
        )
    if number in {errno.EAGAIN, errno.EBUSY} or "exclusively lock" in str(error):
        return SourceError(
            f"{port} is in use by another program; two readers would each get a part of the bytes", cause="busy"
        )
    return SourceError(f"{port} cannot be opened: {error}")
