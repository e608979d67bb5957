"""A device at the other end of a TCP connection or a serial line that answers with whatever bytes a test likes."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import struct
import tempfile
import threading
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.toolkit.modbus.lines import crc


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        unit: the unit that it asks.
        pdu: function code and data.
        number: on TCP, its transaction; on a serial line 0.
    """

    unit: int
    pdu: bytes
    number: int
    serial: bool

    def frame(self, pdu: bytes, *, unit: int | None = None, number: int | None = None) -> bytes:
        """Frame function code and data as a reply to this."""
        unit = self.unit if unit is None else unit
        if self.serial:
            frame = bytes((unit,)) + pdu
            return frame + crc(frame)
        number = self.number if number is None else number
        return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


Answer = Callable[[Asked], Iterator[bytes]]
"""Yields what is sent; it may have no end. Raising ConnectionError hangs up."""


class Wire(ABC):
    """One client at a time; `asked` keeps every request."""

    url: str

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._close()

    @abstractmethod
    def _run(self) -> None:
        """Serve until the end."""

    @abstractmethod
    def _close(self) -> None:
        """Take the device away."""

    def _serve(self, end: int) -> None:
        """Answer at a file descriptor until its other side hangs up."""
        os.set_blocking(end, False)
        received = b""
        while not self._end.is_set():
            if not select.select([end], [], [], 0.02)[0]:
                continue
            data = os.read(end, 512)
            if not data:
                return
            received += data
            asked, received = self._requests(received)
            for each in asked:
                self.asked.append(each)
                for chunk in self.answer(each):
                    if not self._send(end, chunk):
                        return

    def _send(self, end: int, data: bytes) -> bool:
        while data:
            if self._end.is_set():
                return False
            if select.select([], [end], [], 0.02)[1]:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(end, data) :]
        return True

    @abstractmethod
    def _requests(self, received: bytes) -> tuple[list[Asked], bytes]:
        """Return the requests in what came, and the rest."""


class TcpWire(Wire):
    """On loopback."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"

    def _run(self) -> None:
        while not self._end.is_set():
            if select.select([self._listener], [], [], 0.02)[0]:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._serve(connection.fileno())

    def _close(self) -> None:
        self._listener.close()

    def _requests(self, received: bytes) -> tuple[list[Asked], bytes]:
        asked = []
        while len(received) >= 12:
            number, _, _, unit = struct.unpack(">HHHB", received[:7])
            asked.append(Asked(unit, received[7:12], number, serial=False))
            received = received[12:]
        return asked, received


class SerialWire(Wire):
    """On a pty, which hangs up for good; its name is no other test's."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "line"
        path.symlink_to(os.ttyname(self._theirs))
        self.path = str(path)
        self.url = f"rtu://{self.path}?baudrate=115200"

    def _run(self) -> None:
        try:
            with contextlib.suppress(BlockingIOError):
                self._serve(self._ours)
        except ConnectionError:
            os.close(self._theirs)
            os.close(self._ours)
            self._ours = -1

    def _close(self) -> None:
        if self._ours >= 0:
            os.close(self._theirs)
            os.close(self._ours)
        self._folder.cleanup()

    def _requests(self, received: bytes) -> tuple[list[Asked], bytes]:
        return _serial_requests(received)


class NetworkWire(TcpWire):
    """A serial adapter on loopback, which passes bytes on as they are."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.path = f"socket://127.0.0.1:{self.port}"

    def _requests(self, received: bytes) -> tuple[list[Asked], bytes]:
        return _serial_requests(received)


def _serial_requests(received: bytes) -> tuple[list[Asked], bytes]:
    asked = []
    while len(received) >= 8:
        frame, received = received[:8], received[8:]
        assert crc(frame[:6]) == frame[6:]
        asked.append(Asked(frame[0], frame[1:6], 0, serial=True))
    return asked, received
