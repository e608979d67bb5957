"""The memory of the controller from step to step, and the part of it that outlives the process.

All times are seconds. `now` and all moments are on the monotonic clock of one boot. Fields with *wall* in their name
are Unix time; they are for people, quiet hours and the exercise only.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec

from actuator.core.ags import Ags
from actuator.core.alert_path import AlertPath, Inhibit
from actuator.core.battery import SOC_FRESH, Battery
from actuator.core.board import Board
from actuator.core.charge import Charge
from actuator.core.engine import Engine
from actuator.core.events import Event, Note
from actuator.core.short_runs import ShortRuns
from actuator.core.soc_trend import NO_TREND, SocTrend
from actuator.core.wall_clock import WallClock

Cause = Literal["alert", "fallback", "emergency", "blind", "exercise", "manual", "full_charge", "quiet_ahead"]
"""What requests the engine; the rules are in `demand.CAUSES`."""

Reason = Literal[
    "mode_off",
    "locked_out",
    "inhibit_alert",
    "no_evidence",
    "short_cycle",
    "journal",
    "relay_fault",
    "max_run",
    "budget",
    "min_off",
    "back_off",
    "quiet_hours",
    "ags_refuses",
    "foreign_run",
    "ac_live",
]
"""What blocks the engine; the rules are in `inhibitors.INHIBITORS`."""

Mode = Literal["auto", "on", "off"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
Phase = Literal["off", "starting", "running", "stopping", "unknown"]
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A closure of the contact, from its start on.

    Attributes:
        number: counts runs, never reused.
        cause: the first one, for the record.
        causes: all that hold the run now.
        closed_at: when the contact first closed.
        closed_wall: the same, Unix time. Kept for older versions, which read it from the journal.
        deadline: the contact opens then at the latest; it may move earlier, never later.
        proven_at: when evidence first confirmed the engine; None: not yet.
        denied: at its start or since then, evidence has shown that the engine did not run.
        opened_at: when an orderly end of the program opened the contact, confirmed by read-back; None: none has.
        resumed: it has been marked for resumption after a crash of this program, which happens once.
        lasting: a lasting cause has held it, so it goes on until min run.
        soc_emergency: an emergency of the state of charge holds it.
        volts_until: when the emergency by battery volts ends; None: there is none.
    """

    number: int
    cause: Cause
    causes: tuple[Cause, ...]
    closed_at: float
    closed_wall: float
    deadline: float
    proven_at: float | None = None
    denied: bool = False
    opened_at: float | None = None
    resumed: bool = False
    lasting: bool = False
    soc_emergency: bool = False
    volts_until: float | None = None


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A past closure, for the budget."""

    start: float
    end: float


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The last moment with a right wall clock, before the machine was off for an unknown time.

    Attributes:
        wall: Unix time of that moment.
        now: the same moment on the monotonic clock, without the time powered off.
        held: a closure that a board held over the time powered off, without that time; None: none did. Until the clock
            is right, it counts as a closure as long as the daily budget.
        backs_off: the present back-off began after that moment.
    """

    wall: float
    now: float
    held: Closure | None = None
    backs_off: bool = False


class Durable(msgspec.Struct, frozen=True, kw_only=True):
    """What must outlive the process; the journal keeps it, and writes it before the contact closes.

    Attributes:
        run: the run in progress; while there is one, the contact is commanded closed.
        candidate: a confirmed run that a crash of this program interrupted, until it is resumed or given up.
        runs: how many runs there have been.
        closures: of the last 24 hours, for the budget.
        attempts: consecutive failed ones.
        locked_out: until the operator resets it.
        locked_out_at: since when; None: not locked out, or not known.
        back_off_until: no start before then, except a manual one.
        released_at: when the contact last opened.
        stopped_at: when the engine's stop was confirmed after that; None: not yet.
        stop_failed: the engine went on running, and that has been counted.
        max_run_reached: the last run ended at its deadline; until min off has passed.
        mode: what the operator chose.
        mode_before: where mode `on` goes back to.
        manual_until: when mode `on` ends.
        inhibits: by fingerprint.
        spent: the same as `Beliefs.answered`; journals of earlier versions have this name.
        stuck_stops: the same as `Beliefs.stuck`.
        resolved: the same as `Beliefs.resolved`.
        full_at: when the battery was last full, or this was first checked; within an hour.
        full_runs: numbers of the runs that a full charge has held since it was due.
        full_retry_at: a full charge that was given up is not due before then; None: none was.
        engine_ran: evidence has confirmed the engine, whoever ran it, and not its stop since then; over a reboot too.
        engine_stopped_at: when evidence last confirmed that it stopped, whoever ran it.
        quiet_ahead_at: when the last run for `quiet_ahead` began.
        short_runs: runs that ended before min run.
        exercised_wall: Unix time of the last confirmed run long enough to be an exercise, or of the first start ever.
        blind_at: when the last run for `blind` began.
        exercise_at: when the last run for `exercise` began.
        starts: by cause, for the counter.
        start_failures: for the counter.
        stop_failures: for the counter.
        run_seconds: of closures that have ended, for the counter.
        relay_errors: for the counter.
        torn: the journal was torn at a start; until the operator resets it.
        torn_at: since when; None: not torn, or not known.
        engine_seconds: for which evidence has confirmed the engine, whoever ran it, for the counter.
        serviced_seconds: the same at the last service.
        profile: the profile in force; empty: none.
        edits: what was edited, by name, written as in the file.
        dropped: why the profile and the edits that were kept do not fit any more; empty: they do.
        anchor: set while it is unknown how long the machine was off; None: that is known, or will never be.
    """

    run: Run | None = None
    candidate: Run | None = None
    runs: int = 0
    closures: tuple[Closure, ...] = ()
    attempts: int = 0
    locked_out: bool = False
    back_off_until: float | None = None
    released_at: float | None = None
    stopped_at: float | None = None
    stop_failed: bool = False
    max_run_reached: bool = False
    mode: Mode = "auto"
    mode_before: Mode = "auto"
    manual_until: float | None = None
    inhibits: dict[str, Inhibit] = msgspec.field(default_factory=dict)
    spent: dict[str, float] = msgspec.field(default_factory=dict)
    exercised_wall: float | None = None
    blind_at: float | None = None
    exercise_at: float | None = None
    starts: dict[str, int] = msgspec.field(default_factory=dict)
    start_failures: int = 0
    stop_failures: int = 0
    run_seconds: float = 0.0
    relay_errors: int = 0
    torn: bool = False
    anchor: Anchor | None = None
    stuck_stops: dict[str, float] = msgspec.field(default_factory=dict)
    resolved: dict[str, float] = msgspec.field(default_factory=dict)
    locked_out_at: float | None = None
    torn_at: float | None = None
    full_at: float | None = None
    full_runs: tuple[int, ...] = ()
    full_retry_at: float | None = None
    engine_ran: bool = False
    engine_stopped_at: float | None = None
    quiet_ahead_at: float | None = None
    short_runs: ShortRuns = msgspec.field(default_factory=ShortRuns)
    engine_seconds: float = 0.0
    serviced_seconds: float = 0.0
    profile: str = ""
    edits: dict[str, Any] = msgspec.field(default_factory=dict)
    dropped: str = ""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One moment on every clock; converts times after a crash or a reboot.

    Attributes:
        boot: the kernel's boot id.
        now: monotonic seconds of that boot.
        wall: Unix time.
        wall_sane: the wall clock is known to be right (see `loop.clock`).
    """

    boot: str
    now: float
    wall: float
    wall_sane: bool


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The durable state as the journal keeps it, with the moment of writing."""

    durable: Durable
    moment: Moment


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """Which notes and blocked starts have been reported, so that each is reported once a minute at most.

    Attributes:
        blocked: the causes last reported as blocked, and the reasons; None: no start is blocked.
        recent: notes reported within the last minute, and when; None instead of a note: a blocked start.
    """

    blocked: tuple[tuple[Cause, ...], tuple[Reason, ...]] | None = None
    recent: tuple[tuple[Note | None, float], ...] = ()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The controller's whole memory; `durable` is the part that outlives the process.

    The rest is built again from the inputs after each start of the program. `causes`, `inhibitors` and `notes` explain
    the step's decision in the panel, the metrics and the journal.

    Attributes:
        started_at: when this process began to decide.
        durable: what the journal keeps.
        page_at: when the last page was read.
        battery: state of charge and volts.
        soc_trend: the state of charge over the last hour.
        engine: the evidence, and what it confirms.
        charge: whether the engine of our run charges the battery.
        ags: the generator starter.
        alerts: heartbeats, and the alerts that are believed.
        board: the relay.
        wall_clock: whether it has been known to be right.
        phase: of the engine, as the evidence shows it.
        causes: what requests the engine.
        reserve: seconds beyond the budget that the present emergency may use.
        inhibitors: what blocks it.
        notes: what else delays a start or an end, or is unusual.
        reported: which notes and blocked starts have been reported.
    """

    started_at: float
    durable: Durable = Durable()
    page_at: float | None = None
    battery: Battery = msgspec.field(default_factory=Battery)
    soc_trend: SocTrend = NO_TREND
    engine: Engine = msgspec.field(default_factory=Engine)
    charge: Charge = msgspec.field(default_factory=Charge)
    ags: Ags = msgspec.field(default_factory=Ags)
    alerts: AlertPath = msgspec.field(default_factory=AlertPath)
    board: Board = msgspec.field(default_factory=Board)
    wall_clock: WallClock = msgspec.field(default_factory=WallClock)
    phase: Phase = "off"
    causes: tuple[Cause, ...] = ()
    reserve: float = 0.0
    inhibitors: tuple[Reason, ...] = ()
    notes: tuple[Note, ...] = ()
    reported: Reported = Reported()

    def soc_refused(self, now: float) -> bool:
        """Return whether the exporter refuses a state of charge, by a page that is still fresh."""
        return self.battery.soc_refused and self.page_at is not None and now - self.page_at < SOC_FRESH


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step's result: the next state, whether the contact is to be closed, and the events to report."""

    state: State
    close: bool
    events: tuple[Event, ...] = ()
