"""What is going on, why, why not, and until when, in one sentence: pure, from a snapshot.

It comes first everywhere: on the panel, on the command line, in the status document.
"""

from __future__ import annotations

import time

from actuator.core.limits import by_charge
from actuator.core.state import Cause, fresh_soc
from actuator.report.reasons import why_not
from actuator.report.snapshot import Snapshot
from toolkit.formatting import percent, span

_WANTED: dict[Cause, str] = {
    "alert": "the alert",
    "fallback": "a low state of charge, decided here",
    "emergency": "an emergency of the battery",
    "blind": "its turn without any information",
    "exercise": "its exercise",
    "manual": "the operator",
}


def sentence(snapshot: Snapshot) -> str:
    """Return what is going on, why, why not, and until when."""
    state = snapshot.state
    if state.durable.run is not None:
        return _closed(snapshot)
    if state.relay_fault:
        said = {True: "reads closed", False: "read wrong a moment ago", None: "cannot be read"}[snapshot.read_back]
        return (
            f"Unknown: the contact should be open and {said}. Opening is tried every second; "
            "stop the engine at its remote if it runs."
        )
    if state.durable.candidate is not None:
        run = state.durable.candidate
        return f"Started again during run {run.number}: looking whether its engine still runs before going on with it."
    if state.phase == "stopping":
        return _stopping(snapshot)
    return _open(snapshot)


def _closed(snapshot: Snapshot) -> str:
    state, run = snapshot.state, snapshot.state.durable.run
    assert run is not None  # noqa: S101 - `sentence` asks only then
    wanted = " and ".join(state.causes or (run.cause,))
    end = _end(snapshot)
    if state.phase == "running":
        return f"Running for {wanted} {_since(snapshot, run.closed_at)}, {_proof(snapshot)}, {_soc(snapshot)}, {end}."
    if state.phase == "starting":
        confirm = run.closed_at + snapshot.config.limits.start_confirm
        return (
            f"Starting for {wanted}: contact closed {_since(snapshot, run.closed_at)}, the engine is not proven to run "
            f"yet and has {_given(snapshot, confirm)}; {_soc(snapshot)}, {end}."
        )
    return (
        f"Contact closed for {wanted} {_since(snapshot, run.closed_at)}; whether the engine runs is unknown, "
        f"for nothing is heard of it; {_soc(snapshot)}, {end}."
    )


def _end(snapshot: Snapshot) -> str:
    """Return what ends the present run, and when at the latest."""
    state, config, run = snapshot.state, snapshot.config, snapshot.state.durable.run
    assert run is not None  # noqa: S101 - asked only during a run
    ends = _clock(snapshot, snapshot.now if snapshot.ends_at is None else snapshot.ends_at)
    if not state.causes:
        at = "at " if snapshot.wall_sane else ""
        return f"nothing wants it any more, and after its shortest run it stops {at}{ends}"
    if by_charge(run) and state.path != "blind":
        return f"stops at {percent(config.stop_soc)} or {ends}"
    return f"stops at {ends}" if snapshot.wall_sane else f"stops {ends}"


def _stopping(snapshot: Snapshot) -> str:
    state, limits = snapshot.state, snapshot.config.limits
    released = state.durable.released_at or snapshot.now
    since = f"the contact has been open {_since(snapshot, released)}"
    if state.stop_alarms:
        return f"Failed to stop: {since} and the engine is still proven to run. Stop it at the remote or at the engine."
    if state.proof.verdict:
        return (
            f"Stopping: {since}, the engine still runs; it is given {_given(snapshot, released + limits.stop_confirm)}."
        )
    return f"Stopping: {since}, waiting for the proof that the engine has stopped."


def _open(snapshot: Snapshot) -> str:
    state = snapshot.state
    reasons = why_not(snapshot)
    wanted = " and ".join(_WANTED[cause] for cause in state.causes)
    forbidden = "; ".join(
        reason.text + (f" ({_until(snapshot, snapshot.now + reason.until - snapshot.wall)})" if reason.until else "")
        for reason in reasons
    )
    level = _soc(snapshot)
    off = {
        True: "The engine runs, but not for us",
        False: "Off",
        None: "Contact open, and whether the engine runs is unknown",
    }[state.proof.verdict]
    if wanted and forbidden:
        known = "" if state.proof.verdict is False else f" {off}."
        return f"Wanted by {wanted}, but held back: {forbidden}; {level}.{known}"
    if wanted:
        return f"Wanted by {wanted}: about to start; {level}."
    if forbidden:
        return f"{off}, and held off: {forbidden}; {level}."
    return f"{off}: {level}, {_outlook(snapshot)}."


def _outlook(snapshot: Snapshot) -> str:
    """Return what would start the engine, when nothing does and nothing forbids it."""
    state, config = snapshot.state, snapshot.config
    silent = "no heartbeat yet" if state.last_beat is None else f"no heartbeat {_since(snapshot, state.last_beat)}"
    starts = f"starts at {percent(config.start_soc)}"
    if state.notes:
        return " ".join(state.notes).rstrip(".")
    match state.path:
        case "alerts":
            return f"{starts}, the alerts decide"
        case "waiting":
            timeout = state.started_at + config.alerts.heartbeat_timeout
            return f"waiting for two heartbeats of the alerts, {_until(snapshot, timeout)} at the latest"
        case "fallback":
            if state.low.samples:
                starts = f"{starts} once that has held for {span(config.debounce.start)}"
            return f"{starts} by its own judgement, for the alerts are silent ({silent})"
        case "blind":
            turn = f"the engine runs {span(config.blind.run)} every {span(config.blind.every)}"
            return f"the alerts are silent too ({silent}): {turn if config.on_blind == 'start' else 'nothing starts'}"


def _proof(snapshot: Snapshot) -> str:
    return {
        True: "AC proven" if snapshot.config.evidence.ac_input else "AGS proven",
        False: "no AC",
        None: "proof unknown",
    }[snapshot.state.proof.verdict]


def _soc(snapshot: Snapshot) -> str:
    soc = fresh_soc(snapshot.state, snapshot.now)
    if soc is not None:
        return f"SOC {percent(soc)}"
    return "SOC refused by the exporter" if snapshot.state.soc_refused else "SOC unknown"


def _since(snapshot: Snapshot, moment: float) -> str:
    if snapshot.wall_sane:
        return f"since {_clock(snapshot, moment)}"
    return f"for the last {span(max(1, round(snapshot.now - moment)))}"


def _until(snapshot: Snapshot, moment: float) -> str:
    return (
        f"until {_clock(snapshot, moment)}"
        if snapshot.wall_sane
        else f"for another {span(max(0, round(moment - snapshot.now)))}"
    )


def _given(snapshot: Snapshot, moment: float) -> str:
    return (
        f"until {_clock(snapshot, moment)}"
        if snapshot.wall_sane
        else f"another {span(max(1, round(moment - snapshot.now)))}"
    )


def _clock(snapshot: Snapshot, moment: float) -> str:
    """Return a monotonic moment as local time, with the day when it is not today; as a span when the clock is wrong."""
    if not snapshot.wall_sane:
        return f"in {span(max(0, round(moment - snapshot.now)))}"
    then, today = time.localtime(snapshot.wall_of(moment)), time.localtime(snapshot.wall)
    clock = time.strftime("%H:%M", then)
    return clock if then[:3] == today[:3] else f"{time.strftime('%a', then)} {clock}"
