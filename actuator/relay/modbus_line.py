"""How a Modbus request and its reply travel: over TCP with a transaction number, or over a serial line with a CRC.

Only the few lines that a relay needs, so that what moves an engine can be read in one go, and because the timed
commands of relay boards are FC05 writes with values that client libraries refuse to send.

Sources: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3 (MBAP header); MODBUS over Serial Line
V1.02, sections 2.5.1 (RTU framing) and 6.2.2 (CRC).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Protocol

import serial

from actuator.relay.config import SerialAddress, TcpAddress
from actuator.relay.protocol import RelayError
from toolkit.modbus import crc

TCP_TIMEOUT = 1.0
"""Seconds for a board to connect, and as many to answer."""

SERIAL_TIMEOUT = 0.5
"""Seconds for a board to answer, and for the line to be called quiet; a write and its echo take 20 ms at 9600 baud."""

_EXCEPTIONS = {
    1: "it does not know the function",
    2: "it has no such coil",
    3: "it takes no such value",
    4: "it failed",
}

Matches = Callable[[bytes], bool]


class Line(Protocol):
    """Carries one request at a time."""

    def place(self) -> str:
        """Connect, and return where the line leads, the same under whatever name it was reached.

        Raises:
            RelayError: no connection.
        """

    def exchange(self, unit: int, request: bytes, reply_size: int, matches: Matches) -> bytes:
        """Return the board's reply.

        Args:
            unit: the board's address.
            request: function code and data.
            reply_size: bytes of the expected reply, function code included.
            matches: whether bytes of that size are a reply to this request; others are late and are passed over.

        Raises:
            RelayError: no connection, no reply in time, or the board refuses.
        """

    def disconnect(self) -> None:
        """Close the line; the next exchange opens it. Raises nothing."""


def refusal(request: bytes, reply: bytes) -> RelayError | None:
    """Return the error when the reply is an exception to this request."""
    if len(reply) < 2 or reply[0] != request[0] | 0x80:
        return None
    meaning = _EXCEPTIONS.get(reply[1], "unknown")
    return RelayError(f"board refuses function {request[0]} with exception {reply[1]} ({meaning})")


class TcpLine:
    """Modbus TCP; a reply is known by its transaction number, so one that comes late is passed over."""

    def __init__(self, address: TcpAddress) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._transaction = 0
        self._received = b""

    def place(self) -> str:
        """Return the board's own address and port; this machine is 127.0.0.1 by either protocol."""
        try:
            host, port, *_ = self._connected().getpeername()
        except OSError as error:
            raise RelayError(f"no answer from {self._address}: {error}") from error
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = ipaddress.IPv4Address("127.0.0.1") if address.is_loopback else address.ipv4_mapped or address
        return f"{address} port {port}"

    def exchange(self, unit: int, request: bytes, reply_size: int, matches: Matches) -> bytes:
        """See Line."""
        try:
            connection = self._connected()
            self._transaction = self._transaction % 0xFFFF + 1
            connection.settimeout(TCP_TIMEOUT)
            connection.sendall(struct.pack(">HHHB", self._transaction, 0, len(request) + 1, unit) + request)
            return self._reply(connection, unit, request, reply_size, matches)
        except OSError as error:
            raise RelayError(f"no answer from {self._address}: {error}") from error

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._received = b""
            self._socket = socket.create_connection((self._address.host, self._address.port), TCP_TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _reply(self, connection: socket.socket, unit: int, request: bytes, reply_size: int, matches: Matches) -> bytes:
        deadline = time.monotonic() + TCP_TIMEOUT
        while True:
            transaction, protocol, size = struct.unpack(">HHH", self._take(connection, 6, deadline))
            if protocol != 0 or not 2 < size <= 254:
                raise RelayError(f"{self._address} does not speak Modbus TCP")
            frame = self._take(connection, size, deadline)
            if transaction != self._transaction or frame[0] != unit:
                continue
            refused = refusal(request, frame[1:])
            if refused:
                raise refused
            if len(frame) - 1 != reply_size or not matches(frame[1:]):
                raise RelayError(f"{self._address} answered {frame.hex(' ')}, which is no reply to {request.hex(' ')}")
            return frame[1:]

    def _take(self, connection: socket.socket, size: int, deadline: float) -> bytes:
        while len(self._received) < size:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            data = connection.recv(512)
            if not data:
                raise ConnectionResetError("it closed the connection")
            self._received += data
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def disconnect(self) -> None:
        """See Line."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):  # reset by the board; the descriptor is gone
                connection.close()


class SerialLine:
    """Modbus RTU. A reply carries no number, so a late one must never be taken for the answer to a later request.

    Three things see to that: what lies in the input is thrown away before each request; after a request without an
    answer the line is first listened to until it has been quiet for a whole timeout; and only a frame that matches
    the request counts, wherever among other bytes it begins (adapters add some at the seams).
    """

    def __init__(self, address: SerialAddress, *, exclusive: bool) -> None:
        self._address = address
        self._exclusive = exclusive
        self._port: serial.Serial | None = None
        self._settled = True

    def place(self) -> str:
        """Return the device that the path leads to."""
        try:
            self._connected()
        except (OSError, termios.error) as error:
            raise RelayError(f"no answer from {self._address}: {error}") from error
        return os.path.realpath(self._address.device)

    def exchange(self, unit: int, request: bytes, reply_size: int, matches: Matches) -> bytes:
        """See Line."""
        try:
            port = self._connected()
            if not self._settled:
                self._settle(port)
            port.reset_input_buffer()
            self._settled = False
            frame = bytes([unit]) + request
            port.write(frame + crc(frame))
            reply = self._reply(port, unit, request, reply_size, matches)
        except (OSError, termios.error) as error:
            raise RelayError(f"no answer from unit {unit} at {self._address}: {error}") from error
        self._settled = True
        refused = refusal(request, reply)
        if refused:
            raise refused
        return reply

    def _connected(self) -> serial.Serial:
        if self._port is None:
            self._port = serial.Serial(
                self._address.device,
                self._address.baudrate,
                parity=self._address.parity,
                stopbits=self._address.stopbits,
                timeout=0.05,
                write_timeout=SERIAL_TIMEOUT,
                exclusive=True if self._exclusive else None,
            )
        return self._port

    @staticmethod
    def _settle(port: serial.Serial) -> None:
        now = time.monotonic()
        quiet_since, limit = now, now + 2 * SERIAL_TIMEOUT
        while quiet_since + SERIAL_TIMEOUT > now and now < limit:
            heard = port.read(256)
            now = time.monotonic()
            if heard:
                quiet_since = now

    @staticmethod
    def _reply(port: serial.Serial, unit: int, request: bytes, reply_size: int, matches: Matches) -> bytes:
        deadline = time.monotonic() + SERIAL_TIMEOUT
        received = b""
        while time.monotonic() < deadline:
            received += port.read(max(1, port.in_waiting))
            for start in range(len(received)):
                exception = _framed(received[start:], unit, 2)
                if exception and refusal(request, exception):
                    return exception
                reply = _framed(received[start:], unit, reply_size)
                if reply and matches(reply):
                    return reply
        raise TimeoutError(f"nothing in {SERIAL_TIMEOUT:g} s" if not received else f"only {received[-32:].hex(' ')}")

    def disconnect(self) -> None:
        """See Line."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):  # an adapter that is gone cannot be asked to drain
                port.close()


def _framed(data: bytes, unit: int, size: int) -> bytes | None:
    """Return the `size` bytes between unit and CRC when the data begins with such a frame."""
    whole = data[: size + 3]
    if len(whole) < size + 3 or whole[0] != unit or crc(whole[:-2]) != whole[-2:]:
        return None
    return whole[1:-2]
