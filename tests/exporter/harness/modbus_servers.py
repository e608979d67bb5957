"""Devices that answer Modbus: pymodbus' own server for good answers, and one that answers as a test likes."""

from __future__ import annotations

import asyncio
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.support import free_port
from tests.toolkit.modbus.lines import crc

Answer = Callable[[int, bytes], bytes | None]
"""From unit and request to the reply (function and data), None for none; it may take its time."""


@contextmanager
def pymodbus_server(registers: Mapping[int, int], unit: int) -> Iterator[int]:
    """Serve registers by wire address; yields the port."""
    port = free_port()
    started = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        data = [SimData(at, values=[word], datatype=DataType.REGISTERS) for at, word in sorted(registers.items())]
        server = ModbusTcpServer(SimDevice(unit, data), address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        started.set()
        await end.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10)
        yield port
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


class TcpDevice:
    """Answers on TCP, each connection in a thread of its own; counts connections and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[int, bytes]] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._socket.getsockname()[1]
        self._ended = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        for opened in (self._socket, *self._clients):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(1)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended:
                client, _ = self._socket.accept()
                self._clients.append(client)
                self._start(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            with contextlib.suppress(OSError), client, client.makefile("rb") as stream:
                while len(header := stream.read(7)) == 7:
                    number, _, size, unit = struct.unpack(">HHHB", header)
                    request = stream.read(size - 1)
                    self.asked.append((unit, request))
                    reply = self.answer(unit, request)
                    if reply is not None:
                        client.sendall(struct.pack(">HHHB", number, 0, len(reply) + 1, unit) + reply)
        finally:
            with self._lock:
                self.open -= 1


class RtuDevice:
    """Answers on a pty, by unit; `asked` keeps every request, `echo` sends each back first, as some adapters do."""

    def __init__(self, answer: Answer, *, echo: bool = False) -> None:
        self.answer = answer
        self.asked: list[tuple[int, bytes]] = []
        self._echo = echo
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        # A name of its own: the number of a pty that has gone is given to the next one, of whatever test.
        self._folder = tempfile.TemporaryDirectory()
        link = Path(self._folder.name) / "line"
        link.symlink_to(os.ttyname(self._slave))
        self.path = str(link)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._late: list[threading.Timer] = []
        self._woken, self._wake = os.pipe()
        self._gone = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._late:
            timer.cancel()
            timer.join(2)
        self.hang_up()
        self.vanish()

    def hang_up(self) -> None:
        """Take the port away, as when an adapter is unplugged."""
        self._folder.cleanup()
        with contextlib.suppress(OSError):
            os.close(self._slave)

    def vanish(self) -> None:
        """Take the other end away too: whoever has the port open then reads its end."""
        if not self._gone:
            self._gone = True
            os.write(self._wake, b"x")
            self._thread.join(5)
            assert not self._thread.is_alive()
            for end in (self._master, self._wake, self._woken):
                os.close(end)

    def later(self, seconds: float, unit: int, reply: bytes) -> None:
        """Send a reply after a time."""
        timer = threading.Timer(seconds, self.send, (bytes((unit,)) + reply,))
        self._late.append(timer)
        timer.start()

    def send(self, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, frame + crc(frame))

    def _serve(self) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while self._woken not in select.select([self._master, self._woken], [], [])[0]:
                received += os.read(self._master, 256)
                while len(received) >= 8:
                    frame, received = received[:8], received[8:]
                    assert crc(frame[:6]) == frame[6:]
                    self.asked.append((frame[0], frame[1:6]))
                    if self._echo:
                        os.write(self._master, frame)
                    reply = self.answer(frame[0], frame[1:6])
                    if reply is not None:
                        self.send(frame[:1] + reply)


def from_registers(registers: Mapping[int, int], *, function: int = 3, step: int = 1) -> Answer:
    """Answer as a device with these registers, by wire address, does."""

    def answer(_unit: int, request: bytes) -> bytes:
        asked, address, count = struct.unpack(">BHH", request)
        addresses = range(address, address + count * step, step)
        if asked != function:
            return bytes((asked | 0x80, 1))
        if any(each not in registers for each in addresses):
            return bytes((asked | 0x80, 2))
        words = [registers[each] for each in addresses]
        return struct.pack(f">BB{count}H", asked, 2 * count, *words)

    return answer


def slowly(answer: Answer, seconds: float) -> Answer:
    """Answer as `answer` does, only later."""

    def slow(unit: int, request: bytes) -> bytes | None:
        time.sleep(seconds)
        return answer(unit, request)

    return slow
