"""Runs that ended before min run: each makes the pause before the next start longer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.settings import DAY, HOUR
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.settings import Limits

A_DAY: Final = 8
"""Short runs in any 24 hours, at most; manual ones do not count."""
EMERGENCY_WAITS: Final = HOUR
"""Seconds that an emergency waits at most after a short run."""


class ShortRuns(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that ended before min run, for any reason but the operator's off or that nothing requested them.

    Attributes:
        in_a_row: how many, since the last run of min run that ended well.
        last_at: when the last one ended; None: there was none.
        ends: when the last ones ended that were not manual, at most `A_DAY`.
    """

    in_a_row: int = 0
    last_at: float | None = None
    ends: tuple[float, ...] = ()

    def add(self, at: float, *, manual: bool) -> ShortRuns:
        """Return them with a run that ended then."""
        ends = self.ends if manual else (*self.ends, at)[-A_DAY:]
        return ShortRuns(in_a_row=self.in_a_row + 1, last_at=at, ends=ends)

    def end_well(self) -> ShortRuns:
        """Return them after a run that was not short and ended well; those of the last 24 hours still count."""
        return replace(self, in_a_row=0)

    def until(self, limits: Limits, *, emergency: bool) -> float | None:
        """Return when the pause after them ends, monotonic; None: there was none."""
        if self.last_at is None:
            return None
        until = self.last_at
        if self.in_a_row:
            until += limits.short_cycle[min(self.in_a_row, len(limits.short_cycle)) - 1]
        if len(self.ends) == A_DAY:
            until = max(until, self.ends[0] + DAY)
        return min(until, self.last_at + EMERGENCY_WAITS) if emergency else until

    def moved(self, move: Callable[[float], float]) -> ShortRuns:
        """Return them with their times moved, as for another boot."""
        last_at = None if self.last_at is None else move(self.last_at)
        return replace(self, last_at=last_at, ends=tuple(map(move, self.ends)))
