"""Cuts a stream of bytes into packets. The bus has no checksum, no length and, behind a USB adapter, no gaps.

`synchronisation` finds the inverter, then `recognition` judges packet by packet; here are the buffer, the times and the
counters. Time plays no part in what is a packet, except that silence ends the last one: the same bytes give the same
frames however they are cut into chunks.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from exporter.sources.magnum.devices.inverter import Identity
from exporter.sources.magnum.packet_kinds import KINDS, PacketKinds, by_header
from exporter.sources.magnum.recognition import Recogniser, Verdict
from exporter.sources.magnum.synchronisation import find_inverter, looks_swapped, modern_inverters

_SYNCHRONISE_EVERY = 64
"""Bytes from one search for the inverter to the next, more than a cycle of about 50: a search covers the whole buffer.
Counted from the first byte, not by chunks: so frames do not depend on how the bytes are cut."""

_KEPT_WITHOUT_INVERTER = 2048
"""Bytes in which the inverter is searched for, about 40 cycles; those from before it is found give frames too."""

_LOST_AFTER = 800
"""Bytes without a packet of the inverter, about 16 cycles or 2 s, until it is searched for anew. Damage may hide it for
a few cycles; another inverter may have replaced it."""

_SWAPPED_AFTER = 120
"""Bytes without an inverter until swapped wires are looked for: the two packets that are their sign need two cycles."""


class Frame(NamedTuple):
    """One packet as it was on the bus: its kind, its bytes, and the monotonic seconds at which its end arrived."""

    kind: str
    payload: bytes
    at: float


class _Arrival(NamedTuple):
    """A chunk: how many bytes there were up to its end, and when that was received (monotonic seconds)."""

    end: int
    at: float
    seconds_per_byte: float


class Framer:
    """Takes chunks of bytes and returns the frames in them. Buffers at most a few thousand bytes.

    Attributes:
        discarded: bytes since the start that were in no accepted packet; junk between packets does not count.
        damaged: how often since the start no whole packet was found where one had to be.
        resyncs: how often since the start the inverter was lost and searched for again.
        foreign: by other inverter, how many of its packets were among the discarded bytes.
        swapped: whether the bytes look as if the two data wires were swapped.
    """

    def __init__(self, kinds: PacketKinds = KINDS) -> None:
        self.discarded = 0
        self.damaged = 0
        self.resyncs = 0
        self.foreign: Counter[Identity] = Counter()
        self.swapped = False
        self._accessories = by_header(kinds.values())
        self._recogniser: Recogniser | None = None
        self._buffer = bytearray()
        self._received = 0
        self._arrivals: deque[_Arrival] = deque()
        self._without_inverter = 0
        self._without_lock = 0
        self._flushed = 0

    @property
    def identity(self) -> Identity | None:
        """The inverter on this bus, or None while it is unknown."""
        return self._recogniser.identity if self._recogniser else None

    @property
    def nominal_volts(self) -> int | None:
        """The battery's nominal volts by the inverter's model, or None while they are unknown."""
        return self._recogniser.nominal_volts if self._recogniser else None

    def feed(self, data: bytes, at: float, *, over: float = 0.0) -> list[Frame]:
        """Take a chunk received at monotonic `at`, or during `over` seconds until then; return the certain frames."""
        frames: list[Frame] = []
        if data:
            self._arrivals.append(_Arrival(self._received + len(data), at, over / len(data)))
        while data:
            step = _SYNCHRONISE_EVERY - self._received % _SYNCHRONISE_EVERY
            piece, data = data[:step], data[step:]
            self._buffer += piece
            self._received += len(piece)
            if self._recogniser is not None or self._received % _SYNCHRONISE_EVERY == 0:
                self._work(frames, final=False)
        return frames

    def flush(self) -> list[Frame]:
        """Return the frames that are certain now that the line has been silent for longer than within a packet."""
        frames: list[Frame] = []
        if self._flushed != self._received:
            self._flushed = self._received
            self._work(frames, final=True)
        return frames

    def reset(self) -> None:
        """Drop the buffer, as after the port was lost. The inverter and the remote stay known."""
        self._discard(len(self._buffer))
        if self._recogniser:
            self._recogniser.lose_position()

    def _work(self, frames: list[Frame], *, final: bool) -> None:
        while self._buffer:
            if self._recogniser is None:
                self._synchronise()
                if self._recogniser is None:
                    return
            verdict, kind, junk, length = self._recogniser.next(self._buffer, final=final)
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
                self._count_foreign(length, self._recogniser.identity)
            else:
                self.damaged += 1
            self._consume(junk)
            self._discard(length)
            if self._without_inverter > _LOST_AFTER:
                self._recogniser = None
                self.resyncs += 1

    def _count_foreign(self, skipped: int, own: Identity) -> None:
        for at, identity in modern_inverters(bytes(self._buffer)):
            if at < skipped and identity != own:
                self.foreign[identity] += 1

    def _synchronise(self) -> None:
        found = find_inverter(bytes(self._buffer), self._accessories)
        if found is not None:
            self._recogniser = Recogniser(found, self._accessories)
            self._without_inverter = self._without_lock = 0
            self.swapped = False
            return
        self._discard(max(0, len(self._buffer) - _KEPT_WITHOUT_INVERTER))
        if self._without_lock + len(self._buffer) >= _SWAPPED_AFTER:
            self.swapped = looks_swapped(bytes(self._buffer))

    def _arrival(self, end: int) -> float:
        offset = self._received - len(self._buffer) + end
        chunk = next(chunk for chunk in self._arrivals if chunk.end >= offset)
        return chunk.at - (chunk.end - offset) * chunk.seconds_per_byte

    def _consume(self, count: int) -> None:
        del self._buffer[:count]
        begin = self._received - len(self._buffer)
        while self._arrivals and self._arrivals[0].end <= begin:
            self._arrivals.popleft()

    def _discard(self, count: int) -> None:
        self.discarded += count
        self._without_inverter += count
        self._without_lock += count
        self._consume(count)
