"""The generator starter (ME-AGS-N): what its status code means for our run, and what the page shows of it. Pure.

Source: Magnum networking protocol of 2009-10-15, AGS status; codes 20 and 23 by the ME-ARC's owner's manual.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actuator.core.settings import AGS_MARGIN
from actuator.core.signals import BUS_FRESH, ConfirmedValue, Watch
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.inputs import Page

READY: Final = 2
AC_IN: Final = 4
OURS: Final = 7
"""*Start temperature*: what the AGS reports when its external input, our contact, starts the engine."""
WARM_UP: Final = 26
COOL_DOWN: Final = 27
TAILS: Final = frozenset({WARM_UP, COOL_DOWN})
"""They belong to the run that they begin or end, whoever started it."""
FOREIGN: Final = frozenset({3, 6, 8, 12, 13, 14, 18, 19, 20})
"""Runs that something else started: the AGS then ignores our contact."""
FAULTS: Final = frozenset({9, 10, 11, 15, 16, 17, 21, 22, 23, 24, 25})
"""Latched until somebody sets OFF and AUTO at the remote."""
RUNNING: Final = FOREIGN | TAILS | {OURS}
"""The AGS has commanded the engine to run; that does not confirm that it runs."""

_PERMITTING: Final = TAILS | {READY, OURS}

Response = Literal["permits", "refuses", "foreign"]
"""The AGS would run the engine for us; it would not; or it runs the engine for something else and ignores us."""


class Ags(msgspec.Struct, frozen=True, kw_only=True):
    """The AGS as the exporter's page shows it.

    Attributes:
        status: its status code.
        packet_stamp: a number on the page that changes with each packet of the AGS.
        packets_counted: `packet_stamp` has changed at least once, so it can be relied on.
        response: how it answers, or would answer, our contact.
        last_start: the last code that began a run; warm-up and cool-down belong to it.
        cap: its own max run in seconds, as last received on the bus; 0: it has none.
        warm_up_from: when a warm-up of our run was first received; None: none has been.
        warm_up_at: when it was last received.
    """

    status: Watch = msgspec.field(default_factory=Watch)
    packet_stamp: float | None = None
    packets_counted: bool = False
    response: ConfirmedValue[str] = msgspec.field(default_factory=ConfirmedValue)
    last_start: int | None = None
    cap: ConfirmedValue[float] = msgspec.field(default_factory=ConfirmedValue)
    warm_up_from: float | None = None
    warm_up_at: float = 0.0

    def code(self, now: float) -> int | None:
        """Return the status code, or None when it is absent."""
        code = self.status.fresh(now, BUS_FRESH)
        return None if code is None else int(code)

    @property
    def longest_run(self) -> float:
        """Seconds that a run may last before the AGS ends it by its own cap, which it then reports as a fault."""
        cap = self.cap.verdict
        return max(cap - AGS_MARGIN, cap / 2) if cap else math.inf

    def warmed_up(self, now: float, *, since: float) -> float:
        """Return the seconds of the warm-up of our run that closed at `since`, up to now while it lasts."""
        if self.warm_up_from is None or self.warm_up_from < since:
            return 0.0
        return (now if self.code(now) == WARM_UP else self.warm_up_at) - self.warm_up_from


def observe(ags: Ags, page: Page | None, now: float) -> Ags:
    """Return the AGS with what a page shows, not yet judged."""
    if page is None:
        status = ags.status.idle()
        return ags if status is ags.status else replace(ags, status=status)
    # An exporter without a packet count never changes the stamp: then the device's timestamp is used.
    stamps = {page.ags_stamp, ags.packet_stamp}
    counted = ags.packets_counted or (None not in stamps and len(stamps) > 1)
    code = None if page.ags_code is None else float(page.ags_code)
    known = replace(
        ags,
        packet_stamp=page.ags_stamp,
        packets_counted=counted,
        cap=ags.cap.update(page.ags_max_run, sampled=True, now=now, memory=math.inf),
    )
    return replace(known, status=ags.status.observe(code, stamp_of(known, page), now))


def stamp_of(ags: Ags, page: Page | None) -> float | None:
    """Return the number that changes with each packet of the AGS; call it after `observe`."""
    if page is None:
        return None
    return page.ags_stamp if ags.packets_counted and page.ags_stamp is not None else page.device_stamp


def judge(ags: Ags, now: float, *, closed: bool, ours: bool) -> Ags:
    """Return the AGS with its response judged.

    Args:
        ags: as observed in this step.
        now: monotonic seconds.
        closed: our contact is closed.
        ours: our run is in progress, may be resumed, or has not yet stopped.
    """
    code = ags.code(now)
    if not ags.status.sampled and code is not None:
        return ags
    if code is None:
        # A refusing AGS does not become an absent one by a single missing packet.
        silent = ags.response.update(None, sampled=False, now=now, memory=BUS_FRESH)
        first = ags.status.possibly_fresh(now, BUS_FRESH) if ags.status.changed_at is None else None
        silent = silent.observe_unsampled(
            None if first is None else response(int(first), last_start=ags.last_start, closed=closed, ours=ours)
        )
        return ags if silent is ags.response else replace(ags, response=silent)
    last_start = code if code in FOREIGN or code == OURS else ags.last_start
    if code in TAILS and last_start is None and ours:
        # A warm-up or cool-down without a start code before it, during our run, belongs to our run.
        last_start = OURS
    reading = response(code, last_start=last_start, closed=closed, ours=ours)
    warms_up = closed and code == WARM_UP and reading == "permits"
    return replace(
        ags,
        response=ags.response.update(reading, sampled=True, now=now),
        last_start=last_start if code in RUNNING else None,
        warm_up_from=(ags.warm_up_from or now) if warms_up else ags.warm_up_from if closed else None,
        warm_up_at=now if warms_up else ags.warm_up_at,
    )


def response(code: int, *, last_start: int | None, closed: bool, ours: bool) -> Response:
    """Return how the AGS answers our contact; an unknown code refuses.

    Args:
        code: the status.
        last_start: the last code seen that began a run.
        closed: our contact is closed; *AC in* then comes from our own run.
        ours: our run is in progress or has just ended; a warm-up or cool-down without a start code is then ours.
    """
    if code in FOREIGN or (code in TAILS and (last_start in FOREIGN or (last_start is None and not ours))):
        return "foreign"
    if code in _PERMITTING or (closed and code == AC_IN):
        return "permits"
    return "refuses"
