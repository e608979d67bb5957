"""The document of `GET /api/v1/status`, with everything that the panel shows, from a snapshot. Pure."""

from __future__ import annotations

import msgspec

from actuator.core.forecast import by_charge
from actuator.core.inhibitors import NOT_CLEARED_BY_TIME
from actuator.core.limits import budget_left, reserve_left
from actuator.core.overlay import DEFAULT
from actuator.core.settings import DAY
from actuator.report import wording
from actuator.report.engine import Engine, engine, service_due
from actuator.report.problems import Severity, problems
from actuator.report.reasons import WhyNot, inhibitors, why_not
from actuator.report.resets import Reset, resets
from actuator.report.severity import assess
from actuator.report.site import FiringAlert, Site, firing, site
from actuator.report.snapshot import Snapshot

NEVER_FULL = 30 * DAY
"""Seconds without a full battery after which a site without `full_charge` gets a note."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The relay's contact; True is closed.

    Attributes:
        wanted: as commanded.
        read_back: as read back; None: it could not be read.
        relay: its name.
        can_read_back: the board can be read back.
        fault: the error of the last command to the board, in words; empty when it was carried out.
    """

    wanted: bool
    read_back: bool | None
    relay: str
    can_read_back: bool
    fault: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the panel shows; times are Unix, seconds are seconds, ratios 0 to 1.

    Attributes:
        severity: ok, running, attention (check it today), or act_now.
        headline: the state, for people; never empty.
        reason: why it is so; may be empty.
        next: what happens next; never empty.
        remedy: what a person should do; empty: nothing.
        sentence: headline, reason, next and remedy.
        mode: what the operator chose: auto, on or off.
        path: what decides: waiting, alerts, fallback or blind.
        phase: off, starting, running, stopping or unknown.
        causes: what requests the engine.
        inhibitors: what blocks it.
        why_not: the inhibitors in words.
        notes: what else delays a start or an end, or is unusual, in words.
        resets: what the operator may reset, with what to do.
        contact: commanded and read back.
        proof: what the evidence shows: running, stopped, or unknown.
        soc: the fresh state of charge; None: absent.
        start_soc: the engine is requested at or under this.
        stop_soc: the engine is no longer requested at or over this.
        thresholds_apply: these two decide now: the mode is auto, there is a state of charge, nothing that ends by no
            time blocks a start, and the run in progress, if there is one, ends at `stop_soc`.
        ags: the AGS's status in the remote's words, or that our contact has started it; None: no data.
        site: powers and sources, as the exporter's page shows them.
        alerts: that are believed firing.
        engine: its hours, and what is planned for it.
        profile: the one in force; default: none.
        run: number of the run in progress; None: there is none.
        since: when its contact closed.
        deadline: when it ends at the latest, if no other cause begins.
        manual_until: when mode `on` ends.
        last_beat: when the last heartbeat came.
        attempts: consecutive failed ones.
        attempts_allowed: so many failed attempts in a row lock out.
        locked_out: until the lock-out is reset.
        torn: the journal was torn at the start, until that alarm is reset.
        budget_remaining: seconds of the budget of the sliding 24 hours that are left.
        reserve_remaining: seconds that an emergency may use after it.
        engine_seconds: for which evidence has confirmed the engine, whoever ran it.
        service_due: seconds of running to the next service, negative when it is over; None: none is configured.
        max_run: seconds that a run may last, and most that an operator may request.
        faults: problems of the actuator itself, in words.
        time: the moment of this status.
        clock_sane: the wall clock is known to be right: the kernel reports it synchronised, or has since the start.
        zone: the site's time zone, such as Europe/Berlin; empty: not known.
    """

    severity: Severity
    headline: str
    reason: str
    next: str
    remedy: str
    sentence: str
    mode: str
    path: str
    phase: str
    causes: tuple[str, ...]
    inhibitors: tuple[str, ...]
    why_not: tuple[WhyNot, ...]
    notes: tuple[str, ...]
    resets: tuple[Reset, ...]
    contact: Contact
    proof: str
    soc: float | None
    start_soc: float
    stop_soc: float
    thresholds_apply: bool
    ags: str | None
    site: Site
    alerts: tuple[FiringAlert, ...]
    engine: Engine
    profile: str
    run: int | None
    since: float | None
    deadline: float | None
    manual_until: float | None
    last_beat: float | None
    attempts: int
    attempts_allowed: int
    locked_out: bool
    torn: bool
    budget_remaining: float
    reserve_remaining: float
    engine_seconds: float
    service_due: float | None
    max_run: float
    faults: tuple[str, ...]
    time: float
    clock_sane: bool
    zone: str


def status(snapshot: Snapshot, *, engine_today: float | None = None) -> Status:
    """Return the document of `GET /api/v1/status`; the running time of today is from the history."""
    state, config = snapshot.state, snapshot.config
    durable, run, ends_at = state.durable, state.durable.run, snapshot.ends_at
    code, shown = state.ags.code(snapshot.now), assess(snapshot)
    return Status(
        severity=shown.severity,
        headline=shown.headline,
        reason=shown.reason,
        next=shown.next,
        remedy=shown.remedy,
        sentence=shown.sentence,
        mode=durable.mode,
        path=state.alerts.path,
        phase=state.phase,
        causes=state.causes,
        inhibitors=inhibitors(snapshot),
        why_not=why_not(snapshot),
        notes=tuple(_notes(snapshot)),
        resets=resets(snapshot),
        contact=Contact(
            wanted=snapshot.commanded_closed,
            read_back=snapshot.read_back,
            relay=snapshot.relay,
            can_read_back=snapshot.can_read_back,
            fault=snapshot.relay_fault,
        ),
        proof={True: "running", False: "stopped", None: "unknown"}[state.engine.proof.verdict],
        soc=state.battery.fresh_soc(snapshot.now),
        start_soc=float(config.start_soc),
        stop_soc=float(config.stop_soc),
        thresholds_apply=_thresholds_apply(snapshot),
        ags=None if code is None else wording.terms.ags_status(code, ours=run is not None or state.phase == "stopping"),
        site=site(snapshot),
        alerts=firing(snapshot),
        engine=engine(snapshot, engine_today),
        profile=durable.profile or DEFAULT,
        run=None if run is None else run.number,
        since=None if run is None else snapshot.wall_of(run.closed_at),
        deadline=None if ends_at is None else snapshot.wall_of(ends_at),
        manual_until=None if durable.manual_until is None else snapshot.wall_of(durable.manual_until),
        last_beat=None if state.alerts.last_beat is None else snapshot.wall_of(state.alerts.last_beat),
        attempts=durable.attempts,
        attempts_allowed=config.limits.attempts,
        locked_out=durable.locked_out,
        torn=durable.torn,
        budget_remaining=max(0.0, budget_left(durable, config, snapshot.now)),
        reserve_remaining=float(reserve_left(durable, config, snapshot.now)),
        engine_seconds=float(durable.engine_seconds),
        service_due=None if (due := service_due(durable, config)) is None else float(due),
        max_run=float(config.limits.max_run),
        faults=tuple(problem.line for problem, _ in problems(snapshot)),
        time=snapshot.wall,
        clock_sane=snapshot.wall_sane,
        zone=snapshot.zone,
    )


def document(answer: Status) -> bytes:
    """Return the status as JSON."""
    return msgspec.json.encode(answer)


def _thresholds_apply(snapshot: Snapshot) -> bool:
    durable, soc = snapshot.state.durable, snapshot.state.battery.fresh_soc(snapshot.now)
    return (
        durable.mode == "auto"
        and soc is not None
        and NOT_CLEARED_BY_TIME.isdisjoint(inhibitors(snapshot))
        and (durable.run is None or by_charge(durable.run))
    )


def _notes(snapshot: Snapshot) -> list[str]:
    state, config, now = snapshot.state, snapshot.config, snapshot.now
    notes = [wording.notes.note(note.kind, note.values).line for note in state.notes]
    if state.durable.run is not None and budget_left(state.durable, config, now) <= 0:
        notes.append(wording.notes.on_reserve(reserve_left(state.durable, config, now)))
    full_at = state.durable.full_at
    since = 0.0 if full_at is None else now - full_at
    if config.full_charge is None and since >= NEVER_FULL:
        notes.append(wording.notes.never_full(since))
    return notes
