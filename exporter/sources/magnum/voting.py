"""Confirms packets by repetition, since the bus has no checksum: received twice alike, on a noisy line three times.

An inverter repeats its packet eight times before the numbers change, so whole packets are compared. A battery monitor's
current differs each time, so there each number is confirmed by itself. A number that never repeats is accepted only on
a line without recent damage: when it is near the last one, else as the median of three.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.sources.magnum.packet import Packet

_FORGET_AFTER = 30.0
"""Seconds without a packet of the kind after which the earlier ones confirm nothing: the numbers may have changed."""

_HOLD = 3
"""Packets for which a confirmed number stays while the newer ones are not confirmed. With 0 each damaged one leaves a
gap; with 30 numbers are published that were not sent lately."""

_VOTERS = 3
"""Packets of which the median counts, or a steady change is seen: the fewest that outvote one wrong number."""

_EQUAL = 2
"""Equal packets in a row that confirm each other. A single one may be damaged."""

_EQUAL_ON_NOISY_LINE = 3
"""The same after recent damage, which may hit two packets alike. Four would confirm far fewer."""


class Tolerance(NamedTuple):
    """How far apart two readings of a number in a row may be to confirm each other, and whether it is signed."""

    near: int
    signed: bool = False

    def value(self, raw: bytes) -> int:
        """Return the bytes as a number."""
        return int.from_bytes(raw, "big", signed=self.signed)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the packets of one kind are voted on.

    Attributes:
        wide: index of each number of two bytes; every other byte is a number by itself.
        varying: by index, the numbers that may change with every packet.
        trending: by index, the numbers that rise or fall steadily; one between its two neighbours is right.
        patience: how many packets in a row may differ before each number is judged by itself; None: never.
        memory: how many earlier packets are compared.
    """

    wide: Sequence[int] = ()
    varying: Mapping[int, Tolerance] = field(default_factory=dict)
    trending: Mapping[int, Tolerance] = field(default_factory=dict)
    patience: int | None = 0
    memory: int = 10


WHOLE_PACKETS = Rule(patience=None, memory=2)
"""A packet counts when it equals the one before it."""


class Voter:
    """Votes on the packets of one kind from one device."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._seen: deque[bytes] = deque(maxlen=rule.memory)
        self._last_at = 0.0
        self._differing = 0
        self._count = 0
        self._confirmed: dict[int, tuple[bytes, int]] = {}

    def vote(self, payload: bytes, at: float, *, clean: bool) -> Packet | None:
        """Take a packet and return what is now confirmed, or None when nothing new is.

        Args:
            payload: the packet's bytes.
            at: monotonic seconds at which it was received.
            clean: whether the line has had no damage lately.
        """
        if at - self._last_at > _FORGET_AFTER or (self._seen and len(self._seen[-1]) != len(payload)):
            self._seen.clear()
            self._confirmed.clear()
        self._last_at = at
        self._count += 1
        earlier = tuple(self._seen)
        self._seen.append(payload)
        needed = _EQUAL if clean else _EQUAL_ON_NOISY_LINE
        if len(earlier) >= needed - 1 and all(packet == payload for packet in earlier[1 - needed :]):
            self._differing = 0
            for part in self._parts(payload):
                self._confirmed[part.start] = payload[part], self._count
            return Packet(payload)
        self._differing += 1
        if not earlier or self._rule.patience is None or self._differing <= self._rule.patience:
            return None
        return self._one_by_one(payload, earlier, needed=needed, clean=clean)

    def _parts(self, payload: bytes) -> list[slice]:
        second = {first + 1 for first in self._rule.wide}
        return [
            slice(first, first + (2 if first in self._rule.wide else 1))
            for first in range(len(payload))
            if first not in second
        ]

    def _one_by_one(self, payload: bytes, earlier: tuple[bytes, ...], *, needed: int, clean: bool) -> Packet:
        confirmed = bytearray(payload)
        missing: set[int] = set()
        for part in self._parts(payload):
            number = payload[part]
            if sum(packet[part] == number for packet in earlier) >= needed - 1:
                self._confirmed[part.start] = number, self._count
            elif clean and part.start in self._rule.varying:
                likely = self._likely(number, [packet[part] for packet in earlier], self._rule.varying[part.start])
                if likely is not None:
                    self._confirmed[part.start] = likely, self._count
            elif clean and part.start in self._rule.trending and len(earlier) >= _VOTERS - 1:
                three = [packet[part] for packet in (*earlier[1 - _VOTERS :], payload)]
                if _is_steady(three, self._rule.trending[part.start]):
                    self._confirmed[part.start] = three[1], self._count
            known, when = self._confirmed.get(part.start, (b"", -_HOLD - 1))
            if self._count - when <= _HOLD:
                confirmed[part] = known
            else:
                missing.update(range(part.start, part.stop))
        return Packet(bytes(confirmed), missing=frozenset(missing))

    @staticmethod
    def _likely(number: bytes, earlier: list[bytes], tolerance: Tolerance) -> bytes | None:
        """Return the number when it is near the last, else the median of three; None while there are fewer."""
        if abs(tolerance.value(number) - tolerance.value(earlier[-1])) <= tolerance.near:
            return number
        if len(earlier) < _VOTERS - 1:
            return None
        return sorted([number, *earlier[1 - _VOTERS :]], key=tolerance.value)[_VOTERS // 2]


def _is_steady(three: list[bytes], tolerance: Tolerance) -> bool:
    """Return whether three numbers in a row rise or fall, each near the one before."""
    first, second, third = map(tolerance.value, three)
    return (first < second < third or first > second > third) and abs(first - third) <= 2 * tolerance.near
