"""What every Modbus line has in common."""

from __future__ import annotations


def crc(data: bytes) -> bytes:
    """Return the CRC-16/MODBUS of the data as it travels, low byte first (Modbus over serial line V1.02, 6.2.2)."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")
