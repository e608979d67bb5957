"""A Modbus RTU server: it finds the requests for its unit in the bytes of a serial line and answers them.

Source: MODBUS over Serial Line V1.02, §2.5.1. It understands requests of 8 bytes (reads and single writes) only.
"""

from __future__ import annotations

from simulator.modbus.protocol import Answer, RefusedError, exception_reply

REQUEST_BYTES = 8


def checksum(data: bytes) -> bytes:
    """Return the two bytes of CRC-16/MODBUS, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class RtuServer:
    """One unit on a serial line."""

    def __init__(self, unit: int, answer: Answer) -> None:
        self._unit = unit
        self._answer = answer
        self._received = b""

    async def receive(self, data: bytes) -> bytes:
        """Add received bytes and return the bytes to send, which may be none; skip what is no request."""
        self._received += data
        replies = b""
        while len(self._received) >= REQUEST_BYTES:
            frame = self._received[:REQUEST_BYTES]
            if checksum(frame[:-2]) != frame[-2:]:
                self._received = self._received[1:]
                continue
            self._received = self._received[REQUEST_BYTES:]
            if frame[0] == self._unit:
                replies += await self._reply(frame[1:-2])
        return replies

    async def _reply(self, request: bytes) -> bytes:
        try:
            reply = await self._answer(self._unit, request)
        except RefusedError as refused:
            reply = exception_reply(request, refused.code)
        if reply is None:
            return b""
        frame = bytes((self._unit,)) + reply
        return frame + checksum(frame)
