"""The sentence, the reasons and the metrics, for what the controller makes of a synthetic world."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from actuator.config import Config, load
from actuator.core import ags
from actuator.core.alert_path import MORE, MORE_NAME, PATHS, Inhibit
from actuator.core.demand import CAUSES
from actuator.core.events import Value
from actuator.core.inhibitors import INHIBITORS
from actuator.core.short_runs import ShortRuns
from actuator.core.state import MODES, PHASES, Closure
from actuator.report import status, wording
from actuator.report.metrics import Counts, GeneratorCollector
from actuator.report.problems import SEVERITIES
from actuator.report.reasons import why_not
from actuator.report.severity import assess
from actuator.report.snapshot import Snapshot
from tests.actuator.harness.simulated_site import World
from tests.actuator.harness.situations import situation
from toolkit.config import decode
from toolkit.replace import replace

NOON = 1_699_963_200.0
HOUR = 3600.0


def config(**parts: object) -> Config:
    whole = {"exporter": {"url": "http://127.0.0.1/metrics"}, "relay": {"type": "simulated"}, "journal": "j.db"}
    return decode({**whole, **parts}, Config)


def world(**parts: object) -> World:
    return World(settings=config(**parts), wall=NOON, wall_sane=True, volts=50.0, volts_threshold=46.0)


def snapshot(of: World, **over: object) -> Snapshot:
    assert isinstance(of.settings, Config)
    shown: dict[str, Any] = {
        "state": of.state,
        "config": of.settings,
        "now": of.now,
        "wall": of.wall,
        "wall_sane": of.wall_sane,
        "commanded_closed": of.contact,
        "read_back": of.contact,
        "relay": "coil 0",
        "can_read_back": True,
    }
    return Snapshot(**{**shown, **over})


def sentence(shown: Snapshot) -> str:
    """Return the four sentences with ordinary spaces."""
    return assess(shown).sentence.replace("\u00a0", " ")


def metrics_text(of: World) -> str:
    registry = CollectorRegistry()
    registry.register(GeneratorCollector(lambda: snapshot(of), Counts()))
    return generate_latest(registry).decode()


def clock(of: World, moment: float) -> str:
    return time.strftime("%H:%M", time.localtime(of.wall + moment - of.now))


def running() -> World:
    of = world().on_alerts()
    of.soc = 0.2
    of.run(10)
    of.fire("start")
    assert of.run(60, until=lambda it: it.state.phase == "running")
    return of


def test_running_for_an_alert() -> None:
    of = running()
    of.soc = 0.31
    of.run(10)
    run = of.state.durable.run
    assert run is not None
    assert run.proven_at is not None
    assert sentence(snapshot(of)) == (
        f"Running to charge the battery. Battery 31 %. Generator power confirmed since {clock(of, run.proven_at)}. "
        f"Stops when the battery is at 60 %, at {clock(of, run.deadline)} at the latest."
    )


def test_the_thresholds_apply_only_where_they_decide() -> None:
    def applies(*given: Any, **over: Any) -> bool:  # noqa: ANN401 - as `situation` takes them
        return status.status(situation(*given, **over)).thresholds_apply

    assert applies()
    assert applies(reasons=("min_off",))
    assert applies("running", causes=("alert",))
    assert applies("stopping", reasons=("min_off", "ac_live"))
    assert not applies(soc=None)
    assert not applies(mode="off", reasons=("mode_off",))
    assert not applies(reasons=("locked_out",))
    assert not applies(reasons=("inhibit_alert",), causes=("alert",))
    assert not applies("running", mode="on", causes=("manual",))
    assert not applies("running", causes=("exercise",))
    assert not applies("running", causes=("full_charge",))


def test_the_starter_that_runs_on_our_contact_is_not_shown_as_started_by_temperature() -> None:
    def shown(*given: Any, **over: Any) -> str | None:  # noqa: ANN401 - as `situation` takes them
        return status.status(situation(*given, **over)).ags

    ours = "started by our contact (its display: start temperature)"
    assert shown("running", causes=("alert",), code=ags.OURS) == ours
    assert shown("stopping", reasons=("min_off", "ac_live"), code=ags.OURS) == ours
    assert shown("off", runs=True, reasons=("ac_live",), code=ags.OURS) == "start temperature"
    assert shown("running", causes=("alert",), code=ags.WARM_UP) == "warm up"


def test_with_a_wrong_clock_times_are_spans() -> None:
    of = running()
    text = sentence(snapshot(of, wall_sane=False))
    assert text.startswith("Running to charge the battery. Battery 20 %. Generator power confirmed for ")
    assert text.endswith(" s. Stops when the battery is at 60 %, in 3 h 59 min at the latest.")


def test_starting_has_its_latest_time() -> None:
    of = world().on_alerts()
    of.obeys = False
    of.run(20)
    of.soc = 0.2
    of.run(10)
    of.fire("start")
    of.run(3)
    run = of.state.durable.run
    assert run is not None
    assert sentence(snapshot(of)) == (
        "Starting. Battery 20 %. Requested by a low battery. "
        f"Generator power is expected by {clock(of, run.closed_at + 600)}; without it, this attempt counts as failed."
    )


def test_a_warm_up_is_reported_with_the_time_that_it_adds() -> None:
    of = world(limits={"start_confirm": "3m"}).on_alerts()
    of.ac = False
    of.fire("start")
    of.ags = 26
    of.run(120)
    text = sentence(snapshot(of))
    assert text.startswith("Starting: the engine warms up. ")
    run = of.state.durable.run
    assert run is not None
    begun = of.state.ags.warm_up_from
    assert begun is not None
    assert f" by {clock(of, run.closed_at + 180 + of.now - begun)}; without it, " in text


def test_a_start_without_evidence() -> None:
    of = world(evidence={"device": "roof"}).on_alerts()
    of.bus_alive = False
    of.run(400)
    of.fire("start")
    assert sentence(snapshot(of)).startswith("Starts are blocked: no data from roof. ")
    (reason,) = why_not(snapshot(of))
    assert reason.text == "no data that would show whether the engine runs (is roof on its bus?)"


def test_without_data_of_the_ags_alone_its_cable_is_named() -> None:
    of = world(evidence={"ac_input": False}).on_alerts()
    of.bus_alive = False
    of.run(400)
    of.fire("start")
    shown = status.status(snapshot(of))
    assert sentence(snapshot(of)).startswith("Starts are blocked: no data from the generator starter (AGS). ")
    assert shown.remedy.startswith("Check the generator starter's data cable.")
    assert "(is the generator starter (AGS) on its bus?)" in why_not(snapshot(of))[0].text


def test_a_start_that_the_ags_alone_denies_names_the_ags() -> None:
    of = world(evidence={"ac_input": False}, limits={"start_confirm": "3m"}).on_alerts()
    of.obeys = False
    of.soc = 0.2
    of.fire("start")
    assert of.run(400, until=lambda it: not it.closed())
    assert of.texts("contact_opened")[-1].endswith("not started: the AGS does not run it 3 min after closing.")


@pytest.mark.parametrize("minute", [22 * 60, 5 * 60 + 30, 20 * 60 + 50])
def test_a_reason_that_quiet_hours_block_names_their_end(minute: int) -> None:
    of = world(quiet_hours={"from": "21:00", "to": "06:00"})
    of.wall, of.minute_of_day, of.soc = NOON + (minute - 720) * 60.0 + 15, minute, 0.2
    of.on_alerts()
    of.fire("start")
    shown = snapshot(of)
    (reason,) = why_not(shown)
    assert reason.until is not None
    ends = time.localtime(reason.until)
    assert (reason.reason, ends.tm_hour, ends.tm_min) == ("quiet_hours", 6, 0)
    assert 0 < reason.until - shown.wall <= 9.2 * 3600
    assert f"Starts {'on ' if minute > 720 else 'at '}" in sentence(shown)


def test_a_run_without_evidence_is_unknown() -> None:
    of = running()
    of.bus_alive = False
    of.run(120)
    text = sentence(snapshot(of))
    assert text.startswith("Started, but nothing shows whether the generator runs. ")
    assert status.status(snapshot(of)).proof == "unknown"


def test_a_run_without_charge_is_a_problem() -> None:
    of = running()
    of.amperes = 0.0
    of.run(60)
    assert "generator_running_without_charge 0.0" in metrics_text(of)
    of.run(30 * 60)
    since = of.state.charge.missing_since
    assert since is not None
    assert sentence(snapshot(of)).startswith("Running without charging for 31 min. Battery 20 %. ")
    assert assess(snapshot(of)).severity == "act_now"
    (fault,) = [text for text in status.status(snapshot(of)).faults if "charging" in text]
    assert fault.startswith("The engine has run for 30 min ")
    assert "generator_running_without_charge 1.0" in metrics_text(of)


def test_stopping_and_a_failed_stop() -> None:
    of = running()
    of.tail = 1e9
    of.operator("off")
    of.run(2)
    assert sentence(snapshot(of)).startswith(
        "Stopping. Battery 20 %. The operator chose Off. The generator should stop by"
    )
    assert {"min_off", "ac_live"} <= {*of.state.inhibitors}
    assert status.status(snapshot(of)).inhibitors == ("mode_off",)
    page = samples(snapshot(of))
    assert {label for (metric, label), value in page.items() if metric == "generator_inhibited" and value} == {
        "mode_off"
    }
    of.run(400)
    assert sentence(snapshot(of)).startswith("Failed to stop: the generator still runs. ")
    assert sentence(snapshot(of)).endswith("Stop it at its remote or with its own switch.")


def test_off_has_what_would_start_it_on_each_path() -> None:
    of = world()
    of.run(30)
    assert sentence(snapshot(of)) == "Off. Battery 50 %. Connecting to Alertmanager (up to 4 min 30 s)."
    of.run(300)
    assert sentence(snapshot(of)) == (
        "Off. Battery 50 %. No alerts have arrived yet: only the battery reading decides. "
        "Starts when the battery is at 25 %. Restart the services prometheus and prometheus-alertmanager on the site's "
        "computer."
    )
    of.soc = None
    of.run(400)
    assert sentence(snapshot(of)).startswith(
        "Off. Battery unknown. Neither a battery reading nor alerts arrive. Nothing starts by itself until "
    )
    of = world().on_alerts()
    assert sentence(snapshot(of)) == "Off. Battery 50 %. Starts when the battery is at 25 %."


def test_a_known_end_is_shown() -> None:
    of = world(limits={"daily_budget": "30m", "max_run": "4h"}).on_alerts()
    of.soc = 0.2
    of.fire("start")
    run = of.state.durable.run
    assert run is not None
    assert status.status(snapshot(of)).deadline == pytest.approx(of.wall + 1800, abs=2)

    of = world(quiet_hours={"from": "21:00", "to": "06:00"}).on_alerts()
    of.soc = 0.2
    of.fire("start")
    local = time.localtime(of.wall)
    begins = (21 * 60 - local.tm_hour * 60 - local.tm_min) % 1440 * 60 - local.tm_sec
    at = pytest.approx(of.wall + min(begins, 4 * 3600), abs=2)
    assert status.status(snapshot(of)).deadline == at

    of = world()
    of.operator("on", 600)
    assert status.status(snapshot(of)).deadline == pytest.approx(of.wall + 600, abs=2)
    assert f"Stops at {clock(of, of.now + 600)}." in sentence(snapshot(of))

    of = running()
    of.operator("on", 600)
    assert f"Stops at {clock(of, of.state.durable.run.deadline)}." in sentence(snapshot(of)), (  # type: ignore[union-attr]
        "the operator goes on at 60 % too"
    )

    of = running()
    of.soc = 0.9
    of.run(70)
    closed_at = of.state.durable.run.closed_at  # type: ignore[union-attr]
    assert sentence(snapshot(of)).endswith(
        f"Nothing needs it any more: stops at {clock(of, closed_at + 900)}, after the shortest run of 15 min."
    )


def test_the_ends_of_an_emergency_by_volts_and_of_an_exercise() -> None:
    of = world().on_alerts()
    of.soc, of.volts, of.volts_threshold = 0.4, 40.0, 46.0
    assert of.run(200, until=World.closed)
    run = of.state.durable.run
    assert run is not None
    of.run(60)
    assert sentence(snapshot(of)).endswith(f"Stops at {clock(of, run.closed_at + 3600)}.")

    of = world(exercise={"every": "1d", "at": "10:00", "for": "20m"}).on_alerts()
    of.minute_of_day = 610
    of.step()
    of.wall += 90_000
    of.step()
    run = of.state.durable.run
    assert run is not None
    assert of.state.causes == ("exercise",)
    assert status.status(snapshot(of)).deadline == pytest.approx(of.wall + 1200, abs=2)
    of.run(60)
    run = of.state.durable.run
    assert run is not None
    assert run.proven_at is not None
    assert status.status(snapshot(of)).deadline == pytest.approx(of.wall + run.proven_at + 1200 - of.now, abs=2)


def test_a_foreign_engine_is_not_shown_as_off() -> None:
    of = world().on_alerts()
    of.ac = True
    of.run(30)
    assert sentence(snapshot(of)).startswith("Power at the generator input, but not from this system. Battery 50 %.")
    of = world().on_alerts()
    of.bus_alive = False
    of.run(40)
    assert sentence(snapshot(of)).startswith("Not started; nothing shows whether the generator runs. Battery 50 %")


def test_what_has_been_silent_for_a_while_is_a_fault() -> None:
    of = world()
    of.bus_alive, of.volts, of.volts_threshold = False, None, None
    of.run(55)
    assert not status.status(snapshot(of)).faults
    of.run(10)
    faults = " ".join(status.status(snapshot(of)).faults)
    for words in ("shows whether the engine runs", "No data from the generator starter", "no emergency by volts"):
        assert words in faults
    of.bus_alive, of.volts, of.volts_threshold = True, 48.0, 46.0
    of.run(20)
    assert not status.status(snapshot(of)).faults
    of.ags_max_run = 3600.0
    of.run(20)
    assert "ours end after 30 min" in " ".join(status.status(snapshot(of)).faults)
    assert samples(snapshot(of))["generator_ags_cap_shortens", ""] == 1


def test_late_copies_of_a_start_alert_are_counted_as_rejected() -> None:
    of = world()
    of.on_alerts()
    of.fire("start", firing=False)
    assert samples(snapshot(of))["generator_notifications_rejected_total", "late"] == 0
    of.fire("start")
    assert samples(snapshot(of))["generator_notifications_rejected_total", "late"] == 1


def test_a_clock_that_is_not_synchronised_is_shown() -> None:
    expected = "The wall clock is not synchronised"
    of = world(quiet_hours={})
    of.step()
    assert samples(snapshot(of))["generator_clock_synchronised", ""] == 1
    assert expected not in " ".join(status.status(snapshot(of)).faults)
    assert samples(snapshot(of, wall_sane=False))["generator_clock_synchronised", ""] == 0
    assert expected in " ".join(status.status(snapshot(of, wall_sane=False)).faults), "quiet hours do not apply"
    of = world()
    of.wall_sane, of.tick = False, 5.0
    of.run(3500)
    assert expected not in " ".join(status.status(snapshot(of)).faults), "nothing waits for it yet"
    of.run(200)
    assert expected in " ".join(status.status(snapshot(of)).faults)


def test_no_full_battery_for_30_days_is_a_note() -> None:
    of = world()
    of.on_alerts()
    expected = "The battery has not been seen full for 30 days."
    for days, notes in ((29, False), (30, True)):
        of.state = replace(of.state, durable=replace(of.state.durable, full_at=of.now - days * 86400.0))
        assert (expected in " ".join(status.status(snapshot(of)).notes)) is notes
    assert "Starts when the battery is at 25 %." in sentence(snapshot(of)), "it hides nothing of what comes next"
    assert not status.status(snapshot(of, config=config(full_charge={}))).notes


def test_a_full_charge_that_cannot_detect_its_end_is_a_problem() -> None:
    of = world(full_charge={})
    of.volts, of.volts_threshold = 50.0, 46.0
    of.on_alerts()
    assert "does not show whether the battery is full" in " ".join(status.status(snapshot(of)).faults)
    of.full = False
    of.run(20)
    assert not status.status(snapshot(of)).faults


def test_a_full_charge_is_announced_with_what_ends_it() -> None:
    of = world(full_charge={"every": "10m"}, limits={"max_run": "20m"})
    of.soc, of.full = 0.8, False
    of.on_alerts()
    assert of.run(600, until=World.closed)
    of.run(60)
    text = sentence(snapshot(of))
    assert text.startswith("Running until the battery is full. ")
    assert "Stops when the battery is full, at 1" in text
    assert text.endswith(" at the latest.")
    assert of.texts("contact_closed")[-1].startswith("Contact closed, requested by a full charge that is due;")


def test_a_stuck_stop_alert_is_shown_until_it_resolves() -> None:
    of = world(alerts={"alert_grace": "1m"})
    of.soc = 0.2
    of.on_alerts()
    of.fire("stop")
    assert samples(snapshot(of))["generator_stop_alert_stuck", ""] == 0
    of.fire("start")
    of.run(5)
    expected = "BatterySocRecovered fires although the state of charge is at 25 % or less: it is ignored until"
    assert expected in " ".join(status.status(snapshot(of)).faults)
    assert samples(snapshot(of))["generator_stop_alert_stuck", ""] == 1
    of.fire("stop", firing=False)
    assert expected not in " ".join(status.status(snapshot(of)).faults)
    assert samples(snapshot(of))["generator_stop_alert_stuck", ""] == 0


def test_seconds_of_a_run_never_fall_over_a_restart() -> None:
    def seconds(of: World) -> float:
        return samples(snapshot(of))["generator_run_seconds_total", ""]

    of = running()
    before = seconds(of)
    of.die(dead_for=5)
    assert of.state.durable.candidate is not None
    assert seconds(of) >= before


def test_a_blocked_start_has_its_reasons_and_their_ends() -> None:
    of = running()
    of.operator("off")
    assert of.run(400, until=lambda it: it.state.phase == "off")
    assert sentence(snapshot(of)).startswith("Switched off. Battery 20 %. The operator chose Off. ")
    of.operator("auto")
    of.fire("start", firing=False)
    of.fire("start", starts_at=5.0)
    of.step()
    stopped = of.state.durable.stopped_at
    assert stopped is not None
    assert sentence(snapshot(of)) == (
        "Resting after a run. Battery 20 %. The generator rests for 15 min after each stop. "
        f"Starts at {clock(of, stopped + 900)} at the earliest."
    )
    (reason,) = why_not(snapshot(of))
    assert reason.reason == "min_off"
    assert reason.until == pytest.approx(of.wall + stopped + 900 - of.now)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (5, 'The generator starter (AGS) is not ready. Battery 20 %. Its remote shows "quiet time".'),
        (9, "then set it to AUTO."),
        (8, 'The generator starter (AGS) runs it by its own settings: "start voltage".'),
    ],
)
def test_the_ags_in_its_own_words(code: int, text: str) -> None:
    of = world().on_alerts()
    of.soc, of.ags = 0.2, code
    of.run(30)
    of.fire("start")
    of.run(30)
    assert text in sentence(snapshot(of))


def test_a_relay_that_reads_wrong_is_unknown_never_stopped() -> None:
    of = world().on_alerts()
    of.read_back = lambda _: True
    of.run(10)
    text = sentence(snapshot(of, read_back=True))
    assert text.startswith("Relay fault: ")
    assert " The relay was switched off, but it still reads on. " in text
    of.read_back = lambda _: None
    of.step()
    assert " The relay was switched off, but it cannot be read. " in sentence(snapshot(of, read_back=None))


def test_a_used_up_budget_has_the_time_at_which_some_is_back() -> None:
    of = world(limits={"daily_budget": "30m", "min_off": "1m", "min_run": "1m"}).on_alerts()
    of.soc = 0.2
    of.run(20)
    of.fire("start")
    run = of.state.durable.run
    assert run is not None

    def used_up(it: World) -> bool:
        if int(it.now) % 300 == 0:
            it.fire("start")
        return "budget" in it.state.inhibitors

    assert of.run(2400, until=used_up)
    of.run(5)
    budget = next(reason for reason in why_not(snapshot(of)) if reason.reason == "budget")
    gone = run.closed_at + 86400 + of.settings.limits.least_budget
    assert budget.until == pytest.approx(of.wall + gone - of.now, abs=5), "then a useful run has budget again"


@pytest.mark.parametrize(
    ("in_a_row", "of_the_day", "which", "hours"),
    [(1, 1, "the last run", 0.25), (3, 3, "3 runs in a row", 1), (0, 8, "8 runs in 24 h", 23)],
)
def test_short_runs_show_why_no_start_and_until_when(in_a_row: int, of_the_day: int, which: str, hours: float) -> None:
    of = world()
    ends = (of.now - HOUR, *[of.now] * 7)[:of_the_day]
    short = ShortRuns(in_a_row=in_a_row, last_at=of.now, ends=ends)
    of.state = replace(of.state, durable=replace(of.state.durable, short_runs=short))
    began = of.now
    of.step()
    (reason,) = why_not(snapshot(of))
    assert reason.text == f"a pause, because {which} ended before 15 min"
    assert reason.until == pytest.approx(of.wall + began + hours * HOUR - of.now)
    assert status.status(snapshot(of)).resets[0].text.startswith("A pause after a failed or short run.")


def test_the_rest_of_the_inhibits_has_its_words_and_keeps_those_of_an_earlier_version() -> None:
    of = world()
    for summary, text in (("", "more than 64 alerts"), ("CO alarm and more", "CO alarm and more")):
        inhibits = {MORE: Inhibit(summary=summary, starts_at=NOON, name=MORE_NAME)}
        of.state = replace(
            of.state, durable=replace(of.state.durable, inhibits=inhibits), inhibitors=("inhibit_alert",)
        )
        shown = status.status(snapshot(of))
        assert shown.resets[0].text.startswith(f"{text[0].upper()}{text[1:]} block the engine")
        assert shown.alerts[0].text == text
        assert shown.why_not[0].text == f"blocked by an alert: {text}"
    values: dict[str, Value] = {"summaries": "CO alarm; fuel low", "more": True}
    assert wording.endings.ending("inhibit_alert", values) == (
        "An alert blocks the engine: CO alarm; fuel low; more than 64 alerts."
    )


def test_what_only_an_emergency_may_do_is_shown() -> None:
    of = world()
    used = Closure(start=of.now - 12 * HOUR, end=of.now - 2.2 * HOUR)
    of.state = replace(of.state, durable=replace(of.state.durable, closures=(used,)))
    of.journal_ok = False
    of.step()
    assert {reason.reason: reason.text for reason in why_not(snapshot(of))} == {
        "journal": "neither the journal nor its mirror can be written, so only an emergency starts the engine",
        "budget": "less than 25 min of the daily budget of 10 h are left, and only an emergency may use 2 h more",
    }


@pytest.mark.parametrize(
    ("used", "left", "words"),
    [
        (10, 2, "are left, and only an emergency may use 2 h more"),
        (11, 1, "are left, and only an emergency may use 1 h more"),
        (11.75, 0.25, "of the daily budget of 10 h and its emergency reserve of 2 h are left"),
        (12, 0, "of the daily budget of 10 h and its emergency reserve of 2 h are left"),
    ],
)
def test_what_is_left_of_the_emergency_reserve_is_shown(used: float, left: float, words: str) -> None:
    of = world()
    closure = Closure(start=of.now - 13 * HOUR, end=of.now - 13 * HOUR + used * HOUR)
    of.state = replace(of.state, durable=replace(of.state.durable, closures=(closure,)))
    of.step()
    shown = status.status(snapshot(of))
    assert shown.reserve_remaining == left * HOUR
    (budget,) = (reason.text for reason in shown.why_not if reason.reason == "budget")
    assert budget.endswith(words)


def test_a_run_on_the_emergency_reserve_shows_how_long_it_lasts() -> None:
    of = world()
    of.soc = 0.05
    used = Closure(start=of.now - 13 * HOUR, end=of.now - 3 * HOUR - 300)
    of.state = replace(of.state, durable=replace(of.state.durable, closures=(used,)))
    assert of.run(HOUR, until=World.closed)
    of.run(200)
    assert not any("emergency reserve" in note for note in status.status(snapshot(of)).notes)
    of.run(110)
    assert "The daily budget is used up. The emergency reserve lasts for 1 h 59 min more." in [
        note.replace("\N{NO-BREAK SPACE}", " ") for note in status.status(snapshot(of)).notes
    ]


def test_faults_are_shown() -> None:
    of = world(evidence={"ac_input": False, "ags": False})
    of.step()
    faults = status.status(
        snapshot(of, relay_fault="cable out", can_read_back=False, journal_fault="disk full", page_fault="refused")
    ).faults
    for words in ("cable out", "cannot be read back", "disk full", "refused", "Nothing can confirm the engine"):
        assert any(words in fault for fault in faults), words


def test_a_budget_that_a_closed_board_may_have_used_is_a_fault() -> None:
    of = running()
    of.wall_sane = True
    of.step()
    of.wall_sane = False
    of.die(dead_for=3600, reboot=True, latches=True)
    of.step()
    assert any("found closed" in fault for fault in status.status(snapshot(of)).faults)
    of.wall_sane = True
    of.step()
    assert not any("found closed" in fault for fault in status.status(snapshot(of)).faults)


def test_only_a_lost_journal_loses_profile_and_service_hours() -> None:
    of = running()

    def told(**durable: object) -> str:
        kept = {"torn": True, "torn_at": of.now - 600, "full_at": of.now - 590, **durable}
        of.state = replace(of.state, durable=replace(of.state.durable, **kept))  # type: ignore[arg-type]
        (fault,) = [text for text in status.status(snapshot(of)).faults if "journal" in text]
        return fault

    lost = "The journal was found torn, and its record is lost, with profile"
    assert told(engine_seconds=0.0, run_seconds=0.0).startswith(lost)
    assert told(engine_seconds=500.0, run_seconds=550.0).startswith(lost)
    assert not told(run_seconds=700.0).startswith(lost)
    assert not told(run_seconds=550.0, full_at=of.now - 610).startswith(lost)
    assert not told(run_seconds=0.0, edits={"start_soc": "30%"}).startswith(lost)


def test_the_document_has_every_field_of_the_contract() -> None:
    document = json.loads(status.document(status.status(snapshot(running()))))
    for field in (
        "severity", "headline", "reason", "next", "remedy",
        "mode", "path", "phase", "causes", "inhibitors", "contact", "proof", "soc", "deadline", "last_beat", "attempts",
        "budget_remaining", "reserve_remaining", "sentence",
    ):  # fmt: skip
        assert field in document
    assert document["contact"]["wanted"] is document["contact"]["read_back"] is True


def samples(shown: Snapshot | None, counts: Counts | None = None) -> Mapping[tuple[str, str], float]:
    registry = CollectorRegistry()
    registry.register(GeneratorCollector(lambda: shown, counts or Counts()))
    text = generate_latest(registry).decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_label_value_agrees_with_the_state() -> None:
    of = running()
    page = samples(snapshot(of))
    for name, known, true in (
        ("generator_severity", SEVERITIES, {"running"}),
        ("generator_phase", PHASES, {"running"}),
        ("generator_mode", MODES, {"auto"}),
        ("generator_path", PATHS, {"alerts"}),
        ("generator_demand", CAUSES, {"alert"}),
        ("generator_inhibited", INHIBITORS, set(of.state.inhibitors)),
    ):
        assert {label for metric, label in page if metric == name} == set(known)
        assert {label for (metric, label), value in page.items() if metric == name and value} == true
    assert page["generator_starts_total", "alert"] == 1
    assert page["generator_starts_total", "exercise"] == 0
    run = of.state.durable.run
    assert run is not None
    assert page["generator_run_seconds_total", ""] == pytest.approx(of.now - run.closed_at)
    assert page["generator_run_deadline_timestamp_seconds", ""] == pytest.approx(of.wall + run.deadline - of.now)
    assert page["generator_running", ""] == 1


def test_engine_seconds_are_those_for_which_it_ran() -> None:
    of = running()
    before = samples(snapshot(of))["generator_engine_seconds_total", ""]
    of.run(60)
    assert samples(snapshot(of))["generator_engine_seconds_total", ""] == before + 60


def test_what_is_not_known_is_absent() -> None:
    of = world()
    of.bus_alive = False
    of.run(30)
    page = samples(snapshot(of, read_back=None))
    for name in (
        "generator_running", "generator_relay_closed", "generator_run_deadline_timestamp_seconds",
        "generator_heartbeat_timestamp_seconds",
    ):  # fmt: skip
        assert (name, "") not in page
    assert page["generator_relay_commanded", ""] == 0


def test_counters_are_there_before_anything_has_happened() -> None:
    page = samples(None)
    assert page["generator_notifications_total", "firing"] == 0
    assert page["generator_notifications_rejected_total", "other_site"] == 0


def test_every_metric_can_be_asked_for_by_name() -> None:
    registry = CollectorRegistry()
    registry.register(GeneratorCollector(lambda: snapshot(running()), Counts()))
    text = generate_latest(registry.restricted_registry(["generator_phase"])).decode()
    assert text.count("generator_phase{") == len(PHASES)
    assert "generator_mode" not in text


def test_the_example_configuration_is_one() -> None:
    load(Path(__file__).resolve().parents[3] / "deploy" / "actuator.yml")
