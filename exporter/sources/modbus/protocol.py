"""A request to read registers, and what counts as its reply.

Ours, because it is small and because a battery's numbers hang on it: pymodbus 3.16 was seen to take two registers for
an answer to a request for 44, an answer of function 4 for one of function 3, and on a serial line a late answer for
the answer to the next request; each came out as good data.

Source: MODBUS Application Protocol V1.1b3, sections 6.3, 6.4 and 7.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.sources.base import SourceError

READ_HOLDING = 3
READ_INPUT = 4
MOST_REGISTERS = 125

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
_EXCEPTIONS: Mapping[int, str] = {
    1: "it does not know the function",
    ILLEGAL_ADDRESS: "it has no such register",
    ILLEGAL_VALUE: "it does not like the number of registers",
    4: "it has failed",
    6: "it is busy",
    10: "the device behind it is gone",
    11: "the device behind it does not answer",
}


class RefusedError(SourceError):
    """The device answers a request with an exception; `code` says which."""

    def __init__(self, request: Request, code: int) -> None:
        super().__init__(f"{request} is refused with exception {code}: {_EXCEPTIONS.get(code, 'unknown')}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """Read `count` registers from `address` on.

    Attributes:
        unit: the device's address on its line.
        function: READ_HOLDING or READ_INPUT.
        address: of the first register, as it goes over the wire.
        count: 1 to 125.
        reply_unit: the address that the device answers with, when that is not its own.
    """

    unit: int
    function: int
    address: int
    count: int
    reply_unit: int | None = None

    def __str__(self) -> str:
        """Return the request in words."""
        last = self.address + self.count - 1
        return f"unit {self.unit}: reading {self.address}-{last} (function {self.function})"

    @property
    def body(self) -> bytes:
        """Function code and data, as they are sent."""
        return struct.pack(">BHH", self.function, self.address, self.count)

    @property
    def answers_as(self) -> int:
        """The unit in a reply to this."""
        return self.unit if self.reply_unit is None else self.reply_unit


def words(request: Request, reply: bytes) -> tuple[int, ...]:
    """Return the registers in a reply (function code and data).

    Raises:
        RefusedError: the reply is an exception.
        SourceError: this is no reply to this request.
    """
    if len(reply) == 2 and reply[0] == request.function | 0x80:
        raise RefusedError(request, reply[1])
    if len(reply) < 2 or reply[0] != request.function or reply[1] != 2 * request.count or len(reply) != reply[1] + 2:
        shown = reply[:16].hex(" ") + (" ..." if len(reply) > 16 else "")
        raise SourceError(f"{request} is answered with {len(reply)} bytes that are no reply to it: {shown}")
    return struct.unpack(f">{request.count}H", reply[2:])
