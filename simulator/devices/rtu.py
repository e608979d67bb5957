"""The device's half of Modbus RTU on a serial line: requests that are ours by unit and checksum, and their answers.

Source: MODBUS over Serial Line V1.02, §2.5.1. Reads and single writes are 8 bytes; longer requests are not for us.
"""

from __future__ import annotations

from simulator.modbus import Answer, RefusedError, exception_reply

REQUEST_BYTES = 8


def checksum(data: bytes) -> bytes:
    """Return the two bytes of CRC-16/MODBUS, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class Slave:
    """One unit on a line."""

    def __init__(self, unit: int, answer: Answer) -> None:
        self._unit = unit
        self._answer = answer
        self._heard = b""

    async def hear(self, data: bytes) -> bytes:
        """Take in bytes; return what is to be sent, empty for nothing. What is no request for us is passed over."""
        self._heard += data
        said = b""
        while len(self._heard) >= REQUEST_BYTES:
            frame = self._heard[:REQUEST_BYTES]
            if checksum(frame[:-2]) != frame[-2:]:
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[REQUEST_BYTES:]
            if frame[0] == self._unit:
                said += await self._reply(frame[1:-2])
        return said

    async def _reply(self, request: bytes) -> bytes:
        try:
            reply = await self._answer(self._unit, request)
        except RefusedError as refused:
            reply = exception_reply(request, refused.code)
        if reply is None:
            return b""
        frame = bytes((self._unit,)) + reply
        return frame + checksum(frame)
