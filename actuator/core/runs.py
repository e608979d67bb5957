"""The record of a run: how it begins, continues, ends, and is resumed after a crash of the program. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.core import ags
from actuator.core.demand import CAUSES, LASTING, emergencies, first
from actuator.core.endings import ENDS, longest, recorded
from actuator.core.events import Event, Level
from actuator.core.inhibitors import INHIBITORS, blocked
from actuator.core.limits import bound
from actuator.core.state import Closure, Run
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from actuator.core.endings import Case, End
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Durable, State

RESUME_WITHIN: Final = 60.0
"""Seconds in which the engine of an interrupted run must be confirmed: enough for three samples of the page."""


def begin(state: State, inputs: Inputs, now: float) -> tuple[Durable, Event]:
    """Return the record with a run begun for the causes that hold now."""
    durable, causes, limits = state.durable, state.causes, inputs.settings.limits
    by_soc, by_volts = emergencies(state, inputs)
    run = Run(
        number=durable.runs + 1,
        cause=first(causes),
        causes=causes,
        closed_at=now,
        closed_wall=inputs.wall,
        deadline=now + longest(state, inputs),
        # Already now: cranking may pull the supply voltage down and end this program before its next step.
        denied=state.engine.proof.certain is False,
        lasting=not LASTING.isdisjoint(causes),
        soc_emergency=by_soc,
        volts_until=now + limits.emergency_run if by_volts else None,
    )
    durable = replace(
        _with_begun(durable, causes, run.number, now),
        run=run,
        runs=run.number,
        starts={**durable.starts, run.cause: durable.starts.get(run.cause, 0) + 1},
        released_at=None,
        stopped_at=None,
        max_run_reached=False,
    )
    return durable, _closed(durable, run, inputs.settings, now, reserve=state.reserve, resumed=False)


def hold(run: Run, state: State, inputs: Inputs, now: float) -> Durable:
    """Return the record with the run held by the causes that hold now; its deadline may move earlier, never later."""
    causes, durable = state.causes, state.durable
    by_soc, by_volts = emergencies(state, inputs)
    volts_until = run.volts_until
    if by_volts and volts_until is None:
        volts_until = now + inputs.settings.limits.emergency_run
    emergency = "emergency" in causes
    deadline = min(run.deadline, run.closed_at + longest(state, inputs))
    lasting = run.lasting or not LASTING.isdisjoint(causes)
    soc_emergency = emergency and (run.soc_emergency or by_soc)
    volts_until = volts_until if emergency else None
    held = (causes, deadline, lasting, soc_emergency, volts_until)
    if held == (run.causes, run.deadline, run.lasting, run.soc_emergency, run.volts_until):
        return durable
    begun = [cause for cause in causes if cause not in run.causes]
    run = replace(
        run,
        causes=causes,
        deadline=deadline,
        lasting=lasting,
        soc_emergency=soc_emergency,
        volts_until=volts_until,
    )
    return replace(_with_begun(durable, begun, run.number, now), run=run)


def end(case: Case, why: End) -> tuple[Durable, list[Event]]:
    """Return the record with the run ended, and the events to report."""
    rule, run, now, durable = ENDS[why], case.run, case.now, case.state.durable
    durable = replace(
        durable,
        run=None,
        closures=(*durable.closures, Closure(start=run.closed_at, end=now)),
        run_seconds=durable.run_seconds + case.seconds,
        released_at=now,
        stopped_at=now if case.state.engine.proof.certain is False else None,
        stop_failed=False,
        max_run_reached=why == "deadline",
    )
    well = not rule.failed(case)
    durable = count_short(durable, run, case.inputs.settings, now, seconds=case.seconds, meant=rule.meant, well=well)
    opened = Event(
        kind="contact_opened",
        level=rule.level,
        fields={
            "reason": recorded(why),
            "run": run.number,
            "cause": run.cause,
            "seconds": round(case.seconds, 1),
            "was_proven": run.proven_at is not None,
        },
        values={"end": why, **rule.values(case)},
    )
    if well:
        # Only at the end: an engine that dies after twenty minutes each time is locked out too.
        if run.proven_at is not None and now - run.proven_at >= case.inputs.settings.limits.min_run:
            durable = replace(durable, attempts=0)
        return durable, [opened]
    durable, failed = fail(durable, run, case.inputs.settings, now, reason=recorded(why))
    return durable, [opened, failed]


def fail(durable: Durable, run: Run, settings: Settings, now: float, *, reason: str) -> tuple[Durable, Event]:
    """Return the record with a run counted as a failed attempt, with its back-off from now on, and the event."""
    limits, attempts = settings.limits, durable.attempts + 1
    pause = limits.backoff[min(attempts, len(limits.backoff)) - 1]
    last = attempts >= limits.attempts
    durable = replace(
        durable,
        attempts=attempts,
        start_failures=durable.start_failures + 1,
        back_off_until=None if last else now + pause,
        # A blind run that was not confirmed does not wait for `blind.every`: back-off and lock-out limit the next one.
        blind_at=None if "blind" in run.causes and run.proven_at is None else durable.blind_at,
    )
    failed = Event(
        kind="attempt_failed",
        level=Level.ERROR,
        fields={"reason": reason, "attempts": attempts},
        values={"allowed": limits.attempts, "pause": None if last else pause},
    )
    return durable, failed


def count_short(
    durable: Durable, run: Run, settings: Settings, at: float, *, seconds: float, meant: bool, well: bool
) -> Durable:
    """Return the record with a run counted if it was short, or the short ones before it ended if it ended well.

    Args:
        durable: without the run.
        run: that has ended.
        settings: in force.
        at: when it ended.
        seconds: how long it lasted.
        meant: the operator's off ended it, or nothing requested it any more; it is then never short.
        well: it did not end as a failed attempt.
    """
    short = durable.short_runs
    if seconds >= settings.limits.min_run:
        return replace(durable, short_runs=short.end_well()) if well and short.in_a_row else durable
    return durable if meant else replace(durable, short_runs=short.add(at, manual=run.cause == "manual"))


def lock_out(durable: Durable, settings: Settings, now: float) -> tuple[Durable, list[Event]]:
    """Return the record locked out if the attempts are used up and there is no run."""
    attempts = durable.attempts
    if durable.run is not None or durable.locked_out or attempts < settings.limits.attempts:
        return durable, []
    event = Event(kind="locked_out", level=Level.ERROR, fields={"attempts": attempts})
    return replace(durable, locked_out=True, locked_out_at=now), [event]


def judge_resume(candidate: Run, state: State, inputs: Inputs, now: float) -> Literal["resume", "give up", "wait"]:
    """Return whether to resume an interrupted run: its engine must still run, and nothing may block it."""
    proof = state.engine.proof
    ours = state.ags.code(now) in {ags.OURS, *ags.TAILS} and proof.last is not False
    reasons = [reason for reason in state.inhibitors if INHIBITORS[reason].blocks_resume]
    if now >= candidate.deadline or blocked(reasons, state.causes) or proof.verdict is False:
        return "give up"
    if (proof.verdict or ours) and closable(inputs):
        return "resume"
    waited = now - state.started_at
    return "give up" if waited >= max(inputs.settings.limits.tail, RESUME_WITHIN) else "wait"


def resume(
    durable: Durable, candidate: Run, settings: Settings, now: float, *, reserve: float
) -> tuple[Durable, Event]:
    """Return the record with an interrupted run resumed, with its old deadline."""
    run = replace(candidate, opened_at=None)
    durable = replace(durable, run=run, candidate=None)
    return durable, _closed(durable, run, settings, now, reserve=reserve, resumed=True)


def give_up(durable: Durable, candidate: Run, settings: Settings, *, started_at: float) -> tuple[Durable, Event]:
    """Return the record with an interrupted run ended when the contact opened, at this start at the latest."""
    opened_at = started_at if candidate.opened_at is None else candidate.opened_at
    durable = replace(
        durable,
        candidate=None,
        closures=(*durable.closures, Closure(start=candidate.closed_at, end=opened_at)),
        run_seconds=durable.run_seconds + opened_at - candidate.closed_at,
        released_at=opened_at,
        stopped_at=None,
        stop_failed=False,
    )
    seconds = opened_at - candidate.closed_at
    durable = count_short(durable, candidate, settings, opened_at, seconds=seconds, meant=False, well=False)
    return durable, Event(kind="resume_given_up", fields={"run": candidate.number})


def closable(inputs: Inputs) -> bool:
    """Return whether the contact may be closed: it must read open first."""
    return inputs.read_back is not None and inputs.read_back.closed is False and not inputs.relay_error


def _with_begun(durable: Durable, causes: Iterable[Cause], run: int, now: float) -> Durable:
    """Return the record with what it keeps of causes that have begun in a run."""
    for cause in causes:
        durable = CAUSES[cause].record(durable, run, now)
    return durable


def _closed(durable: Durable, run: Run, settings: Settings, now: float, *, reserve: float, resumed: bool) -> Event:
    left = bound(durable, run, settings, now, reserve=reserve) - now
    return Event(
        kind="contact_closed",
        fields={"run": run.number, "cause": run.cause, "seconds_left": round(left, 1), "resumed": resumed},
    )
