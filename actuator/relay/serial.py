"""A channel of the serial relay boards LCUS-1 to LCUS-8 (a CH340 and a small processor): kind `serial`.

9600 baud, 8N1. A command is four bytes: `A0`, the channel counted from 1, 1 to close or 0 to open, and the sum of the
three: `A0 01 01 A2` closes channel 1, `A0 01 00 A1` opens it. Source: the maker's protocol as printed by
jarwyg/USB_RELAY and followed by Brian Rzycki's lcus_relay (Apache-2.0).

Some boards answer a single `FF` with a text about their contacts, others do not answer, and lcus_relay reports that
the first answer is stale: so the board is not read back. A command counts as obeyed when the serial port has sent it. A
dead board behind a working adapter and a welded contact are not noticed here: the evidence of the engine shows them,
and the command to open is repeated from time to time.

The board holds its contact for as long as it has power, also when this process dies.
"""

from __future__ import annotations

import contextlib
import os
import termios
import time
from typing import Annotated, ClassVar

import msgspec
import serial

from actuator.relay.errors import RelayError
from actuator.relay.protocol import Relay, RelayConfig, require_path
from toolkit.replace import replace

WRITE_TIMEOUT = 0.5
"""Seconds for the port to accept four bytes, and as many to send them; they need 4 ms."""

_START = 0xA0


class SerialRelay(RelayConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="serial"):
    """A channel of an LCUS board on a serial port; it cannot be read back.

    Attributes:
        port: path of the port; one of /dev/serial/by-id or by-path stays the same when the ports get other numbers.
        channel: counted from one.
    """

    HINTS: ClassVar = dict.fromkeys(("lcus", "ch340"), 'did you mean "serial"?')

    port: str
    channel: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1

    def __post_init__(self) -> None:
        """Refuse a port that is no path."""
        require_path("port", self.port, "/dev/ttyUSB3")

    def make_relay(self, *, exclusive: bool = True) -> Lcus:
        """See RelayConfig."""
        return Lcus(self, exclusive=exclusive)

    def contact(self) -> SerialRelay:
        """Return the channel at the device to which the port leads now."""
        return replace(self, port=os.path.realpath(self.port))


class Lcus(Relay):
    """The contact of one channel."""

    can_read_back = False

    def __init__(self, config: SerialRelay, *, exclusive: bool) -> None:
        super().__init__(exclusive=exclusive)
        self.description = f"channel {config.channel} of the LCUS board at {config.port}"
        self._config, self._exclusive = config, exclusive
        self._port: serial.Serial | None = None

    def open_contact(self) -> None:
        """Send *open*."""
        self._send(closed=False)

    def close_contact(self) -> None:
        """Send *close*."""
        self._send(closed=True)

    def read_back(self) -> bool | None:
        """Return None: the board cannot report it."""
        return None

    def disconnect(self) -> None:
        """Close the port."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):
                port.close()

    def _send(self, *, closed: bool) -> None:
        command = bytes([_START, self._config.channel, closed])
        try:
            port = self._connected()
            port.reset_input_buffer()
            port.write(command + bytes([sum(command) & 0xFF]))
            _wait_until_sent(port)
        except (OSError, termios.error) as error:
            self._discard()
            self.disconnect()
            raise RelayError(f"{self._config.port} did not accept the command: {error}") from error

    def _discard(self) -> None:
        """Discard what the port has not sent: it must not move the contact later."""
        # Only after a failed command: a pty counts a command as sent while the kernel still holds it, and a flush
        # would discard that one too.
        if self._port is not None:
            with contextlib.suppress(OSError, termios.error):  # an adapter that is gone has nothing to discard
                self._port.reset_output_buffer()

    def _connected(self) -> serial.Serial:
        if self._port is None:
            self._lock.acquire(f"serial {os.path.realpath(self._config.port)}")
            self._port = serial.Serial(
                self._config.port,
                9600,
                timeout=0.0,
                write_timeout=WRITE_TIMEOUT,
                exclusive=True if self._exclusive else None,
            )
            _keep_modem_lines(self._port.fileno())
        return self._port


def _wait_until_sent(port: serial.Serial) -> None:
    """Wait until the adapter has sent everything; unlike tcdrain(3), not for ever on one that hangs."""
    deadline = time.monotonic() + WRITE_TIMEOUT
    while port.out_waiting:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not sent within {WRITE_TIMEOUT:g} s")
        time.sleep(0.002)


def _keep_modem_lines(descriptor: int) -> None:
    """Keep DTR and RTS as they are when the port is closed: they rise with its first opening and never fall again."""
    attributes = termios.tcgetattr(descriptor)
    attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
