"""Why the engine may not run: what each reason holds, what it ends, who is exempt, when it clears (synthetic world)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actuator.core import ags
from actuator.core.alert_path import MORE
from actuator.core.inputs import Inputs, ReadBack
from actuator.core.runs import judge_resume
from actuator.core.settings import DAY
from actuator.core.signals import ConfirmedValue
from actuator.core.state import Closure
from tests.actuator.harness.simulated_site import World, settings
from toolkit.replace import replace

MINUTE, HOUR = 60.0, 3600.0


def running(cause: str = "alert", **parts: object) -> World:
    """A world with a proven run for a cause."""
    world = World(settings=settings(**parts), soc=0.3).on_alerts()
    begin(world, cause)
    assert world.closed()
    world.run(40)
    assert world.phase() == "running"
    return world


def begin(world: World, cause: str) -> None:
    """Let a cause want the engine, whatever comes of it."""
    if cause == "alert":
        world.fire("start")
    elif cause == "manual":
        world.operator("on", HOUR)
    else:
        world.soc = 0.1
        world.run(80)


def reason_of_the_last_end(world: World) -> object:
    return next(event for event in reversed(world.events) if event.kind == "contact_opened").fields["reason"]


HOLDERS: dict[str, Callable[[World], None]] = {
    "mode_off": lambda world: world.operator("off"),
    "inhibit_alert": lambda world: world.fire("inhibit"),
    "relay_fault": lambda world: setattr(world, "read_back", lambda _closed: None),
    "ags_refuses": lambda world: setattr(world, "ags", 1),
    "foreign_run": lambda world: setattr(world, "ags", 3),
    "ac_live": lambda world: setattr(world, "ac", True),
}


@pytest.mark.parametrize("reason", HOLDERS)
@pytest.mark.parametrize("cause", ["alert", "emergency", "manual"])
def test_it_holds_every_start(reason: str, cause: str) -> None:
    world = World(soc=0.3).on_alerts()
    HOLDERS[reason](world)
    world.run(30)
    begin(world, cause)
    if (reason, cause) == ("mode_off", "manual"):
        assert world.closed(), "the operator may change his mind"
        return
    world.run(20 * MINUTE)
    assert not world.closed()
    assert reason in world.inhibitors()


@pytest.mark.parametrize("cause", ["alert", "emergency", "manual"])
@pytest.mark.parametrize(
    ("reason", "seconds"),
    [("mode_off", 0), ("inhibit_alert", 0), ("relay_fault", 3), ("ags_refuses", 15), ("foreign_run", 15)],
)
def test_it_ends_a_run_even_within_min_run(reason: str, seconds: float, cause: str) -> None:
    world = running(cause)
    HOLDERS[reason](world)
    world.run(seconds)
    assert not world.state.durable.run
    assert reason_of_the_last_end(world) == reason
    assert world.state.durable.attempts == 0


def test_ac_live_ends_no_run() -> None:
    world = running()
    world.ac = True
    world.run(HOUR)
    assert world.closed()
    assert "ac_live" not in world.inhibitors()


# --- mode off


def test_mode_off_survives_a_restart_and_clears_by_the_operator_alone() -> None:
    world = World(soc=0.3).on_alerts()
    world.operator("off")
    world.soc = 0.1
    world.die()
    world.fire("start")
    world.run(2 * HOUR)
    assert not world.moves
    world.operator("reset_lockout")
    world.run(60)
    assert not world.moves
    world.operator("auto")
    world.step()
    assert world.closed()


def test_a_lock_out_ends_a_run_without_counting_it() -> None:
    world = running()
    world.state = replace(world.state, durable=replace(world.state.durable, locked_out=True))
    world.step()
    assert reason_of_the_last_end(world) == "locked_out"
    assert world.state.durable.attempts == 0


# --- no evidence


def unseen(**world: object) -> World:
    """A world whose bus has been silent for longer than evidence may be absent, with a state of charge."""
    it = World(soc=0.3, bus_alive=False, **world).on_alerts()  # type: ignore[arg-type]
    it.run(5 * MINUTE)
    return it


def test_no_evidence_holds_a_start_until_evidence_is_back() -> None:
    world = unseen()
    assert "no_evidence" in world.inhibitors()
    world.fire("start")
    world.run(HOUR)
    assert not world.moves
    world.fire("start")
    world.bus_alive = True
    world.run(15)
    assert world.closed()


def test_no_evidence_holds_only_after_five_minutes_of_absence() -> None:
    world = World(soc=0.3).on_alerts()
    world.bus_alive = False
    world.run(4 * MINUTE)
    assert "no_evidence" not in world.inhibitors()
    world.fire("start")
    assert world.closed()


def test_no_evidence_neither_ends_a_run_nor_shows_in_one() -> None:
    world = running()
    world.bus_alive = False
    world.run(HOUR)
    assert world.closed()
    assert "no_evidence" not in world.inhibitors()


def test_no_evidence_does_not_hold_a_resume() -> None:
    world = running()
    world.run(20 * MINUTE)
    world.die()
    world.run(2)
    state = replace(world.state, inhibitors=("no_evidence",))
    candidate = state.durable.candidate
    assert candidate is not None
    inputs = Inputs(settings=world.settings, read_back=ReadBack(closed=False, at=world.now))
    proven = replace(state, engine=replace(state.engine, proof=ConfirmedValue(verdict=True, count=3, last=True)))
    assert judge_resume(candidate, proven, inputs, world.now) == "resume"


@pytest.mark.parametrize("cause", ["emergency", "manual"])
def test_no_evidence_exempts_an_emergency_and_the_operator(cause: str) -> None:
    world = unseen()
    begin(world, cause)
    assert world.closed()


def test_no_evidence_holds_only_with_a_fresh_state_of_charge() -> None:
    world = World(settings=settings(on_blind="start"), soc=None, bus_alive=False)
    assert world.run(HOUR, until=World.closed), "blind"
    world = unseen()
    world.soc = None
    world.fire("start")
    assert world.run(2 * MINUTE, until=World.closed), "the page is gone, and the alert is not"


def test_no_evidence_holds_nothing_where_none_is_configured() -> None:
    world = unseen(settings=settings(evidence={"ac_input": False, "ags": False}))
    world.fire("start")
    assert world.closed()


# --- lock-out


def test_attempts_come_at_0_25_and_65_minutes_and_lock_out_at_75() -> None:
    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    began = world.now
    while world.now < began + 3 * HOUR:
        world.run(5 * MINUTE)
        world.fire("start")
    minutes = [(time - began) / MINUTE for time, _ in world.moves]
    assert minutes == pytest.approx([0, 10, 25, 35, 65, 75], abs=3 / 60), "three decisions, each within a tick"
    assert world.state.durable.locked_out
    assert "locked_out" in world.inhibitors()
    assert world.state.durable.start_failures == 3
    assert world.kinds().count("attempt_failed") == 3


def test_an_edit_to_fewer_attempts_locks_out_but_ends_no_run() -> None:
    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    assert world.run(HOUR, until=lambda world: world.state.durable.attempts == 1)
    world.settings = settings(limits={"attempts": 1})
    world.step()
    assert world.state.durable.locked_out
    assert world.kinds()[-1] == "locked_out"

    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    assert world.run(HOUR, until=lambda world: world.state.durable.attempts == 1)
    world.run(10 * MINUTE)
    world.fire("start")
    assert world.run(HOUR, until=World.closed)
    world.settings = settings(limits={"attempts": 1})
    world.run(MINUTE)
    assert world.closed()


def test_after_a_reset_lock_out_only_min_off_holds() -> None:
    world = World(soc=0.1, obeys=False, volts=None)
    assert world.run(3 * HOUR, until=lambda it: it.state.durable.locked_out)
    locked_out = world.now
    world.operator("reset_lockout")
    assert world.run(HOUR, until=World.closed)
    assert world.now - locked_out == pytest.approx(15 * MINUTE, abs=10)


def test_a_lock_out_holds_even_the_operator_until_it_is_reset() -> None:
    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    for _ in range(16):
        world.run(5 * MINUTE)
        world.fire("start")
    assert world.state.durable.locked_out
    world.run(10 * MINUTE)
    world.operator("on", HOUR)
    world.soc = 0.1
    world.run(5 * MINUTE)
    assert not world.closed()
    world.obeys = True
    world.operator("reset_lockout")
    assert world.closed()
    assert world.state.durable.attempts == 0
    assert not world.state.durable.locked_out


def test_a_reset_of_the_lock_out_ends_attempts_and_back_off() -> None:
    world = World(soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    world.run(11 * MINUTE)
    assert "back_off" in world.inhibitors()
    world.operator("reset_lockout")
    assert "back_off" not in world.inhibitors()
    assert world.state.durable.attempts == 0


def test_the_moment_of_a_lock_out_is_kept_over_a_reboot_until_its_reset() -> None:
    world = World(soc=0.1, obeys=False, volts=None, wall_sane=True)
    assert world.run(3 * HOUR, until=lambda it: it.state.durable.locked_out)
    locked_out = world.state.durable.locked_out_at
    assert locked_out == world.now
    world.die(dead_for=HOUR, reboot=True)
    assert world.state.durable.locked_out_at == world.now - HOUR
    world.operator("reset_lockout")
    assert world.state.durable.locked_out_at is None


# --- inhibit alert


def test_an_inhibit_ends_by_two_beats_after_its_resolve() -> None:
    world = World(soc=0.3).on_alerts()
    world.beating = False
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    assert "inhibit_alert" in world.inhibitors()
    world.step(beats=1)
    assert "inhibit_alert" in world.inhibitors()
    world.step(beats=1)
    assert "inhibit_alert" not in world.inhibitors()
    assert "inhibit_cleared" in world.kinds()


def test_a_beat_with_the_resolve_is_not_one_after_it() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit")
    world.step(world.notice("inhibit", firing=False), beats=2)
    world.step(beats=1)
    assert world.state.durable.inhibits
    world.step(beats=1)
    assert not world.state.durable.inhibits


def test_an_inhibit_never_ends_because_the_alert_path_died() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit")
    world.soc = 0.1
    world.beating = False
    world.fire("inhibit", firing=False)
    world.run(2 * HOUR)
    assert world.path() == "fallback"
    assert not world.moves
    world.step(beats=1)
    assert world.state.durable.inhibits
    world.step(beats=1)
    assert world.path() == "alerts"
    assert world.state.durable.inhibits, "the beats that bring the path back are not two beats on it"
    world.step(beats=1)
    assert world.state.durable.inhibits
    world.step(beats=1)
    assert not world.state.durable.inhibits


def test_a_count_that_a_dying_path_breaks_off_begins_anew() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    world.beating = False
    world.step(beats=1)
    assert world.run(400, until=lambda it: it.path() != "alerts")
    world.step(beats=1)
    world.step(beats=1)
    world.step(beats=1)
    assert world.state.durable.inhibits


def test_an_inhibit_survives_restart_and_reboot() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    world.soc = 0.1
    world.beating = False
    world.die()
    world.run(30 * MINUTE)
    assert "inhibit_alert" in world.inhibitors()
    world.die(reboot=True)
    world.run(30 * MINUTE)
    assert not world.moves


def test_an_inhibit_has_no_lease_and_a_resolve_from_before_it_is_ignored() -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit", starts_at=100)
    world.soc = 0.1
    world.fire("inhibit", firing=False, starts_at=50)
    world.run(5 * HOUR)
    assert not world.moves


def test_an_inhibit_of_a_wrong_clock_resolves_by_its_last_start_time() -> None:
    world = World(soc=0.3).on_alerts()
    world.beating = False
    world.fire("inhibit", starts_at=1e12)
    world.fire("inhibit", starts_at=5.0)
    world.fire("inhibit", firing=False, starts_at=5.0)
    world.step(beats=1)
    world.step(beats=1)
    assert not world.state.durable.inhibits


def test_a_resolve_received_twice_does_not_restart_the_count() -> None:
    world = World(soc=0.3).on_alerts()
    world.beating = False
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    world.step(beats=1)
    world.fire("inhibit", firing=False)
    world.step(beats=1)
    assert not world.state.durable.inhibits


def test_an_inhibit_that_fires_again_while_its_beats_are_counted_holds_on() -> None:
    world = World(soc=0.3).on_alerts()
    world.beating = False
    world.fire("inhibit")
    world.fire("inhibit", firing=False)
    world.step(beats=1)
    world.fire("inhibit")
    world.step(beats=1)
    world.step(beats=1)
    assert world.state.durable.inhibits


def test_each_inhibit_counts_for_itself() -> None:
    world = World(soc=0.3).on_alerts()
    world.beating = False
    world.fire("inhibit", fingerprint="fuel")
    world.fire("inhibit", fingerprint="co")
    world.fire("inhibit", fingerprint="fuel", firing=False)
    world.step(beats=1)
    world.step(beats=1)
    assert set(world.state.durable.inhibits) == {"co"}


LEASE = 15 * MINUTE


def two_inhibits() -> World:
    """A world with two inhibits, of which nothing more is received."""
    world = World(soc=0.3).on_alerts()
    world.fire("inhibit", fingerprint="fuel")
    world.fire("inhibit", fingerprint="co")
    return world


def test_a_reset_of_an_inhibit_ends_that_one_alone() -> None:
    world = two_inhibits()
    world.run(LEASE)
    world.operator("reset_inhibit", fingerprint="fuel")
    assert set(world.state.durable.inhibits) == {"co"}
    assert world.texts("operator") == ["The operator reset an alert, which blocks no more: inhibit."]


def test_a_reset_is_refused_if_its_inhibit_came_within_the_lease() -> None:
    world = two_inhibits()
    received = world.now
    world.run(LEASE - 1, until=lambda it: it.now >= received + LEASE - 1)
    world.operator("reset_inhibit", fingerprint="co")
    assert set(world.state.durable.inhibits) == {"fuel", "co"}
    assert "(alerts.lease)" in world.texts("operator_refused")[0]
    world.step(world.notice("inhibit", fingerprint="co"), seconds=received + LEASE - world.now)
    world.operator("reset_inhibit", fingerprint="fuel")
    world.operator("reset_inhibit", fingerprint="co")
    assert set(world.state.durable.inhibits) == {"co"}, "received again, it begins again"


def test_an_inhibit_that_has_resolved_is_still_received_within_the_lease() -> None:
    world = two_inhibits()
    world.beating = False
    world.fire("inhibit", fingerprint="co", firing=False)
    world.operator("reset_inhibit", fingerprint="co")
    assert "co" in world.state.durable.inhibits, "a dead Prometheus also makes alerts resolve"
    world.run(LEASE)
    world.operator("reset_inhibit", fingerprint="co")
    assert set(world.state.durable.inhibits) == {"fuel"}


def test_an_inhibit_received_in_the_turn_of_its_reset_stays() -> None:
    world = two_inhibits()
    world.run(LEASE)
    world.step(world.notice("inhibit", fingerprint="co"), commands=world.command("reset_inhibit", fingerprint="co"))
    assert "co" in world.state.durable.inhibits


def test_after_a_start_up_an_inhibit_counts_as_received_then() -> None:
    world = two_inhibits()
    world.run(LEASE)
    world.die()
    born = world.now
    world.run(LEASE - 1, until=lambda it: it.now >= born + LEASE - 1)
    world.operator("reset_inhibit", fingerprint="co")
    assert "co" in world.state.durable.inhibits
    world.run(1)
    world.operator("reset_inhibit", fingerprint="co")
    assert set(world.state.durable.inhibits) == {"fuel"}


def crowded() -> World:
    """A world with 64 inhibits, and 2 that have found no place."""
    world = World(soc=0.3).on_alerts()
    world.step(*(world.notice("inhibit", fingerprint=f"alert {number}") for number in range(66)))
    return world


def resolve_the_64(world: World) -> None:
    world.step(*(world.notice("inhibit", fingerprint=f"alert {number}", firing=False) for number in range(64)))
    world.step(beats=1)
    world.step(beats=1)


def test_beyond_64_inhibits_one_represents_the_rest() -> None:
    world = crowded()
    assert len(world.state.durable.inhibits) == 65
    assert world.state.durable.inhibits[MORE].name == "more"
    assert world.kinds().count("inhibited") == 65
    world.fire("inhibit", fingerprint="alert 64", firing=False)
    world.step(beats=2)
    assert MORE in world.state.durable.inhibits, "which of the rest has resolved is not known"


def test_the_rest_ends_a_lease_after_the_64_on_path_alerts() -> None:
    world = crowded()
    world.run(2 * LEASE)
    resolve_the_64(world)
    gone = world.now
    assert set(world.state.durable.inhibits) == {MORE}
    assert world.run(2 * LEASE, until=lambda it: not it.state.durable.inhibits)
    assert world.now - gone == pytest.approx(LEASE, abs=1)
    assert world.texts("inhibit_cleared")[-1] == (
        "No alert has blocked the engine for 15 min: more than 64 alerts block no more."
    )


def test_the_rest_stays_while_the_path_is_not_alerts() -> None:
    world = crowded()
    resolve_the_64(world)
    world.run(LEASE / 2)
    world.beating = False
    world.run(2 * LEASE)
    assert world.path() == "fallback"
    world.on_alerts()
    world.run(LEASE - MINUTE)
    assert set(world.state.durable.inhibits) == {MORE}, "the lease begins again with the path"
    world.run(2 * MINUTE)
    assert not world.state.durable.inhibits


def test_an_alert_of_the_rest_gets_an_entry_of_its_own_when_one_is_free() -> None:
    world = crowded()
    resolve_the_64(world)
    world.run(LEASE - MINUTE)
    world.fire("inhibit", fingerprint="alert 65")
    world.run(2 * LEASE)
    assert set(world.state.durable.inhibits) == {MORE, "alert 65"}


def test_the_rest_has_a_reset_of_its_own_refused_within_the_lease() -> None:
    world = crowded()
    world.run(LEASE - MINUTE)
    world.fire("inhibit", fingerprint="alert 65")
    world.run(2 * MINUTE)
    world.operator("reset_inhibit", fingerprint=MORE)
    assert MORE in world.state.durable.inhibits, "one of the rest was received"
    world.run(LEASE)
    world.operator("reset_inhibit", fingerprint=MORE)
    assert len(world.state.durable.inhibits) == 64


# --- relay fault


def test_a_relay_fault_clears_by_three_good_reads_of_open_then_min_off() -> None:
    world = running()
    world.read_back = lambda _closed: None
    world.run(3)
    assert not world.closed()
    assert world.phase() == "unknown"
    world.run(30 * MINUTE)
    world.fire("start", starts_at=9)
    assert world.relay_fault()
    world.read_back = lambda closed: closed
    world.step()
    world.step()
    assert world.relay_fault()
    world.step()
    assert not world.relay_fault()
    recovered = world.now
    world.fire("start", starts_at=10)
    for _ in range(6):
        world.fire("start", starts_at=10)
        world.run(5 * MINUTE, until=World.closed)
    assert world.closed()
    assert world.now - recovered >= 15 * MINUTE


def test_a_failed_write_is_a_relay_fault_at_once() -> None:
    world = running()
    world.relay_fails = True
    world.operator("off")
    world.step()
    assert world.relay_fault()
    assert world.phase() == "unknown", "never stopped"
    assert world.closed(), "the board has not obeyed"
    world.run(HOUR)
    assert world.relay_fault()
    world.relay_fails = False
    world.run(5)
    assert not world.relay_fault()
    assert world.state.durable.relay_errors >= 1


def test_a_contact_that_reads_open_while_writes_fail_is_no_recovery() -> None:
    world = running()
    world.relay_fails = True
    world.operator("off")
    world.step()
    for _ in range(9):
        world.read_back = lambda _closed: False
        world.fail_a_write()
        world.step()
    assert world.relay_fault()


@pytest.mark.parametrize(("read", "said"), [(True, "closed"), (False, "open"), (None, "nothing")])
def test_a_relay_fault_records_what_was_read(*, read: bool | None, said: str) -> None:
    world = running()
    if read:
        world.operator("off")
    world.read_back = lambda _closed: read
    world.run(5)
    (fault,) = [event for event in world.events if event.kind == "relay_fault"]
    assert fault.fields == {"wanted": not read, "read_back": said}


def test_after_a_recovery_it_takes_three_contrary_reads_again() -> None:
    world = World(soc=0.3).on_alerts()
    world.read_back = lambda _closed: None
    world.run(3)
    world.read_back = lambda closed: closed
    world.run(3)
    assert not world.relay_fault()
    world.read_back = lambda _closed: None
    world.run(2)
    assert not world.relay_fault()
    world.run(1)
    assert world.relay_fault()


def test_one_or_two_contrary_reads_are_no_fault() -> None:
    world = running()
    world.read_back = lambda _closed: False
    world.run(2)
    world.read_back = lambda closed: closed
    world.run(2)
    world.read_back = lambda _closed: None
    world.run(2)
    world.read_back = lambda closed: closed
    world.run(60)
    assert world.closed()
    assert not world.relay_fault()


def test_a_read_back_of_open_while_closed_ends_the_run() -> None:
    world = running()
    world.read_back = lambda _closed: False
    world.run(4)
    assert reason_of_the_last_end(world) == "relay_fault"
    world.run(4)
    assert not world.relay_fault(), "open was wanted, and open is read"


def test_a_contact_that_reads_closed_when_commanded_open_is_a_fault() -> None:
    world = World(soc=0.3).on_alerts()
    world.read_back = lambda _closed: True
    world.run(4)
    assert world.relay_fault()
    world.fire("start")
    assert not world.closed()


def test_only_a_contact_that_reads_open_is_closed() -> None:
    world = World(soc=0.3).on_alerts()
    world.read_back = lambda _closed: None
    world.fire("start")
    assert not world.closed()
    world.read_back = lambda _closed: False
    world.step()
    assert world.closed()


# --- max run and budget


def test_max_run_ends_every_run_and_clears_with_min_off() -> None:
    world = running("emergency", limits={"max_run": "30m"})
    assert world.run(31 * MINUTE, until=lambda it: not it.closed())
    assert reason_of_the_last_end(world) == "max_run"
    assert "max_run, 30 min" in world.texts("contact_opened")[-1]
    assert world.now - world.moves[0][0] == pytest.approx(30 * MINUTE, abs=1)
    assert "max_run" in world.inhibitors()
    assert world.run(30 * MINUTE, until=World.closed)
    assert "max_run" not in world.inhibitors()
    opened, closed = world.moves[-2][0], world.moves[-1][0]
    assert closed - opened >= 15 * MINUTE


@pytest.mark.parametrize("fraction", [0.0, 0.000779, 0.1, 0.3, 0.7])
def test_an_end_at_max_run_names_it_also_where_the_times_are_rounded(fraction: float) -> None:
    world = World(settings=settings(limits={"max_run": "30m"}), soc=0.3, now=1000 + fraction).on_alerts()
    world.fire("start")
    assert world.run(31 * MINUTE, until=lambda it: not it.closed())
    assert "max_run, 30 min" in world.texts("contact_opened")[-1]


def test_the_cap_on_the_bus_shortens_the_deadline_and_raises_an_alarm() -> None:
    world = running()
    world.ags_max_run = 3 * HOUR
    world.run(20)
    (seen,) = [event for event in world.events if event.kind == "ags_cap"]
    assert seen.values == {"cap": 3 * HOUR, "allowed": 2.5 * HOUR}
    assert world.state.durable.run is not None
    assert world.state.durable.run.deadline - world.state.durable.run.closed_at == pytest.approx(2.5 * HOUR)
    world.ags_max_run = 12 * HOUR
    world.run(60)
    assert world.state.durable.run.deadline - world.state.durable.run.closed_at == pytest.approx(2.5 * HOUR)


def test_a_run_that_the_caps_deadline_ends_reports_the_cap() -> None:
    world = running()
    world.ags_max_run = 3 * HOUR
    assert world.run(3 * HOUR, until=lambda it: not it.closed())
    assert "The run has reached 2 h 30 min, all that the AGS's own cap leaves." in world.texts("contact_opened")[0]


@pytest.mark.parametrize(
    ("cap", "longest"), [(None, 4.0), (0.0, 4.0), (12.0, 4.0), (4.5, 4.0), (4.4, 3.9), (0.5, 0.25)]
)
def test_the_cap_leaves_half_an_hour_where_it_can(cap: float | None, longest: float) -> None:
    world = World(soc=0.3, ags_max_run=None if cap is None else cap * HOUR).on_alerts()
    world.ags_max_run = None
    world.run(60)
    world.fire("start")
    assert world.state.durable.run is not None
    assert world.state.durable.run.deadline - world.now == pytest.approx(longest * HOUR)


def test_one_deviating_cap_changes_nothing() -> None:
    world = running()
    world.ags_max_run = 600.0
    world.run(5)
    world.ags_max_run = 12 * HOUR
    world.run(60)
    assert world.state.durable.run is not None
    assert world.state.durable.run.deadline - world.state.durable.run.closed_at == 4 * HOUR
    assert "ags_cap" not in world.kinds()


def test_a_late_copy_of_an_inhibit_inhibits_again_until_its_own_reset() -> None:
    world = World(soc=0.2, tick=5.0).on_alerts()
    world.fire("inhibit", starts_at=100.0)
    world.fire("inhibit", firing=False, starts_at=100.0)
    assert world.run(5 * MINUTE, until=lambda it: not it.state.durable.inhibits)
    world.fire("inhibit", starts_at=100.0)
    world.fire("start")
    world.run(HOUR)
    assert world.inhibitors() == ("inhibit_alert",), "it may be an alert that a dead Prometheus had resolved"
    world.operator("reset_inhibit", fingerprint="inhibit")
    world.fire("start")
    assert world.closed()


@pytest.mark.parametrize(("soc", "action"), [(0.2, None), (0.3, "on")])
def test_without_journal_and_mirror_nothing_but_an_emergency_starts(soc: float, action: str | None) -> None:
    world = World(soc=soc, journal_ok=False).on_alerts()
    if action is None:
        world.fire("start")
    else:
        world.operator(action, HOUR)
    world.run(5 * MINUTE)
    assert world.inhibitors() == ("journal",)
    assert not world.closed()
    world.soc = 0.1
    assert world.run(5 * MINUTE, until=World.closed)
    run = world.state.durable.run
    assert run is not None
    assert "emergency" in run.causes
    assert run.deadline - run.closed_at == 2 * HOUR
    world.run(HOUR)
    assert world.closed(), "it holds starts and ends nothing"


def test_a_journal_that_is_written_again_lets_the_start_go() -> None:
    world = World(soc=0.2, journal_ok=False).on_alerts()
    world.fire("start")
    assert not world.closed()
    world.journal_ok = True
    world.step()
    assert world.closed()


def test_a_journal_that_takes_nothing_halves_a_run() -> None:
    world = running()
    world.journal_ok = False
    world.run(5)
    assert world.state.durable.run is not None
    assert world.state.durable.run.deadline - world.state.durable.run.closed_at == 2 * HOUR


def test_the_budget_holds_and_ends_and_slides() -> None:
    world = World(settings=settings(limits={"max_run": "2h", "daily_budget": "3h"}), soc=0.2, tick=10).on_alerts()
    world.run(30 * HOUR)
    closings = [time for time, closed in world.moves if closed]
    openings = [time for time, closed in world.moves if not closed]
    first = closings[0]
    assert openings[0] - first == pytest.approx(2 * HOUR, abs=5)
    assert openings[1] - closings[1] == pytest.approx(1 * HOUR, abs=10)
    assert closings[2] - first >= 24 * HOUR
    assert "budget" in [event.fields.get("reason") for event in world.events]


def with_budget_left(seconds: float, **world: object) -> World:
    """A world that has so much of its budget of 10 hours left, and none of it comes back for half a day."""
    it = World(**world)  # type: ignore[arg-type]
    closure = Closure(start=it.now - 12 * HOUR, end=it.now - 2 * HOUR - seconds)
    it.state = replace(it.state, durable=replace(it.state.durable, closures=(closure,)))
    return it


@pytest.mark.parametrize(("minutes", "starts"), [(26, True), (24, False)])
def test_a_start_needs_budget_for_its_confirmation_and_min_run(minutes: int, *, starts: bool) -> None:
    world = with_budget_left(minutes * MINUTE, soc=0.2)
    assert world.run(30 * MINUTE, until=World.closed) is starts
    assert ("budget" in world.inhibitors()) is not starts


def test_a_run_uses_the_budget_up_to_its_end() -> None:
    world = with_budget_left(40 * MINUTE, soc=0.2)
    assert world.run(30 * MINUTE, until=World.closed)
    began = world.now
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(40 * MINUTE, abs=2)
    assert reason_of_the_last_end(world) == "budget"


def test_an_emergency_may_use_the_reserve_after_the_budget_and_no_more() -> None:
    world = with_budget_left(5 * MINUTE, soc=0.05)
    assert world.run(30 * MINUTE, until=World.closed)
    began = world.now
    assert world.run(3 * HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(2 * HOUR + 5 * MINUTE, abs=2)
    assert "The daily budget of 10 h and its emergency reserve are used up." in world.texts("contact_opened")[-1]
    world.run(3 * HOUR)
    assert not world.closed()
    assert "budget" in world.inhibitors()


def test_an_emergency_that_begins_in_a_run_prolongs_it_by_the_reserve() -> None:
    world = with_budget_left(40 * MINUTE, soc=0.2)
    assert world.run(30 * MINUTE, until=World.closed)
    began = world.now
    world.run(30 * MINUTE)
    world.soc = 0.1
    assert world.run(3 * HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(2 * HOUR + 40 * MINUTE, abs=2)


@pytest.mark.parametrize(("soc", "starts"), [(None, True), (0.3, False)])
def test_low_volts_may_use_the_reserve_only_without_a_state_of_charge(soc: float | None, *, starts: bool) -> None:
    world = with_budget_left(5 * MINUTE, soc=soc, volts=40.0, volts_threshold=46.0)
    assert world.run(10 * MINUTE, until=World.closed) is starts


def test_one_state_of_charge_ends_no_run_in_the_reserve() -> None:
    world = with_budget_left(5 * MINUTE, soc=None, volts=40.0, volts_threshold=46.0)
    assert world.run(10 * MINUTE, until=World.closed)
    world.run(20 * MINUTE)
    world.soc = 0.3
    world.run(8)
    world.soc = None
    world.run(5 * MINUTE)
    assert world.closed()
    world.soc = 0.3
    world.run(30)
    assert not world.closed()


# --- min off and back-off


def test_min_off_counts_from_the_confirmed_stop() -> None:
    world = running(limits={"max_run": "20m"})
    assert world.run(HOUR, until=lambda it: not it.closed())
    world.run(30 * MINUTE, until=lambda it: it.phase() == "off")
    stopped = world.now
    world.fire("start")
    world.run(10 * MINUTE)
    world.fire("start")
    assert world.inhibitors() == ("max_run", "min_off")
    assert world.run(HOUR, until=World.closed)
    assert world.now - stopped == pytest.approx(15 * MINUTE, abs=2)


def test_min_off_counts_from_the_tail_without_evidence() -> None:
    world = running(limits={"max_run": "20m"})
    world.bus_alive = False
    assert world.run(HOUR, until=lambda it: not it.closed())
    released = world.now
    world.run(10 * MINUTE)
    begin(world, "emergency")
    assert world.run(HOUR, until=World.closed)
    assert world.now - released == pytest.approx(18 * MINUTE, abs=1.1)


def test_min_off_counts_from_the_tail_if_evidence_comes_back_later() -> None:
    world = World(settings=settings(limits={"max_run": "20m"}), soc=0.3, bus_alive=False, obeys=False).on_alerts()
    begin(world, "emergency")
    assert world.closed()
    assert world.run(HOUR, until=lambda it: not it.closed())
    released = world.now
    world.run(10 * MINUTE)
    assert world.phase() == "unknown"
    world.bus_alive = True
    assert world.run(HOUR, until=World.closed)
    assert world.now - released == pytest.approx(18 * MINUTE, abs=1.1)


def test_min_off_counts_from_the_tail_after_a_relay_fault_without_evidence() -> None:
    world = running()
    world.bus_alive = False
    world.run(MINUTE)
    world.read_back = lambda _closed: None
    world.run(3)
    assert not world.closed()
    world.read_back = lambda closed: closed
    assert world.run(MINUTE, until=lambda it: not it.relay_fault())
    recovered = world.now
    world.soc = 0.1
    assert world.run(HOUR, until=World.closed)
    assert world.now - recovered == pytest.approx(18 * MINUTE, abs=1.1)


def test_min_off_goes_on_when_the_engine_is_received_again() -> None:
    world = running()
    world.operator("off")
    world.bus_alive = False
    released = world.now
    world.run(13 * MINUTE)
    world.bus_alive = True
    world.operator("auto")
    world.soc = 0.1
    assert world.run(HOUR, until=World.closed)
    assert world.now - released == pytest.approx((13 + 15) * MINUTE, abs=20), "until then it may have run on"


def anothers_run(**parts: object) -> World:
    """A world in which somebody runs the engine at the AGS, while a low battery requests it."""
    world = World(settings=settings(**parts), soc=0.1, ags=3, ac=True)
    world.run(10 * MINUTE)
    assert "foreign_run" in world.inhibitors()
    return world


def stopped_by_hand(world: World) -> float:
    """Stop the engine at the AGS; return when its stop is confirmed."""
    world.ags, world.ac = 2, False
    assert world.run(MINUTE, until=lambda it: it.proof() is False)
    return world.now


def test_min_off_counts_from_the_stop_of_a_foreign_run() -> None:
    world = anothers_run()
    stopped = stopped_by_hand(world)
    world.run(MINUTE)
    assert world.inhibitors() == ("min_off",)
    assert world.run(HOUR, until=World.closed)
    assert world.now - stopped == pytest.approx(15 * MINUTE, abs=2)


def test_min_off_after_anothers_run_survives_restarts_and_a_missed_stop() -> None:
    world = anothers_run()
    world.die(dead_for=5)
    stopped = stopped_by_hand(world)
    world.run(5 * MINUTE)
    world.die(dead_for=5)
    world.die(dead_for=5, reboot=True)
    assert world.run(HOUR, until=World.closed)
    assert world.true - (stopped - 1000) == pytest.approx(15 * MINUTE + 5, abs=20)
    world = anothers_run()
    world.ags, world.ac = 2, False
    world.die(dead_for=5)
    began = world.now
    assert world.run(HOUR, until=World.closed)
    assert world.now - began >= 15 * MINUTE


def test_min_off_after_a_failed_stop_counts_from_the_stop_by_hand() -> None:
    world = running()
    world.tail = 1e9
    world.operator("off")
    world.run(HOUR)
    world.bus_alive = False
    world.run(MINUTE)
    world.bus_alive, world.tail = True, 0.0
    world.operator("auto")
    world.soc = 0.1
    began = world.now
    assert world.run(HOUR, until=World.closed)
    assert world.now - began >= 15 * MINUTE


def test_min_off_holds_no_resume() -> None:
    world = anothers_run()
    stopped_by_hand(world)
    assert world.run(HOUR, until=World.closed)
    world.ac = None
    world.run(2 * MINUTE)
    world.state = replace(world.state, durable=replace(world.state.durable, engine_stopped_at=world.now))
    world.saved = replace(world.saved, durable=world.state.durable)
    world.die(dead_for=5)
    assert world.run(MINUTE, until=World.closed)
    assert world.state.durable.runs == 1


def test_min_off_does_not_pass_while_the_engine_is_confirmed_running() -> None:
    world = running()
    world.tail = 5 * HOUR
    world.operator("off")
    world.operator("auto")
    world.run(2 * HOUR)
    world.fire("start", starts_at=3)
    assert {"min_off", "ac_live"} <= set(world.inhibitors())
    assert not world.closed()


def test_back_off_holds_the_alert_and_the_emergency_and_not_the_operator() -> None:
    world = World(settings=settings(limits={"backoff": ["2h"]}), soc=0.3, obeys=False).on_alerts()
    world.fire("start")
    world.run(11 * MINUTE)
    world.soc = 0.1
    world.run(40 * MINUTE)
    assert not world.closed()
    assert world.inhibitors() == ("back_off",)
    world.operator("on", HOUR)
    assert world.closed()


def test_a_backoff_shorter_than_attempts_repeats_its_last() -> None:
    limits = {"attempts": 4, "backoff": ["20m", "40m"], "short_cycle": ["15m"]}
    world = World(settings=settings(limits=limits), soc=0.3, obeys=False, tick=5.0).on_alerts()
    began = world.now
    world.soc = 0.1
    world.run(6 * HOUR)
    openings = [time for time, closed in world.moves if not closed]
    closings = [time for time, closed in world.moves if closed]
    pauses = [round((then - opened) / 60) for opened, then in zip(openings, closings[1:], strict=False)]
    assert pauses == [20, 40, 40]
    assert began < closings[0]


# --- short runs


def flapping(limits: dict[str, object] | None = None, **parts: object) -> World:
    """A world whose low battery requests the engine, and whose AGS refuses it a minute into each run."""
    world = World(settings=settings(limits=limits or {}), tick=5, tail=0, **{"soc": 0.2, **parts})  # type: ignore[arg-type]
    world.run(MINUTE)
    return world


def short_runs(world: World, seconds: float, *, code: int = 1) -> list[float]:
    """Let the AGS show a code a minute into each run for so long; return the pauses before each start but the first."""
    end = world.now + seconds
    while world.run(end - world.now, until=World.closed):
        world.run(MINUTE)
        world.ags = code
        world.run(MINUTE, until=lambda it: not it.closed())
        world.ags = 2
    closings = [time for time, closed in world.moves if closed]
    openings = [time for time, closed in world.moves if not closed]
    return [then - opened for opened, then in zip(openings, closings[1:], strict=False)]


def test_each_short_run_in_a_row_makes_the_pause_longer() -> None:
    world = flapping()
    pauses = short_runs(world, 17 * HOUR)
    assert [round(pause / MINUTE) for pause in pauses] == [15, 30, 60, 120, 240, 480]
    assert "short_cycle" in world.inhibitors()
    assert world.state.durable.attempts == 0
    world.operator("on", HOUR)
    assert world.closed(), "the operator is exempt"


def test_runs_that_the_ags_takes_over_are_short_ones_too() -> None:
    world = flapping()
    pauses = short_runs(world, 2 * HOUR, code=3)
    assert [round(pause / MINUTE) for pause in pauses] == [15, 30, 60]
    assert reason_of_the_last_end(world) == "foreign_run"
    assert world.state.durable.attempts == 0


def test_at_most_8_short_runs_in_24_hours_and_one_an_hour_in_an_emergency() -> None:
    world = flapping({"short_cycle": ["1m"]})
    pauses = short_runs(world, 30 * HOUR)
    openings = [time for time, closed in world.moves if not closed]
    assert max(pauses[:7]) < 20 * MINUTE
    assert all(then - first >= 24 * HOUR for first, then in zip(openings, openings[8:], strict=False))
    world = flapping({"short_cycle": ["1m"]}, soc=0.1)
    pauses = short_runs(world, 12 * HOUR)
    assert [round(pause / MINUTE) for pause in pauses[7:]] == [60] * len(pauses[7:])
    assert len(pauses) > 12


def test_an_emergency_waits_for_an_hour_at_most() -> None:
    world = flapping(soc=0.1)
    pauses = short_runs(world, 12 * HOUR)
    assert [round(pause / MINUTE) for pause in pauses[:5]] == [15, 30, 60, 60, 60]


def test_a_run_of_min_run_clears_the_pause_unless_it_fails() -> None:
    for dies in (False, True):
        world = flapping()
        short_runs(world, HOUR)
        assert world.state.durable.short_runs.in_a_row == 3
        assert world.run(2 * HOUR, until=World.closed)
        world.run(20 * MINUTE)
        assert world.state.durable.short_runs.in_a_row == 3
        if dies:
            world.obeys = False
            world.run(MINUTE)
        else:
            world.fire("inhibit")
        assert not world.closed()
        assert world.state.durable.short_runs.in_a_row == (3 if dies else 0)
        assert len(world.state.durable.short_runs.ends) == 3


@pytest.mark.parametrize("end", ["off", "demand"])
def test_the_operators_off_and_a_demand_that_is_gone_make_no_short_run(end: str) -> None:
    world = World(soc=0.9)
    world.operator("on", 5 * MINUTE)
    world.run(MINUTE)
    if end == "off":
        world.operator("off")
    else:
        world.run(5 * MINUTE)
    assert not world.closed()
    assert world.state.durable.short_runs.last_at is None


@pytest.mark.parametrize("limit", ["max_run", "budget"])
def test_a_limit_that_ends_a_run_before_min_run_makes_it_short(limit: str) -> None:
    world = running(limits={"max_run": "10m"} if limit == "max_run" else {})
    if limit == "budget":
        used = Closure(start=world.now - 11 * HOUR, end=world.now - HOUR - 2 * MINUTE)
        world.state = replace(world.state, durable=replace(world.state.durable, closures=(used,)))
    assert world.run(11 * MINUTE, until=lambda it: not it.closed())
    assert reason_of_the_last_end(world) == limit
    assert world.state.durable.short_runs.in_a_row == 1


def test_manual_runs_make_the_pause_longer_and_do_not_count_for_the_day() -> None:
    world = World(soc=0.3).on_alerts()
    world.operator("on", HOUR)
    world.run(MINUTE)
    world.fire("inhibit")
    short = world.state.durable.short_runs
    assert (short.in_a_row, short.ends) == (1, ())


def test_short_runs_outlive_restart_and_reboot_as_the_back_off_does() -> None:
    world = flapping(wall_sane=True)
    short_runs(world, 2 * HOUR)
    until = world.state.durable.short_runs.until(world.settings.limits, emergency=False)
    assert until is not None
    left = until - world.now
    world.die(dead_for=60)
    world.die(dead_for=60, reboot=True)
    began = world.now - 60
    assert world.run(3 * HOUR, until=World.closed)
    assert world.now - began == pytest.approx(left - 60, abs=10), "a clock that is right counts the time without power"


def test_the_day_of_the_eight_short_runs_goes_on_over_a_reboot() -> None:
    world = flapping({"short_cycle": ["1m"]}, wall_sane=True)
    short_runs(world, 3 * HOUR)
    ends = world.state.durable.short_runs.ends
    assert len(ends) == 8
    left = ends[0] + DAY - world.now
    world.die(dead_for=60, reboot=True)
    until = world.state.durable.short_runs.until(world.settings.limits, emergency=False)
    assert until is not None
    assert until - world.now == pytest.approx(left - 60)


@pytest.mark.parametrize("reboot", [False, True])
def test_a_death_of_the_program_before_min_run_makes_a_short_run(*, reboot: bool) -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(20)
    world.die(dead_for=5 * MINUTE, reboot=reboot)
    assert world.state.durable.short_runs.in_a_row == 1
    assert world.state.durable.short_runs.last_at == world.now


def test_the_time_without_power_makes_no_run_longer() -> None:
    world = World(soc=0.3, wall_sane=True).on_alerts()
    world.fire("start")
    world.run(20)
    world.die(dead_for=HOUR, reboot=True)
    assert world.state.durable.short_runs.in_a_row == 1


def test_a_power_cut_after_min_run_makes_no_short_run() -> None:
    world = running()
    world.run(20 * MINUTE)
    world.die(dead_for=5 * MINUTE, reboot=True)
    assert world.state.durable.short_runs.in_a_row == 0


def test_a_run_whose_resume_is_given_up_was_short() -> None:
    world = running()
    world.obeys = False
    world.die(dead_for=5)
    assert world.run(5 * MINUTE, until=lambda it: "resume_given_up" in it.kinds())
    assert world.state.durable.short_runs.in_a_row == 1


def test_reset_lockout_ends_the_pause_after_short_runs() -> None:
    world = flapping()
    short_runs(world, 3 * HOUR)
    world.run(20 * MINUTE)
    assert world.inhibitors() == ("short_cycle",)
    world.operator("reset_lockout")
    assert world.closed()


# --- quiet hours

QUIET = {"from": "21:00", "to": "06:00"}


@pytest.mark.parametrize(("minute", "sane", "starts"), [(1230, True, True), (1260, True, False), (1260, False, True)])
def test_quiet_hours_hold_an_ordinary_start(minute: int, *, sane: bool, starts: bool) -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, wall_sane=sane, minute_of_day=minute).on_alerts()
    world.fire("start")
    world.run(60)
    assert world.closed() is starts
    assert ("quiet_hours" in world.inhibitors()) is not starts


@pytest.mark.parametrize("cause", ["emergency", "manual"])
def test_an_emergency_and_the_operator_are_exempt_from_quiet_hours(cause: str) -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, wall_sane=True, minute_of_day=0).on_alerts()
    begin(world, cause)
    assert world.closed()
    world.run(30 * MINUTE)
    assert world.closed()


def test_quiet_hours_end_an_ordinary_run_which_starts_again_after_them() -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, wall_sane=True, minute_of_day=1200).on_alerts()
    world.fire("start")
    world.run(60)
    world.minute_of_day = 1259
    world.step()
    assert world.closed()
    assert not world.inhibitors(), "what blocks a start alone says nothing of a run"
    world.minute_of_day = 1260
    world.step()
    assert not world.closed()
    assert reason_of_the_last_end(world) == "quiet_hours"
    for _ in range(4):
        world.run(10 * MINUTE)
        world.fire("start")
    assert not world.closed()
    world.minute_of_day = 360
    world.step()
    assert world.closed()


def test_quiet_hours_end_a_run_that_nothing_requests_any_more() -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, wall_sane=True, minute_of_day=1200).on_alerts()
    world.fire("start")
    world.soc = 0.9
    world.run(2 * MINUTE)
    assert not world.causes()
    assert world.closed(), "for min run"
    world.minute_of_day = 1260
    world.step()
    assert reason_of_the_last_end(world) == "quiet_hours"


def test_a_run_that_is_over_in_quiet_hours_has_not_been_cut_off_by_them() -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.1, wall_sane=True, minute_of_day=0)
    assert world.run(2 * MINUTE, until=World.closed)
    world.run(20 * MINUTE)
    world.soc = 0.9
    world.run(2 * MINUTE)
    assert reason_of_the_last_end(world) == "demand_gone"


@pytest.mark.parametrize(("minutes_before", "starts"), [(26, True), (25, False)])
def test_quiet_hours_hold_an_ordinary_start_that_they_would_cut_off(minutes_before: int, *, starts: bool) -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, minute_of_day=21 * 60 - minutes_before).on_alerts()
    world.wall_sane, world.wall = True, world.wall // 60 * 60
    world.fire("start")
    assert world.closed() is starts
    assert ("quiet_hours" in world.inhibitors()) is not starts


@pytest.mark.parametrize("cause", ["emergency", "manual"])
def test_an_emergency_and_the_operator_start_just_before_quiet_hours(cause: str) -> None:
    world = World(settings=settings(quiet_hours=QUIET), soc=0.3, wall_sane=True, minute_of_day=1259).on_alerts()
    begin(world, cause)
    assert world.closed()


# --- the AGS


@pytest.mark.parametrize("code", [0, 1, 4, 5, 28, 255, *sorted(ags.FAULTS)])
def test_a_refusing_ags_holds_a_start(code: int) -> None:
    world = World(soc=0.3, ags=code).on_alerts()
    world.fire("start")
    world.run(5 * MINUTE)
    assert not world.closed()
    assert world.inhibitors() == ("ags_refuses",)


@pytest.mark.parametrize("code", [None, 2, 7])
def test_a_ready_or_absent_ags_permits(code: int | None) -> None:
    world = World(soc=0.3, ags=code).on_alerts()
    world.fire("start")
    assert world.closed()


@pytest.mark.parametrize("code", [3, 6, 8, 12, 13, 14, 18, 19, 20, 26, 27])
def test_anothers_run_holds_a_start(code: int) -> None:
    world = World(soc=0.3, ags=code).on_alerts()
    world.fire("start")
    world.run(60)
    assert not world.closed()
    assert "foreign_run" in world.inhibitors()


def test_warm_up_and_cool_down_belong_to_the_last_start_code() -> None:
    world = running()
    for code in (7, 26, 7, 27, 7):
        world.ags = code
        world.run(30)
    assert world.closed()
    for code in (26, 8, 26):
        world.ags = code
        world.run(20)
    assert reason_of_the_last_end(world) == "foreign_run"


def test_the_tail_of_our_run_stays_ours_when_its_stop_is_confirmed() -> None:
    world = running()
    world.ags = 7
    world.run(30)
    world.operator("off")
    world.ac = False
    world.run(MINUTE)
    assert world.state.durable.stopped_at is not None
    world.ags = 27  # only now: what shows that it is ours is code 7 before it
    world.run(10 * MINUTE)
    assert "foreign_run" not in world.inhibitors()


def test_a_start_code_from_before_ready_owns_nothing_any_more() -> None:
    world = World(soc=0.3, ags=8).on_alerts()
    world.ags = 2
    world.run(30)
    world.fire("start")
    world.ags = 26
    world.run(60)
    assert world.closed(), "an unannounced warm-up in a run of ours is ours"


def test_an_unannounced_tail_of_an_engine_that_will_not_stop_is_ours() -> None:
    world = running()
    world.tail = 1e9
    world.operator("off")
    world.run(8 * MINUTE)
    world.ags = 27
    world.run(4 * MINUTE)
    assert "foreign_run" not in world.kinds()
    assert world.kinds().count("stop_failed") == 2


def test_two_refusing_samples_end_no_run_and_one_ready_sample_starts_none() -> None:
    """Three samples decide."""
    world = running()
    world.ags = 1
    world.run(10)
    world.ags = 2
    world.run(60)
    assert world.closed()
    world = World(soc=0.3, ags=1).on_alerts()
    world.fire("start")
    for _ in range(5):
        world.ags = 2
        world.run(10)
        world.ags = 1
        world.run(5)
    assert not world.closed()
    world.ags = 2
    world.run(15)
    assert world.closed()


def test_one_refusing_sample_holds_a_start() -> None:
    world = World(soc=0.3).on_alerts()
    world.run(4 - world.now % 5)
    world.ags = 1
    world.run(2)
    world.ags = 2
    world.fire("start")
    assert not world.closed()
    assert world.run(20, until=World.closed)


def test_a_silent_ags_permits_a_start_after_its_freshness_only() -> None:
    world = World(soc=0.3, ags=1).on_alerts()
    world.fire("start")
    world.ags = None
    world.run(25)
    assert not world.closed()
    assert world.run(15, until=World.closed)


def test_ac_in_while_our_contact_is_closed_is_no_refusal() -> None:
    world = running()
    world.ags = 4
    world.run(10 * MINUTE)
    assert world.closed()


@pytest.mark.parametrize("code", sorted(ags.FAULTS))
def test_an_ags_fault_ends_the_attempt_counts_and_names_the_reset(code: int) -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(20)
    world.ags = code
    world.run(16)
    assert not world.closed()
    assert world.state.durable.attempts == 1
    assert "back_off" in world.inhibitors()
    assert "ags_refuses" in world.inhibitors()
    assert "eset it at the remote" in world.texts("contact_opened")[0]


# --- AC live


def test_ac_live_clears_when_ac_has_been_gone_for_three_samples() -> None:
    world = World(soc=0.3, ac=True).on_alerts()
    world.fire("start")
    world.ac = False
    world.run(10)
    assert not world.closed()
    world.ac = True
    world.run(5)
    world.ac = False
    world.run(14)
    assert "ac_live" in world.inhibitors()
    world.run(2)
    assert world.inhibitors() == ("min_off",)


def test_ac_live_clears_once_its_evidence_is_lost() -> None:
    world = World(soc=0.3, ac=True).on_alerts()
    world.bus_alive = False
    world.run(4 * MINUTE)
    begin(world, "manual")
    assert not world.closed()
    world.run(3 * MINUTE)
    assert world.closed()


def test_a_packet_count_shows_the_ags_silent_while_the_inverter_is_not() -> None:
    world = World(soc=0.3, ags=1, ags_frames=100.0, interval=5.0).on_alerts()
    world.ags_frames = 101.0
    world.run(10)
    assert "ags_refuses" in world.inhibitors()
    world.run(30)
    assert world.proof() is False, "the inverter is received"
    assert world.state.ags.code(world.now) is None
    assert "ags_refuses" not in world.inhibitors()


def test_without_its_packet_count_the_ags_is_fresh_by_the_timestamp() -> None:
    world = World(soc=0.3, ags=1, ags_frames=100.0).on_alerts()
    world.ags_frames = 101.0
    world.run(10)
    world.ags_frames = None
    world.run(2 * MINUTE)
    assert world.state.ags.code(world.now) == 1


def test_with_a_constant_packet_count_the_ags_is_fresh_by_the_timestamp() -> None:
    world = World(soc=0.2).on_alerts()
    world.ags, world.ags_frames = 1, 100.0
    world.run(30)
    world.fire("start")
    assert "ags_refuses" in world.inhibitors()


def test_a_board_that_flickers_never_makes_an_engine_that_never_ran_stop() -> None:
    world = World(soc=0.9)
    world.run(MINUTE)
    for _ in range(20):
        world.read_back = lambda closed: not closed
        world.run(4)
        world.read_back = lambda closed: closed
        world.run(4)
    assert "relay_recovered" in world.kinds()
    assert "engine_stopped" not in world.kinds()


def test_a_board_that_has_not_answered_yet_is_unknown_and_never_off() -> None:
    world = World(soc=0.9, read_back=lambda _closed: None)
    world.step()
    assert world.phase() == "unknown"
    world.read_back = lambda closed: closed
    world.run(60)
    assert world.phase() == "off"
