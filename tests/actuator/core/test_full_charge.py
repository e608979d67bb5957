"""A full charge: when it is due, when it begins and ends, and what bounds it (synthetic world)."""

from __future__ import annotations

import pytest

from tests.actuator.harness.simulated_site import World, settings
from toolkit.replace import replace

MINUTE, HOUR = 60.0, 3600.0


def site(*, soc: float = 0.8, **parts: object) -> World:
    """A world on path alerts, with a full charge due two hours after its first start."""
    world = World(settings=settings(full_charge={"every": "2h"}, **parts), soc=soc, full=False, tick=5.0)
    return world.on_alerts()


def charging(**limits: object) -> World:
    """A world in which a full charge has just begun."""
    world = site(limits=limits)
    assert world.run(2 * HOUR, until=World.closed)
    return world


def opens_within(world: World, seconds: float) -> bool:
    return world.run(seconds, until=lambda it: not it.closed())


def test_it_is_due_after_the_first_start() -> None:
    world = site()
    assert world.run(2 * HOUR, until=World.closed)
    assert world.now - world.state.started_at == pytest.approx(2 * HOUR, abs=10)
    assert world.causes() == ("full_charge",)


def test_it_is_due_after_the_battery_was_last_full() -> None:
    world = site()
    world.run(1.5 * HOUR)
    world.full = True
    world.run(MINUTE)
    world.full, full_at = False, world.now
    assert world.run(3 * HOUR, until=World.closed)
    assert world.now - full_at == pytest.approx(2 * HOUR, abs=75)


@pytest.mark.parametrize(("soc", "begins"), [(0.9, True), (0.901, False), (None, False)])
def test_it_begins_at_90_percent_or_less(soc: float | None, *, begins: bool) -> None:
    world = site(soc=0.95)
    world.soc = soc
    assert world.run(3 * HOUR, until=World.closed) is begins


@pytest.mark.parametrize("full", [None, True])
def test_it_does_not_begin_without_a_visible_end(full: bool | None) -> None:  # noqa: FBT001 - the value itself
    world = site()
    world.run(HOUR)
    world.full = full
    assert not world.run(2 * HOUR, until=World.closed)


def test_one_sample_begins_none_and_ends_none() -> None:
    world = site(soc=0.95)
    world.run(3 * HOUR)
    world.soc = 0.5
    world.run(5)
    world.soc = 0.95
    assert not world.run(5 * MINUTE, until=World.closed)
    world.soc = 0.5
    assert world.run(5 * MINUTE, until=World.closed)
    world.run(20 * MINUTE)
    world.full = True
    world.run(10)
    world.full = False
    world.run(5)
    assert world.closed()
    assert world.causes() == ("full_charge",)


def test_it_goes_on_until_the_battery_is_full() -> None:
    world = charging()
    world.soc = 0.97
    for _ in range(60):
        world.fire("stop")
        world.run(MINUTE)
    assert world.closed()
    world.full = True
    assert opens_within(world, 20)
    assert world.state.durable.full_runs == ()


def test_it_begins_on_path_fallback_and_not_on_path_blind() -> None:
    world = World(settings=settings(full_charge={"every": "2h"}), soc=0.8, full=False, tick=5.0)
    assert world.run(3 * HOUR, until=World.closed)
    assert world.path() == "fallback"
    world = World(settings=settings(full_charge={"every": "2h"}), soc=None, full=False, tick=5.0)
    assert not world.run(3 * HOUR, until=World.closed)


def test_no_quiet_hours_are_disturbed() -> None:
    world = site(quiet_hours={"from": "21:00", "to": "06:00"})
    world.wall_sane, world.minute_of_day = True, 23 * 60
    assert not world.run(3 * HOUR, until=World.closed)
    world.minute_of_day = 7 * 60
    assert world.run(MINUTE, until=World.closed)
    world.minute_of_day = 21 * 60
    assert opens_within(world, 10)


def test_it_needs_more_than_max_run_of_the_budget() -> None:
    world = charging(max_run="2h", daily_budget="3h")
    began = world.now
    assert opens_within(world, 3 * HOUR)
    assert world.now - began == pytest.approx(HOUR, abs=10)
    assert not world.run(20 * HOUR, until=World.closed), "what is left is for a run that the battery needs"
    assert world.run(5 * HOUR, until=World.closed), "the sliding 24 h give it back"


def test_after_two_runs_to_max_run_it_waits_half_the_interval() -> None:
    world = charging(max_run="20m")
    for runs in (1, 2):
        assert opens_within(world, 30 * MINUTE)
        assert len([move for move in world.moves if move[1]]) == runs
        if runs == 1:
            assert world.run(20 * MINUTE, until=World.closed)
    world.run(5)
    (text,) = world.texts("full_charge_failed")
    assert text.startswith("The battery is still not full after 2 runs for a full charge. The next one is due in 1 h.")
    given_up = world.now
    assert world.run(3 * HOUR, until=World.closed)
    assert world.now - given_up == pytest.approx(HOUR, abs=15)


def test_a_full_battery_is_due_a_whole_interval_later() -> None:
    world = charging(max_run="20m")
    assert opens_within(world, 30 * MINUTE)
    world.full = True
    world.run(MINUTE)
    assert world.state.durable.full_runs == ()
    world.full, full_at = False, world.now
    assert world.run(3 * HOUR, until=World.closed)
    assert world.now - full_at == pytest.approx(2 * HOUR, abs=75)


def test_it_keeps_a_run_that_the_battery_needed_going() -> None:
    world = site(limits={"min_run": "5m"})
    world.operator("off")
    world.run(2 * HOUR)
    world.soc = 0.2
    world.run(10)
    world.fire("start")
    world.operator("auto")
    assert world.causes() == ("alert", "full_charge")
    assert world.state.durable.run is not None
    assert world.state.durable.run.cause == "alert"
    world.soc = 0.7
    world.run(HOUR)
    assert world.causes() == ("full_charge",)
    world.full = True
    assert opens_within(world, 20)


def test_a_run_that_it_joins_counts_for_the_due_date() -> None:
    world = site()
    world.run(1.9 * HOUR)
    world.operator("on", HOUR)
    assert world.run(HOUR, until=lambda it: "full_charge" in it.causes())
    assert world.state.durable.full_runs == (1,)


def test_a_run_ends_when_the_setting_is_taken_out() -> None:
    world = charging()
    world.run(20 * MINUTE)
    assert world.closed()
    world.settings = settings()
    assert opens_within(world, 10)


def test_a_second_run_that_may_be_resumed_has_not_failed_yet() -> None:
    world = charging(max_run="20m")
    assert opens_within(world, 30 * MINUTE)
    assert world.run(HOUR, until=World.closed)
    world.run(5 * MINUTE)
    world.die(dead_for=5.0)
    assert world.run(MINUTE, until=World.closed)
    assert "full_charge_failed" not in world.kinds()


def test_when_it_is_due_outlives_a_restart_and_a_reboot() -> None:
    world = site()
    world.run(HOUR)
    world.wall_sane = True
    world.run(10)
    world.die(dead_for=10.0)
    world.die(dead_for=30 * MINUTE, reboot=True)
    began = world.now
    assert world.run(2 * HOUR, until=World.closed)
    assert world.now - began == pytest.approx(27 * MINUTE, abs=3 * MINUTE)


def test_an_earlier_journal_makes_it_due_an_interval_later() -> None:
    world = site()
    world.run(HOUR)
    world.saved = replace(world.saved, durable=replace(world.saved.durable, full_at=None))
    world.die(dead_for=5.0)
    began = world.now
    assert world.run(3 * HOUR, until=World.closed)
    assert world.now - began == pytest.approx(2 * HOUR, abs=10)


def test_without_the_setting_none_is_ever_due() -> None:
    world = World(soc=0.8, full=False, tick=5.0).on_alerts()
    world.state = replace(world.state, durable=replace(world.state.durable, full_at=world.now - 400 * 24 * HOUR))
    assert not world.run(HOUR, until=World.closed)
