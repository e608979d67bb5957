"""Modbus RTU on a serial line that several sources may share.

A reply carries no number: one that comes late looks like the answer to the next request of the same length, and from
then on every answer would be one request old. So nothing is asked twice in one go, what lies in the input is thrown
away before a request, and after a request without an answer the same unit is first asked for a number of registers
for which no answer is outstanding: a device answers in order, so the reply to that proves that no older one will come.

Source: MODBUS over Serial Line V1.02, sections 2.5.1 and 6.2.2.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import serial

from exporter.sources import serial_port
from exporter.sources.base import SourceError
from exporter.sources.modbus.address import SerialAddress
from exporter.sources.modbus.protocol import Request, words
from toolkit.modbus import crc

TIMEOUT = 1.0
"""Seconds for a reply to be there whole; 125 registers take 0.27 s at 9600 baud."""

GAP = 0.1
"""Seconds of silence before a request (Pace, Modbus protocol V1.3: at least 100 ms between frames)."""

_READ_TIMEOUT = 0.05
_OUTSTANDING = 16


def find_reply(heard: bytes, request: Request) -> bytes | None:
    """Return function and data of the first whole frame in `heard` that can be the reply to this request.

    Adapters add bytes at the seams, and some repeat what was sent: a frame may begin anywhere.
    """
    for start in range(len(heard)):
        if heard[start] == request.answers_as:
            for size in (2 * request.count + 3, 3):
                frame, check = heard[start : start + size], heard[start + size : start + size + 2]
                if _starts_a_reply(frame, size, request) and crc(frame) == check:
                    return frame[1:]
    return None


def _starts_a_reply(frame: bytes, size: int, request: Request) -> bool:
    if len(frame) != size:
        return False
    if size == 3:
        return frame[1] == request.function | 0x80
    return frame[1] == request.function and frame[2] == 2 * request.count


class SerialLine:
    """One serial line, opened with the first request and closed when its last user has left."""

    def __init__(self, address: SerialAddress) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._users: set[object] = set()
        self._open = ExitStack()
        self._port: serial.Serial | None = None
        self._opened_as = address
        self._last = 0.0
        self._unanswered: defaultdict[int, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=_OUTSTANDING))

    def join(self, user: object, address: SerialAddress) -> None:
        """Begin to use the line; raises SourceError when others use it with other settings."""
        if self.address != address and self._users - {user}:
            raise SourceError(f"{address.port} is already in use here at {self.address.baudrate} baud, or other parity")
        self.address = address
        self._users.add(user)

    def leave(self, user: object) -> None:
        """End using the line; never waits: a request under way closes the port when it ends."""
        self._users.discard(user)
        if not self._users and self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def read(self, request: Request) -> tuple[int, ...]:
        """Return the registers; raises RefusedError, or SourceError when no whole reply comes in time."""
        with self._lock:
            try:
                return self._read(request)
            except OSError as error:
                self._close()
                raise serial_port.gone(self.address.port, error) from error
            finally:
                if not self._users:
                    self._close()

    def _read(self, request: Request) -> tuple[int, ...]:
        outstanding = self._unanswered[request.unit]
        if (request.function, request.count) in outstanding:
            free = next(n for n in range(1, _OUTSTANDING + 2) if (request.function, n) not in outstanding)
            self._exchange(replace(request, count=free), fence=True)
        return words(request, self._exchange(request))

    def _exchange(self, request: Request, *, fence: bool = False) -> bytes:
        port = self._opened()
        outstanding = self._unanswered[request.unit]
        self._settle(port, heard=bool(outstanding))
        frame = bytes((request.unit,)) + request.body
        port.write(frame + crc(frame))
        outstanding.append((request.function, request.count))
        deadline = time.monotonic() + TIMEOUT
        heard = b""
        while time.monotonic() < deadline:
            heard += port.read(max(1, port.in_waiting))
            reply = find_reply(heard, request)
            if reply:
                if len(reply) == 2 and len(outstanding) > 1 and not fence:
                    raise SourceError(f"{request} on {self.address} is refused, or an earlier one late")
                outstanding.clear()
                self._last = time.monotonic()
                return reply
        self._last = time.monotonic()
        raise SourceError(f"{request} on {self.address} has no answer within {TIMEOUT:g} s{_shown(heard)}")

    def _settle(self, port: serial.Serial, *, heard: bool) -> None:
        """Wait until the line has been silent for the gap, and throw away what has come."""
        limit = time.monotonic() + TIMEOUT
        while heard and time.monotonic() < limit:
            heard = bool(port.read(256))
        time.sleep(max(0.0, self._last + GAP - time.monotonic()))
        serial_port.drain(port)

    def _opened(self) -> serial.Serial:
        address = self.address
        if self._port is None or self._opened_as != address:
            self._close()
            self._opened_as = address
            opening: AbstractContextManager[serial.Serial] = serial_port.opened(
                address.port,
                baudrate=address.baudrate,
                timeout=_READ_TIMEOUT,
                parity=address.parity,
                stopbits=address.stopbits,
            )
            self._port = self._open.enter_context(opening)
        return self._port

    def _close(self) -> None:
        self._port = None
        self._open.close()


def _shown(heard: bytes) -> str:
    return f", only {heard[-24:].hex(' ')}" if heard else ""


_lines: dict[str, SerialLine] = {}
_lines_lock = threading.Lock()


def line(address: SerialAddress, user: object) -> SerialLine:
    """Return the one object for this serial line, joined by `user`, who leaves it at the end."""
    with _lines_lock:
        shared = _lines.setdefault(os.path.realpath(address.port), SerialLine(address))
        shared.join(user, address)
        return shared
