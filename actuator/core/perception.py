"""From what came in to what is so: page, alerts, operator and board, each into the state. Pure.

Loss is judged here as well: a value that stops being fresh becomes absent by the clock alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from actuator.core import ags
from actuator.core.signals import SAMPLES
from actuator.core.state import (
    BUS_FRESH,
    SOC_FRESH,
    Event,
    Inhibit,
    Level,
    evidence_lost,
    fresh_ags,
    fresh_soc,
    soc_lost,
)
from toolkit.formatting import span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.core.inputs import Command, Inputs, Page
    from actuator.core.settings import Settings
    from actuator.core.signals import Debounced
    from actuator.core.state import Durable, Path, State

BEATS_TO_TRUST: Final = 2
"""Heartbeats before the alert path is believed, and before a resolved inhibit is."""
MANUAL: Final = 7200.0
"""Seconds of a run that an operator asks for without saying how long."""


def perceive(state: State, inputs: Inputs, now: float) -> tuple[State, tuple[Event, ...]]:
    """Take in everything that came since the last step, and let lapse what time ends."""
    before = state.path
    state = _pages(state, inputs.page, inputs.settings, now)
    state, path_changed = _path(state, inputs, now)
    # A beat that brings the path back is not yet one that came on it.
    trusted = before == state.path == "alerts"
    state, alerted = _alerts(state, inputs, now, beats=inputs.beats if trusted else None)
    state, operated = _operator(state, inputs, now)
    state, board = _board(state, inputs, now)
    return state, (*path_changed, *alerted, *operated, *board)


# --- the exporter's page


def _pages(state: State, page: Page | None, settings: Settings, now: float) -> State:
    if page is None:
        state = replace(
            state, soc=state.soc.idle(), volts=state.volts.idle(), evidence=state.evidence.idle(), ags=state.ags.idle()
        )
    else:
        # A count that has never moved counts nothing: then the timestamp beside the code has to do.
        counted = state.ags_counted or (None not in (frames := {page.ags_stamp, state.ags_stamp}) and len(frames) > 1)
        ags_stamp = page.ags_stamp if counted and page.ags_stamp is not None else page.device_stamp
        by_ags = settings.evidence.ags and not settings.evidence.ac_input
        code = None if page.ags_code is None else float(page.ags_code)
        state = replace(
            state,
            page_at=now,
            soc=state.soc.observe(page.soc, page.soc_stamp, now),
            soc_refused=page.soc_refused,
            volts=state.volts.observe(page.battery_volts, page.battery_volts_stamp, now),
            volts_threshold=page.emergency_volts,
            evidence=state.evidence.observe(_positive(page, settings), ags_stamp if by_ags else page.device_stamp, now),
            ags=state.ags.observe(code, ags_stamp, now),
            ags_stamp=page.ags_stamp,
            ags_counted=counted,
            ags_cap=state.ags_cap.update(page.ags_max_run, sampled=True, now=now, memory=math.inf),
        )
    return _judge_ags(_judge_evidence(_judge_battery(state, settings, now), now), settings, now)


def _positive(page: Page, settings: Settings) -> float | None:
    """Judge one sample: 1 proves a running engine, 0 denies it, None says nothing."""
    if settings.evidence.ac_input:
        if page.charging:
            return 1.0
        return None if page.ac_input_volts is None else float(page.ac_input_volts >= settings.evidence.min_volts)
    if settings.evidence.ags and page.ags_code is not None:
        return float(page.ags_code in ags.RUNNING)
    return None


def _judge_battery(state: State, settings: Settings, now: float) -> State:
    soc = fresh_soc(state, now)
    volts, threshold = state.volts.fresh(now, BUS_FRESH), state.volts_threshold
    low_volts = None if volts is None or threshold is None else volts <= threshold

    def by_soc(held: Debounced, agrees: bool, debounce: float) -> Debounced:  # noqa: FBT001 - it is the value itself
        said, share = None if soc is None else agrees, debounce / SAMPLES
        return held.update(agrees=said, sampled=state.soc.sampled, now=now, limit=SOC_FRESH, share=share)

    debounce = settings.debounce
    level = -1.0 if soc is None else soc
    return replace(
        state,
        soc_fresh_at=state.soc_fresh_at if soc is None else now,
        low=by_soc(state.low, level <= settings.start_soc, debounce.start),
        high=by_soc(state.high, level >= settings.stop_soc, debounce.stop),
        soc_emergency=by_soc(state.soc_emergency, level <= settings.emergency_soc, debounce.emergency),
        volts_emergency=state.volts_emergency.update(
            agrees=low_volts,
            sampled=state.volts.sampled,
            now=now,
            limit=BUS_FRESH,
            share=debounce.emergency / SAMPLES,
        ),
    )


def _judge_evidence(state: State, now: float) -> State:
    evidence = state.evidence.fresh(now, BUS_FRESH)
    positive = None if evidence is None else evidence > 0
    state = replace(
        state,
        evidence_at=state.evidence_at if positive is None else now,
        proof=state.proof.update(positive, sampled=state.evidence.sampled, now=now),
    )
    if state.durable.run is not None or state.proof.sure is False or evidence_lost(state, now):
        ac_live = False
    else:
        # What is seen first may be old, but it may be so.
        seen = state.evidence.standing(now, BUS_FRESH) if state.evidence.changed_at is None else evidence
        ac_live = state.ac_live or bool(seen)
    return state if ac_live is state.ac_live else replace(state, ac_live=ac_live)


def _judge_ags(state: State, settings: Settings, now: float) -> State:
    code = fresh_ags(state, now)
    if not state.ags.sampled and code is not None:
        return state
    if code is None:
        # One packet that is missing does not make a refusing AGS an absent one.
        silent = state.ags_stands.update(None, sampled=False, now=now, memory=BUS_FRESH)
        seen = state.ags.standing(now, BUS_FRESH) if state.ags.changed_at is None else None
        silent = silent.glimpse(None if seen is None else _stands(state, int(seen), settings, now))
        return state if silent is state.ags_stands else replace(state, ags_stands=silent)
    last_start = code if code in ags.FOREIGN or code == ags.OURS else state.ags_last_start
    if code in ags.TAILS and last_start is None and _ours(state, settings, now):
        # One that came unannounced in a run of ours is ours for as long as it lasts.
        last_start = ags.OURS
    state = replace(state, ags_last_start=last_start)
    stands = _stands(state, code, settings, now)
    return replace(
        state,
        ags_last_start=last_start if code in ags.RUNNING else None,
        ags_stands=state.ags_stands.update(stands, sampled=True, now=now),
    )


def _stands(state: State, code: int, settings: Settings, now: float) -> ags.Standing:
    closed, ours = state.durable.run is not None, _ours(state, settings, now)
    return ags.stands(code, last_start=state.ags_last_start, closed=closed, ours=ours)


def _ours(state: State, settings: Settings, now: float) -> bool:
    """Return whether a run of ours is in progress, may be taken up again, or has not yet come to its stop."""
    durable = state.durable
    if durable.run is not None or durable.candidate is not None:
        return True
    if durable.released_at is None or durable.stopped_at is not None:
        return False
    return state.proof.verdict is True or now - durable.released_at < settings.limits.stop_confirm


# --- the alert path


def _path(state: State, inputs: Inputs, now: float) -> tuple[State, Iterable[Event]]:
    timeout = inputs.settings.alerts.heartbeat_timeout
    in_time = state.last_beat is not None and now - state.last_beat < timeout
    beats = min((state.beats if in_time else 0) + inputs.beats, BEATS_TO_TRUST)
    path: Path
    if in_time and beats >= BEATS_TO_TRUST:
        path = "alerts"
    elif state.path == "waiting" and now - state.started_at < timeout:
        path = "waiting"
    else:
        path = "blind" if soc_lost(state, now) else "fallback"
    events = _announce_path(path, state, inputs, now) if path != state.path else ()
    last_beat = now if inputs.beats else state.last_beat
    return replace(state, beats=beats, last_beat=last_beat, path=path), events


def _announce_path(path: Path, state: State, inputs: Inputs, now: float) -> tuple[Event, ...]:
    silence = (
        "no heartbeat has come"
        if state.last_beat is None
        else f"the last heartbeat is {span(now - state.last_beat)} old"
    )
    text = {
        "alerts": "Heartbeats arrive: the alerts decide.",
        "fallback": f"The alerts are silent ({silence}): the state of charge on the exporter's page decides.",
        "blind": f"The alerts are silent ({silence}) and no state of charge is known: "
        + {
            "finish": "a run in progress goes on to its deadline, none begins.",
            "stop": "a run in progress stops, none begins.",
            "start": f"the engine runs {span(inputs.settings.blind.run)} every {span(inputs.settings.blind.every)}.",
        }[inputs.settings.on_blind],
    }.get(path, "")
    level = Level.INFO if path == "alerts" else Level.WARNING
    return (Event(kind="path_changed", text=text, level=level, fields={"path": path, "before": state.path}),)


def _alerts(state: State, inputs: Inputs, now: float, *, beats: int | None) -> tuple[State, Iterable[Event]]:
    lease, beliefs = inputs.settings.alerts.lease, state.beliefs
    # Beats first: one that came with a `resolved` is not one that followed it.
    inhibits, events = _count_beats(state.durable.inhibits, beats)
    for notice in inputs.notices:
        match notice.kind, notice.firing:
            case "inhibit", True:
                before = inhibits.get(notice.fingerprint)
                if before is None:
                    text = f"An alert forbids the engine to run: {notice.summary}"
                    events.append(Event(kind="inhibited", text=text, level=Level.WARNING))
                # The beginning that was heard last, not the latest: one from a wrong clock would never resolve.
                held = Inhibit(summary=notice.summary, starts_at=notice.starts_at)
                inhibits = {**inhibits, notice.fingerprint: held}
            case "inhibit", False:
                before = inhibits.get(notice.fingerprint)
                if before is not None and before.beats_left is None and notice.starts_at >= before.starts_at:
                    inhibits = {**inhibits, notice.fingerprint: replace(before, beats_left=BEATS_TO_TRUST)}
            case ("start" | "stop") as kind, True:
                beliefs = beliefs.fire(notice.fingerprint, kind, notice.starts_at, now=now, lease=lease)
            case "start" | "stop", False:
                beliefs = beliefs.resolve(notice.fingerprint, notice.starts_at)
    beliefs = beliefs.lapse(now)
    if state.low.holds(inputs.settings.debounce.start):
        beliefs = beliefs.restore()
    durable = state.durable if inhibits == state.durable.inhibits else replace(state.durable, inhibits=inhibits)
    return replace(state, beliefs=beliefs, durable=durable), events


def _count_beats(inhibits: dict[str, Inhibit], beats: int | None) -> tuple[dict[str, Inhibit], list[Event]]:
    """Count the beats that have followed a `resolved`; None: the alert path is not trusted.

    A path that dies may have resolved the alert by its death: that `resolved` proves nothing, the count begins anew.
    """
    left: dict[str, Inhibit] = {}
    events: list[Event] = []
    for fingerprint, inhibit in inhibits.items():
        if inhibit.beats_left is None:
            left[fingerprint] = inhibit
        elif beats is None:
            left[fingerprint] = replace(inhibit, beats_left=BEATS_TO_TRUST)
        elif inhibit.beats_left > beats:
            left[fingerprint] = replace(inhibit, beats_left=inhibit.beats_left - beats)
        else:
            text = f"The inhibit has resolved and two heartbeats have followed: {inhibit.summary}"
            events.append(Event(kind="inhibit_cleared", text=text))
    return left, events


# --- the operator


def _operator(state: State, inputs: Inputs, now: float) -> tuple[State, Iterable[Event]]:
    durable = state.durable
    events: list[Event] = []
    for command in inputs.commands:
        durable, event = _obey(durable, command, inputs.settings, now)
        events.append(event)
    if durable.mode == "on" and (durable.manual_until is None or now >= durable.manual_until):
        text = f"The time of mode on is over: mode {durable.mode_before} again."
        events.append(Event(kind="manual_ended", text=text, fields={"mode": durable.mode_before}))
        durable = replace(durable, mode=durable.mode_before, manual_until=None)
    return replace(state, durable=durable), events


def _obey(durable: Durable, command: Command, settings: Settings, now: float) -> tuple[Durable, Event]:
    fields: dict[str, str | float | int | bool | None] = {"action": command.action}
    if command.action == "acknowledge":
        durable = replace(durable, attempts=0, locked_out=False, inhibits={}, torn=False)
        text = "The operator acknowledged: lock-out, failed attempts and inhibits are cleared."
    elif command.action == "on":
        longest = settings.limits.max_run
        seconds = min(MANUAL, longest) if command.seconds is None else command.seconds
        fields["seconds"] = seconds
        if not 0 < seconds <= longest:
            text = f"A run of {seconds:g} s was asked for and refused: more than 0 s, at most max_run {span(longest)}."
            return durable, Event(kind="operator_refused", text=text, level=Level.WARNING, fields=fields)
        before = durable.mode_before if durable.mode == "on" else durable.mode
        durable = replace(durable, mode="on", mode_before=before, manual_until=now + seconds)
        text = f"The operator wants the engine to run for {span(seconds)}."
    else:
        durable = replace(durable, mode=command.action, manual_until=None)
        text = {
            "off": "The operator switched off: nothing starts the engine until the mode is changed.",
            "auto": "The operator switched to automatic.",
        }[command.action]
    return durable, Event(kind="operator", text=text, fields=fields)


# --- the board


def _board(state: State, inputs: Inputs, now: float) -> tuple[State, Iterable[Event]]:
    if not inputs.relay_error and not inputs.board_asked:
        return state, ()
    if inputs.read_back is not None and not state.board_heard:
        state = replace(state, board_heard=True)
    wanted = state.durable.run is not None
    agrees = inputs.read_back is wanted and not inputs.relay_error
    contrary = 0 if agrees else state.contrary_reads + 1
    good = state.good_reads + 1 if agrees and state.relay_fault and not wanted else 0
    durable = state.durable
    if inputs.relay_error:
        durable = replace(durable, relay_errors=durable.relay_errors + 1)
    if not state.relay_fault and (inputs.relay_error or contrary >= SAMPLES):
        said = {True: "closed", False: "open", None: "nothing"}[inputs.read_back]
        text = (
            f"The relay is not where it was commanded: wanted {'closed' if wanted else 'open'}, "
            f"the board says {said}{', and a write failed' if inputs.relay_error else ''}. "
            "Opening is tried until it obeys."
        )
        event = Event(kind="relay_fault", text=text, level=Level.ERROR, fields={"wanted": wanted, "read_back": said})
        if not inputs.relay_error:
            durable = replace(durable, relay_errors=durable.relay_errors + 1)
        return replace(state, relay_fault=True, contrary_reads=contrary, good_reads=0, durable=durable), (event,)
    if state.relay_fault and good >= SAMPLES:
        event = Event(kind="relay_recovered", text="The relay obeys again; starts are held for min off.")
        durable = replace(durable, released_at=now, stopped_at=now if state.proof.sure is False else None)
        return replace(state, relay_fault=False, contrary_reads=0, good_reads=0, durable=durable), (event,)
    return replace(state, contrary_reads=contrary, good_reads=good, durable=durable), ()
