"""Modbus RTU on a serial line that several sources may share.

A reply carries no request number. A late reply looks like the answer to the next request of the same length, and from
then on every answer would be one request old. So a request is not repeated at once, and received bytes are discarded
before a request. If a request has had no answer, the same unit is first asked for a number of registers for which no
answer is outstanding. Devices answer in order, so the reply to that request proves that no older one will follow.

Source: MODBUS over Serial Line V1.02, sections 2.5.1 and 6.2.2.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.sources import serial_port
from exporter.sources.base import SourceError
from exporter.sources.modbus.protocol import RefusedError, Request
from exporter.sources.shared_line import Lines, SharedLine
from toolkit import modbus
from toolkit.modbus import SerialAddress

if TYPE_CHECKING:
    from toolkit.modbus.client import Client

TIMEOUT = 1.0
"""Seconds for a whole reply; that of 125 registers takes 0.27 s at 9600 baud."""

GAP = 0.1
"""Seconds of silence before a request (Pace, Modbus protocol V1.3: at least 100 ms between frames)."""

_SILENCE = 0.05
"""Seconds without a byte after which a late reply has ended."""

_OUTSTANDING = 16


class SerialLine(SharedLine):
    """One serial line that several sources may share."""

    def __init__(self, address: SerialAddress) -> None:
        super().__init__(address)
        self._client: Client | None = None
        self._opened_as = address
        self._last = 0.0
        self._unanswered: defaultdict[int, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=_OUTSTANDING))

    def read(self, request: Request) -> tuple[int, ...]:
        """Return the registers; raises RefusedError, or SourceError without a whole reply in time."""
        with self._held():
            return self._read(request)

    def _read(self, request: Request) -> tuple[int, ...]:
        outstanding = self._unanswered[request.unit]
        if (request.function, request.count) in outstanding:
            free = next(n for n in range(1, _OUTSTANDING + 2) if (request.function, n) not in outstanding)
            with contextlib.suppress(RefusedError):
                self._exchange(replace(request, count=free), fence=True)
        return self._exchange(request)

    def _exchange(self, request: Request, *, fence: bool = False) -> tuple[int, ...]:
        client = self._opened()
        outstanding = self._unanswered[request.unit]
        self._settle(client, late_reply_possible=bool(outstanding))
        outstanding.append((request.function, request.count))
        try:
            words = request.ask(client)
        except RefusedError as error:
            if len(outstanding) > 1 and not fence:
                raise SourceError(
                    f"{request} on {self.address.port} is refused, or the reply to an earlier request came late"
                ) from error
            outstanding.clear()
            raise
        except modbus.ModbusError as error:
            raise SourceError(f"{request} on {self.address.port} has no answer: {error}") from error
        finally:
            self._last = time.monotonic()
        outstanding.clear()
        return words

    def _settle(self, client: Client, *, late_reply_possible: bool) -> None:
        """Wait until the line has been silent for the gap; discard a late reply to an earlier request."""
        if late_reply_possible:
            client.settle(_SILENCE, TIMEOUT)
        time.sleep(max(0.0, self._last + GAP - time.monotonic()))

    def _opened(self) -> Client:
        address = self.address
        if self._client is None or self._opened_as != address:
            self._close()
            self._client, self._opened_as = modbus.new_client(address, timeout=TIMEOUT), address
        try:
            self._client.connect()
        except (OSError, ValueError) as error:
            raise serial_port.open_error(address.port, error) from error
        return self._client

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


_LINES = Lines(SerialLine)


def line(address: SerialAddress, user: object) -> SerialLine:
    """Return the shared line of this port, joined by `user`, who must leave it at the end."""
    return _LINES.joined(address, user)
