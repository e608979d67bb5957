"""Which path decides, the order of stops, and what is reported (synthetic world)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from actuator.core.alert_path import Inhibit
from actuator.core.signals import ConfirmedValue, Debounced
from actuator.core.state import Closure, Durable, State
from tests.actuator.harness.simulated_site import World
from toolkit.replace import replace

MINUTE, HOUR = 60.0, 3600.0


def test_waiting_lasts_for_heartbeat_timeout_at_most() -> None:
    world = World()
    world.run(299)
    assert world.path() == "waiting"
    world.run(1)
    assert world.path() == "fallback"


def test_two_beats_make_the_path_and_one_does_not() -> None:
    world = World()
    world.step(beats=1)
    assert world.path() == "waiting"
    world.run(60)
    world.step(beats=1)
    assert world.path() == "alerts"


def test_two_beats_further_apart_than_the_timeout_do_not() -> None:
    world = World()
    world.step(beats=1)
    world.run(300)
    world.step(beats=1)
    assert world.path() == "fallback"
    world.step(beats=1)
    assert world.path() == "alerts"


def test_one_beat_after_a_silence_does_not_restore_the_path() -> None:
    world = World().on_alerts()
    world.beating = False
    world.run(301)
    world.step(beats=1)
    world.run(60)
    assert world.path() == "fallback"
    world.step(beats=1)
    assert world.path() == "alerts"


def test_alerts_last_until_the_heartbeat_timeout() -> None:
    world = World().on_alerts()
    world.beating = False
    world.step(beats=1)
    world.run(299)
    assert world.path() == "alerts"
    world.run(1)
    assert world.path() == "fallback"


def test_blind_after_five_minutes_without_soc() -> None:
    world = World()
    world.run(400)
    world.soc = None
    world.run(290)
    assert world.path() == "fallback"
    world.run(15)
    assert world.path() == "blind"
    world.soc = 0.5
    world.run(10)
    assert world.path() == "fallback"


def test_after_a_silence_one_beat_does_not_restore_the_path() -> None:
    world = World().on_alerts()
    world.beating = False
    world.run(6 * MINUTE)
    assert world.texts("path_changed")[-1].startswith("No heartbeat arrives (the last one is 5 min old): ")
    world.step(beats=1)
    world.run(2)
    assert world.path() == "fallback"
    world.step(beats=1)
    world.run(2)
    assert world.path() == "alerts"


def test_two_beats_together_after_a_silence() -> None:
    world = World().on_alerts()
    world.beating = False
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    world.step(beats=2, seconds=600)
    assert world.path() == "fallback"
    world.step()
    assert world.path() == "alerts"
    assert world.state.durable.inhibits


def test_waiting_starts_nothing_but_an_emergency_or_the_operator() -> None:
    world = World(soc=0.2)
    world.run(299)
    assert not world.moves
    world.run(2)
    assert world.closed()


def durably(change: Callable[[Durable], Durable]) -> Callable[[State], State]:
    return lambda state: replace(state, durable=change(state.durable))


def deadline_passed(state: State) -> State:
    assert state.durable.run is not None
    run = replace(state.durable.run, deadline=state.started_at)
    return replace(state, durable=replace(state.durable, run=run))


STOPS: dict[str, Callable[[State], State]] = {
    "mode_off": durably(lambda durable: replace(durable, mode="off")),
    "inhibit_alert": durably(lambda durable: replace(durable, inhibits={"co": Inhibit(summary="CO", starts_at=1.0)})),
    "relay_fault": lambda state: replace(state, board=replace(state.board, fault=True)),
    "locked_out": durably(lambda durable: replace(durable, locked_out=True)),
    "max_run": deadline_passed,
    "budget": durably(lambda durable: replace(durable, closures=(Closure(start=0.0, end=36_000.0),))),
    "ags_refuses": lambda state: replace(
        state, ags=replace(state.ags, response=ConfirmedValue(verdict="refuses", last="refuses", count=3))
    ),
    "died": lambda state: replace(
        state, engine=replace(state.engine, proof=ConfirmedValue(verdict=False, last=False, count=3))
    ),
    "demand_gone": lambda state: replace(
        state, battery=replace(state.battery, high=Debounced(samples=9, elapsed=90.0, last=1e9))
    ),
}
"""In their order, each made true by itself."""


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(STOPS, 2)))
def test_stops_come_in_their_order(first: str, second: str) -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(20 * MINUTE)
    world.page_reachable = False
    for name in (first, second):
        world.state = STOPS[name](world.state)
    world.step()
    opened = [event for event in world.events if event.kind == "contact_opened"]
    assert [event.fields["reason"] for event in opened] == [first]


@pytest.mark.parametrize("only", STOPS)
def test_min_run_delays_only_the_last(only: str) -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(2 * MINUTE)
    world.page_reachable = False
    world.state = STOPS[only](world.state)
    world.step()
    assert world.closed() is (only == "demand_gone")


def test_the_first_cause_is_the_one_recorded() -> None:
    world = World(soc=0.3).on_alerts()
    world.operator("off")
    world.fire("start")
    world.operator("on", HOUR)
    assert world.state.durable.run is not None
    assert world.state.durable.run.cause == "manual"
    assert world.state.durable.run.causes == ("alert", "manual")


def test_a_blocked_start_is_reported_once() -> None:
    world = World(soc=0.8).on_alerts()
    world.fire("start")
    world.run(10 * MINUTE)
    assert world.kinds().count("start_blocked") == 1


def test_every_transition_has_its_facts() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(60)
    world.operator("off")
    for event in world.events:
        if event.kind in ("contact_closed", "contact_opened"):
            assert {"soc", "volts", "proof", "ags", "path", "run", "cause"} <= event.fields.keys()
