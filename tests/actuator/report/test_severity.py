"""The severity and its four sentences: every phase, mode, path, inhibitor and cause, and no sentence to read twice."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from typing import Final, get_args

import pytest

from actuator.core import ags
from actuator.core.alert_path import PATHS, Inhibit
from actuator.core.demand import CAUSES
from actuator.core.endings import End, recorded
from actuator.core.events import Event, Note, NoteKind, Value
from actuator.core.inhibitors import INHIBITORS, NOT_CLEARED_BY_TIME, blocked
from actuator.core.settings import Service
from actuator.core.short_runs import ShortRuns
from actuator.core.state import MODES, PHASES, Cause, Durable, Reason
from actuator.report import severity, wording
from actuator.report.reasons import why_not
from actuator.report.resets import resets
from actuator.report.severity import Assessment, assess
from actuator.report.snapshot import Snapshot
from tests.actuator.harness import situations
from tests.actuator.harness.situations import NOW, SETTINGS, situation
from tests.support.alert_rules import alerts
from toolkit.config import Duration
from toolkit.replace import replace

LONGEST: Final = 140
"""Characters of a sentence."""

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
        and not state.notes
        and phase == "off"
        and state.alerts.path != "blind"
        and shown.next.startswith(("Nothing starts", "This system does not start it")),
        "would start at a level that is passed": (soc := state.battery.fresh_soc(snapshot.now)) is not None
        and soc <= snapshot.config.start_soc
        and "Starts when the battery is at" in shown.next,
        "no reading, and one that is not trusted": "no battery reading" in text and "not trusted" in text,
        "permitted, and not about to start": bool(state.causes)
        and permitted
        and phase == "off"
        and not shown.headline.startswith("About to start."),
        "waits for a time although a person has to permit it first": bool(by_hand)
        and phase == "off"
        and shown.headline.startswith(("Paused", "Resting", "Failed", "Daily", "Quiet")),
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
    """Yield each phase, mode, path, reason and cause, and each pair of reasons: also what the core never reaches."""
    any_reason: list[tuple[Reason, ...]] = [(), *((reason,) for reason in INHIBITORS)]
    any_cause: list[tuple[Cause, ...]] = [(), *((cause,) for cause in CAUSES)]
    levels: dict[tuple[Cause, ...], tuple[float, ...]] = {("emergency",): (0.06,), ("alert",): (0.2,), (): (0.2, 0.5)}
    for phase, mode, path, reasons, causes in itertools.product(PHASES, MODES, PATHS, any_reason, any_cause):
        others = tuple(reason for reason in reasons if reason != "mode_off")
        held: tuple[Reason, ...] = ("mode_off", *others) if mode == "off" else others
        for soc in levels.get(causes, (0.5,)):
            yield situation(phase, mode, path, held, causes, soc=soc)
    for phase, pair, causes in itertools.product(PHASES, itertools.combinations(INHIBITORS, 2), levels):
        mode = "off" if "mode_off" in pair else "auto"
        yield situation(phase, mode, "alerts", pair, causes, soc=levels[causes][0])


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
def test_no_note_has_a_sentence_with_wrong_words_in_any_phase(kind: NoteKind, soc: float | None) -> None:
    values: dict[str, Value] = {
        "alert": "BatterySocLow", "start": "BatterySocLow", "stop": "BatterySocRecovered", "grace": 600.0,
        "seconds": 30.0, "min_run": 900.0, "by_ac": True, "start_soc": 0.25, "stop_soc": 0.6, "debounce": 120.0,
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


@pytest.mark.parametrize(
    ("alert", "site"),
    [
        ("GeneratorStartFailed", situation(reasons=("back_off",), causes=("alert",), soc=0.2)),
        ("DeviceSilent", situation(silent=True)),
        ("GeneratorLockedOut", situation(reasons=("locked_out",), durable=Durable(locked_out=True))),
        ("BatteryEmergency", situation(reasons=("back_off",), causes=("emergency",), soc=0.06)),
    ],
)
def test_an_alert_wakes_a_person_exactly_when_the_panel_is_red(alert: str, site: Snapshot) -> None:
    critical = alerts("people.yml")[alert]["labels"]["severity"] == "critical"
    assert critical == (assess(site).severity == "act_now")


def test_the_page_of_sentences_shows_what_the_code_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        page = situations.PAGE.read_text(encoding="utf-8")
        assert situations.render(page) == page, "python -m tests.actuator.harness.situations writes it"
        for name, snapshot, _ in situations.rows():
            shown = assess(snapshot)
            assert not wrong_words(shown) + contradictions(snapshot, shown), name
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_tables_know_every_reason_and_note() -> None:
    assert set(severity.SEVERITY) == set(severity.ORDER) == set(get_args(Reason))
    assert set(wording.blocking.BLOCKING) == set(get_args(Reason))
    ends = {recorded(end) for end in get_args(End)}
    assert set(wording.endings.ENDED) == ends | {"restart", "end", "unknown"}
    assert set(severity.NOTE_SEVERITY) == set(wording.notes.NOTES) == set(get_args(NoteKind))
    assert set(wording.phases.RUNNING) == set(wording.terms.REQUESTED) == set(get_args(Cause))
    by_time = {
        reason for reason, rule in INHIBITORS.items() if rule.until(situation().state, SETTINGS, NOW) is not None
    }
    assert not by_time & NOT_CLEARED_BY_TIME
    assert {reason for reason, words in wording.blocking.BLOCKING.items() if words.cleared} == NOT_CLEARED_BY_TIME


@pytest.mark.parametrize(
    "problem",
    [
        *(value for value in vars(wording.problems).values() if isinstance(value, wording.terms.Problem)),
        wording.problems.ags_cap(7200, 3600),
        wording.problems.stop_alert_stuck("BatterySocRecovered", 0.25, 0.6),
        wording.problems.relay_failed("[Errno 19] No such device"),
        wording.problems.page_unreadable("http://127.0.0.1:10048/metrics: refused"),
        wording.problems.journal_unwritable("disk is full", mirrored=True),
        wording.problems.journal_unwritable("disk is full", mirrored=False),
        wording.problems.mirror_unwritable("disk is full"),
        wording.problems.no_charge(3600),
        wording.problems.no_evidence(SETTINGS),
        wording.problems.no_alerts(None),
    ],
)
def test_every_problem(problem: wording.terms.Problem) -> None:
    text, remedy = wording.terms.no_break(problem.text), wording.terms.no_break(problem.remedy)
    shown = Assessment(severity="attention", headline=text, reason="", next=text, remedy=remedy)
    assert not wrong_words(shown)


def test_a_problem_makes_any_phase_more_serious_and_gives_its_remedy() -> None:
    for phase in PHASES:
        shown = assess(situation(phase, journal_fault="disk is full"))
        assert shown.severity == "act_now"
        assert "The journal cannot be written." in shown.reason or phase == "unknown"
        assert shown.remedy == "Check the disk or the card." or phase == "unknown"


def test_a_block_of_one_cause_does_not_block_an_emergency() -> None:
    shown = assess(situation(reasons=("quiet_hours",), causes=("alert", "emergency"), soc=0.1))
    assert shown.headline.startswith("About to start.")


def test_a_reading_that_is_not_trusted_is_not_called_absent() -> None:
    snapshot = situation(soc=None)
    assert "There is no battery reading." in assess(snapshot).sentence
    battery = replace(snapshot.state.battery, soc_refused=True)
    shown = assess(replace(snapshot, state=replace(snapshot.state, battery=battery)))
    assert (shown.severity, shown.headline) == ("attention", "Off. Battery reading not trusted.")
    assert not contradictions(snapshot, shown)


def test_locked_out_with_a_nearly_empty_battery_is_the_most_serious() -> None:
    shown = assess(situation(reasons=("locked_out",), causes=("alert", "emergency"), soc=0.06))
    assert (shown.severity, shown.headline, shown.remedy) == (
        "act_now",
        "Locked out: failed to start 3 times. Battery 6\u00a0%.",
        wording.terms.RESET_LOCKOUT,
    )


def test_our_own_cool_down_is_ours_and_has_no_reasons_of_its_own() -> None:
    snapshot = situation("stopping", reasons=("min_off", "ac_live"), code=ags.COOL_DOWN)
    shown = assess(snapshot)
    assert (shown.severity, shown.headline) == ("running", "Cooling down before it stops. Battery 50\u00a0%.")
    assert shown.reason == shown.remedy == ""
    assert why_not(snapshot) == ()
    values: dict[str, Value] = {"causes": "alert", "inhibitors": "mode_off min_off ac_live"}
    switched_off = "Requested by a low battery. Blocked: switched off by the operator."
    assert wording.events.event(Event(kind="start_blocked", values=values)) == switched_off
    values["inhibitors"] = "min_off ac_live"
    assert wording.events.event(Event(kind="start_blocked", values=values)).endswith(
        "Blocked: the last run has not stopped yet."
    )


def test_two_alerts_that_block_are_both_named_and_more_are_counted() -> None:
    gas, fuel = (replace(situations.CO, summary=summary) for summary in ("Carbon monoxide", "Fuel is low"))
    two = assess(situation(reasons=("inhibit_alert",), durable=Durable(inhibits={"a": gas, "b": fuel})))
    assert two.headline.startswith("Blocked by alerts: Carbon monoxide and Fuel is low.")
    four = Durable(inhibits=dict.fromkeys("abcd", replace(fuel, summary="x" * 99)))
    crowded = assess(situation(reasons=("inhibit_alert",), durable=four)).headline
    assert "(and 2 more)" in crowded
    assert len(crowded) <= LONGEST


@pytest.mark.parametrize(
    ("path", "alarm_ago", "beats_left", "remedy"),
    [
        ("alerts", 60, None, "Remove the cause: the block then ends by itself."),
        ("waiting", 60, None, "Remove the cause: the block then ends by itself."),
        ("alerts", 900, None, "If the block stays, press Reset inhibit: the engine may start at once."),
        ("fallback", 900, None, "If the block stays, press Reset inhibit: the engine may start at once."),
        ("fallback", 60, None, "the block does not end by itself. Wait 15\u00a0min, then press Reset inhibit: "),
        ("alerts", 60, 1, "Wait 15\u00a0min. If it still blocks,"),
        ("alerts", 900, 1, "Wait 5\u00a0min. If it still blocks,"),
    ],
)
def test_no_remedy_names_the_reset_of_an_inhibit_before_it_can_be_pressed(
    path: str, alarm_ago: float, beats_left: int | None, remedy: str
) -> None:
    inhibits = {"a": replace(situations.CO, beats_left=beats_left)}
    snapshot = situation(path=path, reasons=("inhibit_alert",), durable=Durable(inhibits=inhibits), alarm_ago=alarm_ago)
    shown = assess(snapshot)
    assert remedy in shown.remedy
    assert not wrong_words(shown)
    (reset,) = resets(snapshot)
    may_press = "press Reset inhibit" in shown.remedy and "Wait 15" not in shown.remedy
    assert may_press == (reset.free_from is None)


def test_one_short_run_is_one() -> None:
    for in_a_row, headline, ended in ((1, "a short run", "it ended"), (3, "short runs", "they ended")):
        durable = Durable(short_runs=ShortRuns(in_a_row=in_a_row))
        shown = assess(situation(reasons=("short_cycle",), durable=durable))
        assert shown.headline.startswith(f"Paused after {headline}.")
        assert f"History shows why {ended}. " in shown.remedy
        assert shown.remedy.endswith("when nobody is at the engine, press Reset lock-out: it may start at once.")
        assert not wrong_words(shown)


def test_the_full_stop_of_an_alert_is_not_doubled() -> None:
    fuel = Inhibit(name="FuelLow", summary="The fuel tank is nearly empty.", starts_at=1.0)
    snapshot = situation(reasons=("inhibit_alert",), durable=Durable(inhibits={"a": fuel, "b": fuel}))
    ended = wording.endings.ending("inhibit_alert", {"summaries": f"{fuel.summary}; {fuel.summary}", "more": False})
    (why,), shown = why_not(snapshot), [reset.text for reset in resets(snapshot)]
    events = [
        wording.events.event(Event(kind=kind, values={"summary": fuel.summary}))
        for kind in ("inhibited", "inhibit_cleared")
    ]
    assert all(event.endswith("The fuel tank is nearly empty.") for event in events)
    texts = [assess(snapshot).sentence, why.text, ended, *shown, *events]
    for text in texts:
        assert not re.search(r'\.[.;,]|\."', text), text
    assert 'FuelLow blocks the engine: "The fuel tank is nearly empty". Remove' in shown[0]
    assert why.text.endswith("The fuel tank is nearly empty, The fuel tank is nearly empty")


def test_an_alert_that_asks_keeps_its_question_mark() -> None:
    asks = {"a": replace(situations.CO, summary="Is the fuel tank empty?")}
    shown = assess(situation(reasons=("inhibit_alert",), durable=Durable(inhibits=asks)))
    assert shown.headline.startswith("Blocked by an alert: Is the fuel tank empty? Battery")


def test_an_error_that_asks_keeps_its_question_mark() -> None:
    asks = "no board at /dev/ttyUSB0: is the adapter plugged in?"
    assert wording.answers.not_obeyed("Mode on is in force", asks).endswith("is the adapter plugged in?")
    assert wording.answers.not_obeyed("Mode on is in force", "no answer").endswith("obey: no answer.")
    assert wording.answers.unwritten("Mode on is in force", "disk is full").endswith("disk is full.")


def test_a_service_that_is_due_needs_attention() -> None:
    snapshot = situation(durable=Durable(engine_seconds=400_000.0))
    config = replace(snapshot.config, service=Service(every=Duration(360_000)))
    shown = assess(replace(snapshot, config=config))
    assert (shown.severity, shown.remedy) == (
        "attention",
        "Change its oil and filters, then press Reset service hours.",
    )
    assert assess(snapshot).severity == "ok"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            wording.resets.reset_service(10_800.0),
            "The engine's service is overdue by 3 h of running. Service it, then reset.",
        ),
        (
            wording.problems.ags_cap(9000.0, 7200.0).text,
            "Runs end after 2 h: the generator starter (AGS) allows at most that.",
        ),
        (
            wording.notes.never_full(30 * 86400.0),
            (
                "The battery has not been seen full for 30 days. A battery monitor that never sees a full battery "
                "drifts. Charge the battery fully, or set full_charge."
            ),
        ),
    ],
)
def test_sentences_that_name_what_follows(text: str, expected: str) -> None:
    assert text.replace("\u00a0", " ") == expected
