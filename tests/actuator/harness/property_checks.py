"""The law: what is allowed, by an account of its own of what went in and what came out. It calls nothing under test.

It keeps true time, over deaths and boots, and knows the state only as a record: what was claimed, never why.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.core.inputs import Command, Inputs, Page
    from actuator.core.settings import Settings
    from actuator.core.state import State, Step

DAY: Final = 86400.0
HOUR: Final = 3600.0
SOC_FRESH: Final = 60.0
BUS_FRESH: Final = 30.0
FAULTS: Final = {9, 10, 11, 15, 16, 17, 21, 22, 23, 24, 25}
FOREIGN: Final = {3, 6, 8, 12, 13, 14, 18, 19, 20}
TAILS: Final = {26, 27}
REFUSING: Final = {0, 1, 5} | FAULTS
FAILED: Final = {"start_failed", "died", "ags_fault"}


class Broken(AssertionError):  # noqa: N818 - a law is broken
    """A property does not hold."""


def _reading(inputs: Inputs) -> bool | None:
    """Return where the board says the contact is."""
    return None if inputs.read_back is None else inputs.read_back.closed


@dataclass
class History:
    """Samples of one value: a new one whenever the timestamp beside it has changed; None is absent."""

    limit: float
    samples: deque[tuple[float, float | None]] = field(default_factory=deque)
    stamp: float | None = None

    def note(self, value: float | None, stamp: float | None, true: float) -> None:
        """Take in what a page says."""
        if stamp is None or value is None:
            if not self.samples or self.samples[-1][1] is not None:
                self.samples.append((true, None))
        elif self.stamp is not None and stamp != self.stamp:
            self.samples.append((true, value))
        self.stamp = self.stamp if stamp is None else stamp
        while self.samples and true - self.samples[0][0] > 2000:
            self.samples.popleft()

    def fresh(self, true: float) -> float | None:
        """Return the value while it is fresh."""
        if not self.samples or true - self.samples[-1][0] >= self.limit:
            return None
        return self.samples[-1][1]

    def held(
        self,
        agrees: Callable[[float], bool],
        seconds: float,
        true: float,
        since: float = -math.inf,
        share: float | None = None,
    ) -> bool:
        """Return whether three samples and so many seconds of presence agree up to now, none before `since`.

        No sample stands for more than its share of the time, a third unless told.
        """
        if self.fresh(true) is None:
            return False
        total, count, after, until = 0.0, 0, math.nan, math.nan
        for at, value in reversed(self.samples):
            if value is None:
                until = at
                continue
            if at < since or not agrees(value) or (count and after - at >= self.limit):
                break
            if count:
                held = (after if math.isnan(until) else until) - at
                total += min(held, seconds / 3 if share is None else share)
            count, after, until = count + 1, at, math.nan
            if count >= 3 and total >= seconds - 1e-6:
                return True
        return False

    def last(self, count: int, true: float) -> list[float]:
        """Return the last so many samples if none was absent among them and none too late, else nothing."""
        if self.fresh(true) is None or len(self.samples) < count:
            return []
        found: list[float] = []
        after = true
        for back in range(1, count + 1):
            at, value = self.samples[-back]
            if value is None or after - at >= self.limit:
                return []
            found.append(value)
            after = at
        return found


@dataclass
class Law:
    """Raises `Broken` at the first step that is not allowed."""

    tick: float = 1.0
    closed: bool = False
    closures: deque[list[float]] = field(default_factory=deque)
    """[began, ended], true time; the last one may go on."""
    opened_at: float = -math.inf
    transitions: deque[float] = field(default_factory=deque)
    shortest_min_off: float = math.inf
    run: int = -1
    run_began: float = 0.0
    run_proven: float | None = None
    run_deadline: float = math.inf
    resumed: set[int] = field(default_factory=set)
    soc: History = field(default_factory=lambda: History(SOC_FRESH))
    volts: History = field(default_factory=lambda: History(BUS_FRESH))
    evidence: History = field(default_factory=lambda: History(BUS_FRESH))
    ags: History = field(default_factory=lambda: History(BUS_FRESH))
    page: Page | None = None
    negative_since: float | None = None
    """Samples have denied the engine without a break since then."""
    stop_seen: bool = True
    """Fresh evidence has denied the engine since the contact opened, or the AGS has called the run another's."""
    mode_off: bool = False
    manual_until: float = -math.inf
    inhibits: dict[str, tuple[float, int | None]] = field(default_factory=dict)
    """By fingerprint: its beginning, and the beats still to come once it has resolved."""
    inhibit_heard: dict[str, float] = field(default_factory=dict)
    """By fingerprint: when it was last received firing; absent: before the last start."""
    starts: dict[str, float] = field(default_factory=dict)
    """Start alerts heard since the last stop, by fingerprint: when last."""
    stops: dict[str, float] = field(default_factory=dict)
    fired: dict[str, float] = field(default_factory=dict)
    """Start alerts heard and not resolved since, by fingerprint: the latest beginning."""
    resolved: dict[str, float] = field(default_factory=dict)
    """By fingerprint: the latest beginning that has resolved. A firing that begins no later is a late copy."""
    beats: deque[float] = field(default_factory=lambda: deque(maxlen=2))
    failures: int = 0
    locked_out: bool = False
    failed_at: float = -math.inf
    pause: float = 0.0
    bad_reads: int = 0
    read_at: float | None = None
    relay_bad_at: float = -math.inf
    born: float = 0.0
    clean_since: float = 0.0
    """No boot and no torn journal since: the controller's account is as exact as ours."""
    wanted: bool = False
    settings: Settings | None = None
    edited_at: float = -math.inf
    """When the settings have last changed: what a threshold was is nothing to what it is."""
    counts: dict[str, int] = field(default_factory=dict)

    # --- what happens

    def reborn(self, state: State, *, reboot: bool, torn: bool, true: float) -> None:
        """A new process has started, with the contact open."""
        self._count("deaths")
        self.require(state.durable.run is None, 14, "a start takes the contact to be open")
        if self.closed:
            self._open(true)
        for name in ("soc", "volts", "evidence", "ags"):
            setattr(self, name, History(getattr(self, name).limit))
        self.page = self.negative_since = None
        self.starts, self.stops, self.fired = {}, {}, {}
        self.beats.clear()
        self.bad_reads, self.read_at, self.wanted, self.born = 0, None, False, true
        self.inhibits = {key: (began, None if left is None else 2) for key, (began, left) in self.inhibits.items()}
        self.inhibit_heard = {}
        if reboot:
            self.manual_until = -math.inf
        if reboot or torn:
            self.clean_since = true
        if torn:
            self.inhibits = {key: value for key, value in self.inhibits.items() if key in state.durable.inhibits}
            self.mode_off = state.durable.mode == "off"
            self.failures, self.locked_out = state.durable.attempts, state.durable.locked_out
            self.run, self.resumed, self.resolved = -1, set(), {}
            # What the journal has forgotten is made up for by what `torn` takes away: property 32.
            known = [
                [true - state.started_at + past.start, true - state.started_at + past.end]
                for past in state.durable.closures
            ]
            self.closures = deque(known)
        # A death may cost an attempt, never give one back.
        self.require(state.durable.attempts >= self.failures or torn, 6, "a restart gives attempts back")
        self.failures = state.durable.attempts

    def dropped(self, true: float) -> None:
        """The board has lost its power, and with it the contact."""
        if self.closed:
            self._open(true)

    def see(self, before: State, inputs: Inputs, step: Step, *, now: float, true: float) -> None:
        """Judge one step."""
        was, settings = self.closed, inputs.settings
        if settings is not self.settings:
            self.settings, self.edited_at = settings, true
        self._learn(before, inputs, step, true)
        if self.evidence.fresh(true) is None:
            self.negative_since = None
        if not was and self.failures >= settings.limits.attempts:
            self.locked_out = True
        self.shortest_min_off = min(self.shortest_min_off, settings.limits.min_off)
        moves = [event for event in step.events if event.kind in ("contact_closed", "contact_opened")]
        if step.close and not was:
            self._newly_closed(inputs, step, true)
        elif was and not step.close:
            self._newly_opened(inputs, step, str(moves[0].fields.get("reason")) if moves else "", true)
        self.require(len(moves) == (step.close is not was), 31, "one event for each transition")
        if step.close:
            self._while_closed(inputs, step, now, true)
        else:
            self._live(inputs, step, true)
        self._claims(inputs, step, true)
        self.require(step.close is (step.state.durable.run is not None), 1, "closed means a run record")
        self.wanted = step.close

    # --- rules

    def require(self, holds: bool, number: int, text: str) -> None:  # noqa: FBT001 - the value itself
        """Raise unless property `number` holds."""
        if not holds:
            raise Broken(f"property {number}: {text}")

    def _learn(self, before: State, inputs: Inputs, step: Step, true: float) -> None:
        settings = inputs.settings
        if inputs.page is not None:
            self._read(inputs.page, settings, true)
        trusted = (
            before.alerts.path == "alerts" and bool(self.beats) and true - self.beats[-1] < self._timeout(settings)
        )
        for key, (began, left) in list(self.inhibits.items()):
            if left is None:
                continue
            still = left - inputs.beats if trusted else 2
            if still > 0:
                self.inhibits[key] = (began, still)
            else:
                del self.inhibits[key]
        for _ in range(min(inputs.beats, 2)):
            self.beats.append(true)
        for notice in inputs.notices:
            heard = {"start": self.starts, "stop": self.stops}.get(notice.kind)
            known = self.inhibits.get(notice.fingerprint)
            if notice.kind == "start" and self._late(notice.fingerprint, notice.starts_at, firing=notice.firing):
                continue  # it demands no start
            if heard is not None and notice.firing:
                heard[notice.fingerprint] = true
            elif heard is not None:
                heard.pop(notice.fingerprint, None)
            elif notice.kind == "inhibit" and notice.firing:
                self.inhibits[notice.fingerprint] = (notice.starts_at, None)
                self.inhibit_heard[notice.fingerprint] = true
            elif notice.kind == "inhibit" and known and known[1] is None and notice.starts_at >= known[0]:
                self.inhibits[notice.fingerprint] = (known[0], 2)
        for command in inputs.commands:
            self._order(command, settings, true)
        for key in self.inhibits:
            self.require(key in step.state.durable.inhibits, 36, f"the inhibit {key} is gone without its own reset")
        if before.durable.mode == "on" and true >= self.manual_until and self.manual_until > -math.inf:
            self.mode_off, self.manual_until = before.durable.mode_before == "off", -math.inf
        agrees = _reading(inputs) is self.wanted and not inputs.relay_error
        read_at = None if inputs.read_back is None else inputs.read_back.at
        if inputs.relay_error or read_at != self.read_at:
            # The same reading given twice is one reading.
            self.bad_reads = 0 if agrees else self.bad_reads + 1
        self.read_at = read_at
        if inputs.relay_error or self.bad_reads >= 3 or (before.board.fault and not agrees):
            self.relay_bad_at = true

    def _late(self, key: str, began: float, *, firing: bool) -> bool:
        """Take in a start alert; return whether it is a late copy."""
        if firing:
            self.fired[key] = max(began, self.fired.get(key, began))
            return began <= self.resolved.get(key, -math.inf)
        self.resolved[key] = max(began, self.resolved.get(key, began))
        if began >= self.fired.get(key, began):
            self.fired.pop(key, None)
        return False

    def _order(self, command: Command, settings: Settings, true: float) -> None:
        longest, action = settings.limits.max_run, command.action
        if action == "off":
            self.mode_off, self.manual_until = True, -math.inf
        elif action == "auto":
            self.mode_off, self.manual_until = False, -math.inf
        elif action == "reset_lockout":
            self.failures, self.locked_out, self.pause = 0, False, 0.0
        elif action == "reset_inhibit":
            heard = self.inhibit_heard.get(command.fingerprint, self.born)
            if true - heard >= settings.alerts.lease:
                self.inhibits.pop(command.fingerprint, None)
        elif action == "on":
            wanted = min(7200.0, longest) if command.seconds is None else command.seconds
            if 0 < wanted <= longest:
                self.mode_off, self.manual_until = False, true + wanted

    def _read(self, page: Page, settings: Settings, true: float) -> None:
        self.page = page
        self.soc.note(page.soc, page.soc_stamp, true)
        low = (
            None
            if page.battery_volts is None or page.emergency_volts is None
            else page.battery_volts <= page.emergency_volts
        )
        self.volts.note(None if low is None else float(low), page.battery_volts_stamp, true)
        code = None if page.ags_code is None else float(page.ags_code)
        self.ags.note(code, page.device_stamp, true)
        if settings.evidence.ac_input:
            running = (
                True
                if page.charging
                else None
                if page.ac_input_volts is None
                else page.ac_input_volts >= settings.evidence.min_volts
            )
        else:
            running = None if page.ags_code is None else page.ags_code in FOREIGN | {7, 26, 27}
        self.evidence.note(None if running is None else float(running), page.device_stamp, true)
        newest = self.evidence.fresh(true)
        if newest != 0.0:
            self.negative_since = None
        elif self.negative_since is None:
            self.negative_since = true
        if not self.closed and (self._denied(true) or self._foreign(true)):
            self.stop_seen = True

    def _newly_closed(self, inputs: Inputs, step: Step, true: float) -> None:
        settings, run = inputs.settings, step.state.durable.run
        assert run is not None
        self.require(_reading(inputs) is False and not inputs.relay_error, 15, "closed from an unknown contact")
        resumed = run.number == self.run
        if resumed:
            self._count("resumes")
            self.require(run.number not in self.resumed, 5, "a run is resumed once")
            self.require(run.deadline <= self.run_deadline + 1e-6, 2, "a resume keeps its old deadline")
            self.resumed.add(run.number)
        else:
            self._count("starts")
            self._count(f"starts for {run.cause}")
            self.require(run.number > self.run, 5, "numbers of runs are not reused")
            self.require(
                true - self.opened_at >= settings.limits.min_off - 1e-6, 5, f"{true - self.opened_at} s after opening"
            )
            self.run, self.run_began, self.run_proven, self.run_deadline = run.number, true, None, run.deadline
            self._fit_to_start(inputs, run.causes, true)
        self.closed, self.stop_seen = True, False
        self.closures.append([true, math.inf])
        self._move(true)

    def _fit_to_start(self, inputs: Inputs, causes: tuple[str, ...], true: float) -> None:
        settings = inputs.settings
        code = self.ags.fresh(true)
        if code is not None:
            self.require(code in (2, 7, 26, 27), 8, f"closed onto an AGS that says {code}")
        self.require(self.evidence.fresh(true) != 1.0, 8, "closed onto a live AC input")
        by_soc = self.soc.held(lambda soc: soc <= settings.emergency_soc, settings.debounce.emergency, true)
        by_volts = self.volts.held(lambda low: low == 1.0, settings.debounce.emergency, true)
        load = settings.limits.volts_under_load
        ample = settings.start_soc + load.soc_margin
        if self.soc.held(lambda level: level >= ample, 1.0, true, self.edited_at):
            share = settings.debounce.emergency / 3
            by_volts = self.volts.held(lambda low: low == 1.0, load.for_, true, share=share)
        if "fallback" in causes:
            low = self.soc.held(lambda soc: soc <= settings.start_soc, settings.debounce.start, true)
            self.require(low, 9, "fallback without a fresh low state of charge")
        if "emergency" in causes:
            self.require(by_soc or by_volts, 9, "an emergency without fresh evidence of one")
        if "alert" in causes:
            soc = self.soc.fresh(true)
            self.require(soc is None or soc < settings.stop_soc, 28, "an alert against a page at stop")
            in_time = any(began > self.resolved.get(key, -math.inf) for key, began in self.fired.items())
            over = soc is not None and soc > settings.start_soc
            self.require(in_time or not over, 28, "an alert that has resolved, over start")
        if "full_charge" in causes:
            low = self.soc.held(lambda soc: soc <= 0.9, settings.debounce.start, true)
            self.require(low, 9, "a full charge without a fresh state of charge that leaves room for it")
            left = settings.limits.daily_budget - self._used(true)
            self.require(left > settings.limits.max_run, 4, "a full charge takes what a run needs")
        if "blind" in causes:
            self.require(settings.on_blind == "start", 16, "closed by the loss itself")
        if "manual" in causes:
            self.require(true < self.manual_until + 1e-6, 12, "manual without an order")
        if not {"emergency", "manual"} & set(causes):
            lead = settings.limits.start_confirm + settings.limits.min_run
            self.require(not self._quiet(inputs, lead), 10, "an ordinary start in quiet hours, or too soon before them")
        if not {"emergency", "manual", "blind"} & set(causes) and self.soc.fresh(true) is not None:
            self.require(self._unseen(settings, true) < 330 + self.tick, 18, "a start without possible proof")
        self.require(inputs.journal_ok or "emergency" in causes, 35, "a start without a record of it")
        if "manual" not in causes:
            self.require(true - self.failed_at >= self.pause - 1e-6, 6, "an attempt before its back-off")

    def _newly_opened(self, inputs: Inputs, step: Step, reason: str, true: float) -> None:
        self._count(f"ends by {reason}")
        denied = self._denied(true) or (self.ags.fresh(true) or 0) in FAULTS
        limits = inputs.settings.limits
        if reason in FAILED:
            self._count("failures")
            self.require(denied, 18, f"{reason} without fresh evidence")
            self.failures += 1
            self.failed_at = true
            locked = self.failures >= limits.attempts
            self.pause = 0.0 if locked else limits.backoff[min(self.failures, len(limits.backoff)) - 1]
            if locked:
                self.locked_out = True
                self._count("lock-outs")
                self.require(step.state.durable.locked_out, 38, "attempts used up without a lock-out")
        elif self.run_proven is not None and true - self.run_proven >= limits.min_run:
            self.failures = 0
        if reason == "demand_gone" and {"alert", "fallback"} & set(step.state.durable.starts):
            self.starts.clear()
        if reason == "mode_off":
            self.starts.clear()
        self._open(true)
        self.stop_seen = self._denied(true) or self._foreign(true)

    def _while_closed(self, inputs: Inputs, step: Step, now: float, true: float) -> None:
        settings, run = inputs.settings, step.state.durable.run
        assert run is not None
        limits, slack = settings.limits, self.tick + 1e-6
        self.require(run.number == self.run, 1, "the record is of another run")
        self.require(run.deadline <= self.run_deadline + 1e-6, 2, "a deadline recedes")
        self.run_deadline = run.deadline
        self.require(now <= run.deadline + slack, 2, "closed past its deadline")
        self.require(true - self.run_began <= limits.max_run + slack, 3, "closed for longer than max run")
        self.require(self._used(true) <= limits.daily_budget + slack, 4, f"{self._used(true)} s of the budget used")
        self.require(not self.mode_off, 7, "closed in mode off")
        self.require(not self.inhibits, 7, "closed while inhibited")
        self.require(not self.locked_out, 7, "closed while locked out")
        self.require(self.relay_bad_at != true, 7, "closed with a relay fault")
        self.require(not self._foreign(true), 19, "closed in another's run")
        if all(code in REFUSING for code in self.ags.last(3, true) or [2.0]):
            self.require(False, 8, "closed under a refusing AGS")
        if self.run_proven is None and run.proven_at is not None:
            self.require(self._affirmed(true), 17, "proven without fresh evidence")
            self.run_proven = true
        if self._denied(true):
            self.require(self.run_proven is None, 18, "died and still closed")
            waits = limits.start_confirm + min(limits.warm_up, self._warmed_up(true))
            self.require(true - self.run_began < waits + slack, 18, "not started and still closed")
        only = set(step.state.causes) <= {"alert", "fallback"} or (
            set(step.state.causes) <= {"alert", "fallback", "emergency"} and run.volts_until is None
        )
        if only and true - self.run_began >= limits.min_run + self.tick:
            full = self.soc.held(lambda soc: soc >= settings.stop_soc, settings.debounce.stop, true, self.edited_at)
            self.require(not full, 22, "full and still closed")
        if not {"emergency", "manual"} & set(step.state.causes):
            self.require(not self._quiet(inputs), 10, "an ordinary run in quiet hours")

    def _live(self, inputs: Inputs, step: Step, true: float) -> None:
        """What must start, once everything that may forbid it does not, with room to spare."""
        soc, settings = self.soc.fresh(true), inputs.settings
        wanted = step.state.alerts.path == "alerts" and (self.starts or soc is not None)
        if (soc is None or soc > settings.start_soc) and not (wanted and self.starts):
            return
        if not self._permitted(inputs, step, true):
            return
        if soc is not None and self.soc.held(
            lambda level: level <= settings.emergency_soc, settings.debounce.emergency, true, self.edited_at
        ):
            raise Broken("property 21: an emergency without a start")
        lead = settings.limits.start_confirm + settings.limits.min_run
        if settings.on_blind == "stop" or self._quiet(inputs, lead) or not inputs.journal_ok:
            return
        if soc is not None and self._unseen(settings, true) >= 300:
            return
        grace = settings.debounce.start + settings.alerts.alert_grace
        low = settings.debounce.start if step.state.alerts.path == "fallback" else grace
        stopped = any(true - at <= settings.alerts.lease + self.tick for at in self.stops.values())
        if step.state.alerts.path == "fallback" or (step.state.alerts.path == "alerts" and not stopped):
            share = settings.debounce.start / 3
            is_low = self.soc.held(lambda level: level <= settings.start_soc, low, true, self.edited_at, share)
            self.require(not is_low, 21, f"low on path {step.state.alerts.path} without a start")
        told = any(true - at < settings.alerts.lease - self.tick for at in self.starts.values())
        shown = None if self.page is None else self.page.soc
        contradicted = (shown is not None and shown >= settings.stop_soc) or (
            self.page is not None and self.page.soc_refused
        )
        if step.state.alerts.path == "alerts" and told and not stopped and not contradicted:
            self.require(bool(step.state.alerts.beliefs.answered), 21, "a believed start alert without a start")

    def _permitted(self, inputs: Inputs, step: Step, true: float) -> bool:
        limits = inputs.settings.limits
        open_for = true - self.opened_at
        rest = limits.tail + limits.min_off + 3 * self.tick + 1
        silent = not self.evidence.samples or true - self.evidence.samples[-1][0] >= 400
        quiet_bus = self.negative_since is not None and true - self.negative_since >= rest
        codes = self.ags.last(3, true)
        return (
            not self.mode_off
            and self.manual_until == -math.inf
            and not self.inhibits
            and self.failures == 0
            and step.state.durable.candidate is None
            and _reading(inputs) is False
            and true - self.relay_bad_at >= rest
            and open_for >= rest
            and true - self.born >= rest
            and true - self.clean_since >= DAY + HOUR
            and (quiet_bus or (silent and true - self.born >= 400 and open_for >= 400 + rest))
            and (codes == [2.0] * 3 or (not codes and silent))
            and self._used(true) + 3 * self.tick < limits.daily_budget
        )

    def _claims(self, inputs: Inputs, step: Step, true: float) -> None:
        state = step.state
        if state.engine.proof.verdict is not None:
            self.require(self.evidence.fresh(true) is not None, 17, "a proof without fresh evidence")
        if state.phase == "running":
            self.require(self.evidence.fresh(true) is not None, 17, "running without fresh evidence")
        if state.phase == "off":
            self.require(self.stop_seen, 17, "stopped without fresh evidence")
        if state.board.fault:
            self.require(state.phase == "unknown", 15, "a relay fault is said to be known")
        self.require(len(set(state.inhibitors)) == len(state.inhibitors), 31, "each reason once")
        if not step.close and state.causes and not state.inhibitors and state.durable.candidate is None:
            held = _reading(inputs) is not False or inputs.relay_error or self.relay_bad_at == true
            waits = any(note.kind == "first_page" for note in step.state.notes)
            self.require(held or step.events != () or waits, 31, "wanted, not forbidden, and open")
        if state.alerts.path == "alerts":
            self.require(len(self.beats) == 2, 16, "path alerts without two beats")
            since = true - self.beats[-1]
            self.require(since < self._timeout(inputs.settings) + 1e-6, 16, "path alerts without a young beat")

    # --- accounts

    def _timeout(self, settings: Settings) -> float:
        return settings.alerts.heartbeat_timeout

    def _quiet(self, inputs: Inputs, lead: float = 0.0) -> bool:
        """Return whether there are quiet hours now, or within so many seconds."""
        hours = inputs.settings.quiet_hours
        if hours is None or not inputs.wall_sane:
            return False
        begin, end, minute = int(hours.from_), int(hours.to), inputs.minute_of_day
        quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
        return quiet or (begin - minute) % 1440 * 60 - inputs.wall % 60 <= lead

    def _denied(self, true: float) -> bool:
        return self.evidence.last(3, true) == [0.0] * 3

    def _affirmed(self, true: float) -> bool:
        return self.evidence.last(3, true) == [1.0] * 3

    def _foreign(self, true: float) -> bool:
        """Return whether three samples call the run another's; a tail belongs to the start code before it."""
        codes = self.ags.last(3, true)
        if not codes or not all(code in FOREIGN or code in TAILS for code in codes):
            return False
        if all(code in FOREIGN for code in codes):
            return True
        begun = next((code for _, code in reversed(self.ags.samples) if code is not None and code not in TAILS), None)
        return begun in FOREIGN

    def _warmed_up(self, true: float) -> float:
        """Return how long the AGS has said *warm up* in this run, from its first to its last word of it."""
        warm = [at for at, code in self.ags.samples if code == 26 and at >= self.run_began]
        return ((true if self.ags.fresh(true) == 26 else warm[-1]) - warm[0]) if warm else 0.0

    def _unseen(self, settings: Settings, true: float) -> float:
        """Return for how long nothing has shown whether the engine runs, where something should; 0: nothing should."""
        if not (settings.evidence.ac_input or settings.evidence.ags):
            return 0.0
        seen = max((at for at, value in self.evidence.samples if value is not None), default=self.born)
        return true - max(self.born, seen)

    def _used(self, true: float) -> float:
        return sum(max(0.0, min(end, true) - max(began, true - DAY)) for began, end in self.closures)

    def _open(self, true: float) -> None:
        self.closed, self.opened_at = False, true
        self.closures[-1][1] = true
        while self.closures and true - self.closures[0][1] > DAY:
            self.closures.popleft()
        self._move(true)

    def _move(self, true: float) -> None:
        self.transitions.append(true)
        while true - self.transitions[0] > HOUR:
            self.transitions.popleft()
        most = 2 * math.ceil(HOUR / self.shortest_min_off) + 4
        self.require(len(self.transitions) <= most, 33, f"{len(self.transitions)} transitions in an hour")

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
