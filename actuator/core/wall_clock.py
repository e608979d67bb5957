"""Whether the wall clock has been known to be right, and since when it has not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.events import Event, Level
from actuator.core.settings import HOUR

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs

PATIENCE: Final = HOUR
"""Seconds without a right clock after which that is reported; a machine may boot with a wrong one."""


class WallClock(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock as this process has known it.

    Attributes:
        right_at: when it was last known to be right, monotonic; None: never.
        reported: that it is not known to be right has been reported.
    """

    right_at: float | None = None
    reported: bool = False


def update(clock: WallClock, inputs: Inputs, now: float, *, started_at: float) -> tuple[WallClock, list[Event]]:
    """Return the clock after one step, and the event to report."""
    if inputs.wall_sane:
        return WallClock(right_at=now), [Event(kind="clock_synchronised")] if clock.reported else []
    since = started_at if clock.right_at is None else clock.right_at
    if clock.reported or now - since < PATIENCE:
        return clock, []
    event = Event(kind="clock_unsynchronised", level=Level.WARNING, values={"seconds": now - since})
    return WallClock(right_at=clock.right_at, reported=True), [event]
