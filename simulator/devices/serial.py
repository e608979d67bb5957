"""A device on a serial port of its own: it hears, and answers no faster than its baud rate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from simulator.line import Line

Hear = Callable[[bytes], Awaitable[bytes]]


class SerialPort:
    """The port; `echo` is an adapter that hears itself. `tend` is to be called every now and then."""

    def __init__(self, line: Line, hear: Hear, *, baud: int, dead: Callable[[], bool], echo: bool = False) -> None:
        self.line = line
        self._hear = hear
        self._byte_seconds = 10 / baud
        self._dead = dead
        self._echo = echo
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watched = -1

    def tend(self) -> None:
        """Pull the port out or put it back, as the device's faults want it."""
        if self._dead():
            self.close()
        elif not self.line.plugged:
            self.line.plug()
            self._watched = self.line.descriptor
            asyncio.get_running_loop().add_reader(self._watched, self._readable)

    def close(self) -> None:
        """Take the port away."""
        if self.line.plugged:
            asyncio.get_running_loop().remove_reader(self._watched)
            self.line.unplug()

    async def serve(self) -> None:
        """Answer, one request after the other, until cancelled."""
        while True:
            heard = await self._queue.get()
            if self._echo:
                self.line.write(heard)
            answer = await self._hear(heard)
            if answer:
                await asyncio.sleep(len(answer) * self._byte_seconds)
                self.line.write(answer)

    def _readable(self) -> None:
        heard = self.line.read()
        if heard:
            self._queue.put_nowait(heard)
