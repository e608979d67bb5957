"""A coil of a Modbus board, over TCP or RTU.

Plain on and off is FC05 (write single coil) and read-back is FC01 (read coils): MODBUS Application Protocol V1.1b3,
sections 6.1 and 6.5. A lease is the Waveshare family's "flash on": FC05 to 0x0200 + coil with a value of n x 100 ms,
after which the board itself opens the contact (Waveshare Modbus RTU Relay, protocol manual).
"""

from __future__ import annotations

import os
import struct

from actuator.relay.config import ModbusRelay, SerialAddress, modbus_address
from actuator.relay.lock import hold, let_go
from actuator.relay.modbus_line import Line, Matches, SerialLine, TcpLine
from actuator.relay.protocol import RelayError

_READ_COILS = 0x01
_WRITE_COIL = 0x05
_ON, _OFF = 0xFF00, 0x0000
_FLASH_ON = 0x0200


class Modbus:
    """The contact of one coil. Only the controller holds it; `release` writes without holding."""

    can_read_back = True

    def __init__(self, config: ModbusRelay, *, exclusive: bool) -> None:
        address = modbus_address(config.url)
        self.description = f"coil {config.coil} of unit {config.unit_id} at {address}"
        self.lease: float | None = config.lease
        self._unit, self._coil = config.unit_id, config.coil
        self._line: Line
        if isinstance(address, SerialAddress):
            self._line = SerialLine(address, exclusive=exclusive)
            self._of_line = ""
            self._held = [f"modbus {os.path.realpath(address.device)}"]
        else:
            self._line = TcpLine(address)
            self._of_line = f" unit {config.unit_id} coil {config.coil}"
            self._held = [f"modbus {address}{self._of_line}"]
        self._exclusive = exclusive

    def open_contact(self) -> None:
        """Open, and see the board echo it."""
        self._write(self._coil, _OFF)

    def close_contact(self) -> None:
        """Close for the lease, or until told otherwise, and see the board echo it."""
        if self.lease is None:
            self._write(self._coil, _ON)
        else:
            self._write(_FLASH_ON + self._coil, round(self.lease * 10))

    def renew(self) -> None:
        """Count the lease from now again."""
        if self.lease is not None:
            self.close_contact()

    def read_back(self) -> bool | None:
        """Return what the board says of the coil; a reading is harmless and is tried twice."""
        try:
            return self._read()
        except RelayError:
            return self._read()

    def disconnect(self) -> None:
        """Close the line."""
        self._line.disconnect()

    def let_go(self) -> None:
        """Close the line, and let another controller have the coil."""
        self.disconnect()
        for name in self._held if self._exclusive else ():
            let_go(name)

    def _read(self) -> bool:
        request = struct.pack(">BHH", _READ_COILS, self._coil, 1)
        reply = self._exchange(request, 3, lambda reply: reply[:2] == bytes([_READ_COILS, 1]))
        return bool(reply[2] & 1)

    def _write(self, address: int, value: int) -> None:
        request = struct.pack(">BHH", _WRITE_COIL, address, value)
        self._exchange(request, len(request), request.__eq__)

    def _exchange(self, request: bytes, reply_size: int, matches: Matches) -> bytes:
        try:
            if self._exclusive:
                self._hold()
            return self._line.exchange(self._unit, request, reply_size, matches)
        except RelayError:
            self._line.disconnect()
            raise

    def _hold(self) -> None:
        """Hold the coil by its address as it is written, and by where that leads: one board may have many names."""
        hold(self._held[0])
        name = f"modbus {self._line.place()}{self._of_line}"
        hold(name)
        if name not in self._held:
            for old in self._held[1:]:
                let_go(old)
            self._held[1:] = [name]
