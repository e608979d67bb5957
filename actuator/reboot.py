"""The durable times over a reboot, which gives the monotonic clock a new beginning. Pure.

Time that passed powered off counts only once the wall clock is known to be right on both sides of it. A machine without
a clock of its own knows the hour some minutes after it has started: until then no time is taken to have passed, and
from then on what did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from actuator.model import Anchor, Closure

if TYPE_CHECKING:
    from actuator.model import Durable, Moment


def carried(durable: Durable, moment: Moment, here: Moment) -> Durable:
    """Return the durable state of another boot with its times on this boot's clock.

    Args:
        durable: as it was saved.
        moment: when, on every clock of then.
        here: this moment, on every clock of this boot.
    """
    passed = max(0.0, here.wall - moment.wall) if moment.wall_sane and here.wall_sane else 0.0
    shift = here.now - passed - moment.now
    anchor = durable.anchor
    if moment.wall_sane:
        anchor = None if here.wall_sane else Anchor(wall=moment.wall, now=here.now)
    elif anchor is not None:
        anchor = replace(anchor, now=anchor.now + shift)

    def moved(time: float | None) -> float | None:
        return None if time is None else time + shift

    run = durable.run or durable.candidate
    if run is not None:
        run = replace(
            run,
            closed_at=run.closed_at + shift,
            deadline=run.deadline + shift,
            proven_at=moved(run.proven_at),
            volts_until=moved(run.volts_until),
            opened_at=moved(run.opened_at),
        )
    manual_over = durable.mode == "on"
    return replace(
        durable,
        run=run,
        candidate=None,
        closures=tuple(Closure(start=closure.start + shift, end=closure.end + shift) for closure in durable.closures),
        back_off_until=moved(durable.back_off_until),
        released_at=moved(durable.released_at),
        stopped_at=moved(durable.stopped_at),
        # An order to run for a while was given to another boot; nobody may remember it.
        mode=durable.mode_before if manual_over else durable.mode,
        manual_until=None if manual_over else durable.manual_until,
        blind_at=moved(durable.blind_at),
        exercise_at=moved(durable.exercise_at),
        anchor=anchor,
    )


def credited(durable: Durable, *, wall: float, now: float) -> Durable:
    """Return the durable state with the time powered off counted: the wall clock has come to be known right.

    Only what lies before the boot that began without knowing the hour moves: what came since is no older than it seems.
    """
    anchor = durable.anchor
    if anchor is None:
        return durable
    passed = max(0.0, wall - anchor.wall - (now - anchor.now))

    def moved(time: float | None) -> float | None:
        return time if time is None or time > anchor.now else time - passed

    closures = tuple(
        closure if closure.end > anchor.now else Closure(start=closure.start - passed, end=closure.end - passed)
        for closure in durable.closures
    )
    run_since = durable.run is not None or any(closure.start > anchor.now for closure in durable.closures)
    until = durable.back_off_until
    return replace(
        durable,
        closures=closures,
        back_off_until=until if until is None or run_since else until - passed,
        released_at=moved(durable.released_at),
        stopped_at=moved(durable.stopped_at),
        blind_at=moved(durable.blind_at),
        exercise_at=moved(durable.exercise_at),
        anchor=None,
    )
