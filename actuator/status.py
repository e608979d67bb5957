"""What is going on and why, in words and as a document: pure, from a view.

The sentence comes first everywhere: on the panel, on the command line, in the status document.
"""

from __future__ import annotations

import time

import msgspec

from actuator import ags
from actuator.inhibitors import DAY, budget_left, rest_until
from actuator.model import Cause, Reason
from actuator.perception import fresh_ags, fresh_soc
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

_PERMITTING = {ags.READY: "ready", ags.OURS: "start temperature"}


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """One reason that forbids.

    Attributes:
        reason: as in `generator_inhibited`.
        text: for people, a part of a sentence.
        until: Unix time at which it clears by itself; None: not by time, or not known.
    """

    reason: Reason
    text: str
    until: float | None = None


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The relay's contact; True is closed.

    Attributes:
        wanted: as commanded.
        read_back: as the board says; None: it could not say.
        relay: its name.
        can_read_back: the board is able to say.
        fault: the last order's error in words, empty when it was obeyed.
    """

    wanted: bool
    read_back: bool | None
    relay: str
    can_read_back: bool
    fault: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the panel shows; times are Unix, seconds are seconds, ratios 0 to 1.

    Attributes:
        sentence: all of it in one sentence.
        mode: what the operator chose: auto, on or off.
        path: by whose word: waiting, alerts, fallback or blind.
        phase: off, starting, running, stopping or unknown.
        causes: why the engine is wanted.
        inhibitors: why it may not run.
        why_not: the same in words.
        notes: what else keeps it from starting, or is odd, in words.
        contact: commanded and read back.
        proof: what the evidence proves of the engine: running, stopped, or unknown without any.
        soc: the fresh state of charge; None: absent.
        start_soc: at or under which the engine is wanted.
        stop_soc: at or over which it is not.
        ags: the AGS's status in the remote's words; None: silent.
        run: number of the present run.
        since: when its contact closed.
        deadline: when it opens at the latest.
        manual_until: when mode `on` ends.
        last_beat: when the last heartbeat came.
        attempts: consecutive failed ones.
        attempts_allowed: so many lock out.
        locked_out: until acknowledged.
        torn: the journal was found torn, until acknowledged.
        budget_remaining: seconds of the sliding 24 hours.
        max_run: seconds that a run may last, and that an operator may ask for.
        faults: what of the actuator itself is out of order, in words.
        time: when all this was so.
        clock_sane: the wall clock is known to be right.
    """

    sentence: str
    mode: str
    path: str
    phase: str
    causes: tuple[str, ...]
    inhibitors: tuple[str, ...]
    why_not: tuple[WhyNot, ...]
    notes: tuple[str, ...]
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


def status(view: View) -> Status:
    """Return the document of `GET /api/v1/status`."""
    state, config = view.state, view.config
    durable, run = state.durable, state.durable.run
    code = fresh_ags(state, view.now)
    return Status(
        sentence=sentence(view),
        mode=durable.mode,
        path=state.path,
        phase=state.phase,
        causes=state.causes,
        inhibitors=state.inhibitors,
        why_not=why_not(view),
        notes=state.notes,
        contact=Contact(
            wanted=view.wanted,
            read_back=view.read_back,
            relay=view.relay,
            can_read_back=view.can_read_back,
            fault=view.relay_fault,
        ),
        proof={True: "running", False: "stopped", None: "unknown"}[state.proof.verdict],
        soc=fresh_soc(state, view.now),
        start_soc=float(config.start_soc),
        stop_soc=float(config.stop_soc),
        ags=None if code is None else _PERMITTING.get(code) or ags.word(code),
        run=None if run is None else run.number,
        since=None if run is None else view.wall_of(run.closed_at),
        deadline=None if run is None else view.wall_of(run.deadline),
        manual_until=None if durable.manual_until is None else view.wall_of(durable.manual_until),
        last_beat=None if state.last_beat is None else view.wall_of(state.last_beat),
        attempts=durable.attempts,
        attempts_allowed=config.limits.attempts,
        locked_out=durable.locked_out,
        torn=durable.torn,
        budget_remaining=max(0.0, budget_left(durable, config, view.now)),
        max_run=float(config.limits.max_run),
        faults=tuple(_faults(view)),
        time=view.wall,
        clock_sane=view.wall_sane,
    )


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


def why_not(view: View) -> tuple[WhyNot, ...]:
    """Return each reason that forbids, in words, with the time at which it clears by itself."""
    reasons = []
    for reason in view.state.inhibitors:
        text, until = _reason(reason, view)
        passed = until is None or until <= view.now
        reasons.append(WhyNot(reason=reason, text=text, until=None if passed else view.wall_of(until or 0.0)))
    return tuple(reasons)


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
            f"yet and has {_until(view, confirm)}; {_soc(view)}, {end}."
        )
    return (
        f"Contact closed for {wanted} {_since(view, run.closed_at)}; whether the engine runs is unknown, "
        f"for nothing is heard of it; {_soc(view)}, {end}."
    )


def _end(view: View) -> str:
    """Return what ends the present run, and when at the latest."""
    state, config, run = view.state, view.config, view.state.durable.run
    assert run is not None  # noqa: S101 - asked only during a run
    latest = run.deadline
    levels: list[str] = []
    if not {"alert", "fallback", "emergency"}.isdisjoint(state.causes) and state.path != "blind":
        levels.append(percent(config.stop_soc))
    elif state.durable.manual_until is not None:
        latest = min(latest, state.durable.manual_until)
    elif state.causes == ("exercise",) and config.exercise is not None:
        latest = min(latest, (run.proven_at or run.closed_at) + config.exercise.for_)
    elif state.causes == ("blind",):
        latest = min(latest, run.closed_at + config.blind.run)
    if levels or view.wall_sane:
        return f"stops at {' or '.join([*levels, _clock(view, latest)])}"
    return f"stops {_clock(view, latest)}"


def _stopping(view: View) -> str:
    state, limits = view.state, view.config.limits
    released = state.durable.released_at or view.now
    since = f"the contact has been open {_since(view, released)}"
    if state.stop_alarms:
        return f"Failed to stop: {since} and the engine is still proven to run. Stop it at the remote or at the engine."
    if state.proof.verdict:
        return f"Stopping: {since}, the engine still runs; it is given {_until(view, released + limits.stop_confirm)}."
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
    if wanted and forbidden:
        return f"Wanted by {wanted}, but held back: {forbidden}; {level}."
    if wanted:
        return f"Wanted by {wanted}: about to start; {level}."
    if forbidden:
        return f"Off, and held off: {forbidden}; {level}."
    return f"Off: {level}, {_outlook(view)}."


def _outlook(view: View) -> str:
    """Return what would start the engine, when nothing does and nothing forbids it."""
    state, config = view.state, view.config
    silent = "no heartbeat yet" if state.last_beat is None else f"no heartbeat {_since(view, state.last_beat)}"
    starts = f"starts at {percent(config.start_soc)}"
    match state.path:
        case "alerts":
            return f"{starts}, the alerts decide" if not state.notes else " ".join(state.notes).rstrip(".")
        case "waiting":
            timeout = state.started_at + config.alerts.heartbeat_timeout
            return f"waiting for two heartbeats of the alerts, {_until(view, timeout)} at the latest"
        case "fallback":
            return f"{starts} by its own judgement, for the alerts are silent ({silent})"
        case "blind":
            turn = f"the engine runs {span(config.blind.run)} every {span(config.blind.every)}"
            return f"the alerts are silent too ({silent}): {turn if config.on_blind == 'start' else 'nothing starts'}"


def _reason(reason: Reason, view: View) -> tuple[str, float | None]:  # noqa: C901, PLR0911 - one line a reason
    """Return a reason in words, and the monotonic time at which it clears by itself."""
    state, config = view.state, view.config
    durable, limits = state.durable, config.limits
    code = fresh_ags(state, view.now)
    word = "silent" if code is None else ags.word(code)
    match reason:
        case "mode_off":
            return "switched off by the operator", None
        case "locked_out":
            return f"locked out after {durable.attempts} failed attempts, until somebody acknowledges", None
        case "inhibit_alert":
            return "forbidden by an alert: " + ", ".join(inhibit.summary for inhibit in durable.inhibits.values()), None
        case "relay_fault":
            return "the relay is not where it was commanded", None
        case "max_run":
            return "the last run reached its longest", rest_until(durable, config)
        case "budget":
            return f"the {span(limits.daily_budget)} of 24 hours are used up", _budget_until(view)
        case "min_off":
            return f"at least {span(limits.min_off)} between two runs", rest_until(durable, config)
        case "back_off":
            return f"a pause after failed attempt {durable.attempts} of {limits.attempts}", durable.back_off_until
        case "quiet_hours":
            return "quiet hours" + (f" until {config.quiet_hours.to}" if config.quiet_hours else ""), None
        case "ags_refuses":
            reset = ", reset it at the remote: OFF, then AUTO" if code in ags.FAULTS else ""
            return f"the AGS refuses ({word}{reset})", None
        case "foreign_run":
            return f"the AGS runs the engine for something else ({word})", None
        case "ac_live":
            return "there is AC at the inverter's input already", None


def _budget_until(view: View) -> float | None:
    """Return when the sliding window has let enough of the past go for the budget to be more than zero."""
    durable = view.state.durable
    excess = -budget_left(durable, view.config, view.now)
    for closure in sorted(durable.closures, key=lambda closure: closure.start):
        start = max(closure.start, view.now - DAY)
        length = max(0.0, closure.end - start)
        if length > excess:
            return start + excess + DAY
        excess -= length
    return None


def _faults(view: View) -> list[str]:
    faults = []
    if view.relay_fault:
        faults.append(f"The relay: {view.relay_fault}")
    if not view.can_read_back:
        faults.append("This relay cannot be read back: whether its contact moved is taken on trust.")
    if view.feedback_fault:
        faults.append(f"The exporter's page cannot be read: {view.feedback_fault}")
    if view.journal_fault:
        faults.append(f"The journal cannot be written, control goes on with memory: {view.journal_fault}")
    if view.state.durable.torn:
        faults.append("The journal was found torn: the budget is short until somebody acknowledges.")
    if not (view.config.evidence.ac_input or view.config.evidence.ags):
        faults.append("No proof of the engine can be had: the configuration switches off both kinds of evidence.")
    return faults


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
    return f"since {_clock(view, moment)}" if view.wall_sane else f"since {span(round(view.now - moment))} ago"


def _until(view: View, moment: float) -> str:
    return (
        f"until {_clock(view, moment)}" if view.wall_sane else f"for another {span(max(0, round(moment - view.now)))}"
    )


def _clock(view: View, moment: float) -> str:
    """Return a monotonic moment as local time, with the day when it is not today; as a span when the clock is wrong."""
    if not view.wall_sane:
        return f"in {span(max(0, round(moment - view.now)))}"
    then, today = time.localtime(view.wall_of(moment)), time.localtime(view.wall)
    clock = time.strftime("%H:%M", then)
    return clock if then[:3] == today[:3] else f"{time.strftime('%a', then)} {clock}"


def document(view: View) -> bytes:
    """Return the status as JSON."""
    return msgspec.json.encode(status(view))
