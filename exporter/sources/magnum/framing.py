"""Turns a stream of bytes into packets. The bus has no checksum, no length and, behind a USB adapter, no gaps.

`hunting` finds the inverter, `grammar` says what may stand where; here are the buffer, the times and the counts. Time
plays no part in what is a packet, except that a line that falls silent ends the last one: the same bytes give the same
frames however they are cut into chunks.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from exporter.sources.magnum import remote
from exporter.sources.magnum.grammar import Grammar, Verdict
from exporter.sources.magnum.hunting import ACCESSORIES, Identity, hunt, inverters, looks_swapped

KINDS: tuple[str, ...] = (
    "inverter",
    "remote",
    *(remote.page_name(footer) for footer in sorted(remote.FOOTERS)),
    *(accessory.kind for accessory in ACCESSORIES.values()),
)

_HUNT_EVERY = 64
_KEPT_WHILE_HUNTING = 2048
_LOST_AFTER = 800
_SWAPPED_AFTER = 120


class Frame(NamedTuple):
    """One packet as it stood on the bus: its kind, its bytes, and the monotonic seconds at which its end arrived."""

    kind: str
    payload: bytes
    at: float


class Framer:
    """Takes chunks of bytes and returns the frames in them; keeps at most a few thousand bytes.

    Attributes:
        discarded: bytes since the start that were in no accepted packet; junk between packets does not count.
        damaged: how many times since the start the stream was not what it should have been.
        resyncs: how many times since the start the inverter had to be found anew.
        foreign: how many packets of which other inverter were among the discarded bytes.
        swapped: whether what comes looks as it does when the two data wires are exchanged.
    """

    def __init__(self) -> None:
        self.discarded = 0
        self.damaged = 0
        self.resyncs = 0
        self.foreign: Counter[Identity] = Counter()
        self.swapped = False
        self._grammar: Grammar | None = None
        self._buffer = bytearray()
        self._received = 0
        self._arrivals: deque[tuple[int, float]] = deque()
        self._without_inverter = 0
        self._without_lock = 0
        self._flushed = 0

    @property
    def identity(self) -> Identity | None:
        """The inverter that speaks here, or None while it is not known."""
        return self._grammar.identity if self._grammar else None

    @property
    def nominal_volts(self) -> int | None:
        """The battery's nominal volts by the inverter's model, or None while they are not known."""
        return self._grammar.nominal_volts if self._grammar else None

    def feed(self, data: bytes, at: float) -> list[Frame]:
        """Take a chunk that arrived at monotonic `at` and return the frames that are now certain."""
        frames: list[Frame] = []
        while data:
            step = _HUNT_EVERY - self._received % _HUNT_EVERY
            piece, data = data[:step], data[step:]
            self._buffer += piece
            self._received += len(piece)
            self._arrivals.append((self._received, at))
            if self._grammar is not None or self._received % _HUNT_EVERY == 0:
                self._work(frames, final=False)
        return frames

    def flush(self) -> list[Frame]:
        """Return the frames that are certain once the line has been silent for longer than within a packet."""
        frames: list[Frame] = []
        if self._flushed != self._received:
            self._flushed = self._received
            self._work(frames, final=True)
        return frames

    def reset(self) -> None:
        """Drop what is kept, as after the port was lost. What is known of the bus stays and is tried on what comes."""
        self._discard(len(self._buffer))
        if self._grammar:
            self._grammar.lose()

    def _work(self, frames: list[Frame], *, final: bool) -> None:
        while self._buffer:
            if self._grammar is None:
                self._hunt()
                if self._grammar is None:
                    return
            verdict, kind, junk, length = self._grammar.next(self._buffer, final=final)
            if verdict is Verdict.WAIT:
                return
            if verdict is Verdict.PACKET:
                end = junk + length
                frames.append(Frame(kind, bytes(self._buffer[junk:end]), self._arrival(end)))
                self._without_inverter = 0 if kind == "inverter" else self._without_inverter + end
                self._consume(end)
                continue
            if verdict is Verdict.SKIP:
                length = max(0, min(length, _LOST_AFTER + 1 - self._without_inverter))
                self._name_strangers(length, self._grammar.identity)
            else:
                self.damaged += 1
            self._consume(junk)
            self._discard(length)
            if self._without_inverter > _LOST_AFTER:
                self._grammar = None
                self.resyncs += 1

    def _name_strangers(self, skipped: int, own: Identity) -> None:
        for at, identity in inverters(bytes(self._buffer)):
            if at < skipped and identity != own:
                self.foreign[identity] += 1

    def _hunt(self) -> None:
        found = hunt(bytes(self._buffer))
        if found is not None:
            self._grammar = Grammar(found)
            self._without_inverter = self._without_lock = 0
            self.swapped = False
            return
        self._discard(max(0, len(self._buffer) - _KEPT_WHILE_HUNTING))
        if self._without_lock + len(self._buffer) >= _SWAPPED_AFTER:
            self.swapped = looks_swapped(bytes(self._buffer))

    def _arrival(self, end: int) -> float:
        offset = self._received - len(self._buffer) + end
        return next(at for arrived, at in self._arrivals if arrived >= offset)

    def _consume(self, count: int) -> None:
        del self._buffer[:count]
        begin = self._received - len(self._buffer)
        while self._arrivals and self._arrivals[0][0] <= begin:
            self._arrivals.popleft()

    def _discard(self, count: int) -> None:
        self.discarded += count
        self._without_inverter += count
        self._without_lock += count
        self._consume(count)
