"""Whether a run charges the battery: what shows it, what does not, and what follows (synthetic world)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.actuator.harness.simulated_site import World, settings

MINUTE, HOUR = 60.0, 3600.0


def fruitless(*, soc: float = 0.3, **parts: object) -> World:
    """A confirmed run that does not charge: the inverter passes the engine's AC to the load, or not even that."""
    world = World(settings=settings(**parts), soc=soc, amperes=0.0, charging=False).on_alerts()
    world.fire("start")
    assert world.run(HOUR, until=lambda it: it.phase() == "running")
    return world


def by_the_ags(**parts: object) -> World:
    """The same where only the AGS is evidence, and its engine is dead."""
    world = World(settings=settings(evidence={"ac_input": False}, **parts), soc=0.3, obeys=False).on_alerts()
    return commanded(world)


def commanded(world: World) -> World:
    world.soc = 0.2
    assert world.run(HOUR, until=World.closed)
    world.ags = 7
    assert world.run(MINUTE, until=lambda it: it.phase() == "running")
    return world


def reports(world: World) -> int:
    return world.kinds().count("running_without_charge")


def ends(world: World) -> list[object]:
    return [event.fields["reason"] for event in world.events if event.kind == "contact_opened"]


def test_a_run_without_charge_is_reported_and_goes_on() -> None:
    world = fruitless()
    world.run(30 * MINUTE)
    assert reports(world) == 0
    world.run(30)
    assert reports(world) == 1
    assert world.state.charge.missing
    assert world.texts("running_without_charge")[0].startswith("The engine has run for 30 min without charging: ")
    world.run(HOUR)
    assert reports(world) == 3
    assert world.closed()
    assert world.state.durable.attempts == 0


CHARGED: dict[str, Callable[[World], None]] = {
    "current into the battery": lambda world: setattr(world, "amperes", 1.0),
    "state of charge at stop": lambda world: setattr(world, "soc", 0.6),
    "a charger in absorb": lambda world: setattr(world, "absorbing", True),
    "no current on the page": lambda world: setattr(world, "amperes", None),
    "no state of charge": lambda world: setattr(world, "soc", None),
    "a page that does not change": lambda world: setattr(world, "frozen", True),
}


@pytest.mark.parametrize("what", CHARGED)
def test_it_is_not_reported_with(what: str) -> None:
    world = fruitless(limits={"min_run": "2h"})
    CHARGED[what](world)
    world.run(2 * HOUR)
    assert reports(world) == 0


def test_a_rising_soc_is_a_charge_without_current() -> None:
    world = fruitless()
    for _ in range(6):
        world.run(20 * MINUTE)
        world.soc = (world.soc or 0) + 0.01
    assert reports(world) == 0


def test_one_rise_of_the_state_of_charge_only_delays_the_report() -> None:
    world = fruitless()
    world.run(20 * MINUTE)
    world.soc = 0.31
    world.run(29 * MINUTE)
    assert reports(world) == 0
    world.run(3 * MINUTE)
    assert reports(world) == 1


@pytest.mark.parametrize("spike", ["amperes", "soc"])
def test_one_wrong_sample_hides_nothing(spike: str) -> None:
    world = fruitless()
    world.run(20 * MINUTE)
    before = getattr(world, spike)
    setattr(world, spike, before + 0.2)
    world.run(10)
    setattr(world, spike, before)
    world.run(11 * MINUTE)
    assert reports(world) == 1


def test_absent_values_count_for_nothing() -> None:
    world = fruitless()
    world.run(25 * MINUTE)
    world.amperes = None
    world.run(MINUTE)
    world.amperes = 0.0
    world.run(29 * MINUTE)
    assert reports(world) == 0, "it counts anew"
    since = world.state.charge.missing_since
    assert since is not None
    world.run(since + 30 * MINUTE - world.now - 5)
    world.amperes = None
    world.run(20)
    assert reports(world) == 0, "due, but nothing shows it now"
    world.amperes = 0.0
    world.run(6)
    assert reports(world) == 1


def test_a_charge_that_ends_is_missed_from_then_on() -> None:
    world = fruitless()
    world.amperes = 60.0
    world.run(HOUR)
    world.amperes = 0.0
    world.run(29 * MINUTE)
    assert reports(world) == 0
    world.run(2 * MINUTE)
    assert reports(world) == 1


@pytest.mark.parametrize(("what", "value"), [("amperes", 20.0), ("soc", 0.29)])
def test_a_charge_that_comes_back_ends_the_alarm(what: str, value: float) -> None:
    world = fruitless()
    world.run(10 * MINUTE)
    world.soc = 0.28
    world.run(21 * MINUTE)
    assert world.state.charge.missing
    setattr(world, what, value)  # the state of charge is compared with the one at the last report
    world.run(20)
    assert not world.state.charge.missing


def test_with_stop_such_a_run_ends_as_a_failed_attempt() -> None:
    world = fruitless(on_no_charge="stop")
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert ends(world) == ["no_charge"]
    assert world.state.durable.attempts == 1
    assert "without charging" in world.texts("contact_opened")[0]
    for _ in range(48):
        world.fire("start")
        world.run(5 * MINUTE)
    assert ends(world) == ["no_charge"] * 3
    assert world.state.durable.locked_out


def test_it_is_shown_until_the_engine_has_stopped() -> None:
    world = fruitless(on_no_charge="stop")
    assert world.run(HOUR, until=lambda it: not it.closed())
    world.run(MINUTE)
    assert world.state.charge.missing, "a scrape sees it"
    world.run(2 * MINUTE)
    assert world.phase() == "off"
    assert not world.state.charge.missing


def test_a_dead_engine_with_the_ags_as_evidence_ends_the_run_and_counts() -> None:
    world = by_the_ags()
    for attempt in (1, 2, 3):
        assert world.run(HOUR, until=lambda it: not it.closed())
        world.ags = 2
        assert world.now - world.moves[-2][0] < 32 * MINUTE
        assert (ends(world), world.state.durable.attempts) == (["no_charge"] * attempt, attempt)
        if attempt < 3:
            commanded(world)
    assert world.state.durable.locked_out


def test_an_engine_with_the_ags_as_evidence_goes_on_if_it_charges() -> None:
    world = by_the_ags()
    world.obeys = True
    world.run(2 * HOUR)
    assert world.closed()


def test_anothers_run_is_not_judged() -> None:
    world = World(soc=0.3, ags=3, ac=True, amperes=0.0).on_alerts()
    world.run(3 * HOUR)
    assert reports(world) == 0
