"""What the ME-AGS-N's status code means for a run of ours.

Source: Magnum networking protocol of 2009-10-15, AGS status; codes 20 and 23 by the ME-ARC's owner's manual.
"""

from __future__ import annotations

from typing import Final, Literal

READY: Final = 2
AC_IN: Final = 4
OURS: Final = 7
"""*Start temperature*: what the external input, on which our contact is, starts as."""
WARM_UP: Final = 26
COOL_DOWN: Final = 27
TAILS: Final = frozenset({WARM_UP, COOL_DOWN})
"""They belong to whatever began the run."""
FOREIGN: Final = frozenset({3, 6, 8, 12, 13, 14, 18, 19, 20})
"""Runs that something else began: while one lasts our contact means nothing to the AGS."""
FAULTS: Final = frozenset({9, 10, 11, 15, 16, 17, 21, 22, 23, 24, 25})
"""Latched until somebody sets OFF and AUTO at the remote."""
RUNNING: Final = FOREIGN | TAILS | {OURS}
"""Told to run, which is not yet running."""

_PERMITTING: Final = TAILS | {READY, OURS}

Standing = Literal["permits", "refuses", "foreign"]
"""It would run the engine for us · it would not · it runs the engine for something else, and then ignores us."""

WORDS: Final = {
    0: "not connected",
    1: "off",
    3: "manual run",
    4: "AC in",
    5: "quiet time",
    6: "start test",
    8: "start voltage",
    9: "fault start test",
    10: "fault start temperature",
    11: "fault start voltage",
    12: "start time of day",
    13: "start SOC",
    14: "start exercise",
    15: "fault start time of day",
    16: "fault start SOC",
    17: "fault start exercise",
    18: "start amps",
    19: "start top-off",
    20: "start 100 % SOC",
    21: "fault start amps",
    22: "fault top-off",
    23: "fault 100 % SOC",
    24: "fault max run",
    25: "generator run fault",
    26: "warm up",
    27: "cool down",
}
"""Codes that refuse or are another's run, in the words of the remote's own display."""


def word(code: int) -> str:
    """Return what the remote calls a code."""
    return WORDS.get(code, f"unknown code {code}")


def stands(code: int, *, last_start: int | None, closed: bool, ours: bool) -> Standing:
    """Return how the AGS stands to a run of ours; an unknown code refuses.

    Args:
        code: the status.
        last_start: the last code seen that began a run.
        closed: our contact is closed: *AC in* is then the AC that we asked for.
        ours: a run of ours is in progress or has just ended; decides for a warm-up or cool-down that came unannounced.
    """
    if code in FOREIGN or (code in TAILS and (last_start in FOREIGN or (last_start is None and not ours))):
        return "foreign"
    if code in _PERMITTING or (closed and code == AC_IN):
        return "permits"
    return "refuses"
