"""The decision: (state, inputs, now) to (state, contact, events). Pure: no clock, no I/O.

Read it from `step` down. `perception` updates the state from the inputs. Three modules have a table each: `demand` of
what requests the engine, `inhibitors` of what blocks it, `endings` of what ends a run. `proof` follows the evidence,
and `runs` keeps the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.core import full_charge, proof, reporting, runs
from actuator.core.demand import causes, has_data, reserve
from actuator.core.endings import ENDS, Case, ending
from actuator.core.events import Event, Level, Value
from actuator.core.inhibitors import active_reasons, blocked, has_rested
from actuator.core.perception import perceive
from actuator.core.recovery import credited
from actuator.core.settings import DAY
from actuator.core.signals import NEVER
from actuator.core.state import Step
from toolkit.replace import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Durable, State


def step(state: State, inputs: Inputs, now: float) -> Step:
    """Decide once.

    Args:
        state: what the step before left, or `recovery.restore` made.
        inputs: what has come since.
        now: monotonic seconds; never goes back.

    Returns:
        The next state, whether the contact is to be closed, and what to report. `state.durable` must be on disk before
        the contact closes.
    """
    turn = _Turn(state, inputs, now)
    turn.observe()
    turn.follow_engine()
    turn.clear_what_has_passed()
    turn.judge()
    if turn.durable.run is not None:
        turn.go_on()
    elif turn.durable.candidate is not None:
        turn.resume()
    else:
        turn.start()
    turn.conclude()
    return Step(state=turn.state, close=turn.durable.run is not None, events=tuple(turn.events))


class _Turn:
    """One step in progress: the state as it changes, and what is to be reported."""

    def __init__(self, state: State, inputs: Inputs, now: float) -> None:
        self.state = state
        self.inputs = inputs
        self.now = now
        self.judged = state.durable
        self.known_notes = state.notes
        self.events: list[Event] = []

    @property
    def durable(self) -> Durable:
        return self.state.durable

    @property
    def settings(self) -> Settings:
        return self.inputs.settings

    def keep(self, durable: Durable, *events: Event) -> None:
        """Replace the durable state, and report events."""
        if durable is not self.durable:
            self.state = replace(self.state, durable=durable)
        self.report(events)

    def report(self, events: Iterable[Event]) -> None:
        """Report events, each with the facts of this step for the journal."""
        for event in events:
            fields = {**self.facts(), **event.fields}
            self.events.append(Event(kind=event.kind, level=event.level, fields=fields, values=event.values))

    def facts(self) -> dict[str, Value]:
        soc = self.state.battery.fresh_soc(self.now)
        return {
            "soc": None if soc is None else round(soc, 4),
            "volts": self.state.battery.fresh_volts(self.now),
            "proof": self.state.engine.proof.verdict,
            "ags": self.state.ags.code(self.now),
            "path": self.state.alerts.path,
            "causes": " ".join(self.state.causes),
            "inhibitors": " ".join(self.state.inhibitors),
        }

    # --- observe and judge

    def observe(self) -> None:
        before, wall = self.state.ags, self.inputs.wall
        if self.inputs.wall_sane and self.durable.anchor is not None:
            self.keep(credited(self.durable, wall=wall, now=self.now))
        self.state, events = perceive(self.state, self.inputs, self.now)
        self.events += events
        exercised = self.durable.exercised_wall
        # A date in the future is from a clock that was wrong: the exercise would not be due for years.
        if self.inputs.wall_sane and (exercised is None or exercised > wall):
            self.keep(replace(self.durable, exercised_wall=wall))
        if any(closure.end <= self.now - DAY for closure in self.durable.closures):
            closures = tuple(closure for closure in self.durable.closures if closure.end > self.now - DAY)
            self.keep(replace(self.durable, closures=closures))
        run = self.durable.run
        if run is not None and run.volts_until is not None and self.now >= run.volts_until:
            # The emergency by volts is over; the volts are judged again, with a new debounce.
            battery = replace(self.state.battery, volts_emergency=NEVER)
            durable = replace(self.durable, run=replace(run, volts_until=None))
            self.state = replace(self.state, battery=battery, durable=durable)
        cap, allowed = self.state.ags.cap.verdict, self.state.ags.longest_run
        if cap != before.cap.verdict and allowed < self.settings.limits.max_run:
            values = {"cap": cap or 0.0, "allowed": allowed}
            self.report([Event(kind="ags_cap", level=Level.WARNING, values=values)])

    def follow_engine(self) -> None:
        durable, events = proof.follow_run(self.state, self.inputs, self.now)
        self.keep(durable, *events)
        durable, reports, events = proof.follow_stop(self.state, self.settings, self.now)
        if reports != self.state.engine.stop_reports:
            self.state = replace(self.state, engine=replace(self.state.engine, stop_reports=reports))
        self.keep(durable, *events)
        self.keep(proof.follow_any_stop(self.durable, self.state.engine, self.now))
        self.keep(proof.count_seconds(self.durable, self.state.engine))

    def clear_what_has_passed(self) -> None:
        durable, events = full_charge.follow(self.state, self.settings, self.now)
        self.keep(durable, *events)
        if self.durable.max_run_reached and has_rested(self.state, self.settings, self.now):
            self.keep(replace(self.durable, max_run_reached=False))
        self.lock_out()

    def lock_out(self) -> None:
        durable, events = runs.lock_out(self.durable, self.settings, self.now)
        self.keep(durable, *events)

    def judge(self) -> None:
        """Find the causes, the inhibitors and the notes, and report new notes."""
        requested, notes = causes(self.state, self.inputs, self.now)
        if (requested, notes) != (self.state.causes, self.state.notes):
            self.state = replace(self.state, causes=requested, notes=notes)
        granted = reserve(self.state, self.inputs)
        if granted != self.state.reserve:
            self.state = replace(self.state, reserve=granted)
        reasons = active_reasons(self.state, self.inputs, self.now)
        if reasons != self.state.inhibitors:
            self.state = replace(self.state, inhibitors=reasons)
        self.judged = self.durable
        if notes:
            reported, events = reporting.report_notes(self.state, self.known_notes, self.now)
            self.state = replace(self.state, reported=reported)
            self.report(events)
            self.known_notes = (*self.known_notes, *notes)

    # --- act

    def go_on(self) -> None:
        """Continue the run in progress, or end it."""
        run = self.durable.run
        assert run is not None  # noqa: S101 - `step` asks only then
        self.keep(runs.hold(run, self.state, self.inputs, self.now))
        case = Case(run=self.durable.run or run, state=self.state, inputs=self.inputs, now=self.now)
        why = ending(case)
        if why is None:
            return
        durable, events = runs.end(case, why)
        beliefs = self.state.alerts.beliefs.answer() if ENDS[why].meant else self.state.alerts.beliefs
        self.state = replace(
            self.state,
            engine=replace(self.state.engine, stop_reports=0),
            alerts=replace(self.state.alerts, beliefs=beliefs),
        )
        self.keep(durable, *events)
        if durable.attempts > case.state.durable.attempts:
            self.lock_out()

    def resume(self) -> None:
        """Resume the run that a crash of the program interrupted, wait, or give it up."""
        candidate = self.durable.candidate
        assert candidate is not None  # noqa: S101 - `step` asks only then
        match runs.judge_resume(candidate, self.state, self.inputs, self.now):
            case "resume":
                granted = self.state.reserve
                self.keep(*runs.resume(self.durable, candidate, self.settings, self.now, reserve=granted))
            case "give up":
                self.keep(*runs.give_up(self.durable, candidate, self.settings, started_at=self.state.started_at))
            case "wait":
                pass

    def start(self) -> None:
        """Begin a run if a cause holds that nothing blocks."""
        state = self.state
        if not state.causes or blocked(state.inhibitors, state.causes):
            return
        if runs.closable(self.inputs) and has_data(state, self.inputs, self.now):
            self.keep(*runs.begin(state, self.inputs, self.now))

    # --- report

    def conclude(self) -> None:
        """Judge again if the durable state has changed, and report blocked starts, absent evidence and the phase."""
        if self.durable is not self.judged:
            self.judge()
        beliefs = self.state.alerts.beliefs
        known = (self.durable.spent, self.durable.stuck_stops, self.durable.resolved)
        if (beliefs.answered, beliefs.stuck, beliefs.resolved) != known:
            self.keep(
                replace(self.durable, spent=beliefs.answered, stuck_stops=beliefs.stuck, resolved=beliefs.resolved)
            )
        reported, events = reporting.report_blocked(self.state, self.now)
        if reported is not self.state.reported:
            self.state = replace(self.state, reported=reported)
        self.report(events)
        phase = proof.phase(self.state, self.settings, self.now)
        absent = proof.evidence_absent(self.state, phase, self.now)
        if absent and not self.state.engine.absence_reported:
            values = {"in_run": self.durable.run is not None}
            self.report([Event(kind="proof_unknown", level=Level.WARNING, values=values)])
        if absent is not self.state.engine.absence_reported:
            self.state = replace(self.state, engine=replace(self.state.engine, absence_reported=absent))
        if phase != self.state.phase:
            self.state = replace(self.state, phase=phase)
