"""A packet of the Magnum network, and the place of a raw number in it."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL = "Magnum networking protocol, 2009-10-15"
PYMAGNUM = "pymagnum"
MAGNUM2MQTT = "magnum2mqtt"
CAPTURE = "captures"

JUNK = frozenset(b"\xff\xfe\xfc\xf8\xf0\xe0\xc0\x80\x00\x39")
"""Bytes that a receiver adds when a device stops driving the line."""
MOST_JUNK = 2
"""How many of them there are at most between two packets."""

_LOWEST_VOLTS, _HIGHEST_VOLTS = 0.35, 1.7
"""Of the nominal volts: 4.2 to 20.4 V at 12 V. A flat battery and one that equalises are inside, most misread bytes
are not."""


def plausible_volts(volts: float, nominal: int) -> bool:
    """Return whether a battery of these nominal volts can have these."""
    return _LOWEST_VOLTS * nominal <= volts <= _HIGHEST_VOLTS * nominal


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it was sent.

    Attributes:
        payload: its bytes; 16-bit numbers are big-endian.
        nominal_volts: 12, 24 or 48 V, by which some numbers are scaled; None while unknown.
        missing: indexes of bytes that were received but are not confirmed.
    """

    payload: bytes
    nominal_volts: int | None = None
    missing: frozenset[int] = frozenset()

    def has(self, first: int, width: int = 1) -> bool:
        """Return whether these bytes are present and confirmed."""
        return first + width <= len(self.payload) and self.missing.isdisjoint(range(first, first + width))


@dataclass(frozen=True)
class At:
    """A number in consecutive bytes.

    Attributes:
        packet: the packet's name in words.
        first: index of the first byte.
        width: how many bytes.
        signed: two's complement.
        mask: the bits of the number, before `shift`; 0: all.
        shift: how far the masked bits are shifted to the right.
        low: smallest valid raw number; below it the field is absent.
        high: largest valid raw number; above it the field is absent.
        absent: raw numbers that mean off or unknown.
        per_12_volts: whether the number is for a 12 V system and scales with the nominal voltage.
    """

    packet: str
    first: int
    width: int = 1
    signed: bool = False
    mask: int = 0
    shift: int = 0
    low: int | None = None
    high: int | None = None
    absent: frozenset[int] = frozenset()
    per_12_volts: bool = False

    def read(self, record: Packet, /) -> int | None:
        """Return the raw number, scaled to the nominal voltage if need be; None when absent."""
        if not record.has(self.first, self.width):
            return None
        raw = int.from_bytes(record.payload[self.first : self.first + self.width], "big", signed=self.signed)
        if self.mask:
            raw = (raw & self.mask) >> self.shift
        if (
            raw in self.absent
            or (self.low is not None and raw < self.low)
            or (self.high is not None and raw > self.high)
        ):
            return None
        if not self.per_12_volts:
            return raw
        return None if record.nominal_volts is None else raw * record.nominal_volts // 12

    def __str__(self) -> str:
        """Return the place in words."""
        last = self.first + self.width - 1
        where = f"{self.packet}, byte {self.first}" if self.width == 1 else f"{self.packet}, bytes {self.first}-{last}"
        bits = f", bits {self.mask:#04x}" if self.mask else ""
        return where + bits + (", signed" if self.signed else "")


def revision_text(index: int, packet: Packet) -> str:
    """Return the firmware revision, in tenths at this byte, as text such as `5.2`."""
    return f"{packet.payload[index] / 10:.1f}"
