"""The severity and its four sentences: every phase, mode, path, inhibitor and cause, and no sentence to read twice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

import pytest

from actuator.core import ags
from actuator.core.alert_path import PATHS, Inhibit
from actuator.core.battery import Battery
from actuator.core.board import Board
from actuator.core.demand import CAUSES
from actuator.core.engine import Engine
from actuator.core.events import Event, Note, NoteKind, Value
from actuator.core.inhibitors import INHIBITORS, blocked
from actuator.core.signals import ConfirmedValue, Watch
from actuator.core.state import MODES, PHASES, Cause, Closure, Durable, Mode, Phase, Reason, Run, State
from actuator.report import severity, wording
from actuator.report.reasons import why_not
from actuator.report.severity import Assessment, assess
from actuator.report.snapshot import Snapshot
from tests.actuator.report.test_status import NOON, config

NOW: Final = 100_000.0
LONGEST: Final = 140
"""Characters of a sentence."""

SETTINGS: Final = config(quiet_hours={"from": "21:00", "to": "06:00"}, exercise={}, full_charge={})

JARGON: Final = re.compile(
    # the left column of the page of words
    r"\b(say|says|said|tells?|told|speaks?|hears?|heard|accounts?|looked|glimpse|found|orders?|held back|holds it back|"
    r"wanted|proven|commanded|out of order|in figures|acknowledge|odd|whatever happens)\b"
    # what an owner who knows no electronics would look up
    r"|\b(SOC|DC|AC|contact|debounce|inhibit|inhibited|inhibitor|heartbeat|beats?|fallback|path|demand|evidence|lease|"
    r"minimum off|coil|bus|page|torn|fingerprint)\b",
    re.IGNORECASE,
)
ALLOWED: Final = re.compile(r'Reset inhibit|"[^"]*"')
"""The name of a button, and what a display shows."""
IDENTIFIER: Final = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[a-z]+\.[a-z]+\b(?<!\.yml)|[{}<>\[\]]|\bNone\b")


def a_run(causes: tuple[Cause, ...], **over: object) -> Run:
    run = Run(
        number=7,
        cause=causes[0] if causes else "alert",
        causes=causes,
        closed_at=NOW - 600,
        closed_wall=NOON,
        deadline=NOW + 3600,
    )
    return replace(run, **over)  # type: ignore[arg-type]


def situation(
    phase: Phase = "off",
    mode: Mode = "auto",
    path: str = "alerts",
    reasons: tuple[Reason, ...] = (),
    causes: tuple[Cause, ...] = (),
    *,
    soc: float | None = 0.5,
    runs: bool | None = None,
    code: int | None = 2,
    notes: tuple[Note, ...] = (),
    durable: Durable | None = None,
    wall_sane: bool = True,
    **over: object,
) -> Snapshot:
    """Return a snapshot with these; what the core would keep beside them is filled in."""
    state = State(started_at=NOW - 90_000.0)
    kept = durable or Durable()
    in_run = phase in ("starting", "running")
    if in_run and kept.run is None:
        kept = replace(kept, run=a_run(causes, proven_at=NOW - 500 if phase == "running" else None))
    if phase in ("stopping", "unknown") and kept.run is None and kept.released_at is None:
        kept = replace(kept, released_at=NOW - 60)
    if phase == "off" and kept.released_at is None and {"min_off", "max_run"} & set(reasons):
        kept = replace(kept, released_at=NOW - 300, stopped_at=NOW - 60)
    kept = replace(
        kept,
        mode=mode,
        locked_out="locked_out" in reasons,
        attempts=3 if "locked_out" in reasons else kept.attempts,
        back_off_until=NOW + 900 if "back_off" in reasons else None,
        max_run_reached="max_run" in reasons,
        inhibits=kept.inhibits
        or ({"a": Inhibit(summary="Carbon monoxide alarm", starts_at=1.0)} if "inhibit_alert" in reasons else {}),
        closures=kept.closures
        or ((Closure(start=NOW - 40_000, end=NOW - 4_100),) if "budget" in reasons else ()),
    )  # fmt: skip
    verdict = {"running": True, "stopping": True, "starting": False, "off": False, "unknown": None}[phase]
    shown = runs if runs is not None else verdict
    state = replace(
        state,
        durable=kept,
        page_at=NOW,
        battery=Battery(
            soc=Watch(value=soc, stamp=1.0, changed_at=NOW, seen_at=NOW),
            soc_fresh_at=NOW,
            volts=Watch(value=50.0, stamp=1.0, changed_at=NOW, seen_at=NOW),
            volts_threshold=46.0,
            is_full=ConfirmedValue(verdict=False, at=NOW),
        ),
        engine=Engine(
            proof=ConfirmedValue(verdict=shown, since=NOW - 500, last=shown, count=3, at=NOW), evidence_at=NOW
        ),
        ags=replace(state.ags, status=Watch(value=None if code is None else float(code), stamp=1.0, changed_at=NOW)),
        alerts=replace(state.alerts, path=path, last_beat=NOW - 400 if path in ("fallback", "blind") else NOW - 20),  # type: ignore[arg-type]
        board=Board(has_reading=True, fault="relay_fault" in reasons),
        phase=phase,
        causes=causes,
        inhibitors=reasons,
        notes=notes,
    )
    shown_as: dict[str, object] = {
        "state": state,
        "config": SETTINGS,
        "now": NOW,
        "wall": NOON,
        "wall_sane": wall_sane,
        "commanded_closed": in_run,
        "read_back": in_run,
        "relay": "coil 0",
        "can_read_back": True,
        **over,
    }
    return Snapshot(**shown_as)  # type: ignore[arg-type]


def sentences(shown: Assessment) -> Iterator[str]:
    for text in (shown.headline, shown.reason, shown.next, shown.remedy):
        yield from re.split(r"(?<=[.!?]) (?=[A-Z])", text) if text else ()


def wrong_words(shown: Assessment) -> list[str]:
    """Return what is wrong with the sentences by themselves."""
    wrong = []
    if not shown.headline or not shown.next:
        wrong.append("no headline, or nothing that happens next")
    if shown.severity == "act_now" and not shown.remedy:
        wrong.append("nothing to do")
    if shown.severity in ("ok", "running") and shown.remedy:
        wrong.append("something to do although all is well")
    for one in sentences(shown):
        plain = ALLOWED.sub("", one)
        if len(one) > LONGEST:
            wrong.append(f"{len(one)} characters: {one}")
        if found := JARGON.search(plain) or IDENTIFIER.search(plain):
            wrong.append(f"{found.group()!r} in: {one}")
        if one[-1] not in ".!?" or "  " in one or ".." in one or not (one[0].isupper() or one[0].isdigit()):
            wrong.append(f"not a sentence: {one}")
        if re.search(r"\d (?:%|s|min|h)(?!\w)", one):
            wrong.append(f"a line may end between number and unit: {one}")
    return wrong


def contradictions(snapshot: Snapshot, shown: Assessment) -> list[str]:
    """Return where the sentences contradict the state, or one another."""
    state, text = snapshot.state, shown.sentence
    proof, phase, run = state.engine.proof.verdict, state.phase, state.durable.run
    reasons = {reason.reason for reason in why_not(snapshot)}
    permitted = not state.inhibitors or (bool(state.causes) and not blocked(state.inhibitors, state.causes))
    by_hand = {"mode_off", "locked_out", "inhibit_alert"} & set(state.inhibitors)
    rules = {
        "our own stop is somebody else's run": phase == "stopping" and "not started by this system" in text,
        "reasons that are only our own stop": phase == "stopping" and bool(reasons & {"ac_live", "min_off"}),
        "off although it may run": text.startswith("Off.") and proof is not False,
        "off during a run": text.startswith(("Off", "Switched off", "Not started")) and run is not None,
        "confirmed without confirmation": "confirmed since" in text and not proof,
        "running while it is known to be stopped": shown.headline.startswith("Running ") and run is None and not proof,
        "starts although a person has to permit it first": bool(by_hand)
        and phase == "off"
        and re.search(r"\b(Starts|Can start)\b", shown.next) is not None,
        "nothing starts although nothing blocks": permitted
        and phase == "off"
        and state.alerts.path != "blind"
        and shown.next.startswith("Nothing starts"),
        "locked out, and not the most serious": state.durable.locked_out and shown.severity != "act_now",
        "relay fault, and not the most serious": state.board.fault and shown.severity != "act_now",
        "nearly empty and not charged, and all is well": phase == "off"
        and "emergency" in state.causes
        and bool(state.inhibitors)
        and not permitted
        and shown.severity in ("ok", "running"),
        "blind and all is well": state.alerts.path == "blind" and shown.severity in ("ok", "running"),
        "running without a running engine": shown.severity == "running"
        and phase == "off"
        and not proof
        and not {"foreign_run", "ac_live"} & set(state.inhibitors),
    }
    return [name for name, broken in rules.items() if broken]


def every_situation() -> Iterator[Snapshot]:
    """Yield each phase, mode, path, pair of reasons, and cause: also those that the core never reaches."""
    pairs = [(), *itertools.combinations_with_replacement(INHIBITORS, 2)]
    for phase, mode, path, pair in itertools.product(PHASES, MODES, PATHS, pairs):
        reasons = tuple(
            reason for reason in INHIBITORS if reason in pair or (reason == "mode_off") is (mode == "off") is True
        )
        if (mode == "off") is not ("mode_off" in reasons):
            continue
        causes: list[tuple[Cause, ...]] = (
            [(), *((cause,) for cause in CAUSES)] if len(reasons) < 2 else [(), ("alert",)]
        )
        for requested in causes:
            soc = 0.06 if requested == ("emergency",) else 0.2 if requested == ("alert",) else 0.5
            yield situation(phase, mode, path, reasons, requested, soc=soc)


def test_every_phase_mode_path_inhibitor_and_cause() -> None:
    seen: dict[Assessment, list[str]] = {}
    wrong: dict[tuple[str, ...], object] = {}
    for snapshot in every_situation():
        shown = assess(snapshot)
        if shown not in seen:
            seen[shown] = wrong_words(shown)
        if found := seen[shown] + contradictions(snapshot, shown):
            state = snapshot.state
            wrong[tuple(found)] = (
                state.phase, state.durable.mode, state.alerts.path, state.inhibitors, state.causes, shown
            )  # fmt: skip
    assert not wrong, "\n".join(f"{found}\n   {case}" for found, case in list(wrong.items())[:20])
    assert len(seen) > 300


@pytest.mark.parametrize("kind", get_args(NoteKind))
@pytest.mark.parametrize("soc", [None, 0.2, 0.5])
def test_every_note(kind: NoteKind, soc: float | None) -> None:
    values: dict[str, Value] = {
        "alert": "BatterySocLow", "start": "BatterySocLow", "stop": "BatterySocRecovered", "grace": 600.0,
        "seconds": 30.0, "min_run": 900.0, "start_soc": 0.25, "stop_soc": 0.6, "debounce": 120.0,
    }  # fmt: skip
    for phase in PHASES:
        snapshot = situation(phase, notes=(Note(kind=kind, values=values),), soc=soc)
        shown = assess(snapshot)
        assert not wrong_words(shown), shown


@pytest.mark.parametrize("code", [None, *range(30)])
def test_every_code_of_the_generator_starter(code: int | None) -> None:
    reason: Reason = "foreign_run" if code in ags.FOREIGN else "ags_refuses"
    for soc in (0.2, 0.5):
        shown = assess(situation(reasons=(reason,), code=code, soc=soc))
        assert not wrong_words(shown), shown


def test_the_tables_know_every_reason_and_note() -> None:
    assert set(severity.SEVERITY) == set(severity.ORDER) == set(get_args(Reason))
    assert set(severity.NOTE_SEVERITY) == set(get_args(NoteKind))
    assert set(wording.RUNNING) == set(wording.REQUESTED) == set(get_args(Cause))
    by_time = {
        reason for reason, rule in INHIBITORS.items() if rule.until(situation().state, SETTINGS, NOW) is not None
    }
    assert not by_time & set(wording.CLEARED_BY_HAND)


@pytest.mark.parametrize(
    "problem",
    [
        *(value for value in vars(wording).values() if isinstance(value, wording.Problem)),
        wording.ags_cap(7200, 3600),
        wording.stop_alert_stuck("BatterySocRecovered", 0.25, 0.6),
        wording.relay_failed("[Errno 19] No such device"),
        wording.page_unreadable("http://127.0.0.1:10048/metrics: refused"),
        wording.journal_unwritable("disk is full", mirrored=True),
        wording.journal_unwritable("disk is full", mirrored=False),
        wording.mirror_unwritable("disk is full"),
        wording.no_charge(3600),
        wording.no_evidence(SETTINGS),
        wording.no_alerts(None),
    ],
)
def test_every_problem(problem: wording.Problem) -> None:
    text, remedy = wording.no_break(problem.text), wording.no_break(problem.remedy)
    shown = Assessment(severity="attention", headline=text, reason="", next=text, remedy=remedy)
    assert not wrong_words(shown)


def test_a_problem_makes_any_phase_more_serious_and_gives_its_remedy() -> None:
    for phase in PHASES:
        shown = assess(situation(phase, journal_fault="disk is full"))
        assert shown.severity == "act_now"
        assert "The journal cannot be written." in shown.reason or phase == "unknown"
        assert shown.remedy == "Check the disk or the card." or phase == "unknown"


def test_locked_out_with_a_nearly_empty_battery_is_the_most_serious() -> None:
    shown = assess(situation(reasons=("locked_out",), causes=("alert", "emergency"), soc=0.06))
    assert (shown.severity, shown.headline, shown.remedy) == (
        "act_now",
        "Locked out: failed to start 3 times. Battery 6\u00a0%.",
        "Check the engine, then press Reset lock-out.",
    )


def test_our_own_cool_down_is_ours_and_has_no_reasons_of_its_own() -> None:
    snapshot = situation("stopping", reasons=("min_off", "ac_live"), code=ags.COOL_DOWN)
    shown = assess(snapshot)
    assert (shown.severity, shown.headline) == ("running", "Cooling down before it stops. Battery 50\u00a0%.")
    assert shown.reason == shown.remedy == ""
    assert why_not(snapshot) == ()
    values: dict[str, Value] = {"causes": "alert", "inhibitors": "mode_off min_off ac_live"}
    assert wording.event(Event(kind="held_back", values=values)) == "Requested by alert, blocked by mode off."
    values["inhibitors"] = "min_off ac_live"
    assert wording.event(Event(kind="held_back", values=values)).endswith("blocked by the run that stops now.")
