"""What must never happen, and what must: the properties of docs/control.md, as far as the pure core can show them.

The reference model checks the machine at the end, which plays all events. Properties 11, 13 and 26 belong to the
process alone and are shown in test_process; of 14, 15, 30, 31 and 32 the core's part is here.
"""

from __future__ import annotations

import copy
import re
from collections import deque
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from actuator.core import controller, recovery
from actuator.core.inputs import Inputs, ReadBack
from actuator.core.limits import budget_left
from actuator.core.settings import AlertSettings
from actuator.core.state import Closure, Durable, Moment, Run, Saved, State
from actuator.intake import alertmanager
from tests.actuator.harness.explore import explore
from tests.actuator.harness.property_checks import Account, ReferenceModel
from tests.actuator.harness.simulated_site import World, settings
from tests.actuator.harness.stateful_machine import CONFIGS, LIMITS, QUICK, ControllerMachine
from toolkit.config import ConfigError
from toolkit.replace import replace

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def watched(*, alerts: bool = False, **parts: object) -> World:
    """A world that the reference model checks, with its alert path trusted when asked."""
    world = World(**parts)  # type: ignore[arg-type]
    world.reference = ReferenceModel(tick=world.tick)
    return world.on_alerts() if alerts else world


def low(*, alerts: bool = False, **parts: object) -> World:
    """A world whose contact has closed for a low battery, with its engine proven."""
    world = watched(alerts=alerts, **{"soc": 0.3, **parts})
    if alerts:
        world.fire("start")
    else:
        world.soc = 0.1
    assert world.run(10 * MINUTE, until=World.closed)
    world.run(40)
    assert world.phase() == "running"
    return world


def closures(world: World) -> list[float]:
    """Return how long each closure lasted, the present one too."""
    ends = [time for time, closed in world.moves if not closed] + [world.now] * world.closed()
    return [end - began for (began, _), end in zip(world.moves[::2], ends, strict=True)]


def reasons(world: World) -> list[object]:
    return [event.fields["reason"] for event in world.events if event.kind == "contact_opened"]


# --- closing


@pytest.mark.parametrize("cause", ["alert", "fallback", "emergency", "manual"])
def test_property_01_closed_means_a_record_that_was_there_before(cause: str) -> None:
    world = watched(alerts=cause in ("alert", "manual"), soc=0.3)
    if cause == "alert":
        world.fire("start")
    elif cause == "manual":
        world.operator("on", HOUR)
    else:
        world.soc = 0.1 if cause == "emergency" else 0.2
        world.run(10 * MINUTE, until=World.closed)
    began = world.moves[0][0]
    record = world.durables[-1].run
    assert record is not None, "the step that closes hands over the record to be written first"
    assert (record.cause, record.closed_at) == (cause, began)
    assert record.deadline == began + 4 * HOUR
    assert world.durables[-2].run is None


@pytest.mark.parametrize("upset", ["restart", "edit", "clock", "journal", "cap"])
def test_property_02_never_closed_past_the_deadline(upset: str) -> None:
    world = low(tick=5.0)
    assert world.state.durable.run is not None
    deadline = world.state.durable.run.deadline
    world.run(HOUR)
    if upset == "restart":
        world.die(dead_for=15)
        assert world.run(40, until=World.closed)
    if upset == "edit":
        world.settings = settings(limits={"max_run": "8h"})
    if upset == "clock":
        world.wall, world.wall_sane = world.wall - DAY, True
    world.journal_ok = upset != "journal"
    world.ags_max_run = 3 * HOUR if upset == "cap" else None
    assert world.run(5 * HOUR, until=lambda it: not it.closed())
    assert world.now <= deadline + 5.0
    if upset not in ("journal", "cap"):
        assert world.now >= deadline - 5.0


@pytest.mark.parametrize("cause", ["manual", "exercise", "fallback", "alert", "emergency", "blind", "resume"])
def test_property_03_no_closure_is_longer_than_max_run(cause: str) -> None:
    world = watched(
        settings=settings(
            limits={"max_run": "30m", "min_off": "1m"},
            exercise={"every": "1h", "at": "12:00", "for": "3h"} if cause == "exercise" else None,
            on_blind="start",
        ),
        soc={"exercise": 0.9, "emergency": 0.1, "blind": None}.get(cause, 0.3),
        wall_sane=True,
        tick=5.0,
    )
    if cause in ("manual", "alert"):
        world.on_alerts()
    world.soc = 0.2 if cause in ("fallback", "resume") else world.soc
    if cause == "exercise":
        world.wall += 3 * HOUR
    for _ in range(180):
        if cause == "alert":
            world.fire("start")
        if cause == "manual":
            world.operator("on", 29 * MINUTE)
        if cause == "resume" and len(world.moves) == 1:
            world.run(5 * MINUTE)
            world.die(dead_for=10)
        if cause == "exercise":
            world.wall += HOUR
        world.run(MINUTE)
    assert world.moves
    assert max(closures(world)) <= 30 * MINUTE + 5


def test_property_04_closures_of_any_day_are_within_the_budget() -> None:
    world = watched(settings=settings(limits={"daily_budget": "3h", "max_run": "1h"}), soc=0.1, tick=10.0)
    for number in range(60):
        world.run(50 * MINUTE)
        if number % 7 == 3:
            world.wall += 6 * HOUR
            world.die(dead_for=30, reboot=number % 2 == 0)
    assert len(world.moves) > 10
    assert "budget" in reasons(world)


def test_property_05_min_off_at_any_soc() -> None:
    world = watched(soc=0.1, tick=10.0)
    for number in range(1440):
        world.soc = 0.05 if number // 9 % 2 else 0.95
        world.step(seconds=10)
    gaps = [then - opened for (opened, _), (then, _) in zip(world.moves[1::2], world.moves[2::2], strict=False)]
    assert gaps
    assert min(gaps) >= 15 * MINUTE


@pytest.mark.parametrize("restart", [False, True])
def test_property_06_attempts_and_back_off(*, restart: bool) -> None:
    world = watched(soc=0.1, obeys=False, tick=5.0)
    for _ in range(60):
        world.run(10 * MINUTE)
        if restart and not world.closed():
            world.die(dead_for=5)
    assert len(world.moves) == 6
    assert world.state.durable.locked_out
    opened = world.moves[-1][0]
    world.operator("reset_lockout")
    world.run(2 * HOUR)
    assert len(world.moves) == 12
    assert world.moves[6][0] > opened


@given(
    upsets=st.lists(
        st.sampled_from(["start", "emergency", "beats", "auto", "on", "page", "die", "wait", "resolved"]), max_size=12
    ),
    forbids=st.sampled_from(["mode_off", "inhibit", "locked_out", "relay"]),
)
@how(max_examples=30, deadline=None)
def test_property_07_forbidden_means_open_for_every_sequence(upsets: list[str], forbids: str) -> None:
    world = watched(settings=settings(**QUICK), soc=0.3, alerts=True)
    if forbids == "mode_off":
        world.operator("off")
    elif forbids == "inhibit":
        world.fire("inhibit")
    elif forbids == "relay":
        world.read_back = lambda _closed: None
    else:
        world.obeys, world.soc = False, 0.1
        world.run(15 * MINUTE, until=lambda it: it.state.durable.locked_out)
        assert world.state.durable.locked_out
    world.run(5)
    before = len(world.moves)
    for upset in upsets:
        if upset == "start":
            world.fire("start", starts_at=world.now)
        elif upset == "resolved":
            world.fire("start", firing=False, starts_at=world.now)
        elif upset == "emergency":
            world.soc = 0.05
        elif upset == "beats":
            world.step(beats=2)
        elif upset in ("auto", "on"):
            if forbids != "mode_off":
                world.operator(upset)
        elif upset == "die":
            world.die()
        else:
            world.run(60)
    world.run(120)
    assert len(world.moves) == before


@pytest.mark.parametrize(
    ("code", "ac"), [(1, None), (5, None), (24, None), (99, None), (3, None), (8, True), (2, True)]
)
def test_property_08_never_closed_onto_a_refusal_or_a_live_line(code: int, ac: bool | None) -> None:  # noqa: FBT001
    world = watched(soc=0.3, ags=code, ac=ac).on_alerts()
    world.fire("start")
    world.operator("on", HOUR)
    world.soc = 0.05
    world.run(30 * MINUTE)
    assert not world.moves


@pytest.mark.parametrize("kind", ["absent", "nan", "range", "stale", "refused"])
def test_property_09_no_start_on_a_state_of_charge_that_is_none(kind: str) -> None:
    world = watched(soc=0.05)
    world.frozen = kind == "stale"
    world.soc = None if kind in ("absent", "nan", "range", "refused") else 0.05
    world.soc_refused = kind in ("range", "refused")
    world.run(2 * HOUR)
    assert not world.moves


def test_property_10_quiet_hours_block_all_but_an_emergency() -> None:
    quiet = settings(quiet_hours={"from": "21:00", "to": "06:00"})
    world = watched(settings=quiet, soc=0.2, wall_sane=True, minute_of_day=1300)
    world.run(HOUR)
    assert not world.moves
    world.soc = 0.12
    assert world.run(80, until=World.closed)


# --- opening


@pytest.mark.parametrize("when", [0.0, 0.1, 30.0, 600.0, 3000.0])
def test_property_12_off_is_obeyed_within_one_tick(when: float) -> None:
    world = watched(soc=0.05)
    assert world.run(200, until=World.closed)
    world.run(when)
    world.operator("off")
    assert not world.closed()
    world.run(HOUR)
    assert len(world.moves) == 2


def test_property_14_a_start_takes_the_contact_to_be_open() -> None:
    world = low()
    world.die(dead_for=20, reboot=True)
    assert not world.closed()
    assert world.state.durable.run is None


def test_property_15_a_failed_open_is_repeated_and_unknown() -> None:
    world = low()
    world.relay_fails = True
    world.operator("off")
    for _ in range(600):
        world.step()
        assert world.phase() == "unknown"
        assert world.state.durable.run is None
    assert world.closed(), "the board has not obeyed once"
    assert "relay_fault" in world.kinds()


@pytest.mark.parametrize("choice", ["finish", "stop", "start"])
def test_property_16_without_information_it_stays_open(choice: str) -> None:
    world = low(alerts=True, settings=settings(on_blind=choice), tick=5.0)
    world.beating = world.page_reachable = False
    world.run(5 * HOUR, until=lambda it: not it.closed())
    assert not world.closed()
    moves = len(world.moves)
    world.run(12 * HOUR)
    assert (len(world.moves) > moves) is (choice == "start")


# --- proof


def test_property_17_running_and_stopped_need_fresh_evidence() -> None:
    world = low()
    world.bus_alive = False
    world.run(10)
    assert world.phase() == "unknown"
    assert world.proof() is None
    world.operator("off")
    for _ in range(1000):
        world.step()
        assert world.phase() in ("stopping", "unknown")
    world.bus_alive = True
    world.run(30)
    assert world.phase() == "off"


def test_property_17_a_kill_in_a_run_without_a_page_leaves_no_proof() -> None:
    life = ControllerMachine()
    life.begin(soc=0.05, config=CONFIGS[0], engine=False, mirror=False)
    life.dead_start()
    life.volts(volts=40.0)
    life.reboot(seconds=20.0, unreadable=False, torn=False, latches=False)
    life.good_start()
    assert life.world.closed()
    life.page(frozen=False, reachable=False)
    life.killed_in_a_run(seconds=5.0)
    assert life.world.proof() is None


def test_property_18_absent_evidence_is_no_failure() -> None:
    dead, deaf, silent = watched(soc=0.1, obeys=False), low(), watched(soc=0.1, bus_alive=False)
    dead.run(15 * MINUTE)
    assert reasons(dead) == ["start_failed"]
    warm = watched(soc=0.1, obeys=False)
    assert warm.run(5 * MINUTE, until=World.closed)
    warm.ags = 26
    warm.run(24 * MINUTE)
    assert warm.closed()
    warm.run(2 * MINUTE)
    assert reasons(warm) == ["start_failed"]
    deaf.tail = 1e9
    deaf.operator("off")
    deaf.run(6 * MINUTE)
    assert "stop_failed" in deaf.kinds()
    silent.run(30 * MINUTE)
    assert silent.closed()
    silent.operator("off")
    silent.run(30 * MINUTE)
    assert {"attempt_failed", "stop_failed"}.isdisjoint(silent.kinds())


def test_property_19_a_foreign_run_satisfies_the_exercise() -> None:
    world = watched(settings=settings(exercise={"every": "1d"}), soc=0.1, wall_sane=True, ags=3, ac=True)
    world.run(HOUR)
    durable = world.state.durable
    assert not world.moves
    assert (durable.starts, durable.run_seconds, durable.closures) == ({}, 0.0, ())
    assert durable.exercised_wall is not None
    assert world.wall - durable.exercised_wall <= 60


def test_property_19_a_warm_up_before_anothers_start_code_is_still_ours() -> None:
    world = low(ags=7)
    for code in (27, 26, 26, 8, 8):
        world.ags = code
        world.run(world.interval)
        assert world.closed(), "two samples may be wrong"
    world.run(world.interval)
    assert (world.closed(), reasons(world)) == (False, ["foreign_run"])


# --- decision


@pytest.mark.parametrize(
    "parts",
    [{"start_soc": "60%", "stop_soc": "25%"}, {"start_soc": "57%"}, {"stop_soc": "99%"}, {"emergency_soc": "25%"},
     {"emergency_soc": "0%"}, {"limits": {"max_run": "12h"}}, {"quiet_hours": {"from": "06:00", "to": "06:00"}},
     {"quiet_hours": {"from": 1260, "to": "06:00"}}],
)  # fmt: skip
def test_property_20_what_makes_no_sense_is_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        settings(**parts)


def test_property_21_what_is_permitted_and_requested_starts_in_time() -> None:
    fallback = watched(soc=0.5)
    fallback.run(10 * MINUTE)
    fallback.soc, began = 0.25, fallback.now
    assert fallback.run(10 * MINUTE, until=World.closed)
    assert fallback.now - began <= 120 + 5 + 1
    alert = watched(soc=None, alerts=True)
    alert.fire("start")
    assert alert.closed()
    silent = watched(soc=0.5, alerts=True)
    silent.soc, began = 0.25, silent.now
    assert silent.run(HOUR, until=World.closed)
    assert silent.now - began <= 120 + 600 + 5 + 1
    for emergency in (watched(soc=0.5), watched(soc=0.5, alerts=True)):
        emergency.soc, began = 0.12, emergency.now
        assert emergency.run(HOUR, until=World.closed)
        assert emergency.now - began <= 60 + 10 + 1


@pytest.mark.parametrize("cause", ["alert", "fallback", "emergency"])
def test_property_22_a_full_battery_ends_it_in_time(cause: str) -> None:
    world = low(alerts=cause == "alert", soc=0.3)
    began = world.moves[0][0]
    world.soc = 0.6
    assert world.run(HOUR, until=lambda it: not it.closed())
    assert world.now - began == pytest.approx(15 * MINUTE, abs=1.1)
    late = low(alerts=cause == "alert", soc=0.3)
    late.run(HOUR)
    late.soc, began = 0.6, late.now
    assert late.run(HOUR, until=lambda it: not it.closed())
    assert late.now - began <= 60 + 5 + 1


@given(
    levels=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=12),
    lower=st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12),
    alerts=st.booleans(),
)
@how(max_examples=60, deadline=None)
def test_property_23_a_lower_battery_never_starts_later(
    levels: list[float], lower: list[float], *, alerts: bool
) -> None:
    high, less = World(settings=settings(**QUICK)), World(settings=settings(**QUICK))
    for world in (high, less):
        world.run(100)
        world.beating = alerts
        if alerts:
            world.on_alerts()
    for level, share in zip(levels, lower, strict=False):
        high.soc, less.soc = level, level * share
        for _ in range(30):
            high.step()
            less.step()
            assert not (high.closed() and not less.closed())
            if less.closed():
                return


@pytest.mark.parametrize(
    "value", ["soc", "no soc", "refused", "volts", "ags", "ac", "no bus", "cap", "read_back", "stamps"]
)
@pytest.mark.parametrize("running", [False, True])
def test_property_24_one_spike_changes_nothing(value: str, *, running: bool) -> None:
    extremes: dict[str, tuple[str, list[object]]] = {
        "soc": ("soc", [0.0, 1.0]),
        "no soc": ("soc", [None]),
        "refused": ("soc_refused", [True]),
        "volts": ("volts", [0.0, 99.0]),
        "ags": ("ags", [0, 1, 3, 4, 5, 8, 24, 27, 99, None]),
        "ac": ("ac", [True, False]),
        "no bus": ("bus_alive", [False]),
        "cap": ("ags_max_run", [60.0]),
        "read_back": ("read_back", [lambda closed: not closed, lambda _closed: None]),
        "stamps": ("frozen", [True]),
    }
    name, spikes = extremes[value]
    world = low(volts_threshold=46.0, volts=50.0) if running else watched(soc=0.5, volts_threshold=46.0, volts=50.0)
    if running:
        world.soc = 0.4
    world.run(10 * MINUTE)
    moves = list(world.moves)
    for spike in spikes:
        usual = getattr(world, name)
        setattr(world, name, spike)
        world.run(1 if name == "read_back" else 5)
        setattr(world, name, usual)
        world.run(5 * MINUTE)
        assert world.moves == moves, spike
    assert world.state.durable.attempts == 0


def test_property_25_each_loss_is_judged_by_itself() -> None:
    soc = watched(soc=0.5, volts=50.0, volts_threshold=46.0)
    soc.run(400)
    soc.soc = None
    soc.run(400)
    assert soc.path() == "blind", "healthy volts and evidence do not hide the loss"
    bus = watched(soc=0.5)
    bus.run(400)
    bus.bus_alive = False
    bus.run(400)
    assert bus.path() == "fallback"
    assert bus.proof() is None
    ags = low()
    ags.ags = None
    ags.run(40)
    assert ags.proof() is True
    assert ags.phase() == "running"
    volts = watched(soc=0.5, volts=40.0, volts_threshold=46.0)
    volts.run(30)
    volts.volts = None
    volts.run(HOUR)
    assert not volts.moves, "a debounce that the loss broke off"


# --- time and alerts


@cache
def moves_with(clock: tuple[tuple[int, float], ...]) -> list[tuple[float, bool]]:
    """Return the contact's moves in 2,000 s in which the wall clock is moved so at those seconds."""
    by_second = dict(clock)
    world = World(settings=settings(**QUICK), soc=0.2, wall_sane=True)
    for second in range(2000):
        world.wall += by_second.get(second, 0.0)
        if second == 900:
            world.soc = 0.7
        if second in (300, 310, 1000, 1060):
            world.fire("start")
        world.step()
    return world.moves


@given(steps=st.lists(st.tuples(st.integers(1, 1500), st.sampled_from([-21600.0, 21600.0, 9e8, -1.6e9])), max_size=6))
@how(max_examples=25, deadline=None)
def test_property_27_a_step_of_the_wall_clock_moves_nothing(steps: list[tuple[int, float]]) -> None:
    still = moves_with(())
    assert len(still) >= 4
    assert moves_with(tuple(steps)) == still


@given(order=st.permutations(range(8)), late=st.integers(0, 600))
@how(max_examples=25, deadline=None)
def test_property_28_replays_never_lengthen_or_start_a_run(order: list[int], late: int) -> None:
    world = watched(settings=settings(**QUICK), soc=0.3, alerts=True)
    notices = [
        ("start", True, 1.0), ("start", True, 1.0), ("start", False, 1.0), ("start", True, 2.0),
        ("stop", True, 1.5), ("stop", False, 1.5), ("start", False, 2.0), ("start", True, 0.5),
    ]  # fmt: skip
    for index in order:
        kind, firing, starts_at = notices[index]
        world.fire(kind, firing=firing, starts_at=starts_at)
        world.run(20 + late / 8)
    world.operator("off")
    world.operator("auto")
    world.run(120)
    world.soc = 0.95
    moves = len(world.moves)
    world.run(30)
    for index in order:
        kind, firing, starts_at = notices[index]
        world.fire(kind, firing=firing, starts_at=starts_at)
    world.run(100)
    assert len([move for move in world.moves[moves:] if move[1]]) == 0


@given(notices=st.lists(st.tuples(st.booleans(), st.floats(0.0, 10.0)), max_size=8))
@how(max_examples=25, deadline=None)
def test_property_28_an_older_start_alert_starts_nothing(
    notices: list[tuple[bool, float]],
) -> None:
    world = watched(soc=0.4, alerts=True)
    world.fire("start", firing=False, starts_at=10.0)
    for firing, starts_at in notices:
        world.fire("start", firing=firing, starts_at=starts_at)
        world.run(7)
    assert not world.moves
    world.fire("start", starts_at=10.5)
    assert world.closed()


@pytest.mark.parametrize("cause", ["alert", "fallback", "emergency", "manual"])
def test_property_29_resolved_ends_no_run_and_no_inhibit(cause: str) -> None:
    world = watched(alerts=cause == "alert", soc=0.3, tick=5.0)
    if cause == "manual":
        world.operator("on", 3 * HOUR)
    else:
        world.fire("start")
        world.soc = 0.3 if cause == "alert" else 0.05
    assert world.closed() or world.run(10 * MINUTE, until=World.closed)
    world.run(20 * MINUTE)
    for kind in ("start", "stop", "inhibit"):
        world.fire(kind, firing=False, starts_at=1e9)
    world.run(HOUR)
    assert world.closed()
    world.fire("inhibit", starts_at=2e9)
    world.beating = False
    world.fire("inhibit", firing=False, starts_at=2e9)
    world.run(DAY / 4)
    assert not world.closed()
    assert world.state.durable.inhibits


@pytest.mark.parametrize("body", [b"", b"{", b'{"version":"4","alerts":[7]}', b'{"version":"3","alerts":[]}'])
def test_property_30_what_is_malformed_reaches_nothing(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        alertmanager.read(body, AlertSettings())
    unknown = {"status": "firing", "labels": {"alertname": "Else"}}
    found = alertmanager.read(msgspec.json.encode({"version": "4", "alerts": [unknown]}), AlertSettings())
    assert (found.notices, found.beats, found.unknown) == ((), 0, 1)


def test_property_31_one_event_for_each_transition() -> None:
    world = low(alerts=True)
    world.operator("off")
    moves = [event for event in world.events if event.kind in ("contact_closed", "contact_opened")]
    assert [event.kind for event in moves] == ["contact_closed", "contact_opened"]
    for event in moves:
        assert {"run", "cause", "soc", "proof", "ags", "path"} <= event.fields.keys()
    assert world.state.durable.starts == {"alert": 1}


@pytest.mark.parametrize("known", [True, False])
def test_property_32_a_torn_journal_starts_open(*, known: bool) -> None:
    here = Moment(boot="one", now=1e6, wall=0.0, wall_sane=False)
    run = Run(
        number=1, cause="alert", causes=("alert",), closed_at=1e6 - 99, closed_wall=0, deadline=2e6, proven_at=1e6
    )
    saved = Saved(durable=Durable(run=run, closures=(Closure(start=9e5, end=9e5 + 60),)), moment=here)
    state, events = recovery.restore(saved if known else None, here, settings(), torn=True)
    assert state.durable.run is state.durable.candidate is None
    assert budget_left(state.durable, settings(), here.now) <= 4 * HOUR
    assert [event.level for event in events if event.kind == "journal_torn"] == ["error"]


def test_property_32_a_torn_journal_withholds_no_second_twice() -> None:
    torn_at, world = 2 * DAY, World()
    reference = ReferenceModel(account=Account(closures=deque([[torn_at - 4 * HOUR, torn_at - HOUR]])))
    reference.restarted(world.state, reference.account, world.settings, reboot=False, torn=True, true=torn_at)
    limits, again = world.settings.limits, torn_at + DAY - 2 * HOUR
    assert reference.account.used(torn_at) == limits.daily_budget - limits.max_run == 6 * HOUR
    assert reference.account.used(again) == 2 * HOUR, (
        "the contact cannot have been closed for longer in the last two hours"
    )
    reference.restarted(world.state, reference.account, world.settings, reboot=False, torn=True, true=again)
    assert reference.account.used(again) == 6 * HOUR
    assert reference.account.used(again + HOUR) == 5 * HOUR


@given(
    levels=st.lists(st.sampled_from([0.05, 0.2, 0.5, 0.95, None]), min_size=20, max_size=60),
    config=st.sampled_from(CONFIGS),
)
@how(max_examples=15, deadline=None)
def test_property_33_transitions_in_an_hour_are_bounded(levels: list[float | None], config: object) -> None:
    world = watched(settings=config, obeys=False)
    for number, level in enumerate(levels):
        world.soc = level
        if number % 5 == 0:
            world.operator("reset_lockout")
        if number % 7 == 0:
            world.die(dead_for=1)
        world.run(60)
    assert str(LIMITS["min_off"]) == "40s", "the reference model has counted them against this"


RESETS = ("reset_lockout", "reset_journal", "reset_inhibit")


@given(
    happens=st.lists(
        st.tuples(st.sampled_from([*RESETS, "fire", "resolve", "die", "wait"]), st.sampled_from(["fuel", "co"])),
        max_size=15,
    )
)
@how(max_examples=30, deadline=None)
def test_property_36_no_reset_clears_more_than_it_names(happens: list[tuple[str, str]]) -> None:
    world = watched(settings=settings(**QUICK), soc=0.3)
    lease = world.settings.alerts.lease
    failed = replace(world.state.durable, attempts=3, locked_out=True, back_off_until=world.now + DAY, torn=True)
    world.state = replace(world.state, durable=failed)
    world.step()
    received: dict[str, float] = {}
    for what, name in happens:
        before = world.state.durable
        if what in RESETS:
            world.operator(what, fingerprint=name)
        elif what in ("fire", "resolve"):
            world.fire("inhibit", firing=what == "fire", fingerprint=name)
            received |= {name: world.now} if what == "fire" else {}
        elif what == "die":
            world.die()
            received = dict.fromkeys(received, world.now)
        else:
            world.run(lease / 2)
        after = world.state.durable
        names = ("attempts", "locked_out", "back_off_until")
        assert what == "reset_lockout" or all(getattr(after, name) == getattr(before, name) for name in names)
        assert what == "reset_journal" or after.torn == before.torn
        gone = before.inhibits.keys() - after.inhibits.keys()
        assert gone <= ({name} if what == "reset_inhibit" else set())
        assert all(world.now - received[name] >= lease for name in gone)


def test_property_36_a_lock_out_reset_keeps_inhibits() -> None:
    world = watched(alerts=True, soc=0.3, obeys=False)
    world.soc = 0.1
    assert world.run(4 * HOUR, until=lambda it: it.state.durable.locked_out)
    world.fire("inhibit", fingerprint="co")
    world.operator("reset_lockout")
    moves = len(world.moves)
    world.run(2 * HOUR)
    assert world.inhibitors() == ("inhibit_alert",)
    assert len(world.moves) == moves


@pytest.mark.parametrize("reboot", [False, True])
def test_property_39_deaths_within_a_second_of_closing_lock_out(*, reboot: bool) -> None:
    world = watched(soc=0.05, obeys=False, tick=5.0)
    for attempt in range(1, 4):
        assert world.run(HOUR, until=World.closed)
        world.die(dead_for=1, reboot=reboot)
        assert world.state.durable.attempts == attempt
        died, pause = world.now, world.state.durable.back_off_until
        assert pause == (None if attempt == 3 else died + 15 * attempt * MINUTE)
    world.run(4 * HOUR)
    assert world.state.durable.locked_out
    assert len(closures(world)) == 3


def test_each_has_a_test_of_its_number() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"^def test_property_(\d\d)_", tests, re.MULTILINE)}
    assert numbers == {*range(1, 40)}


# --- all of it at once


def test_sequences_of_all_events_keep_the_properties() -> None:
    met = explore(60, 40, anew=False)
    assert met["starts"] > 50
    assert met["deaths"] > 50
    assert met["failures"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_long_sequences_of_all_events_keep_the_properties() -> None:
    met = explore(300, 80, anew=False)
    for what in ("lock-outs", "resumes", "ends by died", "ends by budget", "ends by quiet_hours", "ends by blind"):
        assert met[what] > 0, what


# --- what was added when the rules themselves were wrong


@pytest.mark.parametrize("short_cycle", [["1m"], ["15m", "30m", "60m", "120m", "240m", "480m"]])
@pytest.mark.parametrize("flaps", ["inhibit", "ags", "death"])
def test_property_34_at_most_8_short_runs_in_any_24_hours(flaps: str, short_cycle: list[str]) -> None:
    world = watched(settings=settings(limits={"short_cycle": short_cycle}), soc=0.2, tick=20.0)
    ends: list[float] = []
    while world.true < 1.5 * DAY and world.run(DAY, until=World.closed):
        world.run(MINUTE)
        if flaps == "death":
            world.die(dead_for=200, reboot=True)
            ends.append(world.true)
            continue
        world.fire("inhibit", starts_at=world.now)
        world.ags = 1 if flaps == "ags" else 2
        world.run(MINUTE)
        world.ags = 2
        world.operator("reset_inhibit")
        world.fire("inhibit", firing=False, starts_at=world.now)
        for _ in range(4):
            world.step(beats=1)
        world.beating = True
        world.run(20 * MINUTE, until=lambda it: not it.state.durable.inhibits)
        ends.append(world.true)
    assert len(ends) > 8
    assert all(then - first > DAY for first, then in zip(ends, ends[8:], strict=False))


@pytest.mark.parametrize("whose", ["ours", "anothers", "nobodys"])
def test_property_37_min_off_after_any_confirmed_stop(whose: str) -> None:
    world = low() if whose == "ours" else watched(soc=0.1, ags={"anothers": 3}.get(whose, 2), ac=True)
    world.run(10 * MINUTE)
    world.ags, world.ac = 2, False
    assert world.run(MINUTE, until=lambda it: it.proof() is False)
    stopped = world.now
    assert world.run(2 * HOUR, until=World.closed)
    assert world.now - stopped >= 15 * MINUTE - 1


def test_property_38_an_engine_that_always_dies_is_locked_out() -> None:
    world = watched(soc=0.1, tick=5.0)
    while not world.state.durable.locked_out and world.now < DAY:
        world.obeys = True
        if world.run(2 * HOUR, until=World.closed):
            world.run(20 * MINUTE)
            world.obeys = False
            world.run(MINUTE)
    assert reasons(world) == ["died"] * 3
    assert world.state.durable.locked_out


def test_a_step_changes_none_of_its_inputs() -> None:
    state, inputs = (
        State(started_at=0.0),
        Inputs(settings=settings(), read_back=ReadBack(closed=False, at=0.5), beats=1),
    )
    frozen = copy.deepcopy(state)
    first = controller.step(state, inputs, 1.0)
    assert state == frozen
    assert controller.step(state, inputs, 1.0) == first, "the same again gives the same"
