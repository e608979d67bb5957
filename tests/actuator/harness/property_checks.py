"""An independent model of what is allowed, from its own record of all inputs and outputs.

It calls nothing under test. It keeps true time, over deaths and boots. Of the state it reads only what the controller
shows to others: the record of the run, its causes, path, phase and proof. It checks each of them; none decides what is
allowed. What must survive a death is in an `Account`. A harness that writes a record of the controller keeps a copy of
the account with it: the controller may lose no more than was lost with the record.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from actuator.core import recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actuator.core.inputs import Command, Inputs, Notice, Page
    from actuator.core.settings import Limits, Settings
    from actuator.core.state import State, Step

DAY: Final = 86400.0
HOUR: Final = 3600.0
SOC_FRESH: Final = 60.0
BUS_FRESH: Final = 30.0
FAULTS: Final = {9, 10, 11, 15, 16, 17, 21, 22, 23, 24, 25}
FOREIGN: Final = {3, 6, 8, 12, 13, 14, 18, 19, 20}
TAILS: Final = {26, 27}
REFUSING: Final = {0, 1, 5} | FAULTS
FAILED: Final = {"start_failed", "no_charge", "died", "ags_fault"}
MEANT: Final = {"mode_off", "demand_gone"}
"""Ends that somebody wanted: they answer a start alert."""
MOST_SHORT: Final = 8
SOC_LOST: Final = 300.0
RESUMED_WITHIN: Final = 60.0
NEAR: Final = 1e-6
"""Seconds by which sums of floats on two clocks may differ."""


class Broken(AssertionError):  # noqa: N818 - a property is broken
    """A property does not hold."""


def _useful_run(limits: Limits) -> float:
    """Return the seconds that a run takes to be confirmed and then to last for min run."""
    return limits.start_confirm + limits.min_run


def _reading(inputs: Inputs) -> bool | None:
    """Return where the board says the contact is."""
    return None if inputs.read_back is None else inputs.read_back.closed


@dataclass
class History:
    """Samples of one value: a new one whenever its timestamp has changed; None is absent."""

    limit: float
    samples: deque[tuple[float, float | None]] = field(default_factory=deque)
    stamp: float | None = None

    def note(self, value: float | None, stamp: float | None, true: float) -> None:
        """Add what a page shows."""
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

        No sample counts for more than its share of the time, a third by default.
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


@dataclass(frozen=True)
class ReceivedAlert:
    """An alert received firing: its start by the sender's clock, and until when it is believed, in true time."""

    starts_at: float
    until: float


@dataclass
class Account:
    """What the controller has to remember over its death, as far as it was written down; all times are true time.

    Attributes:
        closed: the contact is commanded closed.
        ended_in_run: an orderly end of the program has opened it in a run.
        closures: [began, ended]; the last one may go on.
        withheld: what torn journals have taken from the budget: the contact may have been closed then, at the latest.
        manual: the last run began for a command.
        opened_at: when the contact last opened, or a board was last known to be well again.
        transitions: of the last hour.
        run: the number of the last run; -1: none is known.
        run_began: when it began.
        run_proven: when the engine was first proven in it.
        run_denied: fresh evidence has denied its engine.
        run_deadline: the earliest deadline that it has shown, on the clock of this boot.
        run_longest: seconds that it may last by the record.
        recorded_at: when this was written down; of what a start reads.
        resumed: runs that were resumed.
        causes: that the run shows.
        soc_emergency: the emergency that holds it has been one of the state of charge.
        mode_off: the operator wants no run.
        off_before_manual: the same, before mode `on`.
        manual_until: when mode `on` ends.
        inhibits: by fingerprint: its beginning, and the beats still to come once it has resolved.
        answered: by fingerprint of a start alert: its beginning when a stop answered it.
        stuck: stop alerts that the state of charge has disproved, by fingerprint: their beginning.
        resolved: by fingerprint: the latest beginning that has resolved. A firing that begins no later is a late copy.
        short: when short runs of the last 24 hours ended, but for manual ones.
        short_in_a_row: short runs since the last run that was not short and ended well.
        interrupted: when a run that a death broke off would have ended as a short one, if it is not resumed.
        failures: attempts used.
        locked_out: they are used up.
        paused_until: the end of the back-off.
        engine_ran: three samples have affirmed the engine, whoever ran it, and no three denied it since.
        engine_stopped_at: when three samples last denied it after that.
        stop_seen: since the contact opened, evidence has denied the engine, or the AGS has called the run another's.
        volts_low_at: when the battery's volts were last an emergency in a run.
        full_at: when the battery was last full without doubt.
    """

    closed: bool = False
    ended_in_run: bool = False
    closures: deque[list[float]] = field(default_factory=deque)
    withheld: deque[list[float]] = field(default_factory=deque)
    manual: bool = False
    opened_at: float = -math.inf
    transitions: deque[float] = field(default_factory=deque)
    run: int = -1
    run_began: float = 0.0
    run_proven: float | None = None
    run_denied: bool = False
    run_deadline: float = math.inf
    run_longest: float = math.inf
    recorded_at: float = math.inf
    resumed: set[int] = field(default_factory=set)
    causes: frozenset[str] = frozenset()
    mode_off: bool = False
    off_before_manual: bool = False
    manual_until: float = -math.inf
    inhibits: dict[str, tuple[float, int | None]] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    stuck: dict[str, float] = field(default_factory=dict)
    resolved: dict[str, float] = field(default_factory=dict)
    short: deque[float] = field(default_factory=deque)
    short_in_a_row: int = 0
    soc_emergency: bool = False
    interrupted: float | None = None
    failures: int = 0
    locked_out: bool = False
    paused_until: float = -math.inf
    engine_ran: bool = False
    engine_stopped_at: float = -math.inf
    stop_seen: bool = True
    volts_low_at: float = -math.inf
    full_at: float = -math.inf

    def record(self, true: float) -> Account:
        """Return what a journal keeps that is written now."""
        return dataclasses.replace(self.copy(), recorded_at=true)

    def copy(self) -> Account:
        """Return one that no later event changes."""
        return dataclasses.replace(
            self,
            closures=deque(list(closure) for closure in self.closures),
            withheld=deque(self.withheld),
            short=deque(self.short),
            transitions=deque(self.transitions),
            resumed=set(self.resumed),
            inhibits=dict(self.inhibits),
            answered=dict(self.answered),
            stuck=dict(self.stuck),
            resolved=dict(self.resolved),
        )

    def merged(self, other: Account) -> Account:
        """Return what two records that disagree know together, and where they differ the one that keeps it open."""
        both = self.copy()
        both.mode_off = self.lasting_off if self.lasting_off == other.lasting_off else True
        both.manual_until = -math.inf
        both.inhibits = other.inhibits | self.inhibits
        both.failures = max(self.failures, other.failures)
        both.locked_out = self.locked_out or other.locked_out
        return both

    @property
    def lasting_off(self) -> bool:
        """Whether the operator wants no run; while mode `on` lasts, whether that was so before."""
        return self.off_before_manual if self.manual_until > -math.inf else self.mode_off

    def used(self, true: float) -> float:
        """Return the seconds of the budget used in the last 24 hours: closed, or withheld."""
        while self.withheld and self.withheld[0][1] <= true - DAY:
            self.withheld.popleft()
        spans = (*self.closures, *self.withheld) if self.withheld else self.closures
        return sum(max(0.0, min(end, true) - max(began, true - DAY)) for began, end in spans)

    def withhold(self, seconds: float, true: float) -> None:
        """Withhold from the budget what it takes to have so many seconds used, as late as the contact can have closed.

        Nothing is closed twice at a time: so what is not known goes between what is.
        """
        missing, until = seconds - self.used(true), true
        for began, end in (*sorted((*self.closures, *self.withheld), reverse=True), (-math.inf, -math.inf)):
            taken = min(missing, max(0.0, until - end))
            if taken > 0:
                self.withheld.append([until - taken, until])
            missing, until = missing - taken, min(until, began)


@dataclass
class ReferenceModel:
    """Raises `Broken` at the first step that is not allowed."""

    tick: float = 1.0
    account: Account = field(default_factory=Account)
    shortest_min_off: float = math.inf
    soc: History = field(default_factory=lambda: History(SOC_FRESH))
    volts: History = field(default_factory=lambda: History(BUS_FRESH))
    evidence: History = field(default_factory=lambda: History(BUS_FRESH))
    ags: History = field(default_factory=lambda: History(BUS_FRESH))
    full: History = field(default_factory=lambda: History(SOC_FRESH))
    charge: History = field(default_factory=lambda: History(BUS_FRESH))
    """1: the battery gets a direct current or needs none, 0: it gets none; only with evidence of the engine."""
    page: Page | None = None
    negative_since: float | None = None
    """Samples have denied the engine without a break since then."""
    starts: dict[str, ReceivedAlert] = field(default_factory=dict)
    """Start alerts that are believed, by fingerprint."""
    stops: dict[str, ReceivedAlert] = field(default_factory=dict)
    inhibit_received_at: dict[str, float] = field(default_factory=dict)
    """By fingerprint: when it was last received firing; absent: before the last start."""
    beat_at: float = -math.inf
    beats: tuple[int, int] = (0, 0)
    """In a row, by the strictest and by the most lenient count; at most two."""
    path: str = "waiting"
    soc_fresh_at: float = -math.inf
    fault: bool = False
    """The contact is not known to be where it was commanded."""
    bad_reads: int = 0
    good_reads: int = 0
    read_at: float | None = None
    relay_bad_at: float = -math.inf
    started_at: float = 0.0
    may_resume: bool = False
    """The process began with the record of a run that it may resume."""
    dropped_at: float | None = None
    clean_since: float = 0.0
    """No boot and no torn journal since: the controller's account is as exact as ours."""
    wanted: bool = False
    settings: Settings | None = None
    edited_at: float = -math.inf
    """When the settings have last changed: what a threshold was is nothing to what it is."""
    edited_since_answer: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    # --- what happens

    def restarted(
        self,
        state: State,
        account: Account | None,
        settings: Settings,
        *,
        reboot: bool,
        torn: bool,
        true: float,
        found: bool | None = None,
        clock_known: bool = True,
    ) -> None:
        """A new process has started, with the contact open.

        Args:
            state: its first.
            account: as it was with the record that the process has read; None: it could read none.
            settings: in force.
            reboot: the machine has started too.
            torn: the process knows that its record may be an old one.
            true: now.
            found: the process has found the contact closed, and opened it; None: it could not read it.
            clock_known: the time since the record was written is known.
        """
        self.count("deaths")
        self.require(state.durable.run is None, 14, "a start takes the contact to be open")
        recorded = account is not None
        last, self.account = self.account, Account(mode_off=torn) if account is None else account.copy()
        account = self.account
        interrupted = account.closed or account.ended_in_run
        self.may_resume = interrupted and account.run_proven is not None and account.run not in account.resumed
        self.may_resume = self.may_resume and not (reboot or torn)
        account.ended_in_run = False
        if account.closed:
            if last.run != account.run or not last.closed:
                # It had opened, but had not written so yet. If that was in a boot that could write nothing, a later one
                # knows no more than the record: that the run has lasted until its deadline at most; and without a clock
                # that it had lasted until then.
                known = account.run_began + account.run_longest if reboot else math.inf
                if reboot and not clock_known:
                    known = min(known, account.recorded_at + recovery.DURABLE_TICK)
                self._open(min(last.opened_at, known))
            else:
                self._open(true if self.dropped_at is None else self.dropped_at)
            account.interrupted = account.opened_at if self._short(settings.limits) else None
            if account.interrupted is not None and not self.may_resume:
                self._count_short(account.interrupted)
                account.interrupted = None
            if account.run_denied and account.run_proven is None:
                self.count("deaths on negative evidence")
                self._fail(settings.limits, true)
        elif found and not torn and recorded:
            # What nothing written shows counts as closed too, and what a later start may be asked to do is not known.
            if last.closed:
                account.closures.append([last.closures[-1][0], true if self.dropped_at is None else self.dropped_at])
            self.clean_since = true
        if not reboot:
            # Min off holds even when neither journal nor mirror has the run, also after it had opened.
            account.opened_at = true if last.closed else max(account.opened_at, last.opened_at)
        for name in ("soc", "volts", "evidence", "ags", "full", "charge"):
            setattr(self, name, History(getattr(self, name).limit))
        self.page = self.negative_since = self.dropped_at = None
        self.starts, self.stops, self.inhibit_received_at = {}, {}, {}
        self.beat_at, self.beats, self.path, self.soc_fresh_at = -math.inf, (0, 0), "waiting", -math.inf
        self.fault, self.bad_reads, self.good_reads, self.read_at = False, 0, 0, None
        self.wanted, self.started_at = False, true
        account.inhibits = {
            key: (began, None if left is None else 2) for key, (began, left) in account.inhibits.items()
        }
        if reboot and account.manual_until > -math.inf:
            account.mode_off, account.manual_until = account.off_before_manual, -math.inf
        if reboot or torn:
            self.clean_since = true
        if torn:
            account.opened_at = true
            account.withhold(settings.limits.daily_budget - settings.limits.max_run, true)
        self.require(state.durable.attempts >= account.failures, 6, "a restart gives attempts back")

    def ended(self, true: float) -> None:
        """The process has opened the contact as its last act, read it back, and written so."""
        self.count("orderly ends")
        if self.account.closed:
            self._open(true)
            self.account.ended_in_run = True
            self.account.run_denied = False  # it has used no attempt

    def dropped(self, true: float) -> None:
        """The board has lost its power, and with it the contact."""
        self.dropped_at = true

    def recorded(self, *, written: bool, causes: tuple[str, ...]) -> None:
        """The contact is about to close; its run is written in the journal or in its mirror, or in neither."""
        self.require(written or "emergency" in causes, 35, "closed without a record")

    def check(self, inputs: Inputs, step: Step, *, now: float, true: float) -> None:
        """Check one step."""
        account, settings = self.account, inputs.settings
        was = account.closed
        if settings is not self.settings:
            self.settings, self.edited_at, self.edited_since_answer = settings, true, True
        self._observe(inputs, step, true)
        if self.evidence.fresh(true) is None:
            self.negative_since = None
        if not was and account.failures >= settings.limits.attempts:
            account.locked_out = True
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
            self._live(inputs, true)
        self._claims(inputs, step, true)
        self.require(step.close is (step.state.durable.run is not None), 1, "closed means a run record")
        self.wanted = step.close

    # --- rules

    def require(self, holds: bool, number: int, text: str) -> None:  # noqa: FBT001 - the value itself
        """Raise unless property `number` holds."""
        if not holds:
            raise Broken(f"property {number}: {text}")

    def _observe(self, inputs: Inputs, step: Step, true: float) -> None:
        account, settings, path = self.account, inputs.settings, step.state.alerts.path
        if inputs.page is not None:
            self._read(inputs.page, settings, true)
        if self.soc.fresh(true) is not None:
            self.soc_fresh_at = true
        before, allowed = self.path, self._paths(inputs, true)
        self.require(path in allowed, 16, f"path {path} instead of {' or '.join(sorted(allowed))}")
        self.path = path
        for key, (began, left) in list(account.inhibits.items()):
            if left is None:
                continue
            still = left - inputs.beats if before == path == "alerts" else 2
            if still > 0:
                account.inhibits[key] = (began, still)
            else:
                del account.inhibits[key]
        for notice in inputs.notices:
            known = account.inhibits.get(notice.fingerprint)
            if notice.kind in ("start", "stop"):
                self._believe(notice, settings, true)
            elif notice.kind == "inhibit" and notice.firing:
                account.inhibits[notice.fingerprint] = (notice.starts_at, None)
                self.inhibit_received_at[notice.fingerprint] = true
            elif notice.kind == "inhibit" and known and known[1] is None and notice.starts_at >= known[0]:
                account.inhibits[notice.fingerprint] = (known[0], 2)
        if (account.answered or self.edited_since_answer) and self._low(
            settings, settings.debounce.start, true, sure=True
        ):
            account.answered, self.edited_since_answer = {}, False
        if self.stops and self.starts and self._low(settings, settings.alerts.alert_grace, true):
            account.stuck |= {key: alert.starts_at for key, alert in self._believed(self.stops, true, NEAR).items()}
        if account.stuck and self.soc.held(
            lambda soc: soc >= settings.stop_soc, settings.debounce.stop, true, self.edited_at
        ):
            account.stuck = {}
        for command in inputs.commands:
            self._command(command, settings, true)
        for key in account.inhibits:
            self.require(key in step.state.durable.inhibits, 36, f"the inhibit {key} is gone without its own reset")
        if -math.inf < account.manual_until <= true - NEAR:
            account.mode_off, account.manual_until = account.off_before_manual, -math.inf
        self._read_board(inputs, true)

    def _paths(self, inputs: Inputs, true: float) -> set[str]:
        """Return the path that decides: one, or two where a clock is at the very limit."""
        timeout, since = inputs.settings.alerts.heartbeat_timeout, true - self.beat_at
        surely, perhaps = since < timeout - NEAR, since < timeout + NEAR
        strict, lenient = self.beats
        strict = min(2, (strict if surely else 0) + inputs.beats)
        lenient = min(2, (lenient if perhaps else 0) + inputs.beats)
        self.beats = (strict, lenient)
        if inputs.beats:
            self.beat_at = true
        allowed = {"alerts"} if perhaps and lenient == 2 else set()
        if surely and strict == 2:
            return allowed
        alive, lost = true - self.started_at, true - max(self.started_at, self.soc_fresh_at)
        if self.path == "waiting" and alive < timeout + NEAR:
            allowed.add("waiting")
        if self.path != "waiting" or alive >= timeout - NEAR:
            allowed |= ({"blind"} if lost >= SOC_LOST - NEAR else set()) | (
                {"fallback"} if lost < SOC_LOST + NEAR else set()
            )
        return allowed

    def _believe(self, notice: Notice, settings: Settings, true: float) -> None:
        account, key = self.account, notice.fingerprint
        received = self.starts if notice.kind == "start" else self.stops
        known = received.get(key)
        if known is not None and true >= known.until:
            known = None
        if notice.firing:
            starts_at = notice.starts_at if known is None else max(notice.starts_at, known.starts_at)
            received[key] = ReceivedAlert(starts_at, true + settings.alerts.lease)
            return
        account.resolved[key] = max(notice.starts_at, account.resolved.get(key, notice.starts_at))
        begun = account.answered.get(key, account.stuck.get(key, math.inf)) if known is None else known.starts_at
        if notice.starts_at >= begun:
            received.pop(key, None)
            account.answered.pop(key, None)
            account.stuck.pop(key, None)

    def _believed(self, received: dict[str, ReceivedAlert], true: float, slack: float) -> dict[str, ReceivedAlert]:
        """Return the alerts whose lease has not ended, give or take."""
        return {key: alert for key, alert in received.items() if true < alert.until + slack}

    def _counting(self, true: float, slack: float) -> dict[str, float]:
        """Return the beginnings of the start alerts that are believed, and that no stop has answered."""
        return {
            key: alert.starts_at
            for key, alert in self._believed(self.starts, true, slack).items()
            if alert.starts_at > self.account.answered.get(key, -math.inf)
        }

    def _in_time(self, alerts: dict[str, float]) -> bool:
        """Return whether one of these start alerts is no late copy of one that has resolved."""
        return any(began > self.account.resolved.get(key, -math.inf) for key, began in alerts.items())

    def _command(self, command: Command, settings: Settings, true: float) -> None:
        account, longest, action = self.account, settings.limits.max_run, command.action
        if action in ("off", "auto"):
            account.mode_off, account.manual_until = action == "off", -math.inf
        elif action == "reset_lockout":
            account.failures, account.locked_out, account.paused_until = 0, False, -math.inf
            account.short_in_a_row = 0
            account.short.clear()
            account.interrupted = None  # it may have been given up, and counted, before the reset
        elif action == "reset_inhibit":
            received = self.inhibit_received_at.get(command.fingerprint, self.started_at)
            if true - received >= settings.alerts.lease:
                account.inhibits.pop(command.fingerprint, None)
        elif action == "on":
            wanted = min(7200.0, longest) if command.seconds is None else command.seconds
            if 0 < wanted <= longest:
                if account.manual_until == -math.inf:
                    account.off_before_manual = account.mode_off
                account.mode_off, account.manual_until = False, true + wanted

    def _read_board(self, inputs: Inputs, true: float) -> None:
        read_at = None if inputs.read_back is None else inputs.read_back.at
        if not inputs.relay_error and read_at == self.read_at:
            return  # the same reading given twice is one reading
        self.read_at = read_at
        agrees = _reading(inputs) is self.wanted and not inputs.relay_error
        self.bad_reads = 0 if agrees else self.bad_reads + 1
        self.good_reads = self.good_reads + 1 if agrees and not self.wanted else 0
        if inputs.relay_error or self.bad_reads >= 3:
            self.fault = True
        elif self.fault and self.good_reads >= 3:
            self.fault, self.account.opened_at = False, true
        if self.fault and not agrees:
            self.relay_bad_at = true

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
        self.full.note(None if page.full is None else float(page.full), page.full_stamp, true)
        if self.full.last(6, true) == [1.0] * 6:
            self.account.full_at = true
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
        gets = None
        if running and page.dc_amperes is not None and page.soc is not None:
            gets = float(page.dc_amperes > 0 or page.absorbing or page.soc >= settings.stop_soc)
        self.charge.note(gets, page.device_stamp, true)
        newest = self.evidence.fresh(true)
        if newest != 0.0:
            self.negative_since = None
        elif self.negative_since is None:
            self.negative_since = true
        account = self.account
        if self._affirmed(true):
            account.engine_ran = True
        elif account.engine_ran and self._denied(true):
            account.engine_ran, account.engine_stopped_at = False, true
        others = self._foreign(true) or self._unannounced(settings.limits, true)
        if not account.closed and (self._denied(true) or others):
            account.stop_seen = True

    def _newly_closed(self, inputs: Inputs, step: Step, true: float) -> None:
        account, settings, run = self.account, inputs.settings, step.state.durable.run
        assert run is not None
        self.require(_reading(inputs) is False and not inputs.relay_error, 15, "closed from an unknown contact")
        if run.number == account.run:
            self.count("resumes")
            self.require(self.may_resume, 5, "resumed what was not interrupted, or was never proven")
            self.require(run.number not in account.resumed, 5, "a run is resumed once")
            self.require(run.deadline <= account.run_deadline + NEAR, 2, "a resume keeps its old deadline")
            account.resumed.add(run.number)
        else:
            self.count("starts")
            self.count(f"starts for {run.cause}")
            self.require(run.number > account.run, 5, "numbers of runs are not reused")
            rest = true - account.opened_at
            self.require(rest >= settings.limits.min_off - NEAR, 5, f"{rest} s after opening")
            rest = true - account.engine_stopped_at
            self.require(rest >= settings.limits.min_off - NEAR, 37, f"{rest} s after the engine stopped")
            account.run, account.run_began, account.run_proven = run.number, true, None
            account.run_denied = self._denied(true)
            account.run_deadline, account.causes = run.deadline, frozenset()
            if account.interrupted is not None:
                self._count_short(account.interrupted)
            self._fit_to_start(inputs, run.causes, true)
            self._rested_after_short_runs(settings.limits, run.causes, true)
            account.manual = run.cause == "manual"
        self.may_resume, account.interrupted = False, None
        account.closed, account.stop_seen = True, False
        account.closures.append([true, math.inf])
        self._move(true)

    def _fit_to_start(self, inputs: Inputs, causes: tuple[str, ...], true: float) -> None:
        settings = inputs.settings
        code = self.ags.fresh(true)
        if code is not None:
            self.require(code in (2, 7, 26, 27), 8, f"closed onto an AGS that says {code}")
        self.require(self.evidence.fresh(true) != 1.0, 8, "closed onto a live AC input")
        if not {"emergency", "manual"} & set(causes):
            lead = _useful_run(settings.limits)
            self.require(not self._quiet(inputs, lead), 10, "an ordinary start in quiet hours, or too soon before them")
        if not {"emergency", "manual", "blind"} & set(causes) and self.soc.fresh(true) is not None:
            self.require(self._unseen(settings, true) < 330 + self.tick, 18, "a start without possible proof")
        self.require(inputs.journal_ok or "emergency" in causes, 35, "a start without a record of it")
        if "manual" not in causes:
            self.require(true >= self.account.paused_until - NEAR, 6, "an attempt before its back-off")
        least = min(_useful_run(settings.limits), settings.limits.max_run)
        left = settings.limits.daily_budget + self._reserve(settings, causes, true) - self.account.used(true)
        self.require(left >= least - self.tick - NEAR, 4, f"a start with {left} s of the budget left")

    def _rested_after_short_runs(self, limits: Limits, causes: tuple[str, ...], true: float) -> None:
        short = self.account.short
        while short and short[0] <= true - DAY:
            short.popleft()
        if "manual" in causes or not short:
            return
        row = self.account.short_in_a_row
        pause = limits.short_cycle[min(row, len(limits.short_cycle)) - 1] if row else 0.0
        if len(short) >= MOST_SHORT:
            self.require("emergency" in causes, 34, f"a start after {len(short)} short runs in 24 h")
            pause = HOUR
        rest, pause = true - short[-1], min(pause, HOUR) if "emergency" in causes else pause
        self.require(rest >= pause - NEAR, 34, f"{rest} s after the last of {len(short)} short runs")

    def _fit_causes(self, inputs: Inputs, causes: frozenset[str], true: float) -> None:
        """Judge causes that have begun."""
        settings, debounce = inputs.settings, inputs.settings.debounce

        if "fallback" in causes:
            self.require(self.path in ("alerts", "fallback"), 9, f"fallback on path {self.path}")
            longer = settings.alerts.alert_grace if self.path == "alerts" else 0.0
            self.require(
                self._low(settings, debounce.start + longer, true), 9, "fallback without a fresh low state of charge"
            )
        if "emergency" in causes:
            by_soc = self.soc.held(lambda soc: soc <= settings.emergency_soc, debounce.emergency, true)
            self.require(by_soc or self._by_volts(settings, true), 9, "an emergency without fresh evidence of one")
        if "alert" in causes:
            soc = self.soc.fresh(true)
            self.require(soc is None or soc < settings.stop_soc, 28, "an alert against a page at stop")
            self.require(self.path == "alerts", 21, f"an alert on path {self.path}")
            counting = self._counting(true, NEAR)
            self.require(
                bool(counting) or self.edited_since_answer, 28, "an alert that is not believed, or was answered"
            )
            over = soc is not None and soc > settings.start_soc
            self.require(not over or self._in_time(counting), 28, "an alert that has resolved, over start")
            stopped = self._believed(self.stops, true, -NEAR).keys() - self.account.stuck.keys()
            self.require(not stopped, 28, "an alert against a believed stop alert")
        if "full_charge" in causes:
            low = self.soc.held(lambda soc: soc <= 0.9, debounce.start, true)
            self.require(low, 9, "a full charge without a fresh state of charge that leaves room for it")
            left = settings.limits.daily_budget - self.account.used(true)
            self.require(left > settings.limits.max_run, 4, "a full charge takes what a run needs")
            assert settings.full_charge is not None
            rest = true - self.account.full_at
            self.require(rest >= settings.full_charge.every - HOUR - self.tick, 21, f"{rest} s after it was full")
        if "quiet_ahead" in causes:
            hours, soc = settings.quiet_hours, self.soc.fresh(true)
            self.require(self.path in ("alerts", "fallback"), 9, f"quiet_ahead on path {self.path}")
            self.require(soc is not None and soc < settings.stop_soc - 0.05, 9, "quiet_ahead without need")
            self.require(inputs.wall_sane and bool(hours and hours.prepare), 10, "no quiet hours to prepare for")
            assert hours is not None
            begin_in = (int(hours.from_) - inputs.minute_of_day) % 1440 * 60
            self.require(begin_in - 60 <= settings.limits.max_run, 10, "prepared for quiet hours that are not near")
        if "blind" in causes:
            self.require(settings.on_blind == "start" and self.path == "blind", 16, "closed by the loss itself")
        if "exercise" in causes:
            self.require(settings.exercise is not None and inputs.wall_sane, 21, "an exercise that is not due")

    def _newly_opened(self, inputs: Inputs, step: Step, reason: str, true: float) -> None:
        self.count(f"ends by {reason}")
        account, limits = self.account, inputs.settings.limits
        denied = self._denied(true) or (self.ags.fresh(true) or 0) in FAULTS
        manual_ends = -math.inf < account.manual_until <= true + NEAR
        shown = {
            "mode_off": account.off_before_manual if manual_ends else account.mode_off,
            "inhibit_alert": bool(account.inhibits),
            "locked_out": account.locked_out,
            "relay_fault": self.fault,
            "foreign_run": self._foreign(true),
            "quiet_hours": self._quiet(inputs),
        }
        self.require(shown.get(reason, True), 31, f"opened for {reason}, which is not so")
        if reason in FAILED:
            self.count("failures")
            if reason == "no_charge":
                self._not_charged(settings=inputs.settings, true=true)
            else:
                self.require(denied, 18, f"{reason} without fresh evidence")
            self._fail(limits, true)
            if account.locked_out:
                self.require(step.state.durable.locked_out, 38, "attempts used up without a lock-out")
        elif account.run_proven is not None and true - account.run_proven >= limits.min_run:
            account.failures = 0
        if "full_charge" in account.causes and self.full.last(3, true) == [1.0] * 3:
            self.count("full charges")
        if reason in MEANT:
            account.answered |= {
                key: max(alert.starts_at, account.answered.get(key, -math.inf))
                for key, alert in self._believed(self.starts, true, 0.0).items()
            }
        self._open(true)
        if reason not in MEANT and self._short(limits):
            self._count_short(true)
        elif reason not in FAILED and account.opened_at - account.run_began >= limits.min_run - NEAR:
            account.short_in_a_row = 0
        account.stop_seen = self._denied(true) or self._foreign(true)

    def _not_charged(self, settings: Settings, true: float) -> None:
        limits = settings.limits
        stops = settings.on_no_charge == "stop" or not settings.evidence.ac_input
        self.require(stops, 18, "ended for a charge that only raises an alarm")
        proven = self.account.run_proven is not None and true - self.account.run_proven >= limits.charge_confirm - NEAR
        self.require(proven, 18, "ended for a charge before it had its time")
        recent = [value for at, value in self.charge.samples if true - at < limits.charge_confirm - NEAR]
        charged = any(recent[at : at + 3] == [1.0] * 3 for at in range(len(recent)))
        self.require(bool(recent) and not charged, 18, "ended without charge although it charges")

    def _must_charge(self, settings: Settings, true: float) -> None:
        """Raise if a run goes on that has long had no direct current and no higher state of charge."""
        if self.account.run_proven is None or (settings.on_no_charge != "stop" and settings.evidence.ac_input):
            return
        began = true - settings.limits.charge_confirm - 5 * self.tick - 30.0
        levels = [level for at, level in self.soc.samples if at >= began and level is not None]
        if began >= max(self.account.run_proven, self.edited_at) and levels and max(levels) <= levels[0]:
            none = self.charge.held(lambda gets: gets == 0.0, true - began - 30.0, true, began)
            self.require(not none, 18, "closed without charge for too long")

    def _while_closed(self, inputs: Inputs, step: Step, now: float, true: float) -> None:
        account, settings, run = self.account, inputs.settings, step.state.durable.run
        assert run is not None
        limits, slack = settings.limits, self.tick + NEAR
        self.require(run.number == account.run, 1, "the record is of another run")
        self.require(run.deadline <= account.run_deadline + NEAR, 2, "a deadline recedes")
        account.run_deadline, account.run_longest = run.deadline, run.deadline - run.closed_at
        self.require(now <= run.deadline + slack, 2, "closed past its deadline")
        self.require(true - account.run_began <= limits.max_run + slack, 3, "closed for longer than max run")
        used, number = account.used(true), 32 if account.withheld else 4
        allowed = limits.daily_budget + self._reserve(settings, step.state.causes, true)
        self.require(used <= allowed + slack, number, f"{used} s of the budget used")
        self.require(not account.mode_off, 7, "closed in mode off")
        self.require(not account.inhibits, 7, "closed while inhibited")
        self.require(not account.locked_out, 7, "closed while locked out")
        self.require(not self.fault, 7, "closed with a relay fault")
        self.require(not self._foreign(true), 19, "closed in another's run")
        if all(code in REFUSING for code in self.ags.last(3, true) or [2.0]):
            self.require(False, 8, "closed under a refusing AGS")
        self._must_charge(settings, true)
        if account.run_proven is None and run.proven_at is not None:
            self.require(self._affirmed(true), 17, "proven without fresh evidence")
            account.run_proven = true
        if self._denied(true):
            account.run_denied = True
            self.require(account.run_proven is None, 18, "died and still closed")
            waits = limits.start_confirm + min(limits.warm_up, self._warmed_up(true))
            self.require(true - account.run_began < waits + slack, 18, "not started and still closed")
        causes = frozenset(step.state.causes)
        self._fit_causes(inputs, causes - account.causes, true)
        account.causes = causes
        if "manual" in causes:
            self.require(true < account.manual_until + NEAR, 12, "manual without an order")
        if self._by_volts(settings, true):
            account.volts_low_at = true
        by_volts = "emergency" in causes and true - account.volts_low_at < limits.emergency_run + slack
        if (
            causes <= {"alert", "fallback", "emergency", "quiet_ahead"}
            and not by_volts
            and true - account.run_began >= limits.min_run + self.tick
        ):
            full = self.soc.held(lambda soc: soc >= settings.stop_soc, settings.debounce.stop, true, self.edited_at)
            self.require(not full, 22, "full and still closed")
        if not {"emergency", "manual"} & causes:
            self.require(not self._quiet(inputs), 10, "an ordinary run in quiet hours")

    def _reserve(self, settings: Settings, causes: Iterable[str], true: float) -> float:
        """Return the seconds beyond the budget that are allowed: to an emergency by SOC, or by volts without one."""
        seconds = settings.debounce.emergency
        if "emergency" not in causes:
            self.account.soc_emergency = False
        elif self.soc.held(lambda soc: soc <= settings.emergency_soc, seconds, true):
            self.account.soc_emergency = True
        elif self.soc.last(3, true):
            # Fresh in three samples: then it must have been an emergency at some time of the present one.
            return settings.limits.emergency_reserve if self.account.soc_emergency else 0.0
        return settings.limits.emergency_reserve if "emergency" in causes else 0.0

    def _live(self, inputs: Inputs, true: float) -> None:
        """What must start, once everything that may forbid it does not, with room to spare."""
        soc, settings = self.soc.fresh(true), inputs.settings
        alerted = self.path == "alerts" and self._in_time(self._counting(true, -self.tick))
        if (soc is None or soc > settings.start_soc) and not alerted:
            return
        if not self._permitted(inputs, true):
            return
        if soc is not None and self.soc.held(
            lambda level: level <= settings.emergency_soc, settings.debounce.emergency, true, self.edited_at
        ):
            raise Broken("property 21: an emergency without a start")
        lead = _useful_run(settings.limits)
        if settings.on_blind == "stop" or self._quiet(inputs, lead) or not inputs.journal_ok:
            return
        if soc is not None and self._unseen(settings, true) >= 300:
            return
        grace = settings.debounce.start + settings.alerts.alert_grace
        low = settings.debounce.start if self.path == "fallback" else grace
        stopped = bool(self._believed(self.stops, true, self.tick))
        if self.path == "fallback" or (self.path == "alerts" and not stopped):
            is_low = self._low(settings, low, true, sure=True)
            self.require(not is_low, 21, f"low on path {self.path} without a start")
        shown = None if self.page is None else self.page.soc
        contradicted = (shown is not None and shown >= settings.stop_soc) or (
            self.page is not None and self.page.soc_refused
        )
        self.require(not alerted or stopped or contradicted, 21, "a believed start alert without a start")

    def _permitted(self, inputs: Inputs, true: float) -> bool:
        account, limits = self.account, inputs.settings.limits
        open_for, alive = true - account.opened_at, true - self.started_at
        rest = limits.tail + limits.min_off + 3 * self.tick + 1
        silent = not self.evidence.samples or true - self.evidence.samples[-1][0] >= 400
        quiet_bus = self.negative_since is not None and true - self.negative_since >= rest
        codes = self.ags.last(3, true)
        least = min(_useful_run(limits), limits.max_run)
        return (
            not account.mode_off
            and account.manual_until == -math.inf
            and not account.inhibits
            and account.failures == 0
            and not self._waits_to_resume(limits, true)
            and _reading(inputs) is False
            and true - self.relay_bad_at >= rest
            and open_for >= rest
            and alive >= rest
            and true - self.clean_since >= DAY + HOUR
            and (quiet_bus or (silent and alive >= 400 and open_for >= 400 + rest))
            and (codes == [2.0] * 3 or (not codes and silent))
            and account.used(true) + 3 * self.tick + least < limits.daily_budget
            and self._rested_from_short_runs(limits, true)
        )

    def _rested_from_short_runs(self, limits: Limits, true: float) -> bool:
        """Return whether no pause after short runs can hold a start, whatever ended them."""
        short = [end for began, end in self.account.closures if end - began < limits.min_run + NEAR + self.tick]
        last = max(short, default=-math.inf)
        return len(short) < 8 and true - last >= max(limits.short_cycle) + 3 * self.tick

    def _claims(self, inputs: Inputs, step: Step, true: float) -> None:
        state = step.state
        if state.engine.proof.verdict is not None:
            self.require(self.evidence.fresh(true) is not None, 17, "a proof without fresh evidence")
        if state.phase == "running":
            self.require(self.evidence.fresh(true) is not None, 17, "running without fresh evidence")
        if state.phase == "off":
            self.require(self.account.stop_seen, 17, "stopped without fresh evidence")
        if self.fault and not step.close:
            self.require(state.phase == "unknown", 15, "a relay fault is said to be known")
        self.require(state.board.fault is self.fault, 15, "a relay fault that is not shown, or none that is")
        self.require(len(set(state.inhibitors)) == len(state.inhibitors), 31, "each reason once")
        if not step.close and state.causes and not state.inhibitors:
            held = _reading(inputs) is not False or inputs.relay_error or self.relay_bad_at == true
            no_page = self.page is None and not inputs.page_fault and true - self.started_at < BUS_FRESH + NEAR
            waits = no_page or self._waits_to_resume(inputs.settings.limits, true)
            self.require(held or step.events != () or waits, 31, "wanted, not forbidden, and open")

    # --- accounts

    def _waits_to_resume(self, limits: Limits, true: float) -> bool:
        return self.may_resume and true - self.started_at <= max(limits.tail, RESUMED_WITHIN) + self.tick

    def _count_short(self, ended: float) -> None:
        self.count("short runs")
        self.account.short.append(ended)
        self.account.short_in_a_row += 1

    def _short(self, limits: Limits) -> bool:
        """Return whether the run that has just ended was a short one, if nobody meant it to end; no manual one is."""
        account = self.account
        return not account.manual and account.opened_at - account.run_began < limits.min_run - NEAR

    def _fail(self, limits: Limits, true: float) -> None:
        """Count a failed attempt, with its back-off from now on."""
        account = self.account
        self.count("failures")
        account.failures += 1
        if account.failures >= limits.attempts:
            self.count("lock-outs")
            account.locked_out, account.paused_until = True, -math.inf
        else:
            account.paused_until = true + limits.backoff[min(account.failures, len(limits.backoff)) - 1]

    def _low(self, settings: Settings, seconds: float, true: float, *, sure: bool = False) -> bool:
        """Return whether the state of charge has been at or under start for so long, `sure`: since the last edit."""
        since, share = self.edited_at if sure else -math.inf, settings.debounce.start / 3
        return self.soc.held(lambda soc: soc <= settings.start_soc, seconds, true, since, share)

    def _by_volts(self, settings: Settings, true: float) -> bool:
        load, seconds = settings.limits.volts_under_load, settings.debounce.emergency
        share = seconds / 3
        if self.soc.held(lambda level: level >= settings.start_soc + load.soc_margin, 1.0, true, self.edited_at):
            seconds = load.for_
        return self.volts.held(lambda low: low == 1.0, seconds, true, share=share)

    def _quiet(self, inputs: Inputs, lead: float = 0.0) -> bool:
        """Return whether there are quiet hours now, or within so many seconds."""
        hours = inputs.settings.quiet_hours
        if hours is None or not inputs.wall_sane:
            return False
        begin, end, minute = int(hours.from_), int(hours.to), inputs.minute_of_day
        quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
        return quiet or (begin - minute) % 1440 * 60 - inputs.wall % 60 <= lead

    def _warmed_up(self, true: float) -> float:
        """Return how long the AGS has said *warm up* in this run, from its first to its last word of it."""
        warm = [at for at, code in self.ags.samples if code == 26 and at >= self.account.run_began]
        return ((true if self.ags.fresh(true) == 26 else warm[-1]) - warm[0]) if warm else 0.0

    def _unseen(self, settings: Settings, true: float) -> float:
        """Return for how long nothing has shown whether the engine runs, where something should; 0: nothing should."""
        if not (settings.evidence.ac_input or settings.evidence.ags):
            return 0.0
        seen = max((at for at, value in self.evidence.samples if value is not None), default=self.started_at)
        return true - max(self.started_at, seen)

    def _denied(self, true: float) -> bool:
        return self.evidence.last(3, true) == [0.0] * 3

    def _affirmed(self, true: float) -> bool:
        return self.evidence.last(3, true) == [1.0] * 3

    def _unannounced(self, limits: Limits, true: float) -> bool:
        """Return whether three samples are a tail without a start code before it, too late for that of our run."""
        codes = self.ags.last(3, true)
        unknown = not any(code in FOREIGN or code == 7 for _, code in self.ags.samples)
        late = true - self.account.opened_at >= limits.tail - NEAR
        return bool(codes) and all(code in TAILS for code in codes) and unknown and late

    def _foreign(self, true: float) -> bool:
        """Return whether three samples call the run another's; a tail belongs to the start code before it."""
        codes = self.ags.last(3, true)
        if not codes or not all(code in FOREIGN or code in TAILS for code in codes):
            return False
        if all(code in FOREIGN for code in codes):
            return True
        known = [code for _, code in self.ags.samples if code is not None]
        begun = [next((code for code in reversed(known[:end]) if code not in TAILS), None) for end in (-2, -1, None)]
        return all(code in FOREIGN for code in begun)

    def _open(self, true: float) -> None:
        account = self.account
        account.closed, account.opened_at = False, true
        account.closures[-1][1] = max(true, account.closures[-1][0])
        while account.closures and true - account.closures[0][1] > DAY:
            account.closures.popleft()
        self._move(true)

    def _move(self, true: float) -> None:
        transitions = self.account.transitions
        transitions.append(true)
        while true - transitions[0] > HOUR:
            transitions.popleft()
        most = 2 * math.ceil(HOUR / self.shortest_min_off) + 4
        self.require(len(transitions) <= most, 33, f"{len(transitions)} transitions in an hour")

    def count(self, what: str) -> None:
        """Count something that was met."""
        self.counts[what] = self.counts.get(what, 0) + 1
