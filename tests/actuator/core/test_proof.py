"""What proves a running engine, what denies it, and what does neither (synthetic world)."""

from __future__ import annotations

import pytest

from actuator.report.engine import service_due
from tests.actuator.harness.simulated_site import World, settings

MINUTE, HOUR = 60.0, 3600.0


def started(**world: object) -> World:
    it = World(soc=0.3, **world).on_alerts()  # type: ignore[arg-type]
    it.fire("start")
    assert it.closed()
    return it


def ends(world: World) -> list[object]:
    return [event.fields["reason"] for event in world.events if event.kind == "contact_opened"]


def test_running_needs_three_fresh_samples() -> None:
    world = started(warm_up=1e9)
    world.ac = True
    world.run(13)
    assert world.phase() == "starting"
    world.run(3)
    assert world.phase() == "running"
    assert world.proof() is True


def test_engine_seconds_count_each_confirmed_run_whoever_started_it() -> None:
    world = World(soc=0.6).on_alerts()
    world.ac, world.ags = True, 3  # somebody else's run
    assert world.run(30, until=lambda it: it.proof() is True)
    world.run(600)
    assert world.state.durable.engine_seconds == pytest.approx(600, abs=1)
    world.bus_alive = False
    assert world.run(60, until=lambda it: it.proof() is None)
    before = world.state.durable.engine_seconds
    world.run(600)
    assert world.state.durable.engine_seconds == before, "what is not known does not count"
    world.bus_alive, world.ac = True, False
    world.run(600)
    assert world.state.durable.engine_seconds == before


def test_a_service_is_due_after_its_engine_hours_and_a_reset_begins_anew() -> None:
    world = World(settings=settings(service={"every": "1h"}))
    world.ac = True
    world.run(1810)
    due = service_due(world.state.durable, world.settings)
    assert due == pytest.approx(1800, abs=15)
    world.run(3600)
    due = service_due(world.state.durable, world.settings)
    assert due == pytest.approx(-1800, abs=15)
    world.operator("reset_service")
    assert service_due(world.state.durable, world.settings) == pytest.approx(3600, abs=1)
    world.die(reboot=True)
    assert service_due(world.state.durable, world.settings) == pytest.approx(3600, abs=1)
    assert service_due(world.state.durable, settings()) is None


def test_engine_seconds_of_a_process_that_was_stopped_are_unknown() -> None:
    world = World(soc=0.6).on_alerts()
    world.ac = True
    assert world.run(30, until=lambda it: it.proof() is True)
    before = world.state.durable.engine_seconds
    world.now += 3600
    world.run(10)
    assert world.state.durable.engine_seconds - before <= 10


def test_engine_seconds_outlive_a_restart_and_a_reboot() -> None:
    world = started()
    assert world.run(120, until=lambda it: it.phase() == "running")
    world.run(300)
    before = world.state.durable.engine_seconds
    assert before >= 300
    world.die(dead_for=5)
    assert before - 60 <= world.state.durable.engine_seconds <= before
    kept = world.state.durable.engine_seconds
    world.die(reboot=True)
    assert world.state.durable.engine_seconds == kept


@pytest.mark.parametrize(("volts", "runs"), [(79.9, False), (80.0, True)])
def test_ac_input_volts_confirm_from_min_volts_on(volts: float, *, runs: bool) -> None:
    world = started(ac_volts=volts, charging=False)
    world.ac = True
    world.run(60)
    assert world.proof() is runs


@pytest.mark.parametrize(("charging", "verdict"), [(True, True), (False, None), (None, None)])
def test_only_a_charging_inverter_is_evidence_without_ac_volts(*, charging: bool | None, verdict: bool | None) -> None:
    world = started(ac_volts=None, charging=charging)
    world.run(60)
    assert world.proof() is verdict


def test_the_ags_counts_as_proof_only_where_ac_input_does_not() -> None:
    for ac_input, verdict in ((True, False), (False, True)):
        world = World(settings=settings(evidence={"ac_input": ac_input}), soc=0.3, obeys=False).on_alerts()
        world.fire("start")
        world.ags = 7
        world.run(60)
        assert world.proof() is verdict


def test_a_ready_ags_as_evidence_denies_the_engine() -> None:
    world = World(settings=settings(evidence={"ac_input": False}), soc=0.3).on_alerts()
    assert world.proof() is False
    world.ags = 3
    world.run(20)
    assert world.proof() is True, "running, though not ours"


def test_without_configured_evidence_nothing_fails() -> None:
    world = World(settings=settings(evidence={"ac_input": False, "ags": False}), soc=0.3).on_alerts()
    world.fire("start")
    assert world.run(5 * HOUR, until=lambda it: not it.closed())
    assert ends(world) == ["max_run"]
    assert world.state.durable.attempts == 0


def test_negative_evidence_ends_the_attempt_at_start_confirm() -> None:
    world = started(obeys=False)
    world.run(10 * MINUTE - 2)
    assert world.closed()
    world.run(3)
    assert not world.closed()
    assert ends(world) == ["start_failed"]
    assert world.state.durable.attempts == 1
    assert world.state.durable.start_failures == 1
    assert world.state.durable.back_off_until == pytest.approx(world.now + 15 * MINUTE, abs=3)


def warming_up(minutes: float, **world: object) -> World:
    """A run whose AGS has reported *warm up* for so long, from half a minute after closing."""
    it = started(ac=False, **world)
    it.run(MINUTE / 2)
    it.ags = 26
    it.run(minutes * MINUTE)
    return it


def test_a_warm_up_longer_than_start_confirm_is_waited_for() -> None:
    world = warming_up(14)
    assert world.closed()
    assert world.phase() == "starting"
    world.ags = 7
    world.run(9 * MINUTE)
    assert world.closed(), "the time before and after the warm-up is not yet start_confirm"
    world.ac = True
    world.run(30)
    assert world.phase() == "running"
    assert world.state.durable.attempts == 0


def test_after_the_warm_up_the_rest_of_start_confirm_is_left() -> None:
    world = warming_up(5)
    world.ags = 7
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert world.now - world.moves[0][0] == pytest.approx(15 * MINUTE, abs=10)
    assert ends(world) == ["start_failed"]


def test_a_warm_up_is_waited_for_no_longer_than_warm_up() -> None:
    world = warming_up(24)
    assert world.closed()
    world.run(2 * MINUTE)
    assert ends(world) == ["start_failed"]
    assert world.moves[1][0] - world.moves[0][0] == pytest.approx(25 * MINUTE, abs=2)


def test_a_warm_up_just_before_start_confirm_is_waited_for() -> None:
    world = started(ac=False)
    world.interval = 9.0  # start_confirm passes between two pages
    world.run(10 * MINUTE - 8)
    world.ags = 26
    world.run(5 * MINUTE)
    assert world.closed()


def test_a_warm_up_of_another_run_delays_nothing() -> None:
    world = warming_up(5)
    world.operator("off")
    world.bus_alive = False  # the AGS is not received any more, and does not report the stop either
    world.run(20 * MINUTE)
    world.operator("on", HOUR)
    world.bus_alive = True
    world.ags = 7
    assert world.closed()
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert world.moves[3][0] - world.moves[2][0] == pytest.approx(10 * MINUTE, abs=2)


def test_the_warm_up_of_a_second_run_is_waited_for_too() -> None:
    world = warming_up(5)
    world.operator("off")
    world.ags = 2
    world.run(20 * MINUTE)
    world.operator("on", HOUR)
    assert world.closed()
    world.run(MINUTE / 2)
    world.ags = 26
    world.run(14 * MINUTE)
    assert world.closed()


def test_evidence_negative_after_start_confirm_fails_then() -> None:
    world = started(bus_alive=False, obeys=False)
    world.run(30 * MINUTE)
    assert world.closed()
    world.bus_alive = True
    world.run(25)
    assert ends(world) == ["start_failed"]


def test_a_dead_engine_ends_the_run_after_three_samples() -> None:
    world = started()
    world.run(5 * MINUTE)
    world.obeys = False
    world.run(9)
    assert world.closed()
    world.run(10)
    assert ends(world) == ["died"]
    assert world.state.durable.attempts == 1


def test_a_short_dip_is_no_death() -> None:
    world = started()
    world.run(5 * MINUTE)
    world.ac = False
    world.run(10)
    world.ac = True
    world.run(HOUR)
    assert world.closed()


def test_absent_evidence_is_unknown_not_failed() -> None:
    world = started()
    world.run(5 * MINUTE)
    world.bus_alive = False
    world.run(5)
    assert world.proof() is None
    assert world.phase() == "unknown"
    assert world.run(5 * HOUR, until=lambda it: not it.closed())
    assert ends(world) == ["max_run"]
    assert world.state.durable.attempts == 0
    world.run(5 * MINUTE)
    assert world.kinds().count("proof_unknown") == 2, "said once in the run, and once of its stop"
    assert world.phase() != "off"


def test_evidence_read_over_and_over_is_not_fresh() -> None:
    world = started()
    world.run(5 * MINUTE)
    world.frozen = True
    world.run(31)
    assert world.proof() is None
    assert world.phase() == "unknown"


def test_evidence_stays_fresh_for_half_a_minute() -> None:
    world = started()
    world.run(5 * MINUTE)
    world.page_reachable = False
    world.run(24)
    assert world.proof() is True
    world.run(7)
    assert world.proof() is None


def started_at_the_second_attempt() -> World:
    world = started(obeys=False)
    world.run(20 * MINUTE)
    world.fire("start")
    world.obeys = True
    assert world.run(5 * MINUTE, until=World.closed)
    assert world.state.durable.attempts == 1
    return world


@pytest.mark.parametrize("end", ["off", "inhibit", "ags_refuses"])
def test_a_run_confirmed_for_min_run_resets_the_attempts_at_its_end(end: str) -> None:
    world = started_at_the_second_attempt()
    world.run(16 * MINUTE)
    assert world.state.durable.attempts == 1
    if end == "off":
        world.operator("off")
    elif end == "inhibit":
        world.fire("inhibit")
    else:
        world.ags = 1
        world.run(20)
    assert not world.closed()
    assert world.state.durable.attempts == 0


def test_a_run_not_confirmed_for_min_run_resets_nothing_at_its_end() -> None:
    world = started_at_the_second_attempt()
    world.run(14 * MINUTE)
    world.operator("off")
    assert world.state.durable.attempts == 1


def test_the_time_before_the_proof_does_not_reset_attempts() -> None:
    world = started_at_the_second_attempt()
    world.warm_up = 5 * MINUTE
    world.run(18 * MINUTE)
    world.operator("off")
    assert world.state.durable.attempts == 1


def test_a_long_run_that_the_engine_ends_by_dying_resets_nothing() -> None:
    world = started_at_the_second_attempt()
    world.run(20 * MINUTE)
    world.obeys = False
    world.run(30)
    assert ends(world)[-1] == "died"
    assert world.state.durable.attempts == 2


def test_a_shorter_run_does_not() -> None:
    world = started()
    world.run(10 * MINUTE)
    world.obeys = False
    world.run(30)
    assert world.state.durable.attempts == 1
    world.run(20 * MINUTE)
    world.fire("start")
    world.obeys = True
    assert world.run(5 * MINUTE, until=World.closed)
    world.run(10 * MINUTE)
    world.obeys = False
    world.run(30)
    assert world.state.durable.attempts == 2


def test_a_failure_to_stop_is_repeated_and_counted_once() -> None:
    world = started()
    world.tail = 1e9
    world.run(20 * MINUTE)
    world.operator("off")
    opened, reports = world.now, []
    assert world.phase() == "stopping"
    while world.now < opened + 100 * MINUTE:
        known = world.kinds().count("stop_failed")
        world.run(10)
        reports += [round((world.now - opened) / MINUTE)] * (world.kinds().count("stop_failed") - known)
    assert reports == [5, 10, 20, 40, 80]
    world.die()
    world.run(10 * MINUTE)
    assert world.state.durable.stop_failures == 1
    world.tail = 0
    world.run(30)
    assert world.kinds()[-1] == "engine_stopped"
    assert world.phase() == "off"


def test_each_run_that_fails_to_stop_is_reported_and_counted() -> None:
    world = started()
    for failures in (1, 2):
        world.tail = 1e9
        world.run(20 * MINUTE)
        world.operator("off")
        world.run(6 * MINUTE)
        assert world.state.durable.stop_failures == failures
        world.tail = 0
        world.run(20 * MINUTE)
        world.operator("on", HOUR)
        assert world.closed()


def test_an_unknown_engine_that_runs_has_failed_to_stop() -> None:
    world = started()
    world.run(20 * MINUTE)
    world.tail, world.bus_alive = 1e9, False
    world.operator("off")
    world.run(HOUR)
    assert world.phase() == "unknown"
    world.bus_alive = True
    world.run(30)
    assert "stop_failed" in world.kinds()


def test_an_engine_that_starts_after_a_short_run_has_not_stopped() -> None:
    world = started(warm_up=30.0)
    world.run(20)
    world.operator("off")
    assert world.phase() == "off"
    world.ac = True
    world.run(30)
    assert world.phase() == "stopping"
    world.run(5 * MINUTE)
    assert "stop_failed" in world.kinds()


def test_ac_long_after_a_stop_is_no_failed_stop() -> None:
    world = started()
    world.run(20 * MINUTE)
    world.operator("off")
    world.run(HOUR)
    world.ac = True
    world.run(HOUR)
    assert "stop_failed" not in world.kinds()
    assert "ac_live" in world.inhibitors()
    assert world.phase() == "off"


def test_a_foreign_run_after_ours_is_no_failure_to_stop() -> None:
    world = started()
    world.run(20 * MINUTE)
    world.tail = 1e9
    world.ags = 8
    world.run(HOUR)
    assert ends(world) == ["foreign_run"]
    assert "stop_failed" not in world.kinds()
    assert world.state.durable.attempts == 0
    assert world.state.durable.stop_failures == 0


def test_anothers_run_is_not_claimed_as_ours() -> None:
    world = started(obeys=False)
    world.ags, world.ac = 8, True
    world.run(60)
    assert "engine_proven" not in world.kinds()
    assert ends(world) == ["foreign_run"]


def test_one_sample_of_a_foreign_run_delays_our_proof() -> None:
    world = started(obeys=False)
    world.ac = True
    world.run(10)
    world.ags = 8
    assert world.run(10, until=lambda it: it.proof() is True)
    world.run(MINUTE)
    assert "engine_proven" not in world.kinds()


def test_anothers_run_costs_no_budget() -> None:
    world = World(soc=0.3, ags=3, ac=True).on_alerts()
    world.run(5 * HOUR)
    assert not world.state.durable.closures
    assert world.state.durable.run_seconds == 0
    assert world.proof() is True, "it runs, and that is said"
    assert world.phase() == "off"


def test_run_seconds_and_starts_are_counted() -> None:
    world = started()
    world.run(20 * MINUTE)
    world.operator("off")
    assert world.state.durable.run_seconds == pytest.approx(20 * MINUTE, abs=2)
    assert world.state.durable.starts == {"alert": 1}


@pytest.mark.parametrize("chatters", [True, False])
def test_an_engine_without_evidence_in_time_is_unknown(*, chatters: bool) -> None:
    world = World(soc=0.9, obeys=False)
    world.operator("on", HOUR)
    world.bus_alive = chatters
    beats = 0
    while world.now < 1000 + 12 * MINUTE:
        beats += 1
        world.ac = beats % 3 != 0
        world.run(5)
    assert world.closed()
    assert world.phase() == "unknown"


def test_an_unannounced_warm_up_in_our_run_is_ours() -> None:
    world = World(soc=0.9)
    world.operator("on", 10 * MINUTE)
    world.run(MINUTE)
    world.ags, world.ac_volts = 26, None
    world.charging = None
    assert world.run(20 * MINUTE, until=lambda it: not it.closed())
    world.run(20 * MINUTE)
    assert "foreign_run" not in world.inhibitors()
    assert "foreign_run" not in world.kinds()
    assert world.phase() == "unknown", "nothing has proven a stop"
