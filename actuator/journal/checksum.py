"""A checksum in front of stored data, so that one flipped bit is noticed."""

from __future__ import annotations

import zlib

_LENGTH = 9


def add_checksum(data: bytes) -> bytes:
    """Return the data behind its CRC-32 in eight hexadecimal digits and a space."""
    return f"{zlib.crc32(data):08x} ".encode() + data


def remove_checksum(data: bytes) -> bytes:
    """Return the data behind its checksum.

    Raises:
        ValueError: the data is damaged.
    """
    inside = data[_LENGTH:]
    if add_checksum(inside) != data:
        raise ValueError("wrong checksum")
    return inside
