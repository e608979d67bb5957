"""The values of registers, and the place of a number in them."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.fields import Computed, Place
from exporter.sources.modbus.protocol import READ_HOLDING, READ_INPUT


@dataclass(frozen=True)
class Registers:
    """Registers of one device, read together.

    Attributes:
        words: 16-bit numbers by function and address.
        step: distance from the address of one register to the next; 2 on a device that counts bytes.
    """

    words: Mapping[tuple[int, int], int]
    step: int = 1

    def take(self, function: int, address: int, count: int) -> tuple[int, ...] | None:
        """Return consecutive words, or None if one of them was not read."""
        taken = tuple(self.words.get((function, address + self.step * index)) for index in range(count))
        known = tuple(word for word in taken if word is not None)
        return known if len(known) == count else None


class Type(NamedTuple):
    """How registers make a number."""

    words: int
    signed: bool = False
    floating: bool = False


U16 = Type(1)
S16 = Type(1, signed=True)
U32 = Type(2)
S32 = Type(2, signed=True)
U64 = Type(4)
S64 = Type(4, signed=True)
F32 = Type(2, floating=True)


@dataclass(frozen=True)
class At:
    """A number in consecutive registers.

    Attributes:
        address: of the first register, as the device's document counts.
        type: how many registers, and how they make a number.
        function: READ_HOLDING or READ_INPUT.
        low_word_first: whether the word at the lowest address is the least significant one.
        mask: bits that belong to the number, before `shift`.
        shift: bits by which they are shifted to the right.
        absent: raw numbers that mean unknown.
        low: smallest valid raw number; below it the field is absent.
        high: largest valid raw number; above it the field is absent.
        decimal: whether the document writes addresses in decimal.
    """

    address: int
    type: Type = U16
    function: int = READ_HOLDING
    low_word_first: bool = False
    mask: int = 0
    shift: int = 0
    absent: frozenset[int] = frozenset()
    low: int | None = None
    high: int | None = None
    decimal: bool = True

    def read(self, record: Registers, /) -> float | None:
        """Return the raw number, or None."""
        words = record.take(self.function, self.address, self.type.words)
        if words is None:
            return None
        data = struct.pack(f">{self.type.words}H", *(reversed(words) if self.low_word_first else words))
        if self.type.floating:
            number = float(struct.unpack(">f", data)[0])
            return number if math.isfinite(number) else None
        raw = int.from_bytes(data, "big", signed=self.type.signed)
        if self.mask:
            raw = (raw & self.mask) >> self.shift
        outside = (self.low is not None and raw < self.low) or (self.high is not None and raw > self.high)
        return None if outside or raw in self.absent else raw

    def __str__(self) -> str:
        """Return where this is, in the words of the document."""
        kind = "input register" if self.function == READ_INPUT else "register"
        where = f"{kind} {self.address if self.decimal else hex(self.address)}"
        if self.type.words > 1:
            where += f", {self.type.words} words, {'low' if self.low_word_first else 'high'} word first"
        bits = f", bits {self.mask:#06x}" if self.mask else ""
        return where + bits + (", signed" if self.type.signed else "")


@dataclass(frozen=True, kw_only=True)
class ComputedFromRegisters(Computed[Registers]):
    """A place whose number is computed from several registers, or by a rule.

    Attributes:
        registers: those that the rule reads.
    """

    registers: tuple[At, ...]


def needed(place: Place[Registers]) -> tuple[At, ...]:
    """Return the registers to read for a place."""
    if isinstance(place, At):
        return (place,)
    if isinstance(place, ComputedFromRegisters):
        return place.registers
    raise TypeError(f"{place} does not list its registers")
