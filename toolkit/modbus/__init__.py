"""Modbus over TCP and serial lines (RTU): `address` parses where a device is, `client` asks it, on pymodbus.

pymodbus is loaded by the first `new_client`: a program without a Modbus device never pays for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.modbus.address import SerialAddress, TcpAddress, parse, real_port, serial_port
from toolkit.modbus.errors import ModbusError, NoReplyError, RefusedError, WrongReplyError

if TYPE_CHECKING:
    from toolkit.modbus.client import Client

__all__ = [
    "ModbusError",
    "NoReplyError",
    "RefusedError",
    "SerialAddress",
    "TcpAddress",
    "WrongReplyError",
    "new_client",
    "parse",
    "real_port",
    "serial_port",
]


def new_client(
    address: TcpAddress | SerialAddress, *, timeout: float, exclusive: bool = True, untouched: bool = False
) -> Client:
    """Return a client, not yet connected.

    Args:
        address: where the device is.
        timeout: seconds to connect, and as many for each reply to be there whole.
        exclusive: refuse a serial port that another program has open exclusively, and keep the next one out.
        untouched: leave DTR and RTS of a serial port as the kernel sets them.
    """
    from toolkit.modbus.client import Client  # noqa: PLC0415 - loads pymodbus, 0.2 s on a small machine

    return Client(address, timeout=timeout, exclusive=exclusive, untouched=untouched)
