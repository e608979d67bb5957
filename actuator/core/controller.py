"""The decision: (state, inputs, now) to (state, contact, events). Pure: no clock, no I/O.

Read it from `step` down. What came in is judged in `perception`, why the engine is wanted in `demand`, why it may not
in `inhibitors`; here stand proof, stops and starts, in the order in which they outrank one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec.structs import replace

from actuator.core import ags
from actuator.core.demand import FIRST, LASTING, causes, emergencies, looked, undecidable
from actuator.core.inhibitors import held, quiet, reasons
from actuator.core.limits import DAY, allowed_by_ags, bound, rested
from actuator.core.perception import perceive
from actuator.core.recovery import credited
from actuator.core.rules import EXEMPT
from actuator.core.settings import MINUTE
from actuator.core.signals import Debounced
from actuator.core.state import BUS_FRESH, Closure, Event, Level, Run, Step, fresh_ags, fresh_soc
from toolkit.formatting import percent, span

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs
    from actuator.core.settings import Settings
    from actuator.core.state import Cause, Durable, Phase, State

RESUME_WITHIN: Final = 60.0
"""Seconds in which a broken-off run's engine must be seen to run; the page and three samples of it take a while."""

End = Literal[
    "mode_off",
    "inhibit_alert",
    "relay_fault",
    "locked_out",
    "max_run",
    "budget",
    "start_failed",
    "died",
    "ags_fault",
    "ags_refuses",
    "foreign_run",
    "quiet_hours",
    "blind",
    "demand_gone",
]
FAILURES: frozenset[End] = frozenset({"start_failed", "died", "ags_fault"})
"""Ends that count as an attempt."""
STOPS: frozenset[End] = frozenset({"mode_off", "demand_gone"})
"""Ends that were meant: a start alert from before them is used up. Any other end leaves the demand standing."""


def step(state: State, inputs: Inputs, now: float) -> Step:
    """Decide once.

    Args:
        state: what the step before left, or `resume.restore` made.
        inputs: what has come since.
        now: monotonic seconds; never goes back.

    Returns:
        The next state, whether the contact is to be closed, and what to tell. `state.durable` must be on disk before
        the contact closes.
    """
    turn = _Turn(state, inputs, now)
    turn.perceive()
    turn.follow_proof()
    turn.follow_stop()
    turn.weigh()
    if turn.durable.run is not None:
        turn.stop()
    elif turn.durable.candidate is not None:
        turn.resume()
    else:
        turn.start()
    turn.settle()
    return Step(state=turn.state, close=turn.durable.run is not None, events=tuple(turn.events))


class _Ending(NamedTuple):
    """Why a run ends, and in words what ended it."""

    end: End
    text: str
    level: Level = Level.INFO


class _Turn:
    """One step in progress: the state as it changes, and what has been said."""

    def __init__(self, state: State, inputs: Inputs, now: float) -> None:
        self.state = state
        self.inputs = inputs
        self.now = now
        self.weighed = state.durable
        self.noted = {*state.notes}
        self.events: list[Event] = []

    @property
    def durable(self) -> Durable:
        return self.state.durable

    @property
    def settings(self) -> Settings:
        return self.inputs.settings

    def keep(self, **changes: object) -> None:
        """Change what must outlive the process."""
        self.state = replace(self.state, durable=replace(self.durable, **changes))

    def say(self, kind: str, text: str, level: Level = Level.INFO, **fields: str | float | bool | None) -> None:
        self.events.append(Event(kind=kind, text=text, level=level, fields={**self.facts(), **fields}))

    def facts(self) -> dict[str, str | float | int | bool | None]:
        """What the decision was made on, for the record."""
        soc = fresh_soc(self.state, self.now)
        return {
            "soc": None if soc is None else round(soc, 4),
            "volts": self.state.volts.fresh(self.now, BUS_FRESH),
            "proof": self.state.proof.verdict,
            "ags": fresh_ags(self.state, self.now),
            "path": self.state.path,
            "causes": " ".join(self.state.causes),
            "inhibitors": " ".join(self.state.inhibitors),
        }

    # --- what is so

    def perceive(self) -> None:
        if self.inputs.wall_sane and self.durable.anchor is not None:
            durable = credited(self.durable, wall=self.inputs.wall, now=self.now)
            self.state = replace(self.state, durable=durable)
        ags_cap = self.state.ags_cap.verdict
        self.state, events = perceive(self.state, self.inputs, self.now)
        self.events += events
        if self.inputs.wall_sane and self.durable.exercised_wall is None:
            self.keep(exercised_wall=self.inputs.wall)
        closures = tuple(closure for closure in self.durable.closures if closure.end > self.now - DAY)
        if len(closures) != len(self.durable.closures):
            self.keep(closures=closures)
        run = self.durable.run
        if run is not None and run.volts_until is not None and self.now >= run.volts_until:
            # The emergency by volts is over; it looks again, with a debounce from the beginning.
            self.state = replace(self.state, volts_emergency=Debounced())
            self.keep(run=replace(run, volts_until=None))
        if self.state.ags_cap.verdict != ags_cap and allowed_by_ags(self.state) < self.settings.limits.max_run:
            self.say(
                "ags_cap",
                f"The AGS ends runs after {span(self.state.ags_cap.verdict or 0)} by itself, and as a fault: ours end "
                f"after {span(allowed_by_ags(self.state))}. Raise Max Gen Run Time at the remote.",
                Level.WARNING,
            )

    def longest(self) -> float:
        """Return how long a run may last, seconds."""
        max_run = self.settings.limits.max_run
        # What cannot be written down cannot be resumed or remembered: open sooner rather than later.
        return min(max_run if self.inputs.journal_ok else max_run / 2, allowed_by_ags(self.state))

    def follow_proof(self) -> None:
        """Note what the evidence says: a run proven or denied, attempts earned back, an exercise of anybody's."""
        run, proof = self.durable.run, self.state.proof
        if run is not None and run.proven_at is None:
            if proof.verdict and proof.since >= run.closed_at and self.state.ags_stands.last != "foreign":
                self.keep(run=replace(run, proven_at=self.now))
                self.say(
                    "engine_proven",
                    f"The engine runs: proven {span(self.now - run.closed_at)} after the contact closed.",
                    seconds=round(self.now - run.closed_at, 1),
                    run=run.number,
                )
            elif proof.sure is False and not run.denied:
                self.keep(run=replace(run, denied=True))
        run = self.durable.run
        proven_at = None if run is None else run.proven_at
        if self.durable.attempts and proven_at is not None and self.now - proven_at >= self.settings.limits.min_run:
            self.keep(attempts=0)
        exercise, last = self.settings.exercise, self.durable.exercised_wall
        if exercise is not None and last is not None and self.inputs.wall_sane and proof.verdict:
            long_enough = self.now - (proof.since if proven_at is None else proven_at) >= exercise.for_
            # Once a minute is enough for a date that matters by the day.
            if long_enough and abs(self.inputs.wall - last) >= MINUTE:
                self.keep(exercised_wall=self.inputs.wall)

    def follow_stop(self) -> None:
        """After a release: wait for the stop to be proven, and say it again and again when it is not."""
        released_at, stopped_at = self.durable.released_at, self.durable.stopped_at
        if self.durable.run is not None or released_at is None:
            return
        proof, foreign = self.state.proof.verdict, self.state.ags_stands.verdict == "foreign"
        waited, confirm = self.now - released_at, self.settings.limits.stop_confirm
        if stopped_at is not None:
            if proof and not foreign and waited < confirm:
                # It had not stopped, only not started yet: the AGS goes on cranking after a short press.
                self.keep(stopped_at=None)
        elif foreign:
            self.keep(stopped_at=self.now)
            self.say("foreign_run", "The AGS goes on with a run of its own: that is not ours to stop.")
        elif self.state.proof.sure is False:
            # An engine that nothing was heard of has had its tail: its min off goes on from there.
            unheard = self.state.phase == "unknown"
            self.keep(stopped_at=released_at + self.settings.limits.tail if unheard else self.now)
            text = f"The engine has stopped: proven {span(waited)} after the contact opened."
            self.say("engine_stopped", text, seconds=round(waited, 1), run=self.durable.runs)
        elif proof and waited >= confirm * (self.state.stop_alarms + 1):
            if not self.durable.stop_failed:
                self.keep(stop_failed=True, stop_failures=self.durable.stop_failures + 1)
            self.state = replace(self.state, stop_alarms=int(waited // confirm))
            self.say(
                "stop_failed",
                f"The engine has failed to stop: AC is still proven {span(waited)} after the contact opened. "
                "Stop it at the remote or at the engine.",
                Level.ERROR,
            )

    def weigh(self) -> None:
        """Hold what wants the engine against what forbids it."""
        if self.durable.max_run_reached and rested(self.state, self.settings, self.now):
            self.keep(max_run_reached=False)
        self.lock_out()
        self.judge()

    def judge(self) -> None:
        """Find what wants the engine, what forbids it, and what else there is to say."""
        wanted, notes = causes(self.state, self.inputs, self.now)
        self.state = replace(self.state, causes=wanted, notes=notes)
        self.state = replace(self.state, inhibitors=reasons(self.state, self.inputs, self.now))
        self.weighed = self.durable
        self.tell_notes()

    # --- a run in progress

    def stop(self) -> None:
        run = self.durable.run
        assert run is not None  # noqa: S101 - `step` asks only then
        run = self.join(run)
        ending = self.ending(run)
        if ending is not None:
            self.open(run, ending)

    def join(self, run: Run) -> Run:
        """Let the causes of this moment hold the run, and its deadline come nearer, never recede."""
        wanted = self.state.causes
        by_soc, by_volts = emergencies(self.state, self.inputs)
        volts_until = run.volts_until
        if by_volts and volts_until is None:
            volts_until = self.now + self.settings.limits.emergency_run
        self.mark(*(cause for cause in wanted if cause not in run.causes))
        run = self.durable.run or run
        joined = replace(
            run,
            causes=wanted,
            deadline=min(run.deadline, run.closed_at + self.longest()),
            lasting=run.lasting or not LASTING.isdisjoint(wanted),
            soc_emergency=("emergency" in wanted) and (run.soc_emergency or by_soc),
            volts_until=volts_until if "emergency" in wanted else None,
        )
        if joined != run:
            self.keep(run=joined)
        return joined

    def ending(self, run: Run) -> _Ending | None:
        """Return why the run ends now: the first of a total order."""
        return self.ordered(run) or self.refused() or self.unproven(run) or self.unwanted(run)

    def ordered(self, run: Run) -> _Ending | None:
        """What outranks everything."""
        summaries = "; ".join(inhibit.summary for inhibit in self.durable.inhibits.values())
        budget = span(self.settings.limits.daily_budget)
        endings = (
            _Ending("mode_off", "The operator switched off."),
            _Ending("inhibit_alert", f"An alert forbids the engine to run: {summaries}.", Level.WARNING),
            _Ending("relay_fault", "The relay is not where it was commanded.", Level.ERROR),
            _Ending("locked_out", "Locked out.", Level.WARNING),
            _Ending("max_run", f"The run has reached {self.reached(run)}.", Level.WARNING),
            _Ending("budget", f"The {budget} that are allowed within 24 h are used up.", Level.WARNING),
        )
        now = {"max_run"} if self.now >= run.deadline else set()
        now |= {reason for reason in self.state.inhibitors if reason != "max_run"}
        return next((ending for ending in endings if ending.end in now), None)

    def reached(self, run: Run) -> str:
        """Return in words what set the run's deadline."""
        length, most = run.deadline - run.closed_at, self.settings.limits.max_run
        if length >= most:
            return f"its longest, {span(most)}"
        if length >= allowed_by_ags(self.state):
            return f"{span(length)}, the longest that the AGS's own cap leaves"
        if not self.inputs.journal_ok:
            return f"{span(length)}, the longest while the journal cannot be written"
        return f"{span(length)}, the longest that was allowed while it ran"

    def unproven(self, run: Run) -> _Ending | None:
        """The evidence is there, and it says no. Absent evidence says nothing."""
        if self.state.proof.sure is not False:
            return None
        if run.proven_at is not None:
            return _Ending("died", "The engine ran and has died: no AC any more.", Level.ERROR)
        waited = self.now - run.closed_at
        if waited < self.settings.limits.start_confirm:
            return None
        return _Ending("start_failed", f"The engine has not started: no AC {span(waited)} after closing.", Level.ERROR)

    def refused(self) -> _Ending | None:
        """The AGS does not run the engine for us."""
        stands = self.state.ags_stands.verdict
        if stands not in ("refuses", "foreign"):
            return None
        code = fresh_ags(self.state, self.now)
        word = "silent" if code is None else ags.word(code)
        if stands == "foreign":
            return _Ending("foreign_run", f"The AGS runs the engine for something else: {word}.")
        if code in ags.FAULTS:
            text = f"The AGS has latched a fault ({word}). Reset it at the remote: OFF, then AUTO."
            return _Ending("ags_fault", text, Level.ERROR)
        return _Ending("ags_refuses", f"The AGS refuses: {word}.", Level.WARNING)

    def unwanted(self, run: Run) -> _Ending | None:
        """Nothing forbids the run, but nothing that may wants it either."""
        wanted = self.state.causes
        if wanted and EXEMPT["quiet_hours"].isdisjoint(wanted) and quiet(self.inputs):
            return _Ending("quiet_hours", "Quiet hours have begun.")
        if wanted and not self.decided(run) and (lack := undecidable(self.state, self.inputs, self.now)):
            return _Ending("blind", lack, Level.WARNING)
        if wanted or (run.lasting and self.now - run.closed_at < self.settings.limits.min_run):
            return None
        soc = fresh_soc(self.state, self.now)
        return _Ending(
            "demand_gone", f"Nothing wants the engine any more{'' if soc is None else f', at {percent(soc)}'}."
        )

    def decided(self, run: Run) -> bool:
        """Return whether something of this moment wants the run: the operator, or an emergency not only remembered."""
        wanted = self.state.causes
        remembered = self.state.path == "blind" and run.volts_until is None
        return "manual" in wanted or ("emergency" in wanted and not remembered)

    def open(self, run: Run, ending: _Ending) -> None:
        """End the run: the contact opens."""
        limits, durable = self.settings.limits, self.durable
        seconds = self.now - run.closed_at
        failed = ending.end in FAILURES or self.fruitless(run, ending.end)
        attempts = durable.attempts + failed
        self.keep(
            run=None,
            closures=(*durable.closures, Closure(start=run.closed_at, end=self.now)),
            run_seconds=durable.run_seconds + seconds,
            released_at=self.now,
            stopped_at=self.now if self.state.proof.sure is False else None,
            stop_failed=False,
            max_run_reached=ending.end == "max_run",
        )
        self.state = replace(self.state, stop_alarms=0)
        if ending.end in STOPS:
            self.state = replace(self.state, beliefs=self.state.beliefs.spend())
        self.say(
            "contact_opened",
            f"Contact open after {span(seconds)}. {ending.text}",
            ending.level,
            reason=ending.end,
            run=run.number,
            cause=run.cause,
            seconds=round(seconds, 1),
            was_proven=run.proven_at is not None,
        )
        if failed:
            if "blind" in run.causes and run.proven_at is None:
                # Its turn did not come about: back-off and lock-out bound the next one, not the interval.
                self.keep(blind_at=None)
            pause = limits.backoff[min(attempts, len(limits.backoff)) - 1]
            last = attempts >= limits.attempts
            self.keep(
                attempts=attempts,
                start_failures=durable.start_failures + 1,
                back_off_until=None if last else self.now + pause,
            )
            self.say(
                "attempt_failed",
                f"Failed attempt {attempts} of {limits.attempts}"
                + ("." if last else f"; the next not before {span(pause)}."),
                Level.ERROR,
                reason=ending.end,
                attempts=attempts,
            )
            self.lock_out()

    def fruitless(self, run: Run, end: End) -> bool:
        """Return whether a run has come to its own end with an engine that is denied."""
        if self.state.proof.sure is not False:
            return False
        if end == "max_run":
            # Shortened by the AGS or the journal; an owner who wants runs too short to be judged has been warned.
            return self.settings.limits.max_run >= self.settings.limits.start_confirm
        return end == "demand_gone" and not run.lasting and run.cause in ("exercise", "blind")

    def lock_out(self) -> None:
        """Between runs, used-up attempts lock out: failed ones, broken-off ones, or too many for an edited limit."""
        durable, attempts = self.durable, self.durable.attempts
        if durable.run is None and not durable.locked_out and attempts >= self.settings.limits.attempts:
            self.keep(locked_out=True)
            text = "All attempts have failed: locked out, no start until somebody acknowledges."
            self.say("locked_out", text, Level.ERROR, attempts=attempts)

    # --- no run

    def resume(self) -> None:
        """Take a broken-off run up again, once, with its old deadline, if its engine still runs."""
        candidate, proof = self.durable.candidate, self.state.proof
        assert candidate is not None  # noqa: S101 - `step` asks only then
        code = fresh_ags(self.state, self.now)
        for_us = code in {ags.OURS, *ags.TAILS} and proof.last is not False
        # AC at the input is its own engine's; every other reason counts.
        forbidden = held(set(self.state.inhibitors) - {"ac_live"}, self.state.causes)
        waited = self.now - self.state.started_at
        if self.now >= candidate.deadline or forbidden or proof.verdict is False:
            self.give_up(candidate)
        elif (proof.verdict or for_us) and self.closable():
            run = replace(candidate, opened_at=None)
            self.keep(run=run, candidate=None)
            left = bound(self.durable, run, self.settings, self.now) - self.now
            self.say(
                "contact_closed",
                f"Contact closed again: run {run.number} goes on, its engine still runs; it ends within {span(left)}.",
                run=run.number,
                cause=run.cause,
                seconds_left=round(left, 1),
                resumed=True,
            )
        elif waited >= max(self.settings.limits.tail, RESUME_WITHIN):
            self.give_up(candidate)

    def give_up(self, candidate: Run) -> None:
        """Count a broken-off run as ended when the contact opened, at the latest at this start."""
        opened_at = self.state.started_at if candidate.opened_at is None else candidate.opened_at
        self.keep(
            candidate=None,
            closures=(*self.durable.closures, Closure(start=candidate.closed_at, end=opened_at)),
            run_seconds=self.durable.run_seconds + opened_at - candidate.closed_at,
            released_at=opened_at,
            stopped_at=None,
            stop_failed=False,
        )
        self.say("resume_given_up", "The run that was broken off is not taken up again.", run=candidate.number)

    def start(self) -> None:
        wanted, durable = self.state.causes, self.durable
        if not wanted or held(self.state.inhibitors, wanted) or not self.closable():
            return
        if not looked(self.state, self.inputs, self.now):
            return
        cause: Cause = next(first for first in FIRST if first in wanted)
        by_soc, by_volts = emergencies(self.state, self.inputs)
        run = Run(
            number=durable.runs + 1,
            cause=cause,
            causes=wanted,
            closed_at=self.now,
            closed_wall=self.inputs.wall,
            deadline=self.now + self.longest(),
            lasting=not LASTING.isdisjoint(wanted),
            soc_emergency=by_soc,
            volts_until=self.now + self.settings.limits.emergency_run if by_volts else None,
        )
        self.keep(
            run=run,
            runs=run.number,
            starts={**durable.starts, cause: durable.starts.get(cause, 0) + 1},
            released_at=None,
            stopped_at=None,
            max_run_reached=False,
        )
        self.mark(*wanted)
        left = bound(self.durable, run, self.settings, self.now) - self.now
        self.say(
            "contact_closed",
            f"Contact closed for {cause}; whatever happens, it opens within {span(left)}.",
            run=run.number,
            cause=cause,
            seconds_left=round(left, 1),
            resumed=False,
        )

    def mark(self, *begun: Cause) -> None:
        """Remember when a cause that comes at intervals began to hold a run."""
        if "blind" in begun:
            self.keep(blind_at=self.now)
        if "exercise" in begun:
            self.keep(exercise_at=self.now)

    def closable(self) -> bool:
        """Only a contact that reads open may be closed."""
        return self.inputs.read_back is False and not self.inputs.relay_error

    # --- what is shown

    def settle(self) -> None:
        """Let the last words agree with the last act."""
        if self.durable is not self.weighed:
            self.judge()
        if self.state.beliefs.spent != self.durable.spent:
            self.keep(spent=self.state.beliefs.spent)
        self.tell_held_back()
        phase = self.phase()
        missed = self.missed(phase)
        if missed and not self.state.evidence_missed:
            rest = "the run goes on, and no attempt is counted" if self.durable.run else "its tail has passed"
            self.say("proof_unknown", f"Nothing proves whether the engine runs: {rest}.", Level.WARNING)
        if phase != self.state.phase or missed is not self.state.evidence_missed:
            self.state = replace(self.state, phase=phase, evidence_missed=missed)

    def tell_notes(self) -> None:
        """Say the notes that are new, but not as often as one may flicker."""
        for note in self.state.notes:
            if note not in self.noted and self.untold(note):
                kind = "note" if self.state.causes or self.durable.run else "held_back"
                self.say(kind, note, Level.WARNING)
        self.noted |= {*self.state.notes}

    def tell_held_back(self) -> None:
        """Say what is wanted and by what it is held, as it changes, but not as often as a reason may flicker."""
        state = self.state
        text = ""
        if self.durable.run is None and state.causes and held(state.inhibitors, state.causes):
            text = (
                f"Wanted for {', '.join(state.causes)}, held back by {', '.join(state.inhibitors).replace('_', ' ')}."
            )
        if text == state.held_back:
            return
        if not text or self.untold("held back"):
            self.state = replace(self.state, held_back=text)
            if text:
                self.say("held_back", text)

    def untold(self, what: str) -> bool:
        """Return whether this has not been told within a minute, and note that it is now."""
        told = {key: at for key, at in self.state.told.items() if self.now - at < MINUTE}
        if what in told:
            return False
        self.state = replace(self.state, told={**told, what: self.now})
        return True

    def phase(self) -> Phase:
        run, durable, proof = self.durable.run, self.durable, self.state.proof.verdict
        if run is not None:
            confirmed = self.now - run.closed_at >= self.settings.limits.start_confirm
            if proof is None and run.proven_at is not None:
                return "unknown"
            if confirmed and run.proven_at is None and self.state.proof.sure is None:
                return "unknown"
            return "running" if run.proven_at is not None else "starting"
        if self.state.relay_fault or not self.state.board_heard or durable.candidate is not None:
            return "unknown"
        if durable.released_at is None or durable.stopped_at is not None:
            return "off"
        passed = self.now - durable.released_at >= self.settings.limits.tail
        return "unknown" if proof is None and passed else "stopping"

    def missed(self, phase: Phase) -> bool:
        """Return whether evidence is missed: it has been absent for long enough for that to be said, once."""
        at = max(self.state.started_at, self.state.evidence_at or self.state.started_at)
        if phase != "unknown" or self.state.relay_fault or self.durable.candidate is not None:
            return False
        return self.now - at >= BUS_FRESH
