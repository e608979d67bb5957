"""Modbus TCP: a request and its reply carry the same number, so a reply that comes late is known and passed over.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.sources.base import SourceError
from exporter.sources.modbus.address import TcpAddress
from exporter.sources.modbus.protocol import Request, words

TIMEOUT = 3.0
"""Seconds to connect, and as many for each reply."""

_HEADER = struct.Struct(">HHH")
_LONGEST = 254


@contextmanager
def connected(address: TcpAddress, timeout: float = TIMEOUT) -> Iterator[TcpLine]:
    """Connect, and close at the end; raises SourceError when nobody is there."""
    try:
        connection = socket.create_connection((address.host, address.port), timeout)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"no connection to {address}: {error}") from error
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield TcpLine(connection, address, timeout)


class TcpLine:
    """One connection; one request at a time."""

    def __init__(self, connection: socket.socket, address: TcpAddress, timeout: float = TIMEOUT) -> None:
        self._connection = connection
        self._address = address
        self._timeout = timeout
        self._number = 0
        self._received = b""

    def read(self, request: Request) -> tuple[int, ...]:
        """Return the registers; raises RefusedError, or SourceError when the connection is of no more use."""
        self._number = self._number % 0xFFFF + 1
        header = _HEADER.pack(self._number, 0, len(request.body) + 1)
        deadline = time.monotonic() + self._timeout
        try:
            self._connection.settimeout(self._timeout)
            self._connection.sendall(header + bytes((request.unit,)) + request.body)
            unit, reply = self._reply(deadline)
        except OSError as error:
            raise SourceError(f"no answer from {self._address} to {request}: {error}") from error
        if unit != request.answers_as:
            raise SourceError(f"{self._address} answers as unit {unit}; write unit_id: {unit} if that is the device")
        return words(request, reply)

    def _reply(self, deadline: float) -> tuple[int, bytes]:
        while True:
            number, protocol, size = _HEADER.unpack(self._take(_HEADER.size, deadline))
            if protocol != 0 or not 2 < size <= _LONGEST:
                raise SourceError(f"{self._address} does not speak Modbus TCP")
            frame = self._take(size, deadline)
            if number == self._number:
                return frame[0], frame[1:]

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._received) < size:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(f"nothing whole within {self._timeout:g} s")
            self._connection.settimeout(remaining)
            data = self._connection.recv(512)
            if not data:
                raise ConnectionResetError("it closed the connection")
            self._received += data
        taken, self._received = self._received[:size], self._received[size:]
        return taken
