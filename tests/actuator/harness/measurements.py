"""What is measured on a running actuator: when its board moved, what its pages and metrics say."""

from __future__ import annotations

import itertools
import re
from typing import Any

from tests.actuator.harness.process import Actuator
from tests.support import wait_until

LATE = 3.0
"""Seconds that a turn, a page and a busy machine may take."""

EARLY = 0.3
"""Seconds between a decision and its order: a run is written down before the contact closes. So much shorter may the
time between two orders be than between the two decisions."""

_CLOSE = 0xFF00


def closings(it: Actuator, since: int = 0) -> list[float]:
    """Return when the board was commanded to close, on the monotonic clock, from its order number `since` on."""
    return [at for at, _, value in it.board.writes[since:] if value == _CLOSE]


def openings(it: Actuator) -> list[float]:
    """Return when the board's contact went from closed to open, on the monotonic clock."""
    orders = itertools.pairwise(it.board.writes)
    return [at for (_, _, before), (at, _, value) in orders if before == _CLOSE and value == 0]


def end_of_run(it: Actuator) -> dict[str, Any]:
    """Return what the journal says of the opening that ended the last run, once it does."""

    def last() -> dict[str, Any] | None:
        moves = [row for row in it.rows() if row["kind"] in ("contact_closed", "contact_opened")]
        return moves[-1] if moves and moves[-1]["kind"] == "contact_opened" else None

    return wait_until(last, 5, "the opening to be written down")


def pages(it: Actuator, count: int) -> None:
    """Let so many more pages be read and acted upon."""
    asked = it.page.asked
    wait_until(lambda: it.page.asked > asked + count, 10, "more pages to be read")


def inhibited(it: Actuator) -> list[str]:
    """Return the reasons that the metrics say forbid a run."""
    return re.findall(r'generator_inhibited\{reason="(\w+)"\} 1', it.get("/metrics")[1])
