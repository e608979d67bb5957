"""Registers that a client reads by function 3 or 4, and the faults that such devices give."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping

from simulator.device_faults import DeviceFaults
from simulator.modbus.protocol import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, RefusedError

READ_HOLDING = 3
READ_INPUT = 4
LONGEST_READ = 125

Image = Callable[[int], Mapping[int, int]]
"""From unit to its registers, wire address → 16 bits; raises RefusedError for an unknown unit."""


def low_first(address: int, value: int) -> dict[int, int]:
    """Return the two registers of 32 bits, the low word at the lower address."""
    return {address: value & 0xFFFF, address + 1: value >> 16 & 0xFFFF}


def high_first(address: int, value: int, stride: int = 1) -> dict[int, int]:
    """Return the two registers of 32 bits, the high word at the lower address."""
    return {address: value >> 16 & 0xFFFF, address + stride: value & 0xFFFF}


class Registers:
    """A device that computes its registers anew for each read; `stride` 2 is for one whose addresses count bytes."""

    def __init__(
        self, image: Image, faults: DeviceFaults, *, functions: tuple[int, ...] = (READ_HOLDING,), stride: int = 1
    ) -> None:
        self._image = image
        self._faults = faults
        self._functions = functions
        self._stride = stride
        self._frozen: dict[int, Mapping[int, int]] = {}
        self.reads = 0
        self.other_requests = 0

    async def answer(self, unit: int, request: bytes) -> bytes | None:
        """Return the reply to a request (function and data), None for no reply.

        Raises:
            RefusedError: the reply is an exception.
        """
        if request[0] in self._functions:
            self.reads += 1
        else:
            self.other_requests += 1
        faults = self._faults
        if faults.silent:
            return None
        if faults.slow is not None:
            await asyncio.sleep(faults.slow)
        if faults.exception is not None:
            raise RefusedError(faults.exception)
        values = self._read(unit, request)
        if faults.short:
            values = values[:-1]
        function = request[0] ^ (READ_HOLDING ^ READ_INPUT) if faults.wrong_function else request[0]
        return bytes((function, 2 * len(values))) + struct.pack(f">{len(values)}H", *values)

    def _read(self, unit: int, request: bytes) -> list[int]:
        if request[0] not in self._functions:
            raise RefusedError(ILLEGAL_FUNCTION)
        if len(request) != 5:
            raise RefusedError(ILLEGAL_VALUE)
        address, count = struct.unpack(">HH", request[1:])
        if not 1 <= count <= LONGEST_READ:
            raise RefusedError(ILLEGAL_VALUE)
        image = self._image_of(unit)
        try:
            return [image[address + place * self._stride] & 0xFFFF for place in range(count)]
        except KeyError:
            raise RefusedError(ILLEGAL_ADDRESS) from None

    def _image_of(self, unit: int) -> Mapping[int, int]:
        if not self._faults.frozen:
            self._frozen.clear()
            return self._image(unit)
        if unit not in self._frozen:
            self._frozen[unit] = dict(self._image(unit))
        return self._frozen[unit]
