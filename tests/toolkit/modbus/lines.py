"""A serial port that is no device: it answers each request with the bytes that a test likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from toolkit.modbus import SerialAddress, new_client
from toolkit.modbus.client import Client


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first (MODBUS over Serial Line V1.02, section 6.2.2)."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


class Port:
    """`sent` keeps what was written; `answer` makes bytes of it."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.sent: list[bytes] = []
        self._answer = answer
        self._waiting = b""

    @property
    def in_waiting(self) -> int:
        return len(self._waiting)

    def read(self, size: int) -> bytes:
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def write(self, data: bytes) -> int:
        self.sent.append(data)
        self._waiting += self._answer(data)
        return len(data)

    def close(self) -> None:
        self._waiting = b""


@contextmanager
def on(port: Port, timeout: float = 0.02) -> Iterator[Client]:
    """Give a client this port."""
    client = new_client(SerialAddress("a test's"), timeout=timeout)
    link: Any = client._link
    link.socket = port
    try:
        yield client
    finally:
        client.close()


def answered(received: bytes, ask: Callable[[Client], tuple[int, ...]]) -> tuple[int, ...]:
    """Return what a client makes of these bytes on a serial line; raises what it raises."""
    with on(Port(lambda _request: received)) as client:
        return ask(client)
