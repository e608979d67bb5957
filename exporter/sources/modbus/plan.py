"""Decides which registers to read in how few requests, and splits a request that the device refuses. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from exporter.sources.base import SourceError
from exporter.sources.modbus.protocol import ILLEGAL_ADDRESS, ILLEGAL_VALUE, MOST_REGISTERS, RefusedError
from exporter.sources.modbus.registers import At, Registers

LARGEST_GAP = 16
"""Most unwanted registers in a row that one request may include: at 9600 baud they take as long as another request."""


class Span(NamedTuple):
    """The registers of one number; `first` and `last` are addresses on the wire, both included."""

    function: int
    first: int
    last: int


class Block(NamedTuple):
    """The spans that one request reads, in ascending order."""

    spans: tuple[Span, ...]

    @property
    def function(self) -> int:
        """The function code that reads them."""
        return self.spans[0].function

    @property
    def first(self) -> int:
        """The first address."""
        return self.spans[0].first

    def count(self, step: int) -> int:
        """Return how many registers there are from the first to the last."""
        return (self.spans[-1].last - self.first) // step + 1


MOST_TRIES = 4
"""Most requests in one poll that try parts of a refused one; other parts wait for the next poll."""

Ask = Callable[[int, int, int], tuple[int, ...]]
"""Takes function code, address and count, and returns the registers; raises SourceError."""


def blocks(
    places: Iterable[At], *, step: int = 1, gap: int = LARGEST_GAP, longest: int = MOST_REGISTERS
) -> list[Block]:
    """Return the fewest requests that read all places, with at most `gap` unwanted registers in a row.

    The words of one number always come from the same reply.
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
    """Reads blocks; remembers what the device refuses, and does not request it again.

    Attributes:
        missing: spans that the device does not have; their fields are absent.
    """

    def __init__(self, wanted: Sequence[Block], *, step: int = 1) -> None:
        self._wanted = tuple(wanted)
        self._step = step
        self.reset()

    def reset(self) -> None:
        """Forget what was refused: another device may have been connected."""
        self._blocks = list(self._wanted)
        self._doubtful: deque[Block] = deque()
        self.missing: list[Span] = []

    def read(self, ask: Ask) -> Registers:
        """Return every register that the device has.

        Raises:
            SourceError: it gives no answer or a wrong one, or has none of the registers.
        """
        words: dict[tuple[int, int], int] = {}
        refusal: SourceError | None = None
        tries = MOST_TRIES
        waiting = deque(self._blocks)
        while waiting or (self._doubtful and tries):
            if waiting:
                block = waiting.popleft()
            else:
                tries -= 1
                block = self._doubtful.popleft()
                self._blocks.append(block)
            try:
                answer = ask(block.function, block.first, block.count(self._step))
            except RefusedError as error:
                if error.code not in {ILLEGAL_ADDRESS, ILLEGAL_VALUE}:
                    raise
                refusal = error
                self._blocks.remove(block)
                self._split(block)
            else:
                words |= {(block.function, block.first + self._step * at): word for at, word in enumerate(answer)}
        if refusal and not words:
            raise refusal
        return Registers(words, self._step)

    def _split(self, block: Block) -> None:
        """Split a refused block at its widest gap; a single span that is refused is missing."""
        if len(block.spans) == 1:
            self.missing.append(block.spans[0])
            return
        gaps = [after.first - before.last for before, after in pairwise(block.spans)]
        middle = len(gaps) / 2
        cut = max(range(len(gaps)), key=lambda index: (gaps[index], -abs(index + 0.5 - middle))) + 1
        self._doubtful += (Block(block.spans[:cut]), Block(block.spans[cut:]))
