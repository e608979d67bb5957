"""The state of the engine, the reasons, and what happens next, in one sentence, from a snapshot. Pure.

The panel, the command line and the status document show it first. Its words are in `wording`.
"""

from __future__ import annotations

import time

from actuator.core.ags import WARM_UP
from actuator.core.forecast import by_charge
from actuator.core.proof import confirm_by
from actuator.report import wording
from actuator.report.reasons import why_not
from actuator.report.snapshot import Snapshot


def sentence(snapshot: Snapshot) -> str:
    """Return the state of the engine, the reasons, and what happens next, in one sentence."""
    state = snapshot.state
    if state.durable.run is not None:
        return _closed(snapshot)
    if state.board.fault:
        return wording.relay_unknown(snapshot.read_back)
    if state.durable.candidate is not None:
        return wording.resuming(state.durable.candidate.number)
    if state.phase == "stopping":
        return _stopping(snapshot)
    return _open(snapshot)


def _closed(snapshot: Snapshot) -> str:
    state, run = snapshot.state, snapshot.state.durable.run
    assert run is not None  # noqa: S101 - `sentence` asks only then
    causes, soc, end = state.causes or (run.cause,), _soc(snapshot), _end(snapshot)
    since = _since(snapshot, run.closed_at)
    if state.phase == "running":
        missing_since = state.charge.missing_since if state.charge.missing else None
        no_charge = None if missing_since is None else _since(snapshot, missing_since)
        by_ac = snapshot.config.evidence.ac_input
        proof = wording.proof_text(state.engine.proof.verdict, by_ac=by_ac, no_charge=no_charge)
        return wording.running(causes, since, proof, soc, end)
    if state.phase == "starting":
        given = _given(snapshot, confirm_by(run, state, snapshot.config, snapshot.now))
        warms_up = state.ags.code(snapshot.now) == WARM_UP
        return wording.starting(causes, since, given, soc, end, warms_up=warms_up)
    return wording.running_unknown(causes, since, soc, end)


def _end(snapshot: Snapshot) -> str:
    """Return what ends the run in progress, and when at the latest."""
    state, config, run = snapshot.state, snapshot.config, snapshot.state.durable.run
    assert run is not None  # noqa: S101 - asked only during a run
    moment = snapshot.now if snapshot.ends_at is None else snapshot.ends_at
    charged = config.stop_soc if by_charge(run) and state.alerts.path != "blind" else None
    clock, seconds = _clock(snapshot, moment), moment - snapshot.now
    until_full = set(run.causes) == {"full_charge"}
    return wording.run_end(clock, seconds, stop_soc=charged, until_full=until_full, requested=bool(state.causes))


def _stopping(snapshot: Snapshot) -> str:
    state = snapshot.state
    released = state.durable.released_at or snapshot.now
    given = _given(snapshot, released + snapshot.config.limits.stop_confirm) if state.engine.proof.verdict else None
    return wording.stopping(_since(snapshot, released), given=given, failed=bool(state.engine.stop_reports))


def _open(snapshot: Snapshot) -> str:
    state, soc = snapshot.state, _soc(snapshot)
    blocking = "; ".join(
        reason.text + (f" ({_until(snapshot, snapshot.now + reason.until - snapshot.wall)})" if reason.until else "")
        for reason in why_not(snapshot)
    )
    runs = state.engine.proof.verdict
    if state.causes and blocking:
        engine = None if runs is False else wording.idle(runs)
        return wording.requested_but_blocked(state.causes, blocking, soc, engine)
    if state.causes:
        return wording.about_to_start(state.causes, soc)
    if blocking:
        return wording.idle_blocked(wording.idle(runs), blocking, soc)
    return wording.idle_waiting(wording.idle(runs), soc, _outlook(snapshot))


def _outlook(snapshot: Snapshot) -> str:
    """Return what would start the engine; call it when nothing requests and nothing blocks a start."""
    state, config = snapshot.state, snapshot.config
    last_beat = None if state.alerts.last_beat is None else _since(snapshot, state.alerts.last_beat)
    if state.notes:
        return " ".join(wording.note(note) for note in state.notes).rstrip(".")
    match state.alerts.path:
        case "alerts":
            return wording.outlook_alerts(config.start_soc)
        case "waiting":
            timeout = state.started_at + config.alerts.heartbeat_timeout
            return wording.outlook_waiting(_until(snapshot, timeout))
        case "fallback":
            debounce = config.debounce.start if state.battery.low.samples else None
            return wording.outlook_fallback(config.start_soc, debounce, last_beat)
        case "blind":
            turn = (config.blind.run, config.blind.every) if config.on_blind == "start" else None
            return wording.outlook_blind(turn, last_beat)


def _soc(snapshot: Snapshot) -> str:
    battery = snapshot.state.battery
    return wording.soc_text(battery.fresh_soc(snapshot.now), refused=battery.soc_refused)


def _since(snapshot: Snapshot, moment: float) -> str:
    return wording.since(_clock(snapshot, moment), snapshot.now - moment)


def _until(snapshot: Snapshot, moment: float) -> str:
    return wording.until(_clock(snapshot, moment), moment - snapshot.now)


def _given(snapshot: Snapshot, moment: float) -> str:
    return wording.given(_clock(snapshot, moment), moment - snapshot.now)


def _clock(snapshot: Snapshot, moment: float) -> str | None:
    """Return a monotonic moment as local time, with the day if it is not today; None while the clock may be wrong."""
    if not snapshot.wall_sane:
        return None
    then, today = time.localtime(snapshot.wall_of(moment)), time.localtime(snapshot.wall)
    clock = time.strftime("%H:%M", then)
    return clock if then[:3] == today[:3] else f"{time.strftime('%a', then)} {clock}"
