"""The document of `GET /api/v1/status`, with everything that the panel shows, from a snapshot. Pure."""

from __future__ import annotations

import msgspec

from actuator.core import ags
from actuator.core.battery import SOC_FRESH
from actuator.core.limits import budget_left
from actuator.core.settings import DAY
from actuator.report import wording
from actuator.report.reasons import WhyNot, why_not
from actuator.report.resets import Reset, resets
from actuator.report.sentence import sentence
from actuator.report.snapshot import Snapshot

NEVER_FULL = 30 * DAY
"""Seconds without a full battery after which a site without `full_charge` gets a note."""

_PERMITTING = {ags.READY: "ready", ags.OURS: "start temperature"}


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
        sentence: the state in one sentence.
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
        ags: the AGS's status in the remote's words; None: no data.
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
        max_run: seconds that a run may last, and most that an operator may request.
        faults: problems of the actuator itself, in words.
        time: the moment of this status.
        clock_sane: the kernel reports that the wall clock is synchronised.
    """

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
    ags: str | None
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
    max_run: float
    faults: tuple[str, ...]
    time: float
    clock_sane: bool


def status(snapshot: Snapshot) -> Status:
    """Return the document of `GET /api/v1/status`."""
    state, config = snapshot.state, snapshot.config
    durable, run, ends_at = state.durable, state.durable.run, snapshot.ends_at
    code = state.ags.code(snapshot.now)
    return Status(
        sentence=sentence(snapshot),
        mode=durable.mode,
        path=state.alerts.path,
        phase=state.phase,
        causes=state.causes,
        inhibitors=state.inhibitors,
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
        ags=None if code is None else _PERMITTING.get(code) or wording.ags_code(code),
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
        max_run=float(config.limits.max_run),
        faults=tuple(_faults(snapshot)),
        time=snapshot.wall,
        clock_sane=snapshot.wall_sane,
    )


def document(snapshot: Snapshot) -> bytes:
    """Return the status as JSON."""
    return msgspec.json.encode(status(snapshot))


def _notes(snapshot: Snapshot) -> list[str]:
    notes = [wording.note(note) for note in snapshot.state.notes]
    full_at = snapshot.state.durable.full_at
    since = 0.0 if full_at is None else snapshot.now - full_at
    if snapshot.config.full_charge is None and since >= NEVER_FULL:
        notes.append(wording.never_full(since))
    return notes


def _faults(snapshot: Snapshot) -> list[str]:
    faults = []
    if snapshot.relay_fault:
        faults.append(wording.relay_failed(snapshot.relay_fault))
    if not snapshot.can_read_back:
        faults.append(wording.NO_READ_BACK)
    if snapshot.page_fault:
        faults.append(wording.page_unreadable(snapshot.page_fault))
    if snapshot.journal_fault:
        faults.append(wording.journal_unwritable(snapshot.journal_fault, mirrored=snapshot.mirror_fault == ""))
    if snapshot.mirror_fault:
        faults.append(wording.mirror_unwritable(snapshot.mirror_fault))
    if snapshot.state.durable.torn:
        faults.append(wording.TORN)
    anchor = snapshot.state.durable.anchor
    if anchor is not None and anchor.held is not None:
        faults.append(wording.HELD_UNKNOWN)
    config = snapshot.config
    if snapshot.state.alerts.beliefs.stop_stuck:
        faults.append(wording.stop_alert_stuck(config.alerts.stop, config.start_soc, config.stop_soc))
    charge = snapshot.state.charge
    if charge.missing and charge.missing_since is not None:
        faults.append(wording.no_charge(snapshot.now - charge.missing_since))
    return [*faults, *_absent(snapshot)]


def _absent(snapshot: Snapshot) -> list[str]:
    """Return a sentence for each value that has been absent for so long that it is a problem."""
    state, config = snapshot.state, snapshot.config
    faults = []

    def silent(fresh_at: float | None) -> bool:
        return snapshot.now - max(state.started_at, fresh_at or state.started_at) >= SOC_FRESH

    if not config.evidence.configured:
        faults.append(wording.NO_PROOF)
    elif silent(state.engine.evidence_at):
        faults.append(wording.no_evidence(config))
    if config.evidence.ags and silent(state.ags.status.changed_at):
        faults.append(wording.NO_AGS)
    battery = state.battery
    if config.emergency_volts != "none" and silent(
        None if battery.volts_threshold is None else battery.volts.changed_at
    ):
        faults.append(wording.NO_VOLTS)
    # A machine that has just booted may need minutes; that concerns only a site whose settings depend on the clock.
    needs_clock = config.quiet_hours is not None or config.exercise is not None
    if not snapshot.wall_sane and (needs_clock or snapshot.state.wall_clock.reported):
        faults.append(wording.CLOCK)
    if config.full_charge is not None and silent(battery.is_full.at):
        faults.append(wording.NO_FULL)
    allowed = state.ags.longest_run
    if allowed < config.limits.max_run:
        faults.append(wording.ags_cap(state.ags.cap.verdict or 0.0, allowed))
    return faults
