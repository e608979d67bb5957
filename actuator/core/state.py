"""What goes into the decision and what comes out of it.

Every time is in seconds. `now`, and every field that names a moment without the word *wall*, is monotonic within one
boot; wall times are Unix time and serve people, quiet hours and the exercise only.
"""

from __future__ import annotations

import enum
from typing import Final, Literal, get_args

import msgspec

from actuator.core.beliefs import Beliefs
from actuator.core.signals import Debounced, Settled, Watch

SOC_FRESH: Final = 60.0
"""Seconds without a changed timestamp after which the state of charge is absent."""
LOST: Final = 300.0
"""Seconds without a fresh value after which it is lost."""
BUS_FRESH: Final = 30.0
"""The same as `SOC_FRESH`, for what the bus says of inverter, AGS and volts."""

Cause = Literal["alert", "fallback", "emergency", "blind", "exercise", "manual"]
CAUSES: tuple[Cause, ...] = get_args(Cause)

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
REASONS: tuple[Reason, ...] = get_args(Reason)

Mode = Literal["auto", "on", "off"]
MODES: tuple[Mode, ...] = get_args(Mode)
Path = Literal["waiting", "alerts", "fallback", "blind"]
PATHS: tuple[Path, ...] = get_args(Path)
Phase = Literal["off", "starting", "running", "stopping", "unknown"]
PHASES: tuple[Phase, ...] = get_args(Phase)


class Level(enum.StrEnum):
    """How much an event matters to a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person, the log and the journal are told of.

    Attributes:
        kind: one word for machines, such as `contact_closed`, `engine_proven`, `start_failed`.
        text: one sentence for people.
        level: how much it matters.
        fields: the facts behind it: cause, SOC, deadline and so on.
    """

    kind: str
    text: str
    level: Level = Level.INFO
    fields: dict[str, str | float | int | bool | None] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A closure of the contact, from its start on.

    Attributes:
        number: counts runs, never reused.
        cause: the first one, for the record.
        causes: all that hold it now.
        closed_at: when the contact first closed.
        closed_wall: the same, Unix time.
        deadline: no later than this does the contact open; only ever moved earlier.
        proven_at: when evidence first proved the engine; None: not yet.
        denied: evidence has said in it that the engine does not run: it could be judged.
        opened_at: when an orderly end of the program opened the contact, and read it open; None: there was none.
        resumed: it has been taken up again after a death of ours; happens once.
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


class Inhibit(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that forbids a run, until it resolves and two beats follow, or an operator acknowledges.

    Attributes:
        summary: its words for people.
        starts_at: Unix time of its beginning as the sender says.
        beats_left: it has resolved, and so many beats are to come; None: it fires.
    """

    summary: str
    starts_at: float
    beats_left: int | None = None


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A past closure, for the budget."""

    start: float
    end: float


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The last moment at which the wall clock was known to be right, before time passed that nobody has counted.

    Attributes:
        wall: Unix time of it.
        now: monotonic seconds of it, as far as time was counted.
    """

    wall: float
    now: float


class Durable(msgspec.Struct, frozen=True, kw_only=True):
    """What must outlive the process; the journal keeps it, and writes it before the contact closes.

    Attributes:
        run: the closure in progress: the contact is commanded closed as long as there is one.
        candidate: a proven run that a death of ours broke off, until it is resumed or given up.
        runs: how many there have been.
        closures: of the last 24 hours, for the budget.
        attempts: consecutive failed ones.
        locked_out: until acknowledged.
        back_off_until: no start before, save a manual one.
        released_at: when the contact last opened.
        stopped_at: when the engine's stop was proven after that; None: not yet.
        stop_failed: that stop has been counted as a failed one.
        max_run_reached: the last run ended at its deadline; until min off has passed.
        mode: what the operator chose.
        mode_before: where mode `on` goes back to.
        manual_until: when mode `on` ends.
        inhibits: by fingerprint.
        spent: start alerts that a stop has answered, by fingerprint: their beginnings, Unix time.
        exercised_wall: Unix time of the last proven run long enough to be an exercise, or of the first start ever.
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
    inhibits: dict[str, Inhibit] = {}
    spent: dict[str, float] = {}
    exercised_wall: float | None = None
    blind_at: float | None = None
    exercise_at: float | None = None
    starts: dict[str, int] = {}
    start_failures: int = 0
    stop_failures: int = 0
    run_seconds: float = 0.0
    relay_errors: int = 0
    torn: bool = False
    anchor: Anchor | None = None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
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


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps beside its rows: the durable state and when it was written."""

    durable: Durable
    moment: Moment


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The controller's whole memory; `durable` is the part that outlives the process.

    The rest is judged anew from what comes in. `causes`, `inhibitors` and `notes` are the step's answer to "why" and
    "why not": the panel, the metrics and the journal show these.

    Attributes:
        started_at: when this process began to decide.
        page_at: when the last page was read.
        soc: the leading state of charge, 0 to 1.
        soc_fresh_at: when it was last fresh.
        soc_refused: the last page has one that the exporter refuses.
        volts: of the battery.
        volts_threshold: at or under this they are an emergency; None: unknown or not wanted.
        evidence: of the engine, 1 positive and 0 negative.
        evidence_at: when it was last fresh.
        evidence_missed: it has been said that nothing is heard of the engine.
        proof: what the evidence has proven.
        ags: the AGS's status code.
        ags_stamp: what the last page had to tell one packet of the AGS from the next.
        ags_counted: that has been seen to change.
        ags_stands: how it stands to a run of ours.
        ags_last_start: the last code that began a run, to whom warm-up and cool-down belong.
        ags_cap: its own max run in seconds, as last seen on the bus; 0: it has none.
        ac_live: AC at the inverter's input while our contact was open, not yet gone for three samples.
        low: the state of charge at or under start.
        high: the state of charge at or over stop.
        soc_emergency: the state of charge at or under emergency.
        volts_emergency: the volts at or under theirs.
        beliefs: what the alerts have us believe.
        last_beat: when the last heartbeat notification came.
        beats: how many have come, each before the one before had timed out.
        path: whose word counts.
        board_heard: the board has said once since the start where its contact is.
        relay_fault: the contact is not known to be where it was commanded.
        contrary_reads: answers of the board in a row that are not what was commanded.
        good_reads: answers *open* in a row since the fault.
        stop_alarms: how often the present failure to stop has been said.
        phase: of the engine as far as it is known.
        causes: why it is wanted.
        inhibitors: why it may not.
        notes: what else keeps it from running or from stopping, in words.
        held_back: what the journal was last told of causes and of the reasons that hold them.
        told: what has been told within the last minute and flickers, and when.
    """

    started_at: float
    durable: Durable = Durable()
    page_at: float | None = None
    soc: Watch = Watch()
    soc_fresh_at: float | None = None
    soc_refused: bool = False
    volts: Watch = Watch()
    volts_threshold: float | None = None
    evidence: Watch = Watch()
    evidence_at: float | None = None
    evidence_missed: bool = False
    proof: Settled[bool] = Settled()
    ags: Watch = Watch()
    ags_stamp: float | None = None
    ags_counted: bool = False
    ags_stands: Settled[str] = Settled()
    ags_last_start: int | None = None
    ags_cap: Settled[float] = Settled()
    ac_live: bool = False
    low: Debounced = Debounced()
    high: Debounced = Debounced()
    soc_emergency: Debounced = Debounced()
    volts_emergency: Debounced = Debounced()
    beliefs: Beliefs = Beliefs()
    last_beat: float | None = None
    beats: int = 0
    path: Path = "waiting"
    board_heard: bool = False
    relay_fault: bool = False
    contrary_reads: int = 0
    good_reads: int = 0
    stop_alarms: int = 0
    phase: Phase = "off"
    causes: tuple[Cause, ...] = ()
    inhibitors: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    held_back: str = ""
    told: dict[str, float] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step's result: what to remember, where the contact belongs, and what to tell."""

    state: State
    close: bool
    events: tuple[Event, ...] = ()


def fresh_soc(state: State, now: float) -> float | None:
    """Return the state of charge, 0 to 1, or None when it is absent."""
    return state.soc.fresh(now, SOC_FRESH)


def soc_lost(state: State, now: float) -> bool:
    """Return whether there has been no state of charge for so long that nothing can be decided by it."""
    return now - max(state.started_at, state.soc_fresh_at or state.started_at) >= LOST


def evidence_lost(state: State, now: float) -> bool:
    """Return whether nothing has been heard of the engine for as long."""
    return now - max(state.started_at, state.evidence_at or state.started_at) >= LOST


def fresh_ags(state: State, now: float) -> int | None:
    """Return the AGS's status code, or None when it is silent."""
    code = state.ags.fresh(now, BUS_FRESH)
    return None if code is None else int(code)
