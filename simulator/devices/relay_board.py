"""A Modbus relay board: coils that latch, a timed "flash on" for a lease, and faults.

Functions 1 (read coils), 5 (write one) and 15 (write several); flash on as on the Waveshare Modbus RTU Relay:
function 5 at 0x0200 + coil, the value in tenths of a second (Waveshare wiki). It refuses everything else.
"""

from __future__ import annotations

import struct

from simulator.faults import Faults
from simulator.modbus.protocol import DEVICE_FAILURE, ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, RefusedError

READ_COILS = 1
WRITE_COIL = 5
WRITE_COILS = 15
FLASH_ON = 0x0200
ON, OFF = 0xFF00, 0x0000
MAX_FLASH = 0x7FFF


class RelayBoard:
    """The board; coil 0 is the generator's contact. Callers pass times in monotonic seconds."""

    def __init__(self, faults: Faults, coils: int = 8) -> None:
        self._faults = faults
        self._coils = [False] * coils
        self._leases: dict[int, float] = {}
        self._contact = False
        self.requests = 0
        self.writes = 0

    def coils(self, now: float) -> list[bool]:
        """Return the commanded state of each coil."""
        for coil, end in list(self._leases.items()):
            if now >= end:
                del self._leases[coil]
                self._coils[coil] = False
        return list(self._coils)

    def contact(self, now: float) -> bool:
        """Return whether the contact of coil 0 is really closed."""
        commanded = self.coils(now)[0]
        if not self._faults.relay_welded:
            self._contact = commanded
        return self._contact

    def lease_seconds(self, now: float) -> float | None:
        """Return the seconds until coil 0 opens by itself; None without a lease."""
        end = self._leases.get(0)
        return None if end is None else max(0.0, end - now)

    def answer(self, request: bytes, now: float) -> bytes | None:
        """Return the reply to a request (function and data), None for no reply.

        Raises:
            RefusedError: the reply is an exception.
        """
        self.requests += 1
        if self._faults.relay_silent:
            return None
        match request[0]:
            case function if function not in (READ_COILS, WRITE_COIL, WRITE_COILS):
                raise RefusedError(ILLEGAL_FUNCTION)
            case _ if len(request) < 5:
                raise RefusedError(ILLEGAL_VALUE)
            case function:
                address, value = struct.unpack(">HH", request[1:5])
        if function == READ_COILS:
            return self._read(address, value, now)
        return self._write(request, address, value, now)

    def _read(self, address: int, count: int, now: float) -> bytes:
        if not 1 <= count <= 2000:
            raise RefusedError(ILLEGAL_VALUE)
        if address + count > len(self._coils):
            raise RefusedError(ILLEGAL_ADDRESS)
        reported = [coil != self._faults.relay_read_back_lies for coil in self.coils(now)[address : address + count]]
        bits = sum(coil << place for place, coil in enumerate(reported))
        data = bits.to_bytes((count + 7) // 8, "little")
        return bytes((READ_COILS, len(data))) + data

    def _write(self, request: bytes, address: int, value: int, now: float) -> bytes:
        commanded, lease = self._commanded(request, address, value)
        if self._faults.relay_write_fails == "exception":
            raise RefusedError(DEVICE_FAILURE)
        if self._faults.relay_write_fails is None:
            self.writes += 1
            for coil, closed in commanded.items():
                self._coils[coil] = closed
                self._leases.pop(coil, None)
                if lease is not None:
                    self._leases[coil] = now + lease
        return request[:5]

    def _commanded(self, request: bytes, address: int, value: int) -> tuple[dict[int, bool], float | None]:
        if request[0] == WRITE_COIL:
            flash = address >= FLASH_ON
            coil = address - FLASH_ON if flash else address
            if coil >= len(self._coils):
                raise RefusedError(ILLEGAL_ADDRESS)
            if len(request) != 5 or (not 1 <= value <= MAX_FLASH if flash else value not in (ON, OFF)):
                raise RefusedError(ILLEGAL_VALUE)
            return {coil: flash or value == ON}, value / 10 if flash else None
        count, size = value, (value + 7) // 8
        if not count or len(request) != 6 + size or request[5] != size:
            raise RefusedError(ILLEGAL_VALUE)
        if address + count > len(self._coils):
            raise RefusedError(ILLEGAL_ADDRESS)
        bits = int.from_bytes(request[6:], "little")
        return {address + place: bool(bits >> place & 1) for place in range(count)}, None
