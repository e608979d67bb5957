"""A Modbus TCP server: it reads requests, asks the device for the reply, and sends it.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, §3.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable

from simulator.modbus.protocol import Answer, RefusedError, exception_reply

_HEADER = struct.Struct(">HHHB")
_LONGEST = 254


class TcpServer:
    """A Modbus TCP server for one device; it answers the requests of a connection in order.

    While `dead` returns true it closes every connection. `most_connections` counts connections open at the same time.
    """

    def __init__(self, answer: Answer, dead: Callable[[], bool] = lambda: False) -> None:
        self._answer = answer
        self._dead = dead
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address = ("", 0)
        self.most_connections = 0

    async def open(self, host: str, port: int) -> None:
        """Listen and set `address`; port 0 takes any free port.

        Raises:
            OSError: the address is in use or not allowed.
        """
        self._server = await asyncio.start_server(self._accept, host or None, port)
        name = self._server.sockets[0].getsockname()
        self.address = (name[0], name[1])

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection needs a task")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self.most_connections = max(self.most_connections, len(self._connections))
        # A client may disconnect at any moment.
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
