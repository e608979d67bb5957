"""A channel of the serial relay boards LCUS-1 to LCUS-8 (a CH340 and a small processor): kind `serial`.

9600 baud, 8N1. A command is four bytes: `A0`, the channel counted from 1, 1 to close or 0 to open, and the sum of the
three: `A0 01 01 A2` closes channel 1, `A0 01 00 A1` opens it. Source: the maker's protocol as printed by
jarwyg/USB_RELAY and followed by Brian Rzycki's lcus_relay (Apache-2.0).

Some of them answer a single `FF` with their contacts in words, others not at all, and lcus_relay found the first answer
stale: none is asked for, and the board is not read back. An order counts as obeyed when the serial port has taken and
sent it: a board that is dead behind a living adapter, or whose contact is welded, is not noticed here. That is left to
the evidence of the engine; and an open contact is told to open again every so often. The board holds its contact for as
long as it has power, whatever becomes of this process.
"""

from __future__ import annotations

import contextlib
import os
import termios
import time

import serial

from actuator.relay.config import SerialRelay
from actuator.relay.lock import hold, let_go
from actuator.relay.protocol import RelayError

WRITE_TIMEOUT = 0.5
"""Seconds for the port to take four bytes, and as many to have sent them; they need 4 ms."""

_START = 0xA0


class Lcus:
    """The contact of one channel. Only the controller holds it; `release` writes without holding."""

    can_read_back = False
    lease: float | None = None

    def __init__(self, config: SerialRelay, *, exclusive: bool) -> None:
        self.description = f"channel {config.channel} of the LCUS board at {config.port}"
        self._config, self._exclusive = config, exclusive
        self._port: serial.Serial | None = None
        self._held = ""

    def open_contact(self) -> None:
        """Send *open*."""
        self._send(closed=False)

    def close_contact(self) -> None:
        """Send *close*."""
        self._send(closed=True)

    def renew(self) -> None:
        """Do nothing: these boards have no lease."""

    def read_back(self) -> bool | None:
        """Return None: the board cannot say."""
        return None

    def disconnect(self) -> None:
        """Close the port."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):
                port.close()

    def let_go(self) -> None:
        """Close the port, and let another controller have the board."""
        self.disconnect()
        let_go(self._held)

    def _send(self, *, closed: bool) -> None:
        command = bytes([_START, self._config.channel, closed])
        try:
            port = self._connected()
            port.reset_input_buffer()
            port.write(command + bytes([sum(command) & 0xFF]))
            _sent(port)
        except (OSError, termios.error) as error:
            self._discard()
            self.disconnect()
            raise RelayError(f"{self._config.port} took no command: {error}") from error

    def _discard(self) -> None:
        """Discard what the port has not sent: it must not move the contact later."""
        # Only after a failed command: a pty counts a command as sent while the kernel still holds it, and a flush
        # would discard that one too.
        if self._port is not None:
            with contextlib.suppress(OSError, termios.error):  # an adapter that is gone has nothing to discard
                self._port.reset_output_buffer()

    def _connected(self) -> serial.Serial:
        if self._port is None:
            if self._exclusive:
                self._hold()
            self._port = serial.Serial(
                self._config.port,
                9600,
                timeout=0.0,
                write_timeout=WRITE_TIMEOUT,
                exclusive=True if self._exclusive else None,
            )
            _leave_modem_lines(self._port.fileno())
        return self._port

    def _hold(self) -> None:
        name = f"serial {os.path.realpath(self._config.port)}"
        if name != self._held:
            let_go(self._held)
        hold(name)
        self._held = name


def _sent(port: serial.Serial) -> None:
    """Wait until the adapter has sent everything; unlike tcdrain(3), which has no end on one that hangs."""
    deadline = time.monotonic() + WRITE_TIMEOUT
    while port.out_waiting:
        if time.monotonic() > deadline:
            raise TimeoutError(f"it is not sent within {WRITE_TIMEOUT:g} s")
        time.sleep(0.002)


def _leave_modem_lines(descriptor: int) -> None:
    """Keep DTR and RTS as they are when the port is closed: they rise with its first opening and never fall again."""
    attributes = termios.tcgetattr(descriptor)
    attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
