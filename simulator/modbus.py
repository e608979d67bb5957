"""The server's half of Modbus TCP: frames in, frames out. What a device answers is the device's business.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, §3; MODBUS Application Protocol V1.1b3, §7.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4

Answer = Callable[[int, bytes], Awaitable[bytes | None]]
"""From unit and request (function and data) to the reply, or None for none."""

_HEADER = struct.Struct(">HHHB")
_LONGEST = 254


class RefusedError(Exception):
    """A request that a device answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


def exception_reply(request: bytes, code: int) -> bytes:
    """Return the reply that refuses a request."""
    return bytes((request[0] | 0x80, code))


class Server:
    """A Modbus TCP server for one device; requests of one connection are answered in their order.

    While `dead` says so, every connection is hung up on. `most_connections` is how many there were at a time.
    """

    def __init__(self, answer: Answer, dead: Callable[[], bool] = lambda: False) -> None:
        self._answer = answer
        self._dead = dead
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address = ("", 0)
        self.most_connections = 0

    async def open(self, host: str, port: int) -> None:
        """Listen; `address` says where (port 0 is any free one).

        Raises:
            OSError: the address cannot be had.
        """
        self._server = await asyncio.start_server(self._accept, host or None, port)
        name = self._server.sockets[0].getsockname()
        self.address = (name[0], name[1])

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self.most_connections = max(self.most_connections, len(self._connections))
        # A client may go away in the middle of anything.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._dead():
            transaction, protocol, length, unit = _HEADER.unpack(await reader.readexactly(_HEADER.size))
            if protocol != 0 or not 2 <= length <= _LONGEST:
                return
            request = await reader.readexactly(length - 1)
            if self._dead():
                return
            try:
                reply = await self._answer(unit, request)
            except RefusedError as refused:
                reply = exception_reply(request, refused.code)
            if reply is not None:
                writer.write(_HEADER.pack(transaction, 0, len(reply) + 1, unit) + reply)
                await writer.drain()
