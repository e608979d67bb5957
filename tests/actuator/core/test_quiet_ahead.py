"""A run for the quiet hours to come: when the battery would not last through them (synthetic world)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.actuator.harness.simulated_site import World, settings

MINUTE, HOUR = 60.0, 3600.0
FALL = 0.04
"""Of the state of charge in an hour: from 17:00 to 06:00 it falls by 52 points."""


@dataclass
class Evening:
    """A site before its quiet hours, 21:00 to 06:00, and the clock on its wall."""

    hour: float = 15.0
    soc: float = 0.55
    fall: float = FALL
    prepare: bool = True
    alerts: bool = True
    world: World = field(init=False)

    def __post_init__(self) -> None:
        hours = {"from": "21:00", "to": "06:00", "prepare": self.prepare}
        self.world = World(settings=settings(quiet_hours=hours), soc=self.soc, wall_sane=True, tick=5.0, warm_up=5.0)
        self.world.minute_of_day = int(self.hour * 60)
        self.world.beating = self.alerts

    def until(self, hour: float, *, closed: bool | None = None) -> bool:
        """Let time pass until an hour of the clock; return whether the contact came to be `closed` before."""
        while self.world.minute_of_day != int(hour % 24 * 60):
            self.world.minute_of_day = (self.world.minute_of_day + 1) % 1440
            if self.world.run(MINUTE, until=lambda it: it.closed() is closed):
                return True
            if self.world.soc is not None and not self.world.closed():
                self.world.soc -= self.fall / 60
        return False

    @property
    def clock(self) -> float:
        return self.world.minute_of_day / 60


@pytest.mark.parametrize("alerts", [True, False])
def test_it_begins_max_run_before_quiet_hours_if_the_battery_needs_it(*, alerts: bool) -> None:
    evening = Evening(alerts=alerts)
    assert evening.until(21, closed=True)
    assert evening.clock == pytest.approx(17, abs=0.05)
    assert evening.world.causes() == ("quiet_ahead",)
    assert evening.world.path() == ("alerts" if alerts else "fallback")


@pytest.mark.parametrize(
    "evening",
    [
        Evening(prepare=False),
        Evening(fall=0.016),
        Evening(fall=0.0),
        Evening(soc=0.95),
    ],
    ids=["not prepared for", "lasts until the morning", "does not fall", "nearly at stop"],
)
def test_it_begins_only_in_need(evening: Evening) -> None:
    assert not evening.until(21, closed=True)


def test_the_fall_before_quiet_hours_begin_counts_too() -> None:
    evening = Evening(fall=0.025)
    assert evening.until(21, closed=True)
    assert evening.clock == pytest.approx(17, abs=0.05), "not at 18:00, as by the fall in quiet hours alone"


def test_it_waits_until_the_battery_is_five_points_below_stop() -> None:
    evening = Evening(soc=0.64)
    assert evening.until(21, closed=True)
    assert evening.world.soc == pytest.approx(0.55, abs=0.005)


def test_it_does_not_begin_while_the_newest_state_of_charge_is_higher() -> None:
    evening = Evening()
    evening.until(16.99)
    evening.world.soc = 0.58
    assert not evening.until(17.02, closed=True)


def test_it_does_not_begin_while_a_stop_alert_is_believed() -> None:
    evening = Evening()
    evening.until(16.95)
    evening.world.fire("stop")
    assert not evening.until(17.15, closed=True), "the stop alert would end it, and it is the only one of the evening"
    assert evening.until(17.3, closed=True), "the lease of the stop alert has ended"


def test_it_does_not_begin_without_a_right_clock_or_a_path() -> None:
    evening = Evening()
    evening.world.wall_sane = False
    assert not evening.until(20, closed=True)
    evening.world.wall_sane, evening.world.soc = True, None
    assert not evening.until(21, closed=True)


def test_it_needs_half_an_hour_of_samples_without_a_run() -> None:
    evening = Evening(hour=18, soc=0.45)
    evening.until(18.4)
    evening.world.operator("on", 20 * MINUTE)
    assert evening.world.closed()
    assert evening.until(19, closed=False)
    stopped = evening.clock
    assert evening.until(21, closed=True)
    assert evening.clock - stopped == pytest.approx(0.5, abs=0.1)


def test_a_run_of_a_minute_begins_the_samples_again() -> None:
    evening = Evening()
    evening.until(16)
    assert evening.world.state.soc_trend.fall is not None
    evening.world.operator("on", MINUTE)
    evening.world.run(MINUTE)
    assert evening.world.state.soc_trend.fall is None


def test_the_tail_of_a_run_without_evidence_gives_no_samples() -> None:
    evening = Evening()
    evening.until(16)
    world = evening.world
    world.bus_alive = False
    world.operator("on", MINUTE)
    assert world.closed()
    world.run(2 * MINUTE)
    assert (world.closed(), world.state.soc_trend.points) == (False, ())
    world.run(world.settings.limits.tail)
    assert world.state.soc_trend.points


@pytest.mark.parametrize(("gap", "goes_on"), [(3.5 * MINUTE, True), (5.5 * MINUTE, False)])
def test_a_gap_of_five_minutes_begins_the_samples_again(gap: float, *, goes_on: bool) -> None:
    evening = Evening()
    evening.until(16)
    evening.world.soc, before = None, evening.world.soc
    evening.world.run(gap)
    evening.world.soc = before
    evening.world.run(15.0)
    assert (evening.world.state.soc_trend.fall is not None) is goes_on


def test_it_ends_when_the_battery_is_at_stop() -> None:
    evening = Evening()
    assert evening.until(21, closed=True)
    evening.until(19)
    evening.world.soc = 0.6
    assert evening.until(20, closed=False)


def test_it_ends_when_quiet_hours_begin() -> None:
    evening = Evening(soc=0.64)
    assert evening.until(21, closed=True)
    assert evening.clock > 17
    assert evening.until(21, closed=False)
    assert evening.clock == 21
    assert not evening.until(23, closed=True)


def test_a_clock_that_may_be_wrong_does_not_end_it() -> None:
    evening = Evening()
    assert evening.until(21, closed=True)
    evening.world.wall_sane, evening.world.minute_of_day = False, 22 * 60
    evening.world.run(20 * MINUTE)
    assert evening.world.closed()


def test_it_runs_once_an_evening() -> None:
    evening = Evening()
    assert evening.until(21, closed=True)
    evening.until(18)
    evening.world.operator("off")
    evening.world.operator("auto")
    evening.world.soc = 0.45
    assert not evening.until(21, closed=True)
    evening.world.soc, evening.fall = 0.95, 0.0
    assert not evening.until(15, closed=True)
    evening.world.soc, evening.fall = 0.55, FALL
    assert evening.until(21, closed=True)
    assert evening.world.causes() == ("quiet_ahead",)


def test_one_wrong_sample_begins_none() -> None:
    evening = Evening(fall=0.0, hour=17)
    evening.until(19)
    for _ in range(12):
        evening.world.soc = 0.3
        evening.world.run(5)
        evening.world.soc = 0.55
        evening.until(evening.clock + 5 / 60)
    assert not any(closed for _, closed in evening.world.moves)
