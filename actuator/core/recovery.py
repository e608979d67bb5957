"""The first state of a controller: the journal's last record, adapted after a crash or a reboot. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from actuator.core import runs
from actuator.core.alert_path import AlertPath
from actuator.core.beliefs import Beliefs
from actuator.core.events import Event, Level, Value
from actuator.core.settings import DAY
from actuator.core.state import Anchor, Closure, Durable, State
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.core.settings import Settings
    from actuator.core.state import Moment, Run, Saved

DURABLE_TICK: Final = 10.0
"""Seconds between two snapshots while the contact is closed; a power cut may lose so much of a run."""


def restore(
    saved: Saved | None, here: Moment, settings: Settings, *, torn: bool = False, found: bool | None = None
) -> tuple[State, tuple[Event, ...]]:
    """Return the first state, with the contact taken to be open, and what to report.

    Args:
        saved: the journal's last snapshot; None: there is none to be read.
        here: this moment, on every clock.
        settings: the configuration in force.
        torn: journal and sidecar disagree: at most one max run of budget is left.
        found: the contact was closed before this start opened it; None: it could not be read.
    """
    durable = Durable(mode="off" if torn else "auto") if saved is None else saved.durable
    same_boot = saved is not None and saved.moment.boot == here.boot
    if saved is not None and not same_boot:
        durable = carried(durable, saved.moment, here)
    events: list[Event] = []
    run = durable.run or durable.candidate
    if run is not None:
        events.append(_broken_off(run, same_boot=same_boot, found=found))
        held_until = _held_until(run, saved, here, found=found)
        # An engine that still runs after the tail has been started by somebody else.
        ours = run.proven_at is not None and here.now - held_until < settings.limits.tail
        if same_boot and not torn and ours and not run.resumed and here.now < run.deadline:
            # Marked now: a run is resumed once only, even if this process also dies before it resumes the run.
            durable = replace(durable, run=None, candidate=replace(run, resumed=True))
        else:
            durable, failed = _broken_off_record(durable, run, saved, here, settings, found=found)
            events += failed
    elif found and not torn:
        durable, reported = _closed_without_a_run(durable, saved, here, settings)
        events += reported
    if torn:
        durable = _torn(durable, settings, here)
        values: dict[str, Value] = {"budget": settings.limits.max_run}
        events.append(Event(kind="journal_torn", level=Level.ERROR, values=values))
    beliefs = Beliefs(answered=durable.spent, stuck=durable.stuck_stops, resolved=durable.resolved)
    return State(started_at=here.now, durable=durable, alerts=AlertPath(beliefs=beliefs)), tuple(events)


def _broken_off_record(
    durable: Durable, run: Run, saved: Saved | None, here: Moment, settings: Settings, *, found: bool | None
) -> tuple[Durable, list[Event]]:
    """Return the record with a run ended that the program's death has broken off, and a failed attempt to report."""
    same_boot = saved is not None and saved.moment.boot == here.boot
    opened_at, held = run.opened_at, None
    if opened_at is not None:
        past = Closure(start=run.closed_at, end=opened_at)
    elif same_boot:
        # The contact may have stayed closed until now.
        past = Closure(start=run.closed_at, end=here.now)
    elif found:
        # The board kept its power, and the contact stayed closed until now.
        past = Closure(start=run.closed_at, end=here.now)
        known = saved is not None and saved.moment.wall_sane and here.wall_sane
        held = None if known else past
    else:
        # It lasted until its deadline at most. The journal may lack its last seconds, so they are added.
        past = Closure(start=run.closed_at - DURABLE_TICK, end=min(here.now, run.deadline))
    durable = _ended(durable, past)
    if held is not None:
        durable = _held_unknown(durable, held, settings)
    released_at = here.now if opened_at is None else opened_at
    durable = replace(durable, released_at=released_at, stopped_at=None)
    seconds = _lasted(run, saved, here, same_boot=same_boot)
    durable = runs.count_short(durable, run, settings, released_at, seconds=seconds, meant=False, well=False)
    if not run.denied or run.proven_at is not None or opened_at is not None:
        return durable, []
    durable, failed = runs.fail(durable, run, settings, here.now, reason="restart")
    anchor = durable.anchor
    return replace(durable, anchor=None if anchor is None else replace(anchor, backs_off=True)), [failed]


def _closed_without_a_run(
    durable: Durable, saved: Saved | None, here: Moment, settings: Settings
) -> tuple[Durable, list[Event]]:
    """Return the record with the time since it was written counted as closed, and the event to report.

    The run that closed the contact was never written down, or somebody else closed it: the engine may still run.
    """
    durable = replace(durable, released_at=here.now, stopped_at=None)
    if saved is None:
        return durable, []
    same_boot = saved.moment.boot == here.boot
    past = Closure(start=saved.moment.now if same_boot else here.now - _passed(saved.moment, here), end=here.now)
    durable, known = _ended(durable, past), same_boot or (saved.moment.wall_sane and here.wall_sane)
    if not known:
        durable = _held_unknown(durable, past, settings)
    seconds = past.end - past.start if known else settings.limits.daily_budget
    values: dict[str, Value] = {"known": known, "seconds": seconds}
    return durable, [Event(kind="found_closed", level=Level.WARNING, values=values)]


def _torn(durable: Durable, settings: Settings, here: Moment) -> Durable:
    """Return the record of a torn journal: min off begins, and at most one max run of the budget is left."""
    limits = settings.limits
    # As if everything but one max run had been used just now. This replaces the oldest known closures. If they were
    # kept too, they would leave the 24 h window early and give budget back.
    unknown = max(0.0, limits.daily_budget - limits.max_run)
    known = _without_oldest(durable.closures, unknown, here.now)
    return replace(
        durable,
        closures=(*known, Closure(start=here.now - unknown, end=here.now)) if unknown else known,
        released_at=here.now,
        stopped_at=None,
        torn=True,
        torn_at=here.now,
        anchor=None,  # the closure above is an assumption and must not be moved back in time
    )


def _without_oldest(closures: tuple[Closure, ...], seconds: float, now: float) -> tuple[Closure, ...]:
    """Return the closures of the last 24 hours without the oldest so many seconds of them."""
    kept = []
    for closure in sorted(closures, key=lambda closure: closure.start):
        start = max(closure.start, now - DAY)
        taken = min(seconds, max(0.0, closure.end - start))
        seconds -= taken
        if closure.end > start + taken:
            kept.append(replace(closure, start=start + taken))
    return tuple(kept)


def _ended(durable: Durable, past: Closure) -> Durable:
    past = replace(past, end=max(past.start, past.end))
    return replace(
        durable,
        run=None,
        candidate=None,
        closures=(*durable.closures, past),
        run_seconds=durable.run_seconds + past.end - past.start,
    )


def _held_unknown(durable: Durable, held: Closure, settings: Settings) -> Durable:
    """Return the record with its last closure, held for an unknown time, taken to be as long as the budget."""
    longest = Closure(start=min(held.start, held.end - settings.limits.daily_budget), end=held.end)
    # With two unknown closures the lengths cannot be told apart, so neither is corrected later.
    anchor = durable.anchor
    anchor = None if anchor is None or anchor.held is not None else replace(anchor, held=held)
    return replace(durable, closures=(*durable.closures[:-1], longest), anchor=anchor)


def _held_until(run: Run, saved: Saved | None, here: Moment, *, found: bool | None) -> float:
    """Return the last moment at which the contact may have been closed."""
    if run.opened_at is not None:
        return run.opened_at
    if saved is None or found is not False:
        return here.now
    return min(here.now, saved.moment.now + DURABLE_TICK)


def _lasted(run: Run, saved: Saved | None, here: Moment, *, same_boot: bool) -> float:
    """Return for how many seconds the contact was closed in an interrupted run, as far as that is known."""
    if run.opened_at is not None:
        return run.opened_at - run.closed_at
    if same_boot or saved is None:
        return here.now - run.closed_at
    # Without power it may have opened right after the last record.
    before = saved.durable.run or saved.durable.candidate
    return 0.0 if before is None else saved.moment.now - before.closed_at


def _broken_off(run: Run, *, same_boot: bool, found: bool | None) -> Event:
    return Event(
        kind="contact_opened" if found else "run_broken_off",
        level=Level.WARNING,
        fields={"reason": "restart", "run": run.number, "cause": run.cause, "found_closed": found},
        values={"orderly": run.opened_at is not None, "same_boot": same_boot},
    )


def _passed(moment: Moment, here: Moment) -> float:
    """Return the seconds since a moment of another boot; 0 without a clock that is right on both sides."""
    return max(0.0, here.wall - moment.wall) if moment.wall_sane and here.wall_sane else 0.0


def carried(durable: Durable, moment: Moment, here: Moment) -> Durable:
    """Return the durable state of another boot with its times converted to this boot's clock.

    Args:
        durable: as it was saved.
        moment: when it was saved, on every clock of that boot.
        here: this moment, on every clock of this boot.
    """
    shift = here.now - _passed(moment, here) - moment.now
    anchor = durable.anchor
    if moment.wall_sane:
        anchor = None if here.wall_sane else Anchor(wall=moment.wall, now=here.now)
    elif anchor is not None:
        held = anchor.held and Closure(start=anchor.held.start + shift, end=anchor.held.end + shift)
        anchor = replace(anchor, now=anchor.now + shift, held=held)

    def later(time: float) -> float:
        return time + shift

    moved = partial(_moved_time, later)
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
        _moved(durable, later),
        run=run,
        candidate=None,
        closures=tuple(Closure(start=closure.start + shift, end=closure.end + shift) for closure in durable.closures),
        back_off_until=moved(durable.back_off_until),
        # Mode `on` ends with the boot: the operator may not remember it.
        mode=durable.mode_before if manual_over else durable.mode,
        manual_until=None if manual_over else durable.manual_until,
        anchor=anchor,
    )


def _moved_time(move: Callable[[float], float], time: float | None) -> float | None:
    return None if time is None else move(time)


def _moved(durable: Durable, move: Callable[[float], float]) -> Durable:
    """Return the durable state with its moments moved, except those of runs, closures and the back-off."""
    moved = partial(_moved_time, move)
    return replace(
        durable,
        released_at=moved(durable.released_at),
        stopped_at=moved(durable.stopped_at),
        engine_stopped_at=moved(durable.engine_stopped_at),
        short_runs=durable.short_runs.moved(move),
        blind_at=moved(durable.blind_at),
        exercise_at=moved(durable.exercise_at),
        locked_out_at=moved(durable.locked_out_at),
        torn_at=moved(durable.torn_at),
        full_at=moved(durable.full_at),
        full_retry_at=moved(durable.full_retry_at),
        quiet_ahead_at=moved(durable.quiet_ahead_at),
    )


def credited(durable: Durable, *, wall: float, now: float) -> Durable:
    """Return the durable state with the time powered off counted, now that the wall clock is right.

    Only times before this boot move: the monotonic clock has counted everything since.
    """
    anchor = durable.anchor
    if anchor is None:
        return durable
    passed, held = max(0.0, wall - anchor.wall - (now - anchor.now)), anchor.held

    def is_past(time: float) -> bool:
        # A closure that was held over the time powered off has ended after it.
        return time <= anchor.now and (held is None or time < held.end)

    def earlier(time: float) -> float:
        return time - passed if is_past(time) else time

    closures = tuple(
        Closure(start=closure.start - passed, end=closure.end - passed)
        if is_past(closure.end)
        else Closure(start=held.start - passed, end=held.end)
        if held is not None and closure.end == held.end
        else closure
        for closure in durable.closures
    )
    run_since = (
        durable.run is not None or anchor.backs_off or any(closure.start > anchor.now for closure in durable.closures)
    )
    until = durable.back_off_until
    return replace(
        _moved(durable, earlier),
        closures=closures,
        back_off_until=until if until is None or run_since else until - passed,
        run_seconds=durable.run_seconds + (0.0 if held is None else passed),
        anchor=None,
    )
