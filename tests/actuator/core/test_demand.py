"""Why the engine is wanted: when each cause begins, and when it ends (synthetic world)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from actuator.core.events import Level
from tests.actuator.harness.simulated_site import World, settings
from toolkit.replace import replace

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def closed_within(world: World, seconds: float) -> float | None:
    """Return after how long the contact closes, None if it does not."""
    began = world.now
    return world.now - began if world.run(seconds, until=World.closed) else None


def fallback(**parts: object) -> World:
    """A world on path fallback, with a state of charge between the thresholds."""
    world = World(settings=settings(**parts))
    assert world.run(400, until=lambda it: it.path() == "fallback")
    return world


def test_a_low_soc_on_every_second_page_starts_after_twice_the_debounce() -> None:
    world = fallback()
    low = False

    def alternating(it: World) -> bool:
        nonlocal low
        if int(it.now / it.interval) != int((it.now - it.tick) / it.interval):
            low = not low
        it.soc = 0.05 if low else None
        return it.closed()

    began = world.now
    assert world.run(10 * MINUTE, until=alternating)
    assert world.now - began == pytest.approx(120, abs=20), "the emergency's debounce, twice"


# --- alert


@pytest.mark.parametrize(
    ("parts", "reason"), [({"ags": 1}, "ags_refuses"), ({"ags": 3}, "foreign_run"), ({"ac": True}, "ac_live")]
)
def test_ags_and_ac_block_a_start_from_the_first_second(parts: dict[str, Any], reason: str) -> None:
    world = World(soc=0.3, **parts)
    world.operator("on", HOUR)
    assert not world.closed()
    assert world.inhibitors() == (reason,)
    world.run(MINUTE)
    assert not world.closed()


def test_a_start_waits_for_the_first_page_but_not_for_long() -> None:
    world = World(page_reachable=False)
    world.operator("on", HOUR)
    assert world.closed(), "it has been asked for, and refused"
    world = World(page_reachable=False, page_hangs=True)
    world.operator("on", HOUR)
    world.run(28)
    assert not world.closed()
    assert "has been read once" in world.notes()[0]
    assert world.run(5, until=World.closed)


def test_a_believed_start_alert_starts_within_one_tick() -> None:
    world = World(soc=None).on_alerts()
    world.fire("start")
    assert world.closed()
    assert world.causes() == ("alert",)


def test_a_start_alert_does_nothing_before_the_path_is_trusted() -> None:
    world = World()
    world.step(beats=1)
    world.fire("start")
    world.run(60)
    assert not world.closed()
    assert world.path() == "waiting"


@pytest.mark.parametrize(("soc", "starts"), [(0.59, True), (0.60, False), (0.95, False)])
def test_a_start_alert_is_blocked_by_a_page_that_is_at_stop(soc: float, *, starts: bool) -> None:
    world = World(soc=soc).on_alerts()
    world.fire("start")
    assert world.closed() is starts
    assert [event.level for event in world.events if event.kind == "start_blocked"] == [Level.WARNING] * (not starts)
    assert bool(world.state.notes) is not starts


def test_a_start_alert_is_blocked_by_a_first_page_at_stop() -> None:
    world = World(soc=0.9, page_reachable=False).on_alerts()
    world.page_reachable = True
    assert world.run(10, until=lambda it: it.state.page_at is not None)
    world.fire("start")
    assert not world.closed()
    world.frozen = True
    assert world.run(2 * MINUTE, until=World.closed), "a page whose word never moves is no word"


def test_both_alerts_believed_gives_a_note() -> None:
    world = World().on_alerts()
    world.fire("stop")
    world.fire("start")
    assert not world.closed()
    assert "the stop wins" in world.notes()[0]


def test_a_low_battery_without_its_alert_is_noted_during_the_grace() -> None:
    world = World(soc=0.2).on_alerts()
    assert world.run(5 * MINUTE, until=lambda it: bool(it.state.notes))
    assert "after 10 min the engine starts without it" in world.notes()[0]
    assert world.kinds().count("start_blocked") == 1
    assert world.run(11 * MINUTE, until=World.closed)


def test_a_run_that_nothing_requests_any_more_notes_min_run() -> None:
    world = World(soc=0.2).on_alerts()
    world.fire("start")
    world.run(MINUTE)
    world.soc = 0.9
    world.run(2 * MINUTE)
    assert world.closed()
    assert world.notes() == ["Nothing requests the engine any more: it runs for min_run, 15 min."]
    assert world.kinds().count("note") == 1
    assert world.run(15 * MINUTE, until=lambda it: not it.closed())
    assert not world.state.notes


def test_what_holds_a_demand_back_is_a_row_when_it_changes_and_no_more() -> None:
    world = World(soc=0.2, ags=1).on_alerts()
    world.fire("start")
    world.run(5 * MINUTE)
    assert world.texts("start_blocked") == ["Requested by a low battery. Blocked: the generator starter (AGS) refuses."]
    world.operator("off")
    world.run(MINUTE)
    assert world.texts("start_blocked")[-1].endswith(
        "Blocked: switched off by the operator; the generator starter (AGS) refuses."
    )
    for _ in range(300):
        world.ags = 3 - (world.ags or 0)
        world.run(5)
    assert world.kinds().count("start_blocked") < 2 + 25, "a reason that flickers is told once a minute at most"


def test_a_note_that_flickers_is_a_row_once_a_minute_at_most() -> None:
    world = World(soc=0.5, ags=1).on_alerts()
    began = world.now
    while world.now < began + 10 * MINUTE:
        world.fire("start")
        world.soc = 0.9 if world.soc == 0.5 else 0.5
        world.run(5)
    assert 2 <= len([text for text in world.texts("start_blocked") if "no start" in text]) <= 11


def test_a_restart_does_not_report_the_engine_unknown_at_once() -> None:
    world = World(page_reachable=False)
    world.run(20)
    assert "proof_unknown" not in world.kinds()


def test_a_blind_run_whose_engine_dies_counts_for_its_interval() -> None:
    world = World(settings=settings(on_blind="start"), soc=None, tick=5.0)
    assert world.run(10 * MINUTE, until=World.closed)
    world.run(HOUR)
    world.obeys = False
    assert world.run(MINUTE, until=lambda it: not it.closed())
    world.obeys = True
    began = world.now
    assert world.run(13 * HOUR, until=World.closed)
    assert world.now - began == pytest.approx(11 * HOUR, abs=2 * MINUTE)


def test_a_note_that_begins_with_the_end_of_a_run_is_a_row_too() -> None:
    world = World(soc=0.5).on_alerts()
    world.fire("start")
    world.run(20 * MINUTE, until=lambda it: it.now > 2500)
    world.fire("start")
    world.fire("stop")
    world.run(20 * MINUTE, until=lambda it: not it.closed())
    world.run(5)
    assert "the stop wins" in world.notes()[0]
    assert world.texts("start_blocked")[-1] == world.notes()[0]


def test_an_exercise_too_short_to_be_judged_counts_when_its_engine_is_dead() -> None:
    every = {"every": "1d", "at": "12:00", "for": "5m"}
    world = World(settings=settings(exercise=every), soc=0.9, obeys=False, wall_sane=True).on_alerts()
    world.wall += DAY
    assert world.run(MINUTE, until=World.closed)
    assert world.run(6 * MINUTE, until=lambda it: not it.closed())
    assert world.state.durable.attempts == 1
    assert "attempt_failed" in world.kinds()


def test_a_run_that_the_operator_ends_early_is_no_failed_attempt() -> None:
    world = World(soc=0.9, obeys=False)
    world.operator("on", HOUR)
    world.run(MINUTE)
    assert world.proof() is False
    world.operator("auto")
    assert not world.closed()
    assert world.state.durable.attempts == 0


def test_an_exercise_that_a_low_battery_has_joined_ends_by_the_battery() -> None:
    parts = {"exercise": {"every": "1d", "at": "12:00", "for": "30m"}, "limits": {"min_run": "1m"}}
    world = World(settings=settings(**parts), soc=0.3, obeys=False, wall_sane=True).on_alerts()
    world.wall += DAY
    assert world.run(MINUTE, until=World.closed)
    world.fire("start")
    world.settings = settings(limits={"min_run": "1m"})
    world.soc = 0.9
    assert world.run(3 * MINUTE, until=lambda it: not it.closed())
    assert world.state.durable.attempts == 0


@pytest.mark.parametrize(("cap", "attempts"), [(360.0, 1), (None, 0)])
def test_a_run_that_the_ags_cuts_short_counts_when_its_engine_is_dead(cap: float | None, attempts: int) -> None:
    short = {"limits": {"max_run": "3m"}} if cap is None else {}
    world = World(settings=settings(**short), soc=0.3, obeys=False, ags_max_run=cap).on_alerts()
    world.run(30)
    world.fire("start")
    assert world.run(4 * MINUTE, until=lambda it: not it.closed())
    assert world.state.durable.attempts == attempts


def test_a_blind_run_that_fails_starts_again_after_its_back_off() -> None:
    world = World(settings=settings(on_blind="start"), soc=None, obeys=False)
    assert world.run(10 * MINUTE, until=World.closed)
    assert world.run(11 * MINUTE, until=lambda it: not it.closed())
    assert closed_within(world, 20 * MINUTE) == pytest.approx(15 * MINUTE, abs=2)


def test_a_start_alert_is_blocked_while_the_page_refuses_its_soc() -> None:
    world = World(soc=None, soc_refused=True).on_alerts()
    world.fire("start")
    world.run(60)
    assert not world.closed()
    world.soc_refused = False
    assert closed_within(world, 10) is not None


def test_a_page_that_cannot_be_reached_does_not_hold_a_start_back() -> None:
    world = World(soc=None, soc_refused=True).on_alerts()
    world.page_reachable = False
    world.run(61)
    world.fire("start")
    assert world.closed()


def test_a_start_alert_without_a_trusted_path_is_not_acted_on() -> None:
    world = fallback()
    world.fire("start")
    world.run(5 * MINUTE)
    assert world.state.alerts.beliefs.start
    assert not world.closed()


def test_start_and_stop_believed_stop_wins() -> None:
    world = World(soc=None).on_alerts()
    world.fire("stop")
    world.fire("start")
    world.run(60)
    assert not world.closed()
    assert world.causes() == ()


@pytest.mark.parametrize(("minutes", "starts"), [(14, True), (16, False)])
def test_an_alert_is_believed_for_its_lease(minutes: float, *, starts: bool) -> None:
    world = World(soc=0.5).on_alerts()
    world.operator("off")
    world.fire("start")
    world.run(minutes * MINUTE)
    world.operator("auto")
    world.step()
    assert world.closed() is starts


def test_a_run_for_an_alert_ends_by_the_stop_alert_after_min_run() -> None:
    world = World(soc=None).on_alerts()
    world.fire("start")
    began = world.now
    world.run(10 * MINUTE)
    world.fire("stop")
    assert world.closed()
    assert world.run(10 * MINUTE, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(15 * MINUTE, abs=1.2)


def test_a_run_for_an_alert_ends_by_a_soc_at_stop_for_its_debounce() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(20 * MINUTE)
    world.soc = 0.60
    began = world.now
    assert world.run(200, until=lambda it: not it.closed())
    assert 60 <= world.now - began <= 67


def test_resolved_ends_nothing() -> None:
    world = World(soc=0.22).on_alerts()
    world.fire("start")
    world.run(20 * MINUTE)
    world.fire("start", firing=False)
    assert not world.state.alerts.beliefs.start
    world.run(HOUR)
    assert world.closed()


def stopped_while_the_start_alert_fires() -> World:
    """A world whose run has ended at a full battery, and whose start alert is repeated after it."""
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(14 * MINUTE)
    world.fire("start")
    world.run(6 * MINUTE)
    world.soc = 0.65
    assert world.run(200, until=lambda it: not it.closed())
    world.soc = 0.5
    world.run(25 * MINUTE)
    world.fire("start")
    return world


def test_after_a_stop_a_start_still_believed_waits_until_it_has_fired_anew() -> None:
    world = stopped_while_the_start_alert_fires()
    world.run(60)
    assert not world.closed()
    assert "fires from before the last stop" in world.notes()[0]
    world.fire("start", firing=False)
    world.fire("start", starts_at=2.0)
    assert world.closed()


def test_after_a_stop_a_start_alert_counts_again_by_a_low_soc() -> None:
    world = stopped_while_the_start_alert_fires()
    world.soc = 0.25
    waited = closed_within(world, 200)
    assert waited is not None
    assert 120 <= waited <= 127
    assert world.causes() == ("alert",)


def test_a_start_belief_survives_an_end_that_was_no_stop() -> None:
    world = World(settings=settings(limits={"max_run": "20m"}), soc=0.4).on_alerts()
    world.fire("start")
    for _ in range(40):
        world.run(MINUTE)
        world.fire("start")
    assert len([move for move in world.moves if move[1]]) == 2, "the alert starts again once min off has passed"


# --- a late copy of a start alert


def ended_at_its_deadline(**parts: object) -> World:
    """A world whose run has ended at its deadline at 40 %, and whose start alert has resolved."""
    world = World(settings=settings(limits={"max_run": "20m"}, **parts), soc=0.2).on_alerts()
    world.fire("start")
    world.soc = 0.4
    assert world.run(HOUR, until=lambda it: not it.closed())
    world.fire("start", firing=False)
    world.run(20 * MINUTE)
    return world


def test_a_late_copy_of_a_resolved_start_alert_is_only_counted() -> None:
    world = ended_at_its_deadline()
    world.fire("start")
    world.run(5 * MINUTE)
    assert not world.closed()
    assert "so it is a late copy: no start while the state of charge is over 25" in world.notes()[0]
    world.fire("start")
    assert world.state.alerts.late == 2


def test_a_start_alert_that_begins_after_the_resolved_one_is_no_late_copy() -> None:
    world = ended_at_its_deadline()
    world.fire("start", starts_at=1.5)
    assert world.closed()
    assert world.state.alerts.late == 0


@pytest.mark.parametrize("soc", [0.25, None])
def test_a_late_copy_counts_when_no_fresh_state_of_charge_is_over_start(soc: float | None) -> None:
    world = ended_at_its_deadline()
    world.soc = soc
    world.run(65)
    world.fire("start")
    assert world.causes() == ("alert",)
    assert world.closed()
    assert world.state.alerts.late == 0


@pytest.mark.parametrize("soc", [0.2, None])
def test_one_sample_makes_no_late_copy_count(soc: float | None) -> None:
    world = ended_at_its_deadline()
    world.fire("start")
    world.soc = soc
    world.run(5)
    world.soc = 0.4
    world.run(2 * MINUTE)
    assert not world.closed()


def test_what_has_resolved_is_known_after_a_restart_too() -> None:
    world = ended_at_its_deadline()
    world.die(dead_for=5.0)
    world.on_alerts()
    world.run(20 * MINUTE)
    world.fire("start")
    world.run(MINUTE)
    assert not world.closed()


# --- a stop alert that is stuck


def keep_firing(world: World, *kinds: str, minutes: int, until: bool | None = None) -> bool:
    """Deliver the alerts once a minute, as Alertmanager does; return whether the contact came to be `until`."""
    for _ in range(minutes):
        for kind in kinds:
            world.fire(kind)
        if world.run(MINUTE, until=lambda it: it.closed() is until):
            return True
    return False


def stuck_stop(soc: float = 0.2) -> World:
    """A world in which both alerts fire, and the state of charge has disproved the stop alert."""
    world = World(soc=soc).on_alerts()
    assert keep_firing(world, "stop", "start", minutes=12, until=True)
    return world


def test_a_stop_alert_against_a_low_soc_blocks_only_for_the_grace() -> None:
    world = World(soc=0.5).on_alerts()
    world.soc = 0.2
    began = world.now
    assert keep_firing(world, "stop", "start", minutes=12, until=True)
    assert world.now - began == pytest.approx(10 * MINUTE, abs=10), "until then stop wins"
    assert world.causes() == ("alert",)
    assert len(world.texts("stop_alert_stuck")) == 1, "reported once"
    assert world.state.alerts.beliefs.stop_stuck


def test_a_stop_alert_without_a_believed_start_alert_is_never_stuck() -> None:
    world = World(soc=0.2).on_alerts()
    assert keep_firing(world, "stop", minutes=13, until=True)
    assert world.causes() == ("fallback",), "the start alert is silenced: it has not come, and is awaited no longer"
    assert keep_firing(world, "stop", minutes=20, until=False), "a stop alert that is repeated ends it, after min run"
    assert world.kinds().count("contact_opened") == 1
    assert "stop_alert_stuck" not in world.kinds()


def test_without_a_low_state_of_charge_stop_always_wins() -> None:
    world = World(soc=0.26).on_alerts()
    assert not keep_firing(world, "stop", "start", minutes=40, until=True)


def test_a_stuck_stop_alert_ends_no_run() -> None:
    world = stuck_stop()
    world.soc = 0.4
    assert not keep_firing(world, "stop", minutes=30, until=False)


def test_a_stuck_stop_alert_counts_again_once_it_has_resolved() -> None:
    world = stuck_stop()
    world.soc = 0.4
    world.run(16 * MINUTE)
    world.fire("stop")
    assert world.closed(), "its belief had ended, but it had not resolved"
    world.fire("stop", firing=False)
    world.fire("stop", starts_at=2.0)
    assert not world.closed()


def test_a_stuck_stop_alert_counts_again_once_the_battery_has_been_at_stop() -> None:
    world = stuck_stop()
    world.run(16 * MINUTE)
    world.soc = 0.6
    assert world.run(2 * MINUTE, until=lambda it: not it.closed())
    world.soc = 0.4
    world.fire("stop")
    assert not world.state.alerts.beliefs.stop_stuck
    assert world.state.alerts.beliefs.stop()


def test_a_stuck_stop_alert_ends_no_run_for_fallback_either() -> None:
    world = stuck_stop()
    world.operator("off")
    world.operator("auto")
    world.beating = False
    assert world.run(30 * MINUTE, until=World.closed)
    assert world.causes() == ("fallback",)
    world.soc = 0.4
    assert not keep_firing(world, "stop", minutes=30, until=False)


def test_a_stuck_stop_alert_is_stuck_after_a_restart_too() -> None:
    world = stuck_stop()
    world.soc = 0.4
    world.run(5 * MINUTE)
    world.die(dead_for=5.0)
    assert world.run(MINUTE, until=World.closed), "resumed"
    assert not keep_firing(world, "stop", minutes=30, until=False)


# --- fallback


@pytest.mark.parametrize(("soc", "starts"), [(0.25, True), (0.2501, False)])
def test_fallback_starts_at_start_for_its_debounce(soc: float, *, starts: bool) -> None:
    world = fallback()
    world.soc = soc
    waited = closed_within(world, 300)
    assert (waited is not None) is starts
    if waited is not None:
        assert 120 <= waited <= 127
        assert world.causes() == ("fallback",)


def test_on_path_alerts_a_low_soc_starts_after_the_grace_with_a_note() -> None:
    world = World(soc=0.2).on_alerts()
    began = world.now - 200
    assert world.run(15 * MINUTE, until=World.closed)
    assert world.now - began >= 12 * MINUTE
    assert world.causes() == ("fallback",)
    assert "renamed" in " ".join(world.texts("start_blocked") + world.texts("note"))


def test_on_path_alerts_a_low_soc_with_a_start_alert_is_no_fallback() -> None:
    world = World(soc=0.2).on_alerts()
    world.fire("start")
    world.run(5)
    assert world.causes() == ("alert",)


def test_a_run_for_fallback_ends_at_stop_and_goes_on_in_between() -> None:
    world = fallback()
    world.soc = 0.2
    assert closed_within(world, 200)
    world.soc = 0.5
    world.run(HOUR)
    assert world.closed()
    world.soc = 0.6
    assert world.run(70, until=lambda it: not it.closed())


def test_only_a_stop_alert_received_during_a_fallback_ends_it() -> None:
    world = World(soc=0.5).on_alerts()
    world.fire("stop")
    world.beating = False
    assert world.run(400, until=lambda it: it.path() == "fallback")
    world.soc = 0.2
    assert closed_within(world, 200)
    assert world.state.alerts.beliefs.stop(), "the belief is still leased"
    world.run(20 * MINUTE)
    assert world.closed()
    world.fire("stop")
    assert not world.closed()


def test_a_change_of_path_moves_nothing() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.beating = False
    assert world.run(10 * MINUTE, until=lambda it: it.path() == "fallback")
    assert world.closed()
    world.soc = None
    assert world.run(10 * MINUTE, until=lambda it: it.path() == "blind")
    assert world.closed()
    world.on_alerts()
    assert world.closed()
    assert world.kinds().count("path_changed") == 4


# --- emergency


@pytest.mark.parametrize("path", ["waiting", "alerts", "fallback"])
def test_an_emergency_starts_on_any_path(path: str) -> None:
    world = World()
    if path == "alerts":
        world.on_alerts()
    if path == "fallback":
        world = fallback()
    world.soc = 0.12
    waited = closed_within(world, 200)
    assert waited is not None
    assert 60 <= waited <= 72
    assert world.causes() == ("emergency",)
    assert world.path() == path


def test_an_emergency_by_volts_starts_on_path_blind_for_an_hour() -> None:
    world = World(soc=None, volts=46.0, volts_threshold=46.0)
    assert world.run(100, until=World.closed)
    began = world.now
    assert world.causes() == ("emergency",)
    world.volts = 54.0
    assert world.run(2 * HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(HOUR, abs=1.1)


def test_an_emergency_by_volts_alone_pauses_after_its_hour() -> None:
    world = World(soc=0.4, volts=46.0, volts_threshold=46.0)
    assert world.run(100, until=World.closed)
    assert world.run(2 * HOUR, until=lambda it: not it.closed()), "it ends although the volts are low still"
    assert "emergency" not in world.causes()
    assert world.run(HOUR, until=World.closed), "and begins anew once it has looked at rest"


def test_low_volts_with_an_ample_soc_are_an_emergency_after_10_minutes() -> None:
    world = World(soc=0.45, volts=46.0, volts_threshold=46.0)
    world.run(9 * MINUTE)
    assert not world.moves
    (note,) = world.notes()
    assert note.startswith("The battery's volts are low, but its state of charge is not: ")
    assert note.endswith(" unless it lasts 10 min.")
    assert world.run(2 * MINUTE, until=World.closed)
    assert world.now - 1000 == pytest.approx(10 * MINUTE, abs=15)
    assert world.causes() == ("emergency",)


@pytest.mark.parametrize("soc", [0.44, None])
def test_low_volts_with_a_lower_soc_or_none_are_an_emergency_at_once(soc: float | None) -> None:
    world = World(soc=soc, volts=46.0, volts_threshold=46.0)
    assert world.run(80, until=World.closed)


def test_an_ample_soc_that_is_lost_no_longer_explains_low_volts() -> None:
    world = World(soc=0.7, volts=46.0, volts_threshold=46.0)
    world.run(3 * MINUTE)
    world.soc = None
    world.run(50)
    assert not world.moves
    assert world.run(20, until=World.closed)


def test_one_wrong_soc_neither_makes_an_emergency_nor_prevents_one() -> None:
    world = World(soc=0.7, volts=46.0, volts_threshold=46.0)
    world.run(3 * MINUTE)
    world.soc = 0.3
    world.run(10)
    world.soc = 0.7
    world.run(3 * MINUTE)
    assert not world.moves
    world = World(soc=0.3, volts=46.0, volts_threshold=46.0)
    world.run(50)
    world.soc = 0.7
    world.run(5)
    world.soc = 0.3
    assert world.run(30, until=World.closed)


def test_a_threshold_that_is_no_longer_on_the_page_is_not_remembered() -> None:
    world = World(soc=0.3, volts=45.0, volts_threshold=46.0)
    world.run(40)
    world.volts_threshold = None
    world.run(2 * MINUTE)
    assert not world.moves


def test_with_on_blind_stop_lost_evidence_is_the_reason_for_no_start() -> None:
    world = World(settings=settings(on_blind="stop"), soc=0.3).on_alerts()
    world.bus_alive, world.soc = False, None
    world.run(6 * MINUTE)
    world.fire("start")
    assert not world.moves
    assert [note.kind for note in world.state.notes] == ["no_evidence"]


def test_volts_without_a_threshold_or_above_it_are_no_emergency() -> None:
    for volts, threshold in ((46.0, None), (46.1, 46.0), (None, 46.0)):
        world = World(soc=None, volts=volts, volts_threshold=threshold)
        world.run(30 * MINUTE)
        assert not world.closed()


def test_a_stop_alert_does_not_end_an_emergency_and_a_full_battery_does() -> None:
    world = World(soc=0.1).on_alerts()
    assert world.closed() or world.run(100, until=World.closed)
    world.soc = 0.3
    world.run(20 * MINUTE)
    world.fire("stop")
    world.run(20 * MINUTE)
    assert world.closed()
    world.soc = 0.6
    assert world.run(70, until=lambda it: not it.closed())


def test_an_emergency_by_state_of_charge_outlasts_the_hour_of_the_volts() -> None:
    world = World(soc=0.1, volts=46.0, volts_threshold=46.0)
    assert world.run(100, until=World.closed)
    world.soc, world.volts = 0.3, 54.0
    world.run(HOUR + 5 * MINUTE)
    assert world.closed()


def test_volts_still_low_after_an_hour_outlast_an_emergency_by_soc() -> None:
    world = World(soc=0.1, volts=46.0, volts_threshold=46.0)
    assert world.run(100, until=World.closed)
    world.run(90 * MINUTE)
    world.soc = 0.9
    world.run(5 * MINUTE)
    assert world.closed()
    world.volts = 54.0
    assert world.run(2 * HOUR, until=lambda it: not it.closed())


def test_mode_off_silences_an_emergency() -> None:
    world = World(soc=0.1)
    world.operator("off")
    world.run(HOUR)
    assert not world.closed()
    assert "emergency" not in world.causes()


# --- blind


def test_blind_starts_only_when_the_owner_chose_so_and_at_its_intervals() -> None:
    world = World(settings=settings(on_blind="start"), soc=None, tick=10)
    world.run(27 * HOUR)
    starts = [time for time, closed in world.moves if closed]
    ends = [time for time, closed in world.moves if not closed]
    assert [round(end - start) for start, end in zip(starts, ends, strict=True)] == [7200, 7200, 7200]
    assert [round(then - start) for start, then in itertools.pairwise(starts)] == [43200, 43200]


@pytest.mark.parametrize("choice", ["finish", "stop"])
def test_blind_alone_starts_nothing_otherwise(choice: str) -> None:
    world = World(settings=settings(on_blind=choice), soc=None, tick=10)
    world.run(13 * HOUR)
    assert not world.moves
    assert world.path() == "blind"


def test_on_path_blind_a_run_goes_on_to_its_deadline() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    began = world.now
    world.beating, world.soc, world.page_reachable = False, None, False
    assert world.run(5 * HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(4 * HOUR, abs=1.1)
    assert world.events[-1].fields["reason"] == "max_run"


def test_on_path_blind_a_run_stops_when_the_owner_chose_so() -> None:
    world = World(settings=settings(on_blind="stop"), soc=0.3).on_alerts()
    world.fire("start")
    world.run(5 * MINUTE)
    world.beating, world.soc = False, None
    assert world.run(20 * MINUTE, until=lambda it: not it.closed())
    assert world.path() == "blind"
    assert world.state.durable.attempts == 0


def test_on_blind_stop_leaves_the_operator_and_a_present_emergency_alone() -> None:
    world = World(settings=settings(on_blind="stop"), soc=None, volts=46.0, volts_threshold=46.0)
    assert world.run(100, until=World.closed)
    world.run(20 * MINUTE)
    assert world.closed()
    assert world.path() == "blind"
    manual = World(settings=settings(on_blind="stop"), soc=None)
    manual.operator("on", HOUR)
    manual.run(20 * MINUTE)
    assert manual.closed()


def test_on_blind_stop_ends_an_earlier_emergency_on_path_blind() -> None:
    world = World(settings=settings(on_blind="stop"), soc=0.1)
    assert world.run(200, until=World.closed)
    world.soc = None
    assert world.run(20 * MINUTE, until=lambda it: not it.closed())
    assert world.path() == "blind"


def test_on_blind_stop_allows_no_run_without_evidence() -> None:
    world = World(settings=settings(on_blind="stop"), soc=0.3).on_alerts()
    world.fire("start")
    world.bus_alive = False
    assert world.run(10 * MINUTE, until=lambda it: not it.closed())
    world.fire("start", starts_at=5)
    world.run(HOUR)
    assert not world.closed(), "it would be cut off again at once"
    assert "confirm" in " ".join(world.notes()) or not world.state.alerts.beliefs.start


def test_on_blind_stop_requires_no_evidence_where_none_is_configured() -> None:
    evidence = {"ac_input": False, "ags": False}
    world = World(settings=settings(on_blind="stop", evidence=evidence), soc=0.3).on_alerts()
    world.run(10 * MINUTE)
    world.fire("start")
    world.run(10 * MINUTE)
    assert world.closed()


# --- exercise


def exercising(**world: object) -> World:
    it = World(
        settings=settings(exercise={"every": "2d", "at": "10:00", "for": "20m"}),
        soc=0.9,
        wall_sane=True,
        minute_of_day=9 * 60,
        tick=20,
    )
    for name, value in world.items():
        setattr(it, name, value)
    it.beating = True
    it.run(300)
    return it


def hours(world: World, count: float) -> None:
    """Let hours pass, with the minute of the day going on."""
    for _ in range(round(count * 60)):
        world.run(60)
        world.minute_of_day = (world.minute_of_day + 1) % 1440


def test_exercise_runs_at_its_hour_for_its_length_counted_from_proof() -> None:
    world = exercising()
    hours(world, 4 * 24)
    starts = [time for time, closed in world.moves if closed]
    assert len(starts) == 1, "within four days of the first sight, once"
    closed_for = world.moves[1][0] - world.moves[0][0]
    assert closed_for == pytest.approx(20 * MINUTE + 40, abs=25), "the length is proven, warm-up not included"
    assert world.minute_of_day >= 600 or world.moves


def test_exercise_is_not_due_without_a_sane_clock_or_out_of_its_hour() -> None:
    world = exercising(wall_sane=False)
    hours(world, 4 * 24)
    assert not world.moves
    world = exercising()
    world.run(4 * DAY)
    assert not world.moves, "the minute of the day has stayed at nine"


def test_a_foreign_run_satisfies_the_exercise() -> None:
    world = exercising()
    hours(world, 40)
    world.ags, world.ac = 3, True
    world.run(25 * MINUTE)
    world.ags, world.ac = 2, None
    hours(world, 24)
    assert not world.moves


@pytest.mark.parametrize(("minutes", "dated"), [(15, False), (25, True)])
def test_a_run_shorter_than_an_exercise_is_none(minutes: int, *, dated: bool) -> None:
    world = exercising()
    before = world.state.durable.exercised_wall
    world.operator("on", minutes * MINUTE)
    world.run(HOUR)
    assert world.kinds().count("engine_proven") == 1
    assert (world.state.durable.exercised_wall != before) is dated


def test_a_clock_that_is_not_sane_dates_no_exercise() -> None:
    world = exercising()
    dated = world.state.durable.exercised_wall
    world.ags, world.ac, world.wall_sane = 3, True, False
    world.wall += 1e9
    world.run(HOUR)
    assert world.state.durable.exercised_wall == dated


def test_an_exercise_that_cannot_be_confirmed_is_tried_once_a_day() -> None:
    world = exercising(bus_alive=False, soc=None)  # beside a state of charge, `no_evidence` would hold it
    hours(world, 4 * 24)
    assert 1 <= len([move for move in world.moves if move[1]]) <= 3
    starts = [time for time, closed in world.moves if closed]
    assert all(then - start > 20 * HOUR for start, then in itertools.pairwise(starts))


@pytest.mark.parametrize("upset", [None, "insane", "waiting"])
def test_an_exercise_waits_for_a_sane_clock_and_a_known_path(upset: str | None) -> None:
    world = exercising()
    world.wall += 3 * DAY
    world.minute_of_day = 600
    if upset == "insane":
        world.wall_sane = False
    if upset == "waiting":
        world.die()
        world.beating = False
        world.run(4 * MINUTE)
        assert world.path() == "waiting"
    else:
        world.run(4 * MINUTE)
    assert world.closed() is (upset is None)


def test_the_hour_of_the_exercise_may_lie_over_midnight() -> None:
    world = World(
        settings=settings(exercise={"every": "1h", "at": "23:30"}), soc=0.9, wall_sane=True, minute_of_day=10, tick=10
    )
    world.beating = True
    world.run(2 * HOUR, until=World.closed)
    assert world.closed()


# --- manual


def test_manual_runs_on_any_path_to_its_deadline_and_the_mode_goes_back() -> None:
    world = World(soc=0.9)
    world.operator("on", 10 * MINUTE)
    assert world.closed()
    assert world.path() == "waiting"
    assert world.run(11 * MINUTE, until=lambda it: not it.closed())
    assert world.now - world.moves[0][0] == pytest.approx(10 * MINUTE, abs=1.1)
    assert world.state.durable.mode == "auto"
    assert "manual_ended" in world.kinds()


def test_manual_without_a_length_is_two_hours_at_most_max_run() -> None:
    for max_run, expected in (("4h", 2 * HOUR), ("90m", 1.5 * HOUR)):
        world = World(settings=settings(limits={"max_run": max_run}), soc=0.9)
        world.operator("on")
        assert world.run(3 * HOUR, until=lambda it: not it.closed())
        assert world.now - world.moves[0][0] == pytest.approx(expected, abs=1.2)


@pytest.mark.parametrize("seconds", [0.0, -5.0, 4 * HOUR + 1, float("nan"), float("inf")])
def test_manual_for_longer_than_max_run_or_nothing_is_refused(seconds: float) -> None:
    world = World(soc=0.9)
    world.operator("on", seconds)
    assert not world.closed()
    assert world.state.durable.mode == "auto"
    assert world.kinds() == ["operator_refused"]


@pytest.mark.parametrize("seconds", [0.5, 4 * HOUR])
def test_manual_for_any_time_up_to_max_run_is_obeyed(seconds: float) -> None:
    world = World(soc=0.9)
    world.operator("on", seconds)
    assert world.state.durable.mode == "on"


def test_manual_from_off_goes_back_to_off() -> None:
    world = World(soc=0.1)
    world.operator("off")
    world.operator("on", 10 * MINUTE)
    assert world.closed()
    world.operator("on", 5 * MINUTE)
    assert world.run(6 * MINUTE, until=lambda it: not it.closed())
    assert world.state.durable.mode == "off"
    world.run(HOUR)
    assert not world.closed()


def test_the_operator_ends_a_manual_run_at_once() -> None:
    world = World(soc=0.9)
    world.operator("on", HOUR)
    world.run(60)
    world.operator("auto")
    assert not world.closed()


def test_a_manual_run_goes_on_for_another_cause() -> None:
    world = World(soc=0.3).on_alerts()
    world.operator("on", 10 * MINUTE)
    world.run(5 * MINUTE)
    world.fire("start")
    assert world.causes() == ("alert", "manual")
    world.run(20 * MINUTE)
    assert world.closed()
    assert world.causes() == ("alert",)


# --- the wall clock


def test_a_clock_that_is_never_synchronised_is_reported_once_after_an_hour() -> None:
    world = World(tick=5.0)
    world.run(59 * MINUTE)
    assert "clock_unsynchronised" not in world.kinds()
    world.run(5 * HOUR)
    assert world.kinds().count("clock_unsynchronised") == 1
    world.wall_sane = True
    world.run(MINUTE)
    assert world.kinds().count("clock_synchronised") == 1
    world.wall_sane = False
    world.run(59 * MINUTE)
    assert world.kinds().count("clock_unsynchronised") == 1


def test_a_future_exercise_date_is_dropped_once_the_clock_is_right() -> None:
    world = World(settings=settings(exercise={"every": "2d", "at": "12:00"}), soc=0.9, wall_sane=True).on_alerts()
    world.wall += 900 * DAY
    world.state = replace(world.state, durable=replace(world.state.durable, exercised_wall=world.wall))
    world.wall_sane = False
    world.run(5)
    world.wall -= 900 * DAY
    world.run(5)
    world.wall_sane = True
    world.run(5)
    world.wall += 1.9 * DAY
    assert not world.run(5, until=World.closed)
    world.wall += 0.2 * DAY
    assert world.run(5, until=World.closed), "two days after the clock came back"
    assert world.causes() == ("exercise",)
