"""The model: energy balance, the times of the AGS, charging, and every fault."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from simulator import ags, settings
from simulator.ags import Phase
from simulator.faults import UnknownFaultError, active, declared
from simulator.inverter import Status
from simulator.site import Site, advance, clear, inject, set_soc
from toolkit.config import Duration, Ratio

ENGINE = settings.Engine(
    start_delay=Duration(5), retry_delay=Duration(10), warm_up=Duration(30), cool_down=Duration(30), tail=Duration(120)
)


def site(*, soc: float = 0.5, engine: settings.Engine = ENGINE, **parts: object) -> Site:
    return Site(settings.SiteSettings(battery=settings.Battery(soc=Ratio(soc)), engine=engine, **parts))  # type: ignore[arg-type]


def inverter_status(model: Site) -> Status:
    return model.inverter.status


def engine_runs(model: Site) -> bool:
    return model.engine.running


def seconds_until(model: Site, status: int, limit: float = 1000) -> float:
    """Return the seconds until the AGS shows a status, to a tenth of a second."""
    start = model.seconds
    while model.ags.status != status:
        assert model.seconds - start < limit, f"got AGS status {model.ags.status}, expected {status}"
        advance(model, 0.1)
    return model.seconds - start


def running(model: Site) -> Site:
    model.contact = True
    seconds_until(model, ags.CONTACT_RUN)
    seconds_until(model, ags.WARM_UP)
    seconds_until(model, ags.CONTACT_RUN)
    advance(model, 20)
    assert model.inverter.transferred
    return model


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(
        st.tuples(
            st.booleans(),
            st.floats(0, 6000),
            st.floats(0, 3000),
            st.sampled_from([0.05, 1.0, 60.0, 900.0, 7200.0]),
            st.sets(st.sampled_from([fault.name for fault in declared()]), max_size=3),
        ),
        max_size=12,
    ),
    soc=st.floats(0, 1),
    speed=st.sampled_from([1.0, 60.0]),
)
def test_energy_is_conserved(steps: list[tuple[bool, float, float, float, set[str]]], soc: float, speed: float) -> None:
    model = site(soc=soc, speed=speed)
    for contact, load, sun, seconds, faults in steps:
        for name in active(model.faults):
            clear(model, name)
        for name in sorted(faults):
            inject(model, name)
        model.contact, model.load_watts, model.sun_watts = contact, load, sun
        before = model.battery.soc
        advance(model, seconds)
        assert 0 <= model.battery.soc <= 1
        assert 0 <= model.monitor.soc <= 1
        assert 5 * 2 < model.battery.volts < 20 * 2
        assert model.engine.fuel_litres >= 0
        allowed = 400 * seconds * speed / 3600 / model.battery.settings.capacity_ampere_hours
        assert abs(model.battery.soc - before) <= allowed + 1e-9
    supplied = model.solar_joules + model.charged_joules
    used = model.drawn_joules + model.battery.joules
    assert supplied == pytest.approx(used, rel=1e-9, abs=1e-3)


def test_soc_follows_current_and_speed() -> None:
    model = site(soc=0.5, speed=60.0)
    model.load_watts, model.sun_watts = 900.0, 0.0
    advance(model, 1)
    amperes, before = model.battery.amperes, model.battery.soc
    advance(model, 30)
    moved = (amperes + model.battery.amperes) / 2 * 30 / 3600 / (400 / 60)
    assert amperes < -40
    assert model.battery.soc - before == pytest.approx(moved, rel=0.01)
    assert model.monitor.soc == pytest.approx(model.battery.soc)


def test_step_size_does_not_matter() -> None:
    fine, coarse = site(soc=0.3), site(soc=0.3)
    for model, step in ((fine, 1.0), (coarse, 120.0)):
        for second in range(0, 4 * 3600, int(step)):
            model.contact = 600 <= second < 7800
            advance(model, step)
    assert coarse.battery.soc == pytest.approx(fine.battery.soc, abs=0.003)
    assert coarse.engine.starts == fine.engine.starts == 1
    assert coarse.ags.run_seconds == pytest.approx(fine.ags.run_seconds, abs=1)


def test_seed_decides_the_weather() -> None:
    outcomes = []
    for seed in (1, 1, 2):
        model = site(seed=seed)
        for _ in range(24):
            advance(model, 3600)
        outcomes.append(model.battery.soc)
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_sun_by_the_hour() -> None:
    model = site(sun=settings.Sun(peak_watts=1000, rises=7, sets=17, cloud=Ratio(0)))
    assert model.sun.watts(3 * 3600) == 0
    assert model.sun.watts(12 * 3600) == pytest.approx(1000)
    assert 0 < model.sun.watts(8 * 3600) < 400


def test_closed_contact_starts_and_charges() -> None:
    model = site(soc=0.3)
    model.contact = True
    assert seconds_until(model, ags.CONTACT_RUN) == pytest.approx(0.1, abs=0.1)
    assert not engine_runs(model)
    assert seconds_until(model, ags.WARM_UP) == pytest.approx(5, abs=0.2)
    assert engine_runs(model)
    assert model.ac_input_volts == 120
    assert inverter_status(model) is Status.INVERTING
    assert seconds_until(model, ags.CONTACT_RUN) == pytest.approx(30, abs=0.2)
    advance(model, 14.5)
    assert inverter_status(model) is Status.INVERTING
    advance(model, 1)
    assert inverter_status(model) is Status.BULK
    assert model.battery.amperes > 60


def test_open_contact_runs_the_tail() -> None:
    model = running(site())
    model.contact = False
    assert seconds_until(model, ags.COOL_DOWN) == pytest.approx(90, abs=0.3)
    assert engine_runs(model)
    assert inverter_status(model) is Status.INVERTING
    assert seconds_until(model, ags.READY) == pytest.approx(30, abs=0.3)
    assert not engine_runs(model)
    assert model.ac_input_volts == 0


def test_contact_closed_again_in_the_tail() -> None:
    model = running(site())
    model.contact = False
    advance(model, 60)
    model.contact = True
    advance(model, 300)
    assert model.ags.status == ags.CONTACT_RUN
    assert model.engine.starts == 1


def test_momentary_contact() -> None:
    model = site()
    model.contact = True
    advance(model, 1)
    model.contact = False
    advance(model, 60)
    assert engine_runs(model)
    advance(model, 70)
    assert not engine_runs(model)
    assert model.ags.status == ags.READY


def test_charging_stages_fill_the_battery() -> None:
    model = running(site(soc=0.6))
    model.sun_watts, model.load_watts = 0.0, 200.0
    stages = [model.inverter.status]
    for _ in range(8 * 60):
        advance(model, 60)
        if model.inverter.status is not stages[-1]:
            stages.append(model.inverter.status)
    assert stages == [Status.BULK, Status.ABSORB, Status.FLOAT]
    assert model.battery.soc > 0.97
    assert model.battery.volts < 27


def test_solar_charger_limits_volts() -> None:
    model = site(soc=0.99)
    model.sun_watts, model.load_watts = 3000.0, 0.0
    for _ in range(300):
        advance(model, 60)
        assert model.battery.volts <= 14.6 * 2 + 0.01
    assert model.solar_watts < 500


def test_low_battery_cut_out_and_back() -> None:
    model = site(soc=0.02)
    model.sun_watts, model.load_watts = 0.0, 2500.0
    advance(model, 3600)
    assert inverter_status(model) is Status.OFF
    assert model.inverter.fault == 0x08
    assert model.inverter.load_watts == 0
    running(model)
    advance(model, 60)
    assert inverter_status(model) is Status.BULK
    assert model.inverter.fault == 0


def test_failed_attempts_latch_a_fault() -> None:
    model = site()
    inject(model, "engine_does_not_start")
    model.contact = True
    assert seconds_until(model, 10) == pytest.approx(4 * 5 + 3 * 10, abs=0.3)
    assert model.engine.failed_starts == 4
    clear(model, "engine_does_not_start")
    model.contact = False
    advance(model, 600)
    model.contact = True
    advance(model, 600)
    assert model.ags.status == 10
    model.ags.reset()
    running(model)


def test_dead_engine_is_a_run_fault() -> None:
    model = running(site())
    inject(model, "engine_dies")
    advance(model, 0.1)
    assert model.ac_input_volts == 0
    assert model.ags.status == ags.CONTACT_RUN
    assert seconds_until(model, ags.RUN_FAULT) == pytest.approx(5, abs=0.3)


def test_two_wire_standby_notices_nothing() -> None:
    engine = settings.Engine(sensed=False, warm_up=Duration(1))
    model = site(engine=engine)
    inject(model, "engine_does_not_start")
    model.contact = True
    advance(model, 600)
    assert model.ags.status == ags.CONTACT_RUN
    assert not engine_runs(model)


def test_fuel_burns_and_ends() -> None:
    model = running(site(engine=settings.Engine(fuel_litres=1.0, litres_per_hour=1.0)))
    advance(model, 3600 * 3)
    assert not engine_runs(model)
    assert model.engine.fuel_litres == 0
    assert model.ags.status == ags.RUN_FAULT


def test_fuel_fault_stops_and_blocks_the_engine() -> None:
    model = running(site())
    inject(model, "fuel_ends")
    advance(model, 1)
    assert not engine_runs(model)
    clear(model, "fuel_ends")
    assert model.engine.has_fuel


def test_ags_max_run_latches_a_fault() -> None:
    model = running(site(engine=settings.Engine(max_run=Duration(600), warm_up=Duration(30), cool_down=Duration(30))))
    assert seconds_until(model, ags.COOL_DOWN) == pytest.approx(580, abs=1)
    assert seconds_until(model, ags.FAULT_MAX_RUN) == pytest.approx(30, abs=0.3)
    model.contact = False
    advance(model, 10)
    model.contact = True
    advance(model, 100)
    assert model.ags.status == ags.FAULT_MAX_RUN
    model.ags.reset()
    advance(model, 100)
    assert engine_runs(model)


@pytest.mark.parametrize("status", [0, 1, 5, 25])
def test_refusing_ags_shows_its_status(status: int) -> None:
    model = site()
    inject(model, "ags_refuses", status)
    model.contact = True
    advance(model, 60)
    assert model.ags.status == status
    assert not engine_runs(model)
    clear(model, "ags_refuses")
    advance(model, 60)
    assert engine_runs(model)


def test_refusing_ags_ends_a_run() -> None:
    model = running(site())
    inject(model, "ags_refuses")
    advance(model, 0.1)
    assert model.ags.status == ags.OFF
    assert not engine_runs(model)


def test_deaf_ags_stays_ready() -> None:
    model = site()
    inject(model, "ags_deaf")
    model.contact = True
    advance(model, 3600)
    assert model.ags.status == ags.READY
    assert model.engine.starts == 0


def test_foreign_run_ignores_the_contact() -> None:
    model = site()
    inject(model, "foreign_run", 13)
    advance(model, 120)
    assert model.ags.status == 13
    model.contact = True
    advance(model, 60)
    model.contact = False
    advance(model, 600)
    assert model.ags.status == 13
    assert engine_runs(model)
    clear(model, "foreign_run")
    advance(model, 1)
    assert model.ags.status == ags.COOL_DOWN
    advance(model, 60)
    assert model.ags.status == ags.READY


def test_shore_power_blocks_a_start() -> None:
    model = site()
    inject(model, "shore")
    advance(model, 60)
    assert model.ags.status == ags.AC_IN
    assert inverter_status(model) is Status.BULK
    model.contact = True
    advance(model, 60)
    assert model.engine.starts == 0


def test_engine_that_does_not_stop() -> None:
    model = running(site())
    inject(model, "engine_does_not_stop")
    model.contact = False
    advance(model, 300)
    assert engine_runs(model)
    assert model.ags.phase is Phase.READY
    assert model.ags.status == ags.AC_IN
    clear(model, "engine_does_not_stop")
    model.engine.stop()
    advance(model, 1)
    assert model.ags.status == ags.READY


def test_bmk_jump_and_recovery() -> None:
    model = site(soc=0.4)
    model.load_watts, model.sun_watts = 1000.0, 0.0
    inject(model, "bmk_jump")
    assert model.monitor.soc == 1.0
    advance(model, 3600)
    assert model.monitor.soc == pytest.approx(1 - (0.4 - model.battery.soc))
    clear(model, "bmk_jump")
    assert model.monitor.soc == model.battery.soc


def test_stuck_bmk_soc() -> None:
    model = site(soc=0.4)
    model.load_watts, model.sun_watts = 1000.0, 0.0
    inject(model, "bmk_soc_stuck")
    advance(model, 3600)
    assert model.monitor.soc == 0.4
    assert model.battery.soc < 0.3
    clear(model, "bmk_soc_stuck")
    assert model.monitor.soc == model.battery.soc


def test_set_soc_reaches_the_bmk() -> None:
    model = site()
    set_soc(model, 0.18)
    assert model.monitor.soc == model.battery.soc == 0.18
    assert model.monitor.net_ampere_hours == pytest.approx(-0.82 * 400)


@pytest.mark.parametrize(("soc", "percent"), [(0.0, 0), (0.424, 42), (0.426, 43), (1.0, 100)])
def test_bmk_percent(soc: float, percent: int) -> None:
    assert site(soc=soc).monitor.percent == percent


def test_start_failures_follow_the_seed() -> None:
    outcomes = set()
    for _ in range(2):
        model = site(engine=settings.Engine(start_failures=Ratio(0.5)), seed=3)
        for _ in range(10):
            model.contact = True
            advance(model, 300)
            model.contact = False
            advance(model, 300)
            model.ags.reset()
        assert model.engine.failed_starts > 0
        assert model.engine.starts > 0
        outcomes.add((model.engine.starts, model.engine.failed_starts))
    assert len(outcomes) == 1


def test_every_fault_is_set_and_cleared() -> None:
    model = site()
    for fault in declared():
        inject(model, fault.name)
        assert active(model.faults) == {fault.name: fault.default}
        advance(model, 10)
        clear(model, fault.name)
        assert active(model.faults) == {}
        advance(model, 10)


def test_unknown_fault() -> None:
    with pytest.raises(UnknownFaultError, match=r"'goblins', expected one of adapter_unplugged, .*bmk_jump"):
        inject(site(), "goblins")


def test_twenty_days_take_seconds() -> None:
    model = site(engine=settings.Engine(fuel_litres=1e9))
    start = time.process_time()
    for _ in range(20 * 1440):
        advance(model, 60)
        model.contact = model.battery.soc < 0.6 if model.contact else model.battery.soc < 0.25
    assert model.engine.starts >= 2
    assert time.process_time() - start < 10
