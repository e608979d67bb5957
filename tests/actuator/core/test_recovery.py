"""What outlives a death, a reboot and a torn journal (synthetic world)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actuator.core import recovery, runs
from actuator.core.alert_path import Inhibit
from actuator.core.limits import budget_left
from actuator.core.state import Anchor, Closure, Durable, Moment, Run, Saved
from tests.actuator.harness.property_checks import ReferenceModel
from tests.actuator.harness.simulated_site import World, settings
from toolkit.replace import replace

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def proven(**parts: object) -> World:
    world = World(settings=settings(**parts), soc=0.3).on_alerts()
    world.fire("start")
    world.run(2 * MINUTE)
    assert world.phase() == "running"
    return world


def closings(world: World) -> list[float]:
    return [time for time, closed in world.moves if closed]


def test_a_confirmed_run_resumes_once_with_its_old_deadline() -> None:
    world = proven()
    assert world.state.durable.run is not None
    deadline, number = world.state.durable.run.deadline, world.state.durable.run.number
    world.die(dead_for=20)
    assert not world.closed()
    assert world.phase() == "off" or world.state.durable.candidate
    world.step()
    assert world.phase() == "unknown"
    assert world.run(40, until=World.closed)
    assert world.state.durable.run is not None
    assert world.state.durable.run.deadline == deadline
    assert world.state.durable.run.number == number
    assert world.path() == "waiting"
    world.beating, world.soc = False, None
    assert world.run(5 * HOUR, until=lambda it: not it.closed())
    assert world.now == pytest.approx(deadline, abs=1.1)
    assert world.state.durable.starts == {"alert": 1}


@pytest.mark.parametrize("taken_up", [True, False])
def test_any_further_death_in_that_run_waits_min_off(*, taken_up: bool) -> None:
    world = proven()
    world.die(dead_for=10)
    if taken_up:
        assert world.run(40, until=World.closed)
        world.run(30)
    world.die(dead_for=10)
    died = world.now
    assert world.state.durable.candidate is None
    world.soc = 0.1
    assert world.run(HOUR, until=World.closed)
    assert world.now - died >= 15 * MINUTE
    assert world.state.durable.runs == 2


def test_a_run_that_was_not_confirmed_is_an_ordinary_start_after_min_off() -> None:
    world = World(soc=0.3, warm_up=300.0).on_alerts()
    world.fire("start")
    world.run(60)
    world.die(dead_for=10)
    assert world.state.durable.candidate is None
    died = world.now
    world.soc = 0.1
    assert world.run(HOUR, until=World.closed)
    assert world.now - died >= 15 * MINUTE
    assert world.state.durable.runs == 2


def test_an_engine_whose_cranking_kills_the_program_is_locked_out() -> None:
    world = World(soc=0.3, warm_up=300.0).on_alerts()
    world.soc = 0.1
    for _ in range(3):
        assert world.run(HOUR, until=World.closed)
        world.run(40)
        world.die(dead_for=30, reboot=True)
    world.step()
    assert world.state.durable.locked_out
    assert "locked_out" in world.kinds()
    world.run(2 * HOUR)
    assert not world.closed()


def test_an_orderly_end_before_start_confirm_has_used_no_attempt() -> None:
    world = World(soc=0.05, obeys=False)
    assert world.run(HOUR, until=World.closed)
    world.run(40)
    run = world.state.durable.run
    assert run is not None
    assert run.denied
    ended = replace(run, opened_at=world.now)
    world.saved = Saved(durable=replace(world.state.durable, run=ended), moment=world.moment())
    world.move(closed=False)
    world.die(dead_for=5)
    assert (world.state.durable.attempts, world.state.durable.back_off_until) == (0, None)


def test_a_death_in_an_attempt_is_reported_as_a_failed_one() -> None:
    world = World(soc=0.05, obeys=False)
    assert world.run(HOUR, until=World.closed)
    world.die(dead_for=1)
    assert world.texts("attempt_failed") == ["Failed attempt 1 of 3. Next start in 15 min at the earliest."]
    assert world.state.durable.start_failures == 1


def test_one_negative_sample_before_the_close_denies_no_run() -> None:
    world = World(obeys=False)
    world.run(6)
    assert world.proof() is None
    world.operator("on", HOUR)
    assert world.closed()
    world.die(dead_for=1)
    assert world.state.durable.attempts == 0


def test_deaths_without_evidence_lock_nothing_out() -> None:
    world = World(soc=0.1, bus_alive=False)
    for _ in range(5):
        assert world.run(HOUR, until=World.closed)
        world.run(40)
        world.die(dead_for=30)
    assert world.state.durable.attempts == 0


def test_a_run_is_not_resumed_when_its_engine_has_stopped() -> None:
    world = proven()
    world.tail = 5
    world.die(dead_for=20)
    world.run(30)
    assert "resume_given_up" in world.kinds()
    assert not world.closed()
    assert world.phase() in ("stopping", "off")


@pytest.mark.parametrize(
    ("code", "resumes"), [(7, True), (26, True), (27, True), (2, False), (None, False), (8, False)]
)
def test_without_ac_the_ags_may_confirm_that_the_run_is_ours(code: int | None, *, resumes: bool) -> None:
    world = proven()
    world.ac_volts = world.charging = None
    world.ags = code
    world.die(dead_for=20)
    assert world.run(5 * MINUTE, until=World.closed) is resumes
    world.run(10 * MINUTE)
    assert ("resume_given_up" in world.kinds()) is not resumes


def test_an_ags_code_of_ours_without_ac_resumes_nothing() -> None:
    world = proven()
    world.ac, world.ags = False, 7
    world.die(dead_for=20)
    assert not world.run(5 * MINUTE, until=World.closed)


@pytest.mark.parametrize("reason", ["mode_off", "inhibit", "quiet", "ags", "manual_over"])
def test_a_run_is_not_resumed_against_what_forbids_it(reason: str) -> None:
    world = World(
        settings=settings(quiet_hours={"from": "21:00", "to": "06:00"}), soc=0.3, wall_sane=True, minute_of_day=720
    ).on_alerts()
    if reason == "manual_over":
        world.operator("on", 3 * MINUTE)
    else:
        world.fire("start")
    world.run(2 * MINUTE)
    world.die(dead_for=20)
    if reason == "mode_off":
        world.operator("off")
    if reason == "inhibit":
        world.fire("inhibit")
    if reason == "quiet":
        world.minute_of_day = 0
    if reason == "ags":
        world.ags = 1
    if reason == "manual_over":
        world.now += 100
    assert not world.run(5 * MINUTE, until=World.closed)
    assert "resume_given_up" in world.kinds()


def test_a_run_is_resumed_just_before_quiet_hours() -> None:
    quiet = settings(quiet_hours={"from": "21:00", "to": "06:00"})
    world = World(settings=quiet, soc=0.3, wall_sane=True, minute_of_day=720).on_alerts()
    world.fire("start")
    world.run(2 * MINUTE)
    world.die(dead_for=20)
    world.minute_of_day = 1259
    assert world.run(MINUTE, until=World.closed)
    assert world.state.durable.runs == 1


def test_a_restart_after_the_deadline_stays_open() -> None:
    world = proven(limits={"max_run": "30m"})
    world.ac = True
    world.die(dead_for=HOUR)
    assert world.state.durable.candidate is None
    world.run(10 * MINUTE)
    assert not world.closed()


def test_time_dead_counts_as_closed_and_a_restart_refills_nothing() -> None:
    world = World(settings=settings(limits={"daily_budget": "30m", "max_run": "25m"}), soc=0.3).on_alerts()
    world.fire("start")
    world.run(60)
    world.die(dead_for=9 * MINUTE)
    left = budget_left(world.state.durable, world.settings, world.now)
    assert left == pytest.approx(20 * MINUTE, abs=2)


def test_a_restart_10_minutes_into_a_budget_of_30_leaves_20() -> None:
    world = World(settings=settings(limits={"daily_budget": "30m"}), soc=0.3).on_alerts()
    world.fire("start")
    began = world.moves[0][0]
    world.run(10 * MINUTE - 20)
    world.die(dead_for=20)
    assert budget_left(world.state.durable, world.settings, world.now) == pytest.approx(20 * MINUTE)
    assert world.run(40, until=World.closed)
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(30 * MINUTE, abs=1.1)
    assert "budget" in world.inhibitors()


def test_a_restart_keeps_attempts_back_off_and_min_off() -> None:
    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    world.run(11 * MINUTE)
    world.die()
    assert world.state.durable.attempts == 1
    world.soc = 0.1
    released = world.moves[-1][0]
    assert world.run(HOUR, until=World.closed)
    assert world.now - released >= 15 * MINUTE


@pytest.mark.parametrize("sane", [True, False])
def test_over_a_reboot_time_counts_only_by_a_sane_clock(*, sane: bool) -> None:
    world = World(soc=0.3, obeys=False, wall_sane=sane).on_alerts()
    world.fire("start")
    world.run(11 * MINUTE)
    world.soc = 0.1
    world.die(dead_for=30 * MINUTE, reboot=True)
    assert world.run(HOUR, until=World.closed)
    waited = world.now - 50
    assert waited < 2 * MINUTE if sane else waited == pytest.approx(14 * MINUTE, abs=MINUTE)


def test_another_boot_resumes_nothing_and_ends_mode_on() -> None:
    world = World(soc=0.5)
    world.operator("on", HOUR)
    world.run(2 * MINUTE)
    world.ac = True
    world.die(reboot=True)
    assert world.state.durable.mode == "auto"
    assert world.state.durable.candidate is None
    assert world.state.durable.manual_until is None
    world.run(10 * MINUTE)
    assert not world.closed()


def test_a_clock_that_went_back_over_a_reboot_counts_as_none() -> None:
    here = Moment(boot="two", now=10.0, wall=500.0, wall_sane=True)
    then = Moment(boot="one", now=90_000.0, wall=1000.0, wall_sane=True)
    durable = Durable(
        closures=(Closure(start=88_000.0, end=89_000.0),),
        back_off_until=90_600.0,
        blind_at=1.0,
        exercise_at=2.0,
        released_at=89_000.0,
        stopped_at=89_100.0,
    )
    state, _ = recovery.restore(Saved(durable=durable, moment=then), here, settings())
    assert state.durable.closures == (Closure(start=-1990.0, end=-990.0),)
    assert state.durable.back_off_until == 610.0
    assert (state.durable.blind_at, state.durable.exercise_at) == (-89_989.0, -89_988.0)
    assert (state.durable.released_at, state.durable.stopped_at) == (-990.0, -890.0)


RUN = Run(
    number=4, cause="alert", causes=("alert",), closed_at=1000.0, closed_wall=0.0, deadline=15_400.0, proven_at=1100.0
)
HERE = Moment(boot="one", now=2000.0, wall=1000.0, wall_sane=False)


def torn(durable: Durable | None, **limits: object) -> World:
    world = World(settings=settings(limits=limits))
    saved = None if durable is None else Saved(durable=durable, moment=HERE)
    world.now = HERE.now
    world.state, events = recovery.restore(saved, HERE, world.settings, torn=True)
    world.events += events
    return world


def test_a_torn_journal_is_reported_and_leaves_at_most_one_max_run() -> None:
    world = torn(Durable(run=RUN))
    durable = world.state.durable
    assert durable.run is durable.candidate is None
    assert durable.torn
    assert budget_left(durable, world.settings, world.now) == pytest.approx(4 * HOUR)
    assert "journal_torn" in world.kinds()
    assert durable.torn_at == world.state.started_at
    world.operator("reset_lockout")
    kept = world.state.durable
    assert (kept.torn, kept.closures) == (True, durable.closures), "the alarm has a reset of its own"
    world.operator("reset_journal")
    assert not world.state.durable.torn
    world.beating, world.soc = True, 0.1
    assert world.run(HOUR, until=World.closed)
    assert world.now - HERE.now >= 15 * MINUTE, "whatever was closed before has its min off"


def test_after_a_torn_journal_min_off_counts_from_its_start() -> None:
    durable = torn(Durable(released_at=-1e6, stopped_at=-1e6)).state.durable
    assert (durable.released_at, durable.stopped_at) == (HERE.now, None)


def test_a_torn_journal_never_refills_what_it_still_has() -> None:
    world = torn(Durable(closures=(Closure(start=2000 - 9 * HOUR, end=2000.0),)))
    assert budget_left(world.state.durable, world.settings, world.now) == pytest.approx(1 * HOUR)


def test_after_a_torn_journal_older_closures_free_no_budget_for_a_day() -> None:
    long_ago = Closure(start=HERE.now - 23 * HOUR, end=HERE.now - 13 * HOUR)
    world = torn(Durable(closures=(long_ago,)))
    for hours, left in ((0, 0.0), (8, 1 * HOUR), (12, 4 * HOUR), (17.9, 4 * HOUR), (24, 10 * HOUR)):
        later = HERE.now + hours * HOUR
        assert budget_left(world.state.durable, world.settings, later) == pytest.approx(left), hours


def test_a_torn_journal_counts_a_run_that_was_broken_off() -> None:
    world = torn(Durable(run=RUN), daily_budget="1h", max_run="1h")
    assert budget_left(world.state.durable, world.settings, world.now) == pytest.approx(HOUR - 1000)


def test_with_nothing_to_be_read_and_a_budget_of_one_run_all_of_it_is_left() -> None:
    world = torn(None, daily_budget="2h", max_run="4h")
    assert budget_left(world.state.durable, world.settings, world.now) == 2 * HOUR


def test_a_fresh_start_has_no_state_and_is_not_torn() -> None:
    state, events = recovery.restore(None, HERE, settings())
    assert state.durable == Durable()
    assert not events


def test_a_closure_that_slides_out_of_the_day_counts_by_the_part_within() -> None:
    now = 100 * HOUR
    durable = Durable(closures=(Closure(start=now - 25 * HOUR, end=now - 23 * HOUR),))
    assert budget_left(durable, settings(), now) == 9 * HOUR


def test_time_powered_off_counts_as_soon_as_the_clock_is_known_right() -> None:
    world = World(soc=0.3, obeys=False, wall_sane=True).on_alerts()
    world.fire("start")
    assert world.run(HOUR, until=lambda it: it.state.durable.attempts == 1)
    world.saved = Saved(durable=world.state.durable, moment=world.moment())
    before = world.state.durable
    world.wall_sane = False
    world.die(dead_for=10 * HOUR, reboot=True)
    world.run(5 * MINUTE)
    assert before.back_off_until is not None
    assert before.released_at is not None
    waited = world.state.durable.back_off_until
    assert waited is not None
    assert waited > world.now, "no time is known to have passed"
    world.die(dead_for=HOUR, reboot=True)
    world.run(MINUTE)
    world.wall_sane = True
    world.step()
    durable = world.state.durable
    assert durable.back_off_until is not None
    assert durable.back_off_until < world.now
    gone = [world.now - closure.end for closure in durable.closures]
    assert gone == [pytest.approx(11 * HOUR + 6 * MINUTE, abs=5)]
    assert durable.anchor is None


def test_a_run_between_two_boots_without_a_clock_gets_no_older() -> None:
    world = World(soc=0.3, wall_sane=True, settings=settings(limits={"daily_budget": "30m"})).on_alerts()
    world.wall_sane, world.tick = False, 5.0
    world.die(dead_for=10 * HOUR, reboot=True)
    world.soc = 0.2
    assert world.run(HOUR, until=World.closed)
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert "budget" in world.inhibitors()
    world.run(5 * HOUR)
    world.die(dead_for=10 * HOUR, reboot=True)
    world.wall_sane, moves = True, len(world.moves)
    world.run(HOUR)
    assert len(world.moves) == moves, "of the time powered off, the first part was before that run"
    assert "budget" in world.inhibitors()
    assert world.run(24 * HOUR, until=World.closed)


def test_times_since_the_boot_stay_when_the_clock_becomes_right() -> None:
    world = proven()
    world.wall_sane = True
    world.step()
    world.saved = Saved(durable=world.state.durable, moment=world.moment())
    world.wall_sane = False
    world.die(dead_for=10 * HOUR, reboot=True)
    world.soc = 0.05
    assert world.run(HOUR, until=World.closed)
    run, closures = world.state.durable.run, world.state.durable.closures
    assert run is not None
    world.wall_sane = True
    world.step()
    after = world.state.durable.run
    assert after is not None
    assert (after.closed_at, after.deadline) == (run.closed_at, run.deadline)
    (past,) = world.state.durable.closures
    assert past.end == pytest.approx(closures[0].end - 10 * HOUR, abs=5), "the run before the power was cut moves"


@pytest.mark.parametrize("orderly", [True, False])
def test_an_engine_after_the_tail_is_anothers_if_the_contact_was_open(*, orderly: bool) -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    if orderly:
        durable = replace(world.state.durable, run=replace(run, opened_at=world.now))
        world.saved = Saved(durable=durable, moment=world.moment())
    world.move(closed=False)
    world.ac = True
    world.die(dead_for=4 * MINUTE)
    assert world.state.durable.candidate is None
    world.run(2 * HOUR)
    assert not world.closed()
    assert world.proof()


def test_a_run_resumed_after_an_orderly_end_counts_for_the_budget() -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    ended = replace(run, opened_at=world.now)
    world.saved = Saved(durable=replace(world.state.durable, run=ended), moment=world.moment())
    world.move(closed=False)
    world.die(dead_for=10)
    assert world.run(40, until=World.closed)
    world.run(10 * MINUTE)
    world.die(dead_for=10)
    world.step()
    used = 10 * HOUR - budget_left(world.state.durable, world.settings, world.now)
    assert used >= world.now - run.closed_at - 2


def test_a_run_resumes_though_its_contact_was_held_long_after_a_kill() -> None:
    world = proven()
    world.die(dead_for=20 * MINUTE)
    assert world.run(40, until=World.closed)


def test_a_contact_closed_by_another_after_an_orderly_end_is_no_run() -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    ended = replace(run, opened_at=world.now)
    world.saved = Saved(durable=replace(world.state.durable, run=ended), moment=world.moment())
    world.die(dead_for=20 * MINUTE)
    assert world.state.durable.candidate is None


def test_a_confirmed_run_is_no_failed_attempt_even_if_denied_before() -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    assert run.denied, "before the warm-up was over"
    world.die(reboot=True)
    assert world.state.durable.attempts == 0


@pytest.mark.parametrize(("passed", "credit"), [(5000.0, 4900.0), (-5000.0, 0.0)])
def test_only_times_before_the_boot_move_and_only_back(passed: float, credit: float) -> None:
    before, since = Closure(start=-900.0, end=-300.0), Closure(start=60.0, end=120.0)
    durable = Durable(
        closures=(before, since),
        back_off_until=900.0,
        released_at=120.0,
        stopped_at=125.0,
        blind_at=-900.0,
        exercise_at=60.0,
        run_seconds=700.0,
        anchor=Anchor(wall=1e9, now=50.0),
    )
    after = recovery.credited(durable, wall=1e9 + passed, now=150.0)
    assert after.run_seconds == 700.0, "the contact was not held closed"
    assert after.closures == (Closure(start=-900.0 - credit, end=-300.0 - credit), since)
    assert (after.released_at, after.stopped_at, after.exercise_at) == (120.0, 125.0, 60.0)
    assert after.back_off_until == 900.0, "a run has failed since"
    assert after.blind_at == -900.0 - credit
    alone = replace(durable, closures=(before,), released_at=-300.0, stopped_at=-250.0)
    after = recovery.credited(alone, wall=1e9 + passed, now=150.0)
    assert (after.back_off_until, after.released_at) == (900.0 - credit, -300.0 - credit)


def test_a_clock_that_was_wrong_before_gives_no_elapsed_time() -> None:
    then = Moment(boot="one", now=1000.0, wall=0.0, wall_sane=False)
    here = Moment(boot="two", now=50.0, wall=1e9, wall_sane=True)
    durable = Durable(closures=(Closure(start=100.0, end=700.0),))
    state, _ = recovery.restore(Saved(durable=durable, moment=then), here, settings())
    assert state.durable.closures == (Closure(start=-850.0, end=-250.0),)


def test_a_run_resumes_if_its_engine_is_received_late_within_the_tail() -> None:
    world = proven()
    world.bus_alive = False
    world.die(dead_for=20)
    world.run(100)
    assert not world.closed()
    world.bus_alive, world.ac = True, True
    assert world.run(30, until=World.closed)


def test_a_deadline_that_passes_before_the_resume_ends_the_run() -> None:
    world = proven(limits={"max_run": "3m", "start_confirm": "2m"})
    run = world.state.durable.run
    assert run is not None
    world.bus_alive = False
    world.die(dead_for=run.deadline - world.now - 20)
    assert world.state.durable.candidate is not None
    world.run(25)
    world.bus_alive, world.ac = True, True
    world.run(MINUTE)
    assert not world.closed()
    assert "resume_given_up" in world.kinds()


def test_an_engine_within_its_tail_is_still_ours() -> None:
    world = proven()
    world.move(closed=False)
    world.die(dead_for=30)
    assert world.run(40, until=World.closed)


def test_a_contact_that_was_found_closed_is_a_row_of_its_own() -> None:
    world = proven()
    world.die(dead_for=20)
    opened = [event for event in world.events if event.kind == "contact_opened"]
    assert [event.fields["reason"] for event in opened] == ["restart"]
    assert "found closed" in world.texts("contact_opened")[0]
    world = proven()
    world.move(closed=False)
    world.die(dead_for=20)
    assert "contact_opened" not in world.kinds()
    assert "run_broken_off" in world.kinds()


def test_a_start_alert_answered_by_a_stop_stays_so_over_a_restart() -> None:
    world = proven()
    world.run(12 * MINUTE)
    world.fire("start")
    world.soc = 0.7
    assert world.run(HOUR, until=lambda world: not world.closed())
    assert world.state.durable.spent == {"start": 1.0}
    world.soc = 0.5
    world.die(dead_for=5)
    world.on_alerts()
    for _ in range(6):
        world.fire("start")
        world.run(5 * MINUTE)
    assert not world.closed()
    world.fire("start", starts_at=2.0)
    assert world.closed()


@pytest.mark.parametrize(
    ("wall", "opened_at", "closed_for"),
    [
        (0.0, None, 600 + recovery.DURABLE_TICK),
        (HOUR, None, 2 * HOUR + recovery.DURABLE_TICK),
        (5 * HOUR, None, 4 * HOUR + recovery.DURABLE_TICK),
        (5 * HOUR, 1500.0, 500),
    ],
    ids=["no clock", "off for an hour and the boot", "off beyond the deadline", "ended in order"],
)
def test_a_reboot_in_a_run_counts_what_the_journal_may_have_missed(
    wall: float, opened_at: float | None, closed_for: float
) -> None:
    run = Run(
        number=1,
        cause="alert",
        causes=("alert",),
        closed_at=1000.0,
        closed_wall=0.0,
        deadline=1000.0 + 4 * HOUR,
        proven_at=1100.0,
        opened_at=opened_at,
    )
    then = Moment(boot="one", now=1600.0, wall=1e9, wall_sane=True)
    here = Moment(boot="two", now=40 * MINUTE, wall=1e9 + wall + 50 * MINUTE, wall_sane=wall > 0)
    state, _ = recovery.restore(Saved(durable=Durable(run=run), moment=then), here, settings())
    (closure,) = state.durable.closures
    assert closure.end - closure.start == pytest.approx(closed_for)
    assert state.durable.run_seconds == pytest.approx(closed_for)


@pytest.mark.parametrize("sane", [True, False])
def test_a_board_that_holds_its_contact_over_a_reboot_counts_as_closed(*, sane: bool) -> None:
    world = World(settings=settings(), soc=0.3, wall_sane=True).on_alerts()
    world.fire("start")
    world.run(2 * MINUTE)
    began = world.true
    world.wall_sane = sane
    world.step()
    world.wall_sane = True
    world.step()
    world.wall_sane = sane
    world.bus_alive = False
    world.soc = 0.05
    world.die(dead_for=20 * MINUTE, reboot=True, latches=True)
    opened = world.true
    world.wall_sane = True
    closed = world.true - began
    assert 10 * HOUR - budget_left(world.state.durable, world.settings, world.now) >= closed
    assert world.run(HOUR, until=World.closed)
    assert world.true - opened >= 15 * MINUTE


def found_closed(*, passed: float, sane: bool) -> World:
    """Boot after a run of 10 min and so many seconds more, with a board that has held its contact all the time."""
    world = World(soc=0.3, wall_sane=True).on_alerts()
    world.fire("start")
    assert world.run(MINUTE, until=World.closed)
    world.run(10 * MINUTE)
    world.saved = Saved(durable=world.state.durable, moment=world.moment())
    world.wall_sane = sane
    world.die(dead_for=passed, reboot=True, latches=True)
    return world


def test_found_closed_the_whole_budget_is_used_until_the_clock_is_right() -> None:
    world = found_closed(passed=8 * HOUR, sane=False)
    assert budget_left(world.state.durable, world.settings, world.now) <= 0
    world.run(5 * MINUTE)
    assert "budget" in world.inhibitors()
    opened = world.state.durable.released_at
    world.wall_sane = True
    world.step()
    assert "budget" not in world.inhibitors()
    left = budget_left(world.state.durable, world.settings, world.now)
    assert left == pytest.approx(10 * HOUR - 8 * HOUR - 10 * MINUTE, abs=2)
    assert world.state.durable.released_at == opened, "it was opened by this start, whatever the hour"
    assert world.state.durable.run_seconds == pytest.approx(8 * HOUR + 10 * MINUTE, abs=2)


def test_a_board_found_closed_with_a_clock_has_used_exactly_that_time() -> None:
    world = found_closed(passed=20 * MINUTE, sane=True)
    left = budget_left(world.state.durable, world.settings, world.now)
    assert left == pytest.approx(10 * HOUR - 30 * MINUTE, abs=2)


@pytest.mark.parametrize(("reboot", "sane"), [(False, False), (True, True), (True, False)])
def test_found_closed_without_its_run_it_counts_since_the_last_record(*, reboot: bool, sane: bool) -> None:
    world = World(soc=0.5, wall_sane=True)
    world.reference = ReferenceModel()
    world.run(MINUTE)
    world.saved = Saved(durable=world.state.durable, moment=world.moment())
    recorded, world.journal_ok, world.soc = world.true, False, 0.05
    assert world.run(10 * MINUTE, until=World.closed)
    world.run(MINUTE)
    world.journal_ok, world.wall_sane = True, sane
    world.journal.lose_memory()
    world.die(dead_for=3 * HOUR, reboot=reboot, latches=True)
    opened, durable = world.true, world.state.durable
    assert (durable.released_at, durable.torn) == (world.now, False)
    if reboot and not sane:
        assert budget_left(durable, world.settings, world.now) <= 0
        assert "whole daily budget (10 h)" in world.texts("found_closed")[0]
        world.run(MINUTE)
        world.wall_sane = True
        world.step()
    else:
        (found,) = [event for event in world.events if event.kind == "found_closed"]
        assert "since the last record count as closed" in world.texts("found_closed")[0]
        assert found.values["seconds"] == pytest.approx(opened - recorded, abs=1)
    left = budget_left(world.state.durable, world.settings, world.now)
    assert left == pytest.approx(10 * HOUR - (opened - recorded), abs=1)


def test_a_board_found_closed_twice_without_a_clock_is_not_corrected() -> None:
    world = found_closed(passed=8 * HOUR, sane=False)
    world.settings = settings(limits={"daily_budget": "20h"})
    world.soc = 0.05
    assert world.run(HOUR, until=World.closed)
    world.run(MINUTE)
    world.die(dead_for=HOUR, reboot=True, latches=True)
    assert world.state.durable.anchor is None
    world.wall_sane = True
    world.step()
    assert "budget" in world.inhibitors()


def test_time_powered_off_shortens_no_back_off_of_a_killed_attempt() -> None:
    """The clock becomes right only after the boot that found the attempt."""
    world = World(soc=0.05, obeys=False, wall_sane=True)
    assert world.run(HOUR, until=World.closed)
    world.wall_sane = False
    world.die(dead_for=10 * HOUR, reboot=True)
    until = world.state.durable.back_off_until
    assert until == world.now + 15 * MINUTE
    world.wall_sane = True
    world.step()
    assert world.state.durable.back_off_until == until


def test_budget_lost_to_a_torn_journal_does_not_come_back_with_the_clock() -> None:
    then = Moment(boot="one", now=90_000.0, wall=1e9, wall_sane=True)
    here = Moment(boot="two", now=50.0, wall=0.0, wall_sane=False)
    world = World(soc=0.5)
    world.state, _ = recovery.restore(Saved(durable=Durable(), moment=then), here, settings(), torn=True)
    world.now, world.wall, world.wall_sane = 60.0, 1e9 + DAY, True
    world.step()
    assert budget_left(world.state.durable, world.settings, world.now) <= 4 * HOUR + 20


def test_inhibits_and_lock_out_outlive_a_reboot() -> None:
    durable = Durable(inhibits={"co": Inhibit(summary="CO", starts_at=1.0)}, locked_out=True, attempts=3, mode="off")
    here = Moment(boot="two", now=5.0, wall=0.0, wall_sane=False)
    state, _ = recovery.restore(Saved(durable=durable, moment=HERE), here, settings())
    assert state.durable == durable


def test_a_short_tail_leaves_time_to_confirm_the_engine() -> None:
    world = proven(limits={"tail": "1s"})
    world.ags = None
    world.die(dead_for=10)
    assert world.run(60, until=World.closed)


def test_an_orderly_end_is_closed_no_longer_than_until_it_opened() -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    opened_at = world.now
    durable = replace(world.state.durable, run=replace(run, opened_at=opened_at))
    later = Moment(boot=world.boot, now=opened_at + 6 * HOUR, wall=0.0, wall_sane=False)
    state, _ = recovery.restore(Saved(durable=durable, moment=world.moment()), later, world.settings)
    assert state.durable.closures[-1] == Closure(start=run.closed_at, end=opened_at)
    assert state.durable.released_at == opened_at
    assert state.durable.short_runs.last_at == opened_at


def test_a_stop_before_the_boot_moves_back_once_the_clock_is_right() -> None:
    durable = Durable(released_at=-300.0, stopped_at=-250.0, anchor=Anchor(wall=1e9, now=50.0))
    after = recovery.credited(durable, wall=1e9 + 5000.0, now=150.0)
    assert (after.released_at, after.stopped_at) == (-5200.0, -5150.0)


def test_min_off_that_passed_powered_off_counts_once_the_clock_is_right() -> None:
    world = proven()
    world.operator("off")
    assert world.run(5 * MINUTE, until=lambda world: world.state.durable.stopped_at is not None)
    world.operator("auto")
    world.wall_sane = True
    world.saved = Saved(durable=world.state.durable, moment=world.moment())
    world.wall_sane = False
    world.die(dead_for=HOUR, reboot=True)
    world.run(30)
    assert "min_off" in world.inhibitors()
    world.wall_sane = True
    world.step()
    assert "min_off" not in world.inhibitors()


def test_a_resumed_run_is_recorded_with_its_seconds_left() -> None:
    world = proven()
    world.die(dead_for=10.0625)
    assert world.run(MINUTE, until=World.closed)
    assert world.state.durable.candidate is None
    run, closed = world.state.durable.run, world.events[-1]
    assert run is not None
    left = round(run.deadline - world.now, 1)
    assert left != run.deadline - world.now
    assert (closed.fields["run"], closed.fields["cause"]) == (1, "alert")
    assert (closed.fields["seconds_left"], closed.fields["resumed"]) == (left, True)


def test_a_run_that_is_given_up_may_fail_to_stop_like_any_other() -> None:
    run = Run(number=2, cause="alert", causes=("alert",), closed_at=0.0, closed_wall=0.0, deadline=99.0, proven_at=9.0)
    durable, _ = runs.give_up(Durable(candidate=run, stop_failed=True), run, settings(), started_at=50.0)
    assert not durable.stop_failed


def test_every_time_of_a_run_moves_to_the_clock_of_the_next_boot() -> None:
    run = Run(
        number=1, cause="emergency", causes=("emergency",), closed_at=100.0, closed_wall=5.0, deadline=900.0,
        proven_at=120.0, volts_until=700.0, opened_at=800.0,
    )  # fmt: skip
    then = Moment(boot="one", now=1000.0, wall=1e9, wall_sane=True)
    here = Moment(boot="two", now=50.0, wall=1e9 + 60, wall_sane=True)
    moved = recovery.carried(Durable(run=run), then, here).run
    shift = 50.0 - 60.0 - 1000.0
    assert moved == replace(
        run,
        closed_at=100.0 + shift,
        deadline=900.0 + shift,
        proven_at=120.0 + shift,
        volts_until=700.0 + shift,
        opened_at=800.0 + shift,
    )


@pytest.mark.parametrize(
    "name", [field.name for field in msgspec.structs.fields(Durable) if field.name.endswith("_at")]
)
def test_every_time_moves_to_the_next_boot_and_back_with_a_right_clock(name: str) -> None:
    def at(time: float, anchor: Anchor | None = None) -> Durable:
        changes: dict[str, Any] = {name: time, "anchor": anchor}
        return replace(Durable(), **changes)

    then = Moment(boot="one", now=1000.0, wall=1e9, wall_sane=True)
    here = Moment(boot="two", now=50.0, wall=1e9 + 60, wall_sane=True)
    assert getattr(recovery.carried(at(900.0), then, here), name) == 900.0 + 50.0 - 60.0 - 1000.0
    anchor = Anchor(wall=1e9, now=50.0)
    assert getattr(recovery.credited(at(-300.0, anchor), wall=1e9 + 5000.0, now=150.0), name) == -300.0 - 4900.0


@pytest.mark.parametrize("orderly", [False, True])
def test_a_run_that_is_not_resumed_ended_when_its_contact_opened(*, orderly: bool) -> None:
    world = proven()
    run = world.state.durable.run
    assert run is not None
    world.bus_alive = False
    ended = world.now
    if orderly:
        world.end(dead_for=10)
    else:
        world.die(dead_for=10)
        ended = world.now
    before = world.state.durable.run_seconds
    assert world.run(10 * MINUTE, until=lambda world: "resume_given_up" in world.kinds())
    durable = world.state.durable
    assert world.now - ended >= 60
    assert durable.closures[-1] == Closure(start=run.closed_at, end=ended)
    assert durable.run_seconds - before == ended - run.closed_at
    assert durable.released_at == ended, "min off counts from there"
    assert durable.short_runs.last_at == ended, "so does the pause after a short run"


def test_a_contact_found_closed_without_its_run_has_min_off() -> None:
    world = World(soc=0.05, obeys=False, journal_ok=False)
    assert world.run(400, until=World.closed)
    world.run(2)
    world.journal_ok = True
    world.die(dead_for=5)
    assert not world.state.durable.torn
    opened = world.now
    assert world.run(HOUR, until=World.closed)
    assert world.now - opened >= 15 * MINUTE


@pytest.mark.parametrize("dead_for", [30.0, 5 * HOUR])
def test_property_37_somebodys_stop_during_a_reboot_begins_min_off(dead_for: float) -> None:
    world = World(soc=0.5, ags=3, ac=True, wall_sane=True)
    world.run(5 * MINUTE)
    world.ags, world.ac, world.soc = 2, False, 0.05
    world.die(dead_for=dead_for, reboot=True)
    assert world.run(MINUTE, until=lambda it: it.proof() is False)
    stopped = world.now
    assert world.run(HOUR, until=World.closed)
    assert world.now - stopped >= 15 * MINUTE - 1


@pytest.mark.parametrize("then", ["given up", "dead twice", "orderly end", "resumed"])
def test_property_38_no_restart_or_abandoned_resume_resets_the_attempts(then: str) -> None:
    world = proven()
    world.state = replace(world.state, durable=replace(world.state.durable, attempts=2))
    world.run(30 * MINUTE)
    assert world.state.durable.attempts == 2, "only its end resets them"
    if then == "given up":
        world.ac, world.ags = False, 2
    world.end(dead_for=10) if then == "orderly end" else world.die(dead_for=10)
    assert world.state.durable.attempts == 2
    if then == "dead twice":
        world.die(dead_for=10)
    elif then == "orderly end":
        world.ac = False
    world.run(3 * MINUTE)
    assert world.closed() is (then == "resumed")
    assert world.state.durable.attempts == 2
    world.soc = 0.7
    world.run(3 * MINUTE)
    assert not world.closed()
    assert world.state.durable.attempts == (0 if then == "resumed" else 2), "a good end of the resumed run resets them"
