"""Which registers to read in how few requests, and what to do when a device refuses one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from exporter.sources.base import SourceError
from exporter.sources.modbus.protocol import ILLEGAL_ADDRESS, ILLEGAL_VALUE, MOST_REGISTERS, RefusedError
from exporter.sources.modbus.registers import At, Registers

LARGEST_GAP = 16
"""Registers that nobody wants but that are read along: at 9600 baud as many take as long as one more request."""


class Span(NamedTuple):
    """Registers that belong together; `first` and `last` are addresses on the wire, both included."""

    function: int
    first: int
    last: int


class Block(NamedTuple):
    """One request's worth of spans, in ascending order."""

    spans: tuple[Span, ...]

    @property
    def function(self) -> int:
        """The function that reads them."""
        return self.spans[0].function

    @property
    def first(self) -> int:
        """The first address."""
        return self.spans[0].first

    def count(self, step: int) -> int:
        """How many registers from the first to the last."""
        return (self.spans[-1].last - self.first) // step + 1


MOST_REFUSALS = 8
"""Refused requests that are looked into in one reading; further ones wait for the next, so that none takes long."""

Ask = Callable[[int, int, int], tuple[int, ...]]
"""From function, address and count to the registers; raises SourceError."""


def blocks(
    places: Iterable[At], *, step: int = 1, gap: int = LARGEST_GAP, longest: int = MOST_REGISTERS
) -> list[Block]:
    """Return the fewest requests that read all places, with no more than `gap` unwanted registers in a row.

    A number of several registers is never torn apart: its words must come from one reply.
    """
    spans = sorted({Span(at.function, at.address, at.address + step * (at.type.words - 1)) for at in places})
    found: list[Block] = []
    for span in spans:
        if found and _joins(found[-1], span, step, gap, longest):
            last = found[-1].spans[-1]
            overlap = span.first <= last.last
            joined = Span(span.function, last.first, max(span.last, last.last))
            kept = found[-1].spans
            found[-1] = Block((*kept[:-1], joined) if overlap else (*kept, span))
        else:
            found.append(Block((span,)))
    return found


def _joins(block: Block, span: Span, step: int, gap: int, longest: int) -> bool:
    last = max(block.spans[-1].last, span.last)
    return (
        block.function == span.function
        and (span.first - block.spans[-1].last) // step - 1 <= gap
        and (last - block.first) // step + 1 <= longest
    )


class Reader:
    """Reads blocks; remembers which a device refuses and reads around them.

    Attributes:
        missing: spans that the device does not have; their fields are absent.
    """

    def __init__(self, wanted: Sequence[Block], *, step: int = 1) -> None:
        self._wanted = list(wanted)
        self._step = step
        self._blocks = list(wanted)
        self.missing: list[Span] = []

    def reset(self) -> None:
        """Forget what was refused: the device may be another one by now."""
        self._blocks = list(self._wanted)
        self.missing = []

    def read(self, ask: Ask) -> Registers:
        """Return every register that the device has.

        Raises:
            SourceError: it does not answer, answers wrongly, or has none of the registers.
        """
        words: dict[tuple[int, int], int] = {}
        blocks = list(self._blocks)
        refusal: SourceError | None = None
        refused = 0
        while blocks:
            block = blocks.pop(0)
            try:
                answer = ask(block.function, block.first, block.count(self._step))
            except RefusedError as error:
                if error.code not in {ILLEGAL_ADDRESS, ILLEGAL_VALUE}:
                    raise
                refusal = error
                refused += 1
                parts = self._split(block)
                if refused <= MOST_REFUSALS:
                    blocks = [*parts, *blocks]
            else:
                for index, word in enumerate(answer):
                    words[block.function, block.first + self._step * index] = word
        if refusal and not words:
            raise refusal
        return Registers(words, self._step)

    def _split(self, block: Block) -> list[Block]:
        """Part a refused block at its widest gap, for good."""
        place = self._blocks.index(block)
        if len(block.spans) == 1:
            self.missing.append(block.spans[0])
            del self._blocks[place]
            return []
        gaps = [after.first - before.last for before, after in zip(block.spans, block.spans[1:], strict=False)]
        cut = max(range(len(gaps)), key=lambda index: (gaps[index], -abs(2 * index + 2 - len(block.spans)))) + 1
        parts = [Block(block.spans[:cut]), Block(block.spans[cut:])]
        self._blocks[place : place + 1] = parts
        return parts
