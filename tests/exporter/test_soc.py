"""Judging the state of charge: each reason, its end, and who leads."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.readings import Charge
from exporter.soc import Lead, Reason
from tests.exporter.harness.soc_bench import HOUR, Bench, refused


def test_no_reading_is_absent() -> None:
    verdict = Bench("bmk").judge.verdict(0)
    assert verdict.lead is None
    assert verdict.ratio is None
    assert refused(verdict, "bmk") is Reason.ABSENT


def test_first_reading_is_trusted() -> None:
    bench = Bench("bmk")
    verdict = bench.observe(bmk=0.55)
    assert (verdict.lead, verdict.ratio) == ("bmk", 0.55)
    assert verdict.wall == 1e9 + 1000


def test_unknown_soc_is_absent() -> None:
    bench = Bench("bmk")
    bench.observe(bmk=0.5)
    bench.now += 1
    assert refused(bench.observe(bmk=None), "bmk") is Reason.ABSENT
    bench.now += 1
    assert bench.observe(bmk=0.5).lead == "bmk", "and over when the device knows again"


@pytest.mark.parametrize("ratio", [-0.01, 1.01, 2.55])
def test_out_of_range(ratio: float) -> None:
    verdict = Bench("bmk").observe(bmk=ratio)
    assert refused(verdict, "bmk") is Reason.RANGE
    assert verdict.opinions["bmk"].ratio is None


def test_old_reading_is_stale() -> None:
    bench = Bench("bmk")
    bench.observe(bmk=0.5)
    assert bench.judge.verdict(bench.now + 60).lead == "bmk"
    verdict = bench.judge.verdict(bench.now + 60.1)
    assert refused(verdict, "bmk") is Reason.STALE
    assert verdict.ratio is None


def test_climb_from_85_to_100_at_2_amperes() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.85, classic=0.84)
    verdict = bench.judge.verdict(bench.now)
    for second in range(60):
        bench.now += 1
        verdict = bench.observe(2.0, bmk=min(1.0, 0.85 + 0.0025 * second), classic=0.84)
        assert verdict.ratio is None or verdict.ratio < 0.88
    assert refused(verdict, "bmk") is Reason.JUMP
    assert verdict.lead == "classic"
    assert verdict.spread is not None
    assert verdict.spread >= 0.10
    verdict = bench.keep(2 * HOUR, 2.0, step=5, bmk=1.0, classic=0.84)
    assert verdict.lead == "classic", "it does not wear off while another trusted source disagrees"


def test_jump_is_refused_at_once() -> None:
    bench = Bench("bmk")
    bench.keep(30, 2.0, bmk=0.85)
    bench.now += 1
    verdict = bench.observe(2.0, bmk=1.0)
    assert refused(verdict, "bmk") is Reason.JUMP
    assert verdict.ratio is None


@pytest.mark.parametrize("amperes", [math.nan, math.inf, -math.inf])
def test_current_that_is_no_number_lets_no_jump_pass(amperes: float) -> None:
    bench = Bench("bmk")
    bench.keep(30, 2.0, bmk=0.85)
    bench.now += 1
    bench.observe(amperes, bmk=0.85)
    bench.keep(30, 2.0, bmk=0.85)
    bench.now += 1
    assert refused(bench.observe(2.0, bmk=1.0), "bmk") is Reason.JUMP


@pytest.mark.parametrize("capacity", [400.0, 400.0 / 60])
def test_possible_by_current_is_no_jump(capacity: float) -> None:
    """A demonstration in which time runs 60 times faster gives the scaled capacity."""
    bench = Bench("bmk", capacity=capacity)
    ratio = 0.9
    while ratio > 0.1:
        bench.now += 1
        ratio -= 40 / (capacity * HOUR)
        assert bench.observe(-40.0, bmk=round(ratio, 2)).lead == "bmk"


def test_single_spike_changes_nothing() -> None:
    bench = Bench("bmk")
    bench.keep(60, -5.0, bmk=0.60)
    bench.now += 1
    assert bench.observe(-5.0, bmk=0.10).ratio is None
    bench.now += 1
    assert bench.observe(-5.0, bmk=0.60).ratio == 0.60


def test_repeated_jumps_are_not_forgiven() -> None:
    bench = Bench("bmk")
    bench.keep(60, -5.0, bmk=0.60)
    leads = 0
    for number in range(60):
        bench.now += 1
        leads += bench.observe(-5.0, bmk=0.10 if number % 2 else 0.60).lead is not None
    assert leads <= 2


def test_lone_source_returns_after_30_minutes() -> None:
    bench = Bench("bmk")
    bench.keep(60, 2.0, bmk=0.85)
    verdict = bench.keep(1790, 2.0, bmk=1.0)
    assert verdict.lead is None
    assert bench.keep(30, 2.0, bmk=1.0).lead == "bmk"


def test_self_returned_source_leads_last() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.85)
    bench.keep(1900, 2.0, bmk=0.95)
    assert bench.observe(2.0, bmk=0.95, classic=0.93).lead == "classic"
    bench.judge.update_charger("inverter", full=True, at=bench.now)
    bench.now += 1
    bench.keep(5, 2.0, bmk=0.99, classic=0.99)
    assert bench.keep(5, 2.0, bmk=1.0, classic=1.0).lead == "bmk", "until the next full charge"


def test_source_returns_with_a_trusted_one() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.60, classic=0.60)
    bench.keep(20, 2.0, bmk=0.90, classic=0.60)
    verdict = bench.keep(59, 2.0, bmk=0.62, classic=0.60)
    assert refused(verdict, "bmk") is Reason.JUMP or verdict.lead == "bmk"
    assert bench.keep(62, 2.0, bmk=0.62, classic=0.60).lead == "bmk"


def test_resynchronisation_to_full_is_no_jump() -> None:
    bench = Bench("bmk")
    bench.keep(60, 5.0, bmk=0.93)
    bench.judge.update_charger("inverter", full=True, at=bench.now)
    bench.now += 1
    assert bench.observe(5.0, bmk=1.0).ratio == 1.0
    other = Bench("bmk", "classic")
    other.keep(60, 5.0, bmk=0.93, classic=0.985)
    other.now += 1
    assert other.observe(5.0, bmk=1.0, classic=0.985).lead == "bmk"


def test_jump_to_full_with_the_charger() -> None:
    bench = Bench("bmk")
    bench.keep(60, 5.0, bmk=0.93)
    assert bench.keep(60, 5.0, bmk=1.0).lead is None
    bench.judge.update_charger("inverter", full=True, at=bench.now)
    bench.now += 1
    assert bench.observe(5.0, bmk=1.0).ratio == 1.0


def test_five_points_a_minute_without_current() -> None:
    bench = Bench("bmk", capacity=None)
    bench.keep(30, None, bmk=0.50)
    bench.now += 1
    assert bench.observe(None, bmk=0.55).lead == "bmk"
    bench.now += 1
    assert refused(bench.observe(None, bmk=0.61), "bmk") is Reason.JUMP


def test_unchanged_over_three_points_is_frozen() -> None:
    bench = Bench("bmk")
    assert bench.keep(35 * 60, -20.0, bmk=0.60).lead == "bmk"
    verdict = bench.keep(2 * 60, -20.0, bmk=0.60)
    assert refused(verdict, "bmk") is Reason.FROZEN
    assert verdict.ratio is None


def test_full_and_empty_are_not_frozen() -> None:
    full = Bench("bmk")
    assert full.keep(2 * HOUR, 20.0, step=5, bmk=1.0).lead == "bmk"
    empty = Bench("bmk")
    assert empty.keep(2 * HOUR, -20.0, step=5, bmk=0.0).lead == "bmk"
    assert refused(full.keep(HOUR, -20.0, step=5, bmk=1.0), "bmk") is Reason.FROZEN


def test_frozen_by_current_of_another_source() -> None:
    bench = Bench("jk", "shunt")
    ratio = 0.6
    for _ in range(40 * 60):
        bench.now += 1
        ratio -= 20 / (400 * HOUR)
        bench.judge.update("jk", Charge(0.60), at=bench.now, wall=0)
        bench.judge.update("shunt", Charge(ratio, -20.0), at=bench.now, wall=0)
    verdict = bench.judge.verdict(bench.now)
    assert refused(verdict, "jk") is Reason.FROZEN
    assert verdict.lead == "shunt"


def test_small_currents_are_not_frozen() -> None:
    bench = Bench("bmk")
    for number in range(200):
        assert bench.keep(60, 30.0 if number % 2 else -30.0, step=5, bmk=0.6).lead == "bmk"


def test_two_outvote_one() -> None:
    bench = Bench("a", "b", "c")
    verdict = bench.observe(a=0.90, b=0.60, c=0.62)
    assert refused(verdict, "a") is Reason.OUTVOTED
    assert verdict.lead == "b"
    assert bench.keep(2 * HOUR, step=5, a=0.90, b=0.60, c=0.62).lead == "b"


def test_two_against_two() -> None:
    bench = Bench("a", "b", "c", "d")
    assert bench.observe(a=0.9, b=0.91, c=0.6, d=0.61).lead == "a"
    verdict = bench.keep(90, a=0.9, b=0.91, c=0.6, d=0.61)
    assert verdict.lead == "a"
    assert not [name for name in "abcd" if refused(verdict, name)]


def test_loss_affects_one_source_only() -> None:
    bench = Bench("a", "b")
    bench.keep(10, a=0.6, b=0.6)
    verdict = bench.keep(61, b=0.6)
    assert refused(verdict, "a") is Reason.STALE
    assert (verdict.lead, refused(verdict, "b")) == ("b", None)


@pytest.mark.parametrize(("lead", "name"), [(Lead.FIRST, "a"), (Lead.LOWEST, "c"), (Lead.MEDIAN, "b")])
def test_lead_among_trusted(lead: Lead, name: str) -> None:
    bench = Bench("a", "b", "c", lead=lead)
    assert bench.observe(a=0.64, b=0.62, c=0.60).lead == name


def test_median_of_two_is_the_lower() -> None:
    assert Bench("a", "b", lead=Lead.MEDIAN).observe(a=0.64, b=0.60).ratio == 0.60


def test_hours_left() -> None:
    bench = Bench("bmk")
    assert bench.observe(-20.0, bmk=0.5).seconds_to_empty == pytest.approx(10 * HOUR)
    assert bench.observe(20.0, bmk=0.5).seconds_to_empty is None
    assert Bench("bmk", capacity=None).observe(-20.0, bmk=0.5).seconds_to_empty is None


def test_each_reading_moves_the_lead_time() -> None:
    bench = Bench("bmk")
    first = bench.observe(bmk=0.5).wall
    bench.now += 1
    second = bench.observe(bmk=0.5).wall
    assert (first, second) == (1e9 + 1000, 1e9 + 1001)
    bench.now += 1
    assert bench.judge.verdict(bench.now).wall == second
    assert bench.observe(bmk=0.9).wall is None


def test_wall_clock_step_changes_nothing() -> None:
    bench = Bench("bmk")
    bench.observe(bmk=0.5)
    bench.judge.update("bmk", Charge(0.5, 0.0), at=bench.now + 1, wall=5.0)
    assert bench.judge.verdict(bench.now + 60).lead == "bmk"


ratios = st.floats(0, 1)


@given(good=ratios, wrong=ratios, where=st.integers(0, 2), steps=st.integers(1, 40))
@settings(deadline=None)
def test_wrong_source_never_leads_two(good: float, wrong: float, where: int, steps: int) -> None:
    names = ["a", "b", "c"]
    bench = Bench(*names)
    readings = {name: wrong if index == where else good for index, name in enumerate(names)}
    verdict = bench.keep(steps, **readings)
    if abs(wrong - good) > 0.0501:
        assert verdict.lead != names[where]
    assert verdict.lead is not None


@given(st.lists(st.tuples(ratios | st.none() | st.floats(-1, 3), st.floats(-300, 300) | st.none(), st.floats(0, 400))))
@settings(deadline=None, max_examples=200)
def test_any_reading_gives_a_verdict_in_range(
    charges: list[tuple[float | None, float | None, float]],
) -> None:
    bench = Bench("a", "b")
    for ratio, amperes, seconds in charges:
        bench.now += seconds
        verdict = bench.observe(amperes, a=ratio)
        assert verdict.ratio is None or 0 <= verdict.ratio <= 1
        assert (verdict.lead == "a") == (refused(verdict, "a") is None)
        assert refused(verdict, "b") is Reason.ABSENT


@given(ratios, st.integers(1, 50), ratios)
@settings(deadline=None)
def test_single_spike_leaves_nothing(level: float, before: int, spike: float) -> None:
    bench = Bench("a")
    bench.keep(before, a=level)
    bench.now += 1
    during = bench.observe(a=spike)
    assert during.ratio is None or abs(during.ratio - level) <= 0.0201 or spike >= 0.99
    bench.now += 1
    assert bench.observe(a=level).ratio == level


@pytest.mark.parametrize(
    ("ratio", "amperes", "capacity", "full"),
    [
        (0.99, 8.0, 400.0, True),
        (1.0, -8.0, 400.0, True),
        (0.99, 8.1, 400.0, False),
        (1.0, -30.0, 400.0, False),
        (0.98, 0.0, 400.0, False),
        (0.98, None, None, False),
        (1.0, None, 400.0, None),
        (1.0, 0.0, None, None),
    ],
)
def test_full_is_99_percent_at_2_percent_of_the_capacity(
    ratio: float,
    amperes: float | None,
    capacity: float | None,
    full: bool | None,  # noqa: FBT001 - the value itself
) -> None:
    assert Bench("bmk", capacity=capacity).observe(amperes, bmk=ratio).full is full


def test_a_charger_that_floats_is_full_at_any_soc() -> None:
    bench = Bench("bmk")
    assert bench.judge.verdict(bench.now).full is None, "nothing to judge by"
    bench.judge.update_charger("inverter", full=True, at=bench.now)
    assert bench.judge.verdict(bench.now).full is True
    assert bench.observe(50.0, bmk=0.8).full is True
    bench.judge.update_charger("inverter", full=False, at=bench.now)
    assert bench.observe(50.0, bmk=0.8).full is False


def test_full_goes_with_the_readings_it_was_judged_by() -> None:
    bench = Bench("bmk")
    bench.judge.update_charger("inverter", full=True, at=bench.now)
    bench.observe(bmk=1.0)
    assert bench.judge.verdict(bench.now + 60).full is True
    assert bench.judge.verdict(bench.now + 60.1).full is None
