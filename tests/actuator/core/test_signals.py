"""Freshness, debounce and facts by three samples, on one monotonic clock."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from actuator.core.signals import SAMPLES, ConfirmedValue, Debounced, Watch

# --- Watch


def test_a_first_reading_is_not_fresh_until_its_timestamp_moves() -> None:
    watch = Watch().observe(0.5, 100.0, now=10)
    assert watch.fresh(10, 60) is None
    watch = watch.observe(0.5, 101.0, now=15)
    assert watch.fresh(15, 60) == 0.5
    assert watch.sampled


def test_a_value_is_fresh_until_its_limit_and_not_at_it() -> None:
    watch = Watch().observe(1.0, 1.0, now=0).observe(1.0, 2.0, now=5)
    assert watch.fresh(64.9, 60) == 1.0
    assert watch.fresh(65.0, 60) is None


def test_a_timestamp_back_or_in_the_future_has_changed() -> None:
    watch = Watch().observe(1.0, 1e12, now=0).observe(1.0, 5.0, now=5)
    assert watch.fresh(6, 60) == 1.0


def test_the_same_timestamp_is_no_sample() -> None:
    watch = Watch().observe(1.0, 1.0, now=0).observe(1.0, 2.0, now=5).observe(1.0, 2.0, now=10)
    assert not watch.sampled
    assert watch.changed_at == 5


def test_an_absent_value_is_absent_at_once() -> None:
    watch = Watch().observe(1.0, 1.0, now=0).observe(1.0, 2.0, now=5)
    assert watch.observe(None, 3.0, now=6).fresh(6, 60) is None
    assert not watch.observe(None, 3.0, now=6).sampled
    gone = watch.observe(1.0, None, now=6)
    assert gone.fresh(6, 60) is None
    assert gone.observe(1.0, 2.0, now=7).changed_at == 5, "the same timestamp as before the gap has not changed"


def test_between_pages_there_is_no_sample() -> None:
    watch = Watch().observe(1.0, 1.0, now=0).observe(1.0, 2.0, now=5)
    assert not watch.idle().sampled
    assert watch.idle().fresh(6, 60) == 1.0


def test_a_first_reading_counts_but_is_not_fresh() -> None:
    watch = Watch().observe(0.9, 1.0, now=0).observe(0.9, 1.0, now=5)
    assert watch.fresh(5, 60) is None
    assert watch.possibly_fresh(59, 60) == 0.9
    assert watch.possibly_fresh(60, 60) is None, "it has not moved for so long that it may be anybody's"
    assert watch.observe(0.8, 2.0, now=61).possibly_fresh(100, 60) == 0.8
    assert watch.observe(None, None, now=30).possibly_fresh(30, 60) is None


# --- Debounced


def debounced(*samples: tuple[float, bool | None]) -> Debounced:
    held = Debounced()
    for now, agrees in samples:
        held = held.update(agrees=agrees, sampled=agrees is not None, now=now, limit=60, share=100)
    return held


def test_it_holds_after_its_time_and_three_samples() -> None:
    assert not debounced((0, True), (120, True)).holds(50), "two samples are no fact"
    assert not debounced((0, True), (1, True)).holds(1)
    assert debounced((0, True), (1, True), (2, True)).holds(2)
    assert not debounced((0, True), (1, True), (2, True)).holds(2.1)


def test_a_contrary_sample_resets_it() -> None:
    assert not debounced((0, True), (50, True), (100, True), (101, False), (102, True)).holds(100)


def test_a_changed_threshold_resets_it_at_once() -> None:
    held = debounced((0, True), (1, True), (2, True))
    assert not held.update(agrees=False, sampled=False, now=2.5, limit=60, share=100).holds(1)


def test_a_short_gap_pauses_it_and_its_time_does_not_count() -> None:
    held = debounced((0, True), (10, True), (20, True), (25, None))
    assert not held.holds(20), "while the value is absent nothing holds"
    held = held.update(agrees=True, sampled=True, now=60, limit=60, share=100)
    assert held.holds(25), "it was there until it was missed"
    assert not held.holds(26)
    assert held.update(agrees=True, sampled=True, now=65, limit=60, share=100).holds(30)


def test_a_sample_counts_for_its_share_of_the_time() -> None:
    held = Debounced()
    for now in (0, 50, 100, 105):
        held = held.update(agrees=True, sampled=True, now=now, limit=60, share=20)
    assert held.holds(45)
    assert not held.holds(46)


def test_a_gap_as_long_as_the_limit_resets_it() -> None:
    assert not debounced((0, True), (30, True), (59, True), (60, None), (119, True)).holds(1)
    assert not debounced((0, True), (1, True), (2, True), (62, None)).holds(1)


def test_the_same_sample_read_again_counts_nothing() -> None:
    held = debounced((0, True))
    for now in range(1, 50):
        held = held.update(agrees=True, sampled=False, now=now, limit=60, share=100)
    assert held == debounced((0, True))


@given(st.lists(st.tuples(st.floats(0.1, 100), st.sampled_from([True, True, True, False, None])), max_size=40))
def test_it_never_holds_longer_than_since_a_contrary_sample(
    steps: list[tuple[float, bool | None]],
) -> None:
    held, now, since, count = Debounced(), 0.0, 0.0, 0
    for seconds, agrees in steps:
        now += seconds
        held = held.update(agrees=agrees, sampled=agrees is not None, now=now, limit=60, share=100)
        if agrees is False:
            since, count = now, 0
        elif agrees:
            count += 1
        assert held.elapsed <= now - since + 1e-6
        assert held.samples <= count
        assert not held.holds(now - since + 0.1)
        assert not (held.holds(0.0) and count < SAMPLES)


# --- ConfirmedValue


def test_three_equal_samples_make_a_verdict() -> None:
    fact: ConfirmedValue[bool] = ConfirmedValue()
    for now, sample, verdict in [
        (1, True, None),
        (2, True, None),
        (3, True, True),
        (4, False, True),
        (5, False, True),
        (6, True, True),
        (7, False, True),
        (8, False, True),
        (9, False, False),
    ]:
        fact = fact.update(sample, sampled=True, now=now)
        assert fact.verdict is verdict
    assert fact.since == 9


def test_a_verdict_is_certain_by_the_newest_three_samples() -> None:
    fact: ConfirmedValue[bool] = ConfirmedValue()
    sure = []
    for now, sample in enumerate((False, False, False, True, True, False, False, False)):
        fact = fact.update(sample, sampled=True, now=now)
        sure.append(fact.certain)
    assert sure == [None, None, False, None, None, None, None, False]


def test_absence_clears_the_value_at_once_or_after_the_memory() -> None:
    fact: ConfirmedValue[str] = ConfirmedValue()
    for now in (1, 2, 3):
        fact = fact.update("x", sampled=True, now=now)
    assert fact.update(None, sampled=False, now=4).verdict is None
    assert fact.update(None, sampled=False, now=4).count == 0
    assert fact.update(None, sampled=False, now=32, memory=30).verdict == "x"
    assert fact.update(None, sampled=False, now=33, memory=30).verdict is None
    assert fact.update(None, sampled=False, now=1e9, memory=math.inf).verdict == "x"


def test_a_sample_read_again_is_none() -> None:
    fact: ConfirmedValue[bool] = ConfirmedValue()
    for now in range(9):
        fact = fact.update(True, sampled=now == 0, now=now)
    assert fact.verdict is None
