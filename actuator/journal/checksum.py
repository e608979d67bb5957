"""A checksum in front of what is kept, so that one flipped bit is found instead of believed."""

from __future__ import annotations

import zlib

_LENGTH = 9


def sealed(data: bytes) -> bytes:
    """Return the data behind its CRC-32 in eight hexadecimal digits and a space."""
    return f"{zlib.crc32(data):08x} ".encode() + data


def unsealed(data: bytes) -> bytes:
    """Return what has been sealed.

    Raises:
        ValueError: it is not what was sealed.
    """
    inside = data[_LENGTH:]
    if sealed(inside) != data:
        raise ValueError("its checksum does not fit")
    return inside
