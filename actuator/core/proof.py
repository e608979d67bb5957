"""How the evidence confirms or denies a run and its stop, and which phase of the engine it shows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core.events import Event, Level
from actuator.core.settings import MINUTE
from actuator.core.signals import BUS_FRESH
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.engine import Engine
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Durable, Phase, Run, State


def follow_run(state: State, inputs: Inputs, now: float) -> tuple[Durable, list[Event]]:
    """Return the record with the run confirmed or denied, and the exercise satisfied."""
    durable, proof, settings = state.durable, state.engine.proof, inputs.settings
    events: list[Event] = []
    run = durable.run
    if run is not None and run.proven_at is None:
        if proof.verdict and proof.since >= run.closed_at and state.ags.response.last != "foreign":
            run = replace(run, proven_at=now)
            durable = replace(durable, run=run)
            seconds = round(now - run.closed_at, 1)
            events.append(Event(kind="engine_proven", fields={"seconds": seconds, "run": run.number}))
        elif proof.certain is False and not run.denied:
            durable = replace(durable, run=replace(run, denied=True))
    proven_at = None if run is None else run.proven_at
    exercise, last = settings.exercise, durable.exercised_wall
    if exercise is not None and last is not None and inputs.wall_sane and proof.verdict:
        long_enough = now - (proof.since if proven_at is None else proven_at) >= exercise.for_
        # The interval is in days, so one update a minute is enough.
        if long_enough and abs(inputs.wall - last) >= MINUTE:
            durable = replace(durable, exercised_wall=inputs.wall)
    return durable, events


def follow_stop(state: State, settings: Settings, now: float) -> tuple[Durable, int, list[Event]]:
    """Return the record with a stop confirmed or failed, and how often its failure has been reported."""
    durable, proof, reports = state.durable, state.engine.proof, state.engine.stop_reports
    released_at = durable.released_at
    if durable.run is not None or released_at is None:
        return durable, reports, []
    foreign = state.ags.response.verdict == "foreign"
    waited, confirm = now - released_at, settings.limits.stop_confirm
    if durable.stopped_at is not None:
        if proof.verdict and not foreign and waited < confirm:
            # The engine had not yet started when its stop was confirmed: the AGS goes on cranking after a short run.
            durable = replace(durable, stopped_at=None)
        return durable, reports, []
    if foreign:
        return replace(durable, stopped_at=now), reports, [Event(kind="foreign_run")]
    if proof.certain is False:
        # Without evidence the stop is assumed at the end of the tail, and min off counts from there.
        stopped_at = released_at + settings.limits.tail if state.phase == "unknown" else now
        event = Event(kind="engine_stopped", fields={"seconds": round(waited, 1), "run": durable.runs})
        return replace(durable, stopped_at=stopped_at), reports, [event]
    due = int(waited // confirm).bit_length()  # 1, 2, 3, 4 at 1, 2, 4, 8 times stop_confirm
    if proof.verdict and due > reports:
        if not durable.stop_failed:
            durable = replace(durable, stop_failed=True, stop_failures=durable.stop_failures + 1)
        event = Event(kind="stop_failed", level=Level.ERROR, values={"seconds": waited})
        return durable, due, [event]
    return durable, reports, []


def follow_any_stop(durable: Durable, engine: Engine, now: float) -> Durable:
    """Return the record with a stop of the engine confirmed, whoever ran it: somebody may be near it."""
    if engine.proof.verdict and not durable.engine_ran:
        return replace(durable, engine_ran=True)
    if engine.proof.certain is False and durable.engine_ran:
        return replace(durable, engine_ran=False, engine_stopped_at=now)
    return durable


def count_seconds(durable: Durable, engine: Engine) -> Durable:
    """Return the record with the time counted for which the engine was confirmed to run, whoever ran it."""
    return replace(durable, engine_seconds=durable.engine_seconds + engine.ran) if engine.ran else durable


def confirm_by(run: Run, state: State, settings: Settings, now: float) -> float:
    """Return when a start that the evidence denies has failed, monotonic; the AGS's warm-up delays it."""
    # The AGS connects the engine's AC only after the warm-up: until then the evidence is negative.
    limits = settings.limits
    return run.closed_at + limits.start_confirm + min(limits.warm_up, state.ags.warmed_up(now, since=run.closed_at))


def phase(state: State, settings: Settings, now: float) -> Phase:
    """Return the engine's phase as the evidence shows it."""
    run, durable, proof = state.durable.run, state.durable, state.engine.proof
    if run is not None:
        if run.proven_at is not None:
            return "unknown" if proof.verdict is None else "running"
        overdue = now >= confirm_by(run, state, settings, now)
        return "unknown" if overdue and proof.certain is None else "starting"
    if state.board.fault or not state.board.has_reading or durable.candidate is not None:
        return "unknown"
    if durable.released_at is None or durable.stopped_at is not None:
        return "off"
    passed = now - durable.released_at >= settings.limits.tail
    return "unknown" if proof.verdict is None and passed else "stopping"


def evidence_absent(state: State, phase: Phase, now: float) -> bool:
    """Return whether evidence has been absent for so long that it is reported."""
    if phase != "unknown" or state.board.fault or state.durable.candidate is not None:
        return False
    return now - max(state.started_at, state.engine.evidence_at or state.started_at) >= BUS_FRESH
