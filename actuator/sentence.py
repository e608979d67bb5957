"""What is going on, why, why not, and until when, in one sentence: pure, from a view.

It comes first everywhere: on the panel, on the command line, in the status document.
"""

from __future__ import annotations

import time

from actuator.ends import by_charge
from actuator.model import Cause
from actuator.perception import fresh_soc
from actuator.reasons import why_not
from actuator.view import View
from actuator.words import percent, span

_WANTED: dict[Cause, str] = {
    "alert": "the alert",
    "fallback": "a low state of charge, decided here",
    "emergency": "an emergency of the battery",
    "blind": "its turn without any information",
    "exercise": "its exercise",
    "manual": "the operator",
}


def sentence(view: View) -> str:
    """Return what is going on, why, why not, and until when."""
    state = view.state
    if state.durable.run is not None:
        return _closed(view)
    if state.relay_fault:
        said = {True: "reads closed", False: "read wrong a moment ago", None: "cannot be read"}[view.read_back]
        return (
            f"Unknown: the contact should be open and {said}. Opening is tried every second; "
            "stop the engine at its remote if it runs."
        )
    if state.durable.candidate is not None:
        run = state.durable.candidate
        return f"Started again during run {run.number}: looking whether its engine still runs before going on with it."
    if state.phase == "stopping":
        return _stopping(view)
    return _open(view)


def _closed(view: View) -> str:
    state, run = view.state, view.state.durable.run
    assert run is not None  # noqa: S101 - `sentence` asks only then
    wanted = " and ".join(state.causes or (run.cause,))
    end = _end(view)
    if state.phase == "running":
        return f"Running for {wanted} {_since(view, run.closed_at)}, {_proof(view)}, {_soc(view)}, {end}."
    if state.phase == "starting":
        confirm = run.closed_at + view.config.limits.start_confirm
        return (
            f"Starting for {wanted}: contact closed {_since(view, run.closed_at)}, the engine is not proven to run "
            f"yet and has {_given(view, confirm)}; {_soc(view)}, {end}."
        )
    return (
        f"Contact closed for {wanted} {_since(view, run.closed_at)}; whether the engine runs is unknown, "
        f"for nothing is heard of it; {_soc(view)}, {end}."
    )


def _end(view: View) -> str:
    """Return what ends the present run, and when at the latest."""
    state, config, run = view.state, view.config, view.state.durable.run
    assert run is not None  # noqa: S101 - asked only during a run
    ends = _clock(view, view.now if view.ends_at is None else view.ends_at)
    if not state.causes:
        return f"nothing wants it any more, and after its shortest run it stops {'at ' if view.wall_sane else ''}{ends}"
    if by_charge(run) and state.path != "blind":
        return f"stops at {percent(config.stop_soc)} or {ends}"
    return f"stops at {ends}" if view.wall_sane else f"stops {ends}"


def _stopping(view: View) -> str:
    state, limits = view.state, view.config.limits
    released = state.durable.released_at or view.now
    since = f"the contact has been open {_since(view, released)}"
    if state.stop_alarms:
        return f"Failed to stop: {since} and the engine is still proven to run. Stop it at the remote or at the engine."
    if state.proof.verdict:
        return f"Stopping: {since}, the engine still runs; it is given {_given(view, released + limits.stop_confirm)}."
    return f"Stopping: {since}, waiting for the proof that the engine has stopped."


def _open(view: View) -> str:
    state = view.state
    reasons = why_not(view)
    wanted = " and ".join(_WANTED[cause] for cause in state.causes)
    forbidden = "; ".join(
        reason.text + (f" ({_until(view, view.now + reason.until - view.wall)})" if reason.until else "")
        for reason in reasons
    )
    level = _soc(view)
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
    return f"{off}: {level}, {_outlook(view)}."


def _outlook(view: View) -> str:
    """Return what would start the engine, when nothing does and nothing forbids it."""
    state, config = view.state, view.config
    silent = "no heartbeat yet" if state.last_beat is None else f"no heartbeat {_since(view, state.last_beat)}"
    starts = f"starts at {percent(config.start_soc)}"
    if state.notes:
        return " ".join(state.notes).rstrip(".")
    match state.path:
        case "alerts":
            return f"{starts}, the alerts decide"
        case "waiting":
            timeout = state.started_at + config.alerts.heartbeat_timeout
            return f"waiting for two heartbeats of the alerts, {_until(view, timeout)} at the latest"
        case "fallback":
            if state.low.samples:
                starts = f"{starts} once that has held for {span(config.debounce.start)}"
            return f"{starts} by its own judgement, for the alerts are silent ({silent})"
        case "blind":
            turn = f"the engine runs {span(config.blind.run)} every {span(config.blind.every)}"
            return f"the alerts are silent too ({silent}): {turn if config.on_blind == 'start' else 'nothing starts'}"


def _proof(view: View) -> str:
    return {
        True: "AC proven" if view.config.evidence.ac_input else "AGS proven",
        False: "no AC",
        None: "proof unknown",
    }[view.state.proof.verdict]


def _soc(view: View) -> str:
    soc = fresh_soc(view.state, view.now)
    if soc is not None:
        return f"SOC {percent(soc)}"
    return "SOC refused by the exporter" if view.state.soc_refused else "SOC unknown"


def _since(view: View, moment: float) -> str:
    if view.wall_sane:
        return f"since {_clock(view, moment)}"
    return f"for the last {span(max(1, round(view.now - moment)))}"


def _until(view: View, moment: float) -> str:
    return (
        f"until {_clock(view, moment)}" if view.wall_sane else f"for another {span(max(0, round(moment - view.now)))}"
    )


def _given(view: View, moment: float) -> str:
    return f"until {_clock(view, moment)}" if view.wall_sane else f"another {span(max(1, round(moment - view.now)))}"


def _clock(view: View, moment: float) -> str:
    """Return a monotonic moment as local time, with the day when it is not today; as a span when the clock is wrong."""
    if not view.wall_sane:
        return f"in {span(max(0, round(moment - view.now)))}"
    then, today = time.localtime(view.wall_of(moment)), time.localtime(view.wall)
    clock = time.strftime("%H:%M", then)
    return clock if then[:3] == today[:3] else f"{time.strftime('%a', then)} {clock}"
