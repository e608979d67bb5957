"""What is remembered from step to step, and what of it outlives the process.

Every time is in seconds. `now`, and every field that names a moment without the word *wall*, is monotonic within one
boot; wall times are Unix time and serve people, quiet hours and the exercise only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from actuator.core.ags import Ags
from actuator.core.alert_path import AlertPath, Inhibit
from actuator.core.battery import Battery
from actuator.core.board import Board
from actuator.core.engine import Engine
from actuator.core.events import Event, Note

Cause = Literal["alert", "fallback", "emergency", "blind", "exercise", "manual"]
"""What requests the engine; the rules are in `demand.CAUSES`."""

Reason = Literal[
    "mode_off",
    "locked_out",
    "inhibit_alert",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A closure of the contact, from its start on.

    Attributes:
        number: counts runs, never reused.
        cause: the first one, for the record.
        causes: all that hold it now.
        closed_at: when the contact first closed.
        closed_wall: the same, Unix time.
        deadline: no later than this does the contact open; only ever moved earlier.
        proven_at: when evidence first confirmed the engine; None: not yet.
        denied: during it, evidence has shown that the engine does not run: it could be judged.
        opened_at: when an orderly end of the program opened the contact, and read it open; None: there was none.
        resumed: it has been resumed after a death of this program; happens once.
        lasting: a cause without a bound of its own has held it, so min run delays its end.
        soc_emergency: the state of charge is among its emergencies.
        volts_until: when the emergency of the battery's volts ends; None: there is none.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Closure:
    """A past closure, for the budget."""

    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """The last moment at which the wall clock was known to be right, before time passed that nobody has counted.

    Attributes:
        wall: Unix time of it.
        now: monotonic seconds of it, as far as time was counted.
    """

    wall: float
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Durable:
    """What must outlive the process; the journal keeps it, and writes it before the contact closes.

    Attributes:
        run: the closure in progress: the contact is commanded closed as long as there is one.
        candidate: a confirmed run that a death of this program interrupted, until it is resumed or given up.
        runs: how many there have been.
        closures: of the last 24 hours, for the budget.
        attempts: consecutive failed ones.
        locked_out: until acknowledged.
        back_off_until: no start before, save a manual one.
        released_at: when the contact last opened.
        stopped_at: when the engine's stop was confirmed after that; None: not yet.
        stop_failed: that stop has been counted as a failed one.
        max_run_reached: the last run ended at its deadline; until min off has passed.
        mode: what the operator chose.
        mode_before: where mode `on` goes back to.
        manual_until: when mode `on` ends.
        inhibits: by fingerprint.
        spent: `Beliefs.answered`; the name is that of earlier versions on the disk.
        exercised_wall: Unix time of the last confirmed run long enough to be an exercise, or of the first start ever.
        blind_at: when the last run for `blind` began.
        exercise_at: when the last run for `exercise` began.
        starts: by cause, for the counter.
        start_failures: for the counter.
        stop_failures: for the counter.
        run_seconds: of closures that have ended, for the counter.
        relay_errors: for the counter.
        torn: the journal was found torn; until acknowledged.
        anchor: before a boot that did not know how long the machine was off; None: that is known, or never will be.
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
    inhibits: dict[str, Inhibit] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    exercised_wall: float | None = None
    blind_at: float | None = None
    exercise_at: float | None = None
    starts: dict[str, int] = field(default_factory=dict)
    start_failures: int = 0
    stop_failures: int = 0
    run_seconds: float = 0.0
    relay_errors: int = 0
    torn: bool = False
    anchor: Anchor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One moment on every clock there is: what is needed to carry times over a death or a reboot.

    Attributes:
        boot: the kernel's boot id.
        now: monotonic seconds of that boot.
        wall: Unix time.
        wall_sane: the kernel calls the clock synchronised.
    """

    boot: str
    now: float
    wall: float
    wall_sane: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """What the journal keeps beside its rows: the durable state and when it was written."""

    durable: Durable
    moment: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """What has been reported of notes and blocked starts, so that one which flickers is not reported each time.

    Attributes:
        blocked: the causes that were last reported as blocked, and the reasons; None: nothing is.
        recent: the notes that have been reported within the last minute, and when; None stands for what is blocked.
    """

    blocked: tuple[tuple[Cause, ...], tuple[Reason, ...]] | None = None
    recent: tuple[tuple[Note | None, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The controller's whole memory; `durable` is the part that outlives the process.

    The rest is judged anew from what comes in. `causes`, `inhibitors` and `notes` are the step's answer to "why" and
    "why not": the panel, the metrics and the journal show these.

    Attributes:
        started_at: when this process began to decide.
        durable: what the journal keeps.
        page_at: when the last page was read.
        battery: state of charge and volts.
        engine: evidence, and what it confirms.
        ags: the generator starter.
        alerts: heartbeats and what the alerts have us believe.
        board: the relay.
        phase: of the engine as far as it is known.
        causes: what requests the engine.
        inhibitors: what blocks it.
        notes: what else keeps it from running or from stopping.
        reported: what has been reported of these.
    """

    started_at: float
    durable: Durable = Durable()
    page_at: float | None = None
    battery: Battery = field(default_factory=Battery)
    engine: Engine = field(default_factory=Engine)
    ags: Ags = field(default_factory=Ags)
    alerts: AlertPath = field(default_factory=AlertPath)
    board: Board = field(default_factory=Board)
    phase: Phase = "off"
    causes: tuple[Cause, ...] = ()
    inhibitors: tuple[Reason, ...] = ()
    notes: tuple[Note, ...] = ()
    reported: Reported = Reported()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step's result: what to remember, where the contact belongs, and what to report."""

    state: State
    close: bool
    events: tuple[Event, ...] = ()
