"""A device on its own serial port, which answers no faster than its baud rate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from simulator.pseudo_terminal import PseudoTerminal

Receive = Callable[[bytes], Awaitable[bytes]]


class SerialDevice:
    """The port of one device. With `echo` the adapter repeats each request, as some RS-485 adapters do."""

    def __init__(
        self, port: PseudoTerminal, receive: Receive, *, baud: int, dead: Callable[[], bool], echo: bool = False
    ) -> None:
        self.port = port
        self._receive = receive
        self._byte_seconds = 10 / baud
        self._dead = dead
        self._echo = echo
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watched = -1

    def update(self) -> None:
        """Unplug the port while the device is dead, plug it in otherwise; call this regularly."""
        if self._dead():
            self.close()
        elif not self.port.plugged:
            self.port.plug()
            self._watched = self.port.descriptor
            asyncio.get_running_loop().add_reader(self._watched, self._readable)

    def close(self) -> None:
        """Unplug the port."""
        if self.port.plugged:
            asyncio.get_running_loop().remove_reader(self._watched)
            self.port.unplug()

    async def serve(self) -> None:
        """Answer one request after the other, until cancelled."""
        while True:
            request = await self._queue.get()
            if self._echo:
                self.port.write(request)
            answer = await self._receive(request)
            if answer:
                await asyncio.sleep(len(answer) * self._byte_seconds)
                self.port.write(answer)

    def _readable(self) -> None:
        request = self.port.read()
        if request:
            self._queue.put_nowait(request)
