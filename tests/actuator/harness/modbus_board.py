"""A synthetic Modbus relay board of eight coils that knows FC01 and FC05 and nothing else, over TCP or RTU on a pty.

It keeps its coils when a client goes away, as real boards do. Faults are attributes, changed while it runs.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import struct
import tempfile
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.toolkit.modbus.lines import crc


class Board:
    """The board's mind: coils, and what was written to them when (monotonic seconds, coil, closed)."""

    def __init__(self, *, timed: bool = False) -> None:
        self.timed = timed
        self.silent = False
        self.deaf_to_writes = False
        self.refuses_writes = False
        self.welded = False
        self.delay = 0.0
        self.writes: list[tuple[float, int, int]] = []
        self.functions: set[int] = set()
        self._coils = [False] * 8
        self._until: list[float | None] = [None] * 8

    def closed(self, coil: int = 0) -> bool:
        until = self._until[coil]
        if until is not None and time.monotonic() >= until:
            self._coils[coil], self._until[coil] = False, None
        return self._coils[coil]

    def set(self, coil: int, *, closed: bool) -> None:
        """Move a contact by hand."""
        self._coils[coil], self._until[coil] = closed, None

    def answer(self, request: bytes) -> bytes | None:
        function, address, value = struct.unpack(">BHH", request)
        self.functions.add(function)
        if self.silent:
            return None
        if function == 1:
            if address + value > 8 or not value:
                return bytes([0x81, 2])
            bits = sum(self.closed(address + index) << index for index in range(value))
            return bytes([1, 1, bits])
        if function == 5:
            return self._write(request, address, value)
        return bytes([function | 0x80, 1])

    def _write(self, request: bytes, address: int, value: int) -> bytes | None:
        if self.deaf_to_writes:
            return None
        if self.refuses_writes:
            return bytes([0x85, 4])
        self.writes.append((time.monotonic(), address, value))
        coil = address & 0xFF
        if address < 8 and value in (0, 0xFF00):
            if not self.welded:
                self.set(coil, closed=value == 0xFF00)
        elif self.timed and 0x200 <= address < 0x208:
            self._coils[coil], self._until[coil] = True, time.monotonic() + value / 10
        else:
            return bytes([0x85, 2 if address >= 8 else 3])
        return request


class _Served:
    def __init__(self, board: Board | None, unit: int) -> None:
        self.board = board or Board()
        self.unit = unit
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(5)
        self._close()

    def _serve(self) -> None:
        raise AssertionError

    def _close(self) -> None:
        raise AssertionError


class TcpBoard(_Served):
    """The board behind a TCP port of loopback."""

    def __init__(self, board: Board | None = None, unit: int = 1, port: int = 0) -> None:
        super().__init__(board, unit)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.connections: list[socket.socket] = []

    def drop(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._end.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                connection = self._listener.accept()[0]
                self.connections.append(connection)
                thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket) -> None:
        received = b""
        while not self._end.is_set():
            try:
                if not select.select([connection], [], [], 0.05)[0]:
                    continue
                data = connection.recv(512)
            except OSError:
                return
            if not data:
                return
            received += data
            while len(received) >= 12:
                header, request, received = received[:7], received[7:12], received[12:]
                transaction, _, _, unit = struct.unpack(">HHHB", header)
                reply = self.board.answer(request) if unit == self.unit else None
                self._end.wait(self.board.delay)
                if reply is not None:
                    with contextlib.suppress(OSError):
                        connection.sendall(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)

    def _close(self) -> None:
        for connection in self.connections:
            connection.close()
        self._listener.close()


class RtuBoard(_Served):
    """The board on a pty; `path` is what the driver opens."""

    def __init__(self, board: Board | None = None, unit: int = 1, *, junk: bytes = b"") -> None:
        super().__init__(board, unit)
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        # A name of its own: the number of a pty that has gone is given to the next one, of whatever test.
        self._folder = tempfile.TemporaryDirectory()
        link = Path(self._folder.name) / "line"
        link.symlink_to(os.ttyname(self._theirs))
        self.path = str(link)
        self.url = f"rtu://{self.path}?baudrate=9600"
        self.junk = junk

    def _serve(self) -> None:
        received = b""
        while not self._end.is_set():
            if not select.select([self._ours], [], [], 0.05)[0]:
                continue
            received += os.read(self._ours, 512)
            while len(received) >= 8:
                frame, received = received[:8], received[8:]
                if crc(frame[:6]) != frame[6:]:
                    received = frame[1:] + received
                    continue
                reply = self.board.answer(frame[1:6]) if frame[0] == self.unit else None
                self._end.wait(self.board.delay)
                if reply is not None:
                    answer = bytes([self.unit]) + reply
                    os.write(self._ours, self.junk + answer + crc(answer) + self.junk)

    def _close(self) -> None:
        self._folder.cleanup()
        os.close(self._ours)
        os.close(self._theirs)
