"""A request to read registers, and the exceptions with which a device refuses it.

Source: MODBUS Application Protocol V1.1b3, sections 6.3, 6.4 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.sources.base import SourceError
from toolkit import modbus

if TYPE_CHECKING:
    from toolkit.modbus.client import Client

READ_HOLDING = 3
READ_INPUT = 4
MOST_REGISTERS = 125

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
_EXCEPTIONS: Mapping[int, str] = {
    1: "it does not support the function",
    ILLEGAL_ADDRESS: "it has no such register",
    ILLEGAL_VALUE: "it refuses this number of registers",
    4: "it has failed",
    6: "it is busy",
    10: "the gateway has no path to the device",
    11: "the device behind the gateway does not answer",
}


class RefusedError(SourceError):
    """The device answers a request with the exception `code`."""

    def __init__(self, request: Request, code: int) -> None:
        super().__init__(f"{request} is refused with exception {code}: {_EXCEPTIONS.get(code, 'unknown')}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """Read `count` registers from `address` on.

    Attributes:
        unit: the device's address on its line.
        function: READ_HOLDING or READ_INPUT.
        address: of the first register, as sent on the wire.
        count: 1 to 125.
        reply_unit: the address in the device's reply, if it differs from `unit`.
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

    def ask(self, client: Client) -> tuple[int, ...]:
        """Return the registers; raises RefusedError, and the other errors of the client."""
        try:
            return client.read_registers(self.unit, self.function, self.address, self.count, answers_as=self.reply_unit)
        except modbus.RefusedError as error:
            raise RefusedError(self, error.code) from error
