"""Means over the last 5 s and lowest values of the last 60 s: the bus sends faster than anyone scrapes."""

from __future__ import annotations

import math
from collections import deque

from exporter.fields import Number, Sample
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.packet_kinds import PacketKinds

MEAN_SECONDS = 5.0
LOWEST_SECONDS = 60.0

_Values = deque[tuple[float, float]]
"""Monotonic seconds and values, the oldest first."""


class Recent:
    """The latest values of the numbers that are declared with `mean5s` or `min60s`."""

    def __init__(self, kinds: PacketKinds) -> None:
        self._numbers = {
            name: [field for field in kind.fields if isinstance(field, Number) and (field.mean5s or field.min60s)]
            for name, kind in kinds.items()
        }
        self._last: dict[str, _Values] = {}
        self._lowest: dict[str, _Values] = {}

    def add(self, kind: str, packet: Packet, at: float) -> tuple[Sample, ...]:
        """Take an accepted packet received at monotonic `at`; return the lowest values of its numbers."""
        samples: list[Sample] = []
        for number in self._numbers[kind]:
            value = number.value(packet)
            if value is None:
                continue
            if number.mean5s:
                last = self._last.setdefault(number.metric, deque())
                last.append((at, value))
                _forget(last, at - MEAN_SECONDS)
            if number.min60s:
                lowest = self._lowest.setdefault(number.metric, deque())
                while lowest and lowest[-1][1] >= value:
                    lowest.pop()
                lowest.append((at, value))
                _forget(lowest, at - LOWEST_SECONDS)
                samples.append(Sample(f"{number.metric}_min60s", lowest[0][1]))
        return tuple(samples)

    def means(self, at: float) -> tuple[Sample, ...]:
        """Return the means over the 5 s before monotonic `at`; absent ones are left out."""
        for values in self._last.values():
            _forget(values, at - MEAN_SECONDS)
        return tuple(
            Sample(f"{metric}_mean5s", math.fsum(value for _, value in values) / len(values))
            for metric, values in self._last.items()
            if values
        )


def _forget(values: _Values, before: float) -> None:
    while values and values[0][0] < before:
        values.popleft()
