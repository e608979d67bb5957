"""Problems of the actuator itself and of what it needs, each with its severity, from a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

from actuator.core.battery import SOC_FRESH
from actuator.report import wording
from actuator.report.engine import service_due
from actuator.report.snapshot import Snapshot
from actuator.report.wording.terms import Problem

Severity = Literal["ok", "running", "attention", "act_now"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From the least to the most serious."""


def problems(snapshot: Snapshot) -> tuple[tuple[Problem, Severity], ...]:
    """Return each problem with its severity; a property of the site that its owner has chosen is `ok`."""
    return (*_present(snapshot), *_kept(snapshot), *_absent(snapshot))


def torn(snapshot: Snapshot) -> Problem:
    """Return what a torn journal means: only in part damaged, or lost with all that it counted."""
    durable = snapshot.state.durable
    torn_at = snapshot.state.started_at if durable.torn_at is None else durable.torn_at
    counted = max(durable.run_seconds, durable.engine_seconds)
    # A value from before the tear shows by its age, or by being larger than the time since could count.
    kept = durable.profile or durable.edits or counted > snapshot.now - torn_at
    lost = not kept and (durable.full_at is None or durable.full_at >= torn_at)
    return wording.problems.LOST if lost else wording.problems.TORN


def _present(snapshot: Snapshot) -> Iterator[tuple[Problem, Severity]]:
    if snapshot.relay_fault:
        yield wording.problems.relay_failed(snapshot.relay_fault), "attention"
    if not snapshot.can_read_back:
        yield wording.problems.NO_READ_BACK, "ok"
    if snapshot.page_fault:
        # One request that fails is followed by another one within seconds.
        silent = _silent(snapshot, snapshot.state.page_at)
        yield wording.problems.page_unreadable(snapshot.page_fault), "attention" if silent else "ok"
    mirrored = snapshot.mirror_fault == ""
    if snapshot.journal_fault:
        problem = wording.problems.journal_unwritable(snapshot.journal_fault, mirrored=mirrored)
        yield problem, "attention" if mirrored else "act_now"
    if snapshot.mirror_fault:
        yield wording.problems.mirror_unwritable(snapshot.mirror_fault), "attention"


def _kept(snapshot: Snapshot) -> Iterator[tuple[Problem, Severity]]:
    """Yield the problems of what is remembered: the journal, the settings, the alerts, the charge."""
    state, config = snapshot.state, snapshot.config
    if state.durable.torn:
        yield torn(snapshot), "attention"
    if state.durable.dropped:
        yield wording.problems.settings_dropped(state.durable.dropped), "attention"
    anchor = state.durable.anchor
    if anchor is not None and anchor.held is not None:
        yield wording.problems.HELD_UNKNOWN, "attention"
    if state.alerts.beliefs.stop_stuck:
        yield wording.problems.stop_alert_stuck(config.alerts.stop, config.start_soc, config.stop_soc), "attention"
    due = service_due(state.durable, config)
    if due is not None and due <= 0:
        yield wording.problems.SERVICE_DUE, "attention"
    charge = state.charge
    if charge.missing and charge.missing_since is not None:
        yield wording.problems.no_charge(snapshot.now - charge.missing_since), "act_now"


def _absent(snapshot: Snapshot) -> Iterator[tuple[Problem, Severity]]:
    """Yield a problem for each value that has been absent for so long that it is one."""
    state, config = snapshot.state, snapshot.config
    if not config.evidence.configured:
        yield wording.problems.NO_PROOF, "ok"
    elif _silent(snapshot, state.engine.evidence_at):
        yield wording.problems.no_evidence(config), "attention"
    if config.evidence.ags and _silent(snapshot, state.ags.status.changed_at):
        yield wording.problems.NO_AGS, "attention"
    battery = state.battery
    volts_at = None if battery.volts_threshold is None else battery.volts.changed_at
    if config.emergency_volts != "none" and _silent(snapshot, volts_at):
        yield wording.problems.NO_VOLTS, "attention"
    # A machine that has just booted may need minutes; that concerns only a site whose settings depend on the clock.
    needs_clock = config.quiet_hours is not None or config.exercise is not None
    if not snapshot.wall_sane and (needs_clock or state.wall_clock.reported):
        yield wording.problems.CLOCK, "attention"
    if config.full_charge is not None and _silent(snapshot, battery.is_full.at):
        yield wording.problems.NO_FULL, "attention"
    allowed = state.ags.longest_run
    if allowed < config.limits.max_run:
        yield wording.problems.ags_cap(state.ags.cap.verdict or 0.0, allowed), "attention"


def _silent(snapshot: Snapshot, fresh_at: float | None) -> bool:
    started_at = snapshot.state.started_at
    return snapshot.now - max(started_at, fresh_at or started_at) >= SOC_FRESH
