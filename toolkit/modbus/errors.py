"""How a request fails while the connection itself works; a connection that fails is an OSError."""

from __future__ import annotations


class ModbusError(Exception):
    """A device does not answer a request as it should; the text describes it."""


class NoReplyError(ModbusError):
    """No whole reply came in time, whatever else came.

    Attributes:
        unit: another unit that has answered instead, None when there was none.
    """

    def __init__(self, text: str, unit: int | None) -> None:
        super().__init__(text)
        self.unit = unit


class WrongReplyError(ModbusError):
    """What came is no reply to the request."""


class RefusedError(ModbusError):
    """The device refuses the request.

    Attributes:
        function: of the request.
        code: the exception code (MODBUS Application Protocol V1.1b3, section 7).
    """

    def __init__(self, function: int, code: int) -> None:
        super().__init__(f"function {function} is refused with exception {code}")
        self.function = function
        self.code = code
