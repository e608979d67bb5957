"""What every Modbus device shares: the exception codes, and the reply that refuses a request.

Source: MODBUS Application Protocol V1.1b3, §7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4

Answer = Callable[[int, bytes], Awaitable[bytes | None]]
"""From unit and request (function and data) to the reply, or None for no reply."""


class RefusedError(Exception):
    """The device answers a request with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


def exception_reply(request: bytes, code: int) -> bytes:
    """Return the reply that refuses a request."""
    return bytes((request[0] | 0x80, code))
