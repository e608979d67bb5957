"""Modbus TCP. A connection lasts for one poll: gateways and controllers accept few clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.sources.base import SourceError
from exporter.sources.modbus.protocol import Request
from toolkit import modbus
from toolkit.modbus import TcpAddress

if TYPE_CHECKING:
    from toolkit.modbus.client import Client

TIMEOUT = 3.0
"""Seconds to connect, and for each reply."""


@contextmanager
def connected(address: TcpAddress, timeout: float = TIMEOUT) -> Iterator[TcpLine]:
    """Connect, and close at the end; raises SourceError without a connection."""
    client = modbus.new_client(address, timeout=timeout)
    try:
        client.connect()
    except (OSError, ValueError) as error:
        raise SourceError(f"no connection to {address}: {error}") from error
    try:
        yield TcpLine(client, address)
    finally:
        client.close()


class TcpLine:
    """One connection; one request at a time."""

    def __init__(self, client: Client, address: TcpAddress) -> None:
        self._client = client
        self._address = address

    def read(self, request: Request) -> tuple[int, ...]:
        """Return the registers; raises RefusedError, or SourceError when the connection can no longer be used."""
        try:
            return request.ask(self._client)
        except modbus.WrongReplyError as error:
            raise SourceError(f"{self._address} answers {request} with {error}") from error
        except (OSError, modbus.NoReplyError) as error:
            hint = ""
            if isinstance(error, modbus.NoReplyError) and error.unit is not None:
                hint = f"; write unit_id: {error.unit} if that is the device"
            raise SourceError(f"no answer from {self._address} to {request}: {error}{hint}") from error
