"""The engine's hours and plans, and the site in one row, from a synthetic world."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from actuator.core.alert_path import Inhibit
from actuator.report.engine import engine
from actuator.report.site import FiringAlert, firing, site
from actuator.site.values import SiteValues, SocSource
from tests.actuator.report.test_status import NOON, running, snapshot, world
from toolkit.replace import replace

DAY, HOUR = 86400.0, 3600.0


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def local(wall: float | None) -> str:
    return "" if wall is None else time.strftime("%d %H:%M", time.localtime(wall))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (NOON - 20 * DAY, "23 10:00"),  # due at 13:00 on the 22nd, after its hour
        (NOON - 20 * DAY - 3 * HOUR, "22 10:00"),
        (NOON - 20 * DAY - 2.5 * HOUR, "22 10:30"),
        (NOON - 20 * DAY - 5 * HOUR, "22 10:00"),
    ],
)
def test_the_next_exercise_is_at_its_hour(last: float, expected: str) -> None:
    of = world(exercise={"every": "28d", "at": "10:00", "for": "20m"})
    of.step()
    of.state = replace(of.state, durable=replace(of.state.durable, exercised_wall=last))
    assert local(engine(snapshot(of), None).next_exercise) == expected


def test_what_is_not_configured_is_absent() -> None:
    of = world()
    of.step()
    shown = engine(snapshot(of), 90.0)
    assert (shown.next_exercise, shown.next_full_charge, shown.quiet_hours, shown.quiet) == (None, None, None, False)
    assert shown.today == 90


def test_quiet_hours_and_full_charge_are_announced() -> None:
    of = world(quiet_hours={"from": "12:00", "to": "14:00"}, full_charge={"every": "14d"})
    of.step()
    of.step()
    shown = engine(snapshot(of), None)
    assert (shown.quiet_hours, shown.quiet) == ("12:00 to 14:00", True)
    assert shown.next_full_charge == pytest.approx(NOON + 14 * DAY, abs=5)
    assert not engine(snapshot(of, wall_sane=False), None).quiet


def test_hours_since_the_service() -> None:
    of = running()
    of.state = replace(of.state, durable=replace(of.state.durable, engine_seconds=500.0, serviced_seconds=320.0))
    assert engine(snapshot(of), None).since_service == 180


def test_sources_are_in_words() -> None:
    values = SiteValues(
        sun=411.6,
        volts=52.44,
        sources=(
            SocSource(name="classic", soc=0.61, lead=True, trusted=True),
            SocSource(name="bms", soc=0.6, trusted=True),
            SocSource(name="main", refused="jump"),
            SocSource(name="odd", refused="new_reason"),
        ),
    )
    shown = site(snapshot(running(), site=values))
    assert (shown.powers.sun, shown.powers.load, shown.powers.volts) == (412, None, 52.4)
    assert [source.text for source in shown.sources] == [
        "trusted, and the one that counts",
        "trusted",
        "not trusted: its value has jumped",
        "not trusted: new_reason",
    ]


def test_alerts_that_fire_are_named_with_their_effect() -> None:
    of = running()
    assert firing(snapshot(of)) == (FiringAlert(name="BatterySocLow", effect="start", text=""),)
    inhibit = Inhibit(name="FuelLow", summary="The tank is nearly empty.", starts_at=0.0)
    of.state = replace(of.state, durable=replace(of.state.durable, inhibits={"f": inhibit}))
    assert firing(snapshot(of))[0] == FiringAlert(name="FuelLow", effect="inhibit", text="The tank is nearly empty")
