"""Beliefs per fingerprint: leased, cleared one by one, answered by a stop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actuator.core.beliefs import MOST, Beliefs

LEASE = 900.0


def fired(kind: str = "start", *, starts_at: float = 10.0, now: float = 0.0, key: str = "a") -> Beliefs:
    assert kind in ("start", "stop")
    return Beliefs().fire(key, kind, starts_at, now=now, lease=LEASE)  # type: ignore[arg-type]


def test_firing_makes_a_belief_until_its_lease() -> None:
    beliefs = fired()
    assert beliefs.start
    assert beliefs.start_counts
    assert not beliefs.stop()
    assert beliefs.lapse(LEASE - 0.1).start
    assert not beliefs.lapse(LEASE).start


def test_firing_again_renews_the_lease() -> None:
    beliefs = fired().fire("a", "start", 10.0, now=800, lease=LEASE).lapse(1600)
    assert beliefs.start
    assert not beliefs.lapse(1700).start


def test_resolved_clears_its_own_and_nothing_else() -> None:
    beliefs = fired().fire("b", "start", 10.0, now=0, lease=LEASE).fire("c", "stop", 10.0, now=0, lease=LEASE)
    beliefs = beliefs.resolve("a", 10.0)
    assert set(beliefs.alerts) == {"b", "c"}
    assert beliefs.resolve("z", 10.0).alerts == beliefs.alerts


def test_a_resolve_that_is_older_than_the_belief_is_ignored() -> None:
    assert fired(starts_at=20).resolve("a", 19.9).start
    assert not fired(starts_at=20).resolve("a", 20).start


def test_an_older_firing_does_not_make_the_belief_older() -> None:
    beliefs = fired(starts_at=20).fire("a", "start", 5.0, now=1, lease=LEASE)
    assert beliefs.resolve("a", 10.0).start


def test_a_stop_answers_every_start_until_it_fires_anew() -> None:
    beliefs = fired().fire("b", "start", 10.0, now=0, lease=LEASE).answer()
    assert beliefs.start
    assert not beliefs.start_counts
    beliefs = beliefs.fire("a", "start", 10.0, now=5, lease=LEASE)
    assert not beliefs.start_counts, "told again is not fired anew"
    beliefs = beliefs.resolve("a", 10.0).fire("a", "start", 10.0, now=6, lease=LEASE)
    assert beliefs.start_counts


def test_only_a_later_beginning_fires_anew() -> None:
    beliefs = fired(starts_at=10).answer()
    assert not beliefs.fire("a", "start", 9.0, now=1, lease=LEASE).start_counts
    assert beliefs.fire("a", "start", 11.0, now=1, lease=LEASE).start_counts


def test_a_lapse_does_not_renew_an_answered_alert() -> None:
    beliefs = fired(starts_at=10).answer().lapse(5000)
    assert not beliefs.start
    beliefs = beliefs.fire("a", "start", 10.0, now=5001, lease=LEASE)
    assert beliefs.start
    assert not beliefs.start_counts


def test_a_resolve_after_the_lapse_clears_an_answered_alert_unless_older() -> None:
    beliefs = fired(starts_at=10).answer().lapse(5000)
    assert not beliefs.resolve("a", 9.0).fire("a", "start", 10.0, now=1, lease=LEASE).start_counts
    assert beliefs.resolve("a", 10.0).fire("a", "start", 10.0, now=1, lease=LEASE).start_counts


def test_a_low_soc_restores_an_answered_alert() -> None:
    assert fired().answer().count_again().start_counts
    beliefs = fired()
    assert beliefs.count_again() is beliefs


def test_a_stop_belief_may_be_asked_for_by_its_age() -> None:
    beliefs = fired("stop", now=100)
    assert beliefs.stop()
    assert beliefs.stop(since=100)
    assert not beliefs.stop(since=100.1)
    assert beliefs.fire("a", "stop", 10.0, now=200, lease=LEASE).stop(since=150)
    assert beliefs.answer() is beliefs


def test_a_stuck_stop_counts_again_only_after_it_resolves() -> None:
    beliefs = fired("stop", starts_at=10).stick()
    assert beliefs.stop_stuck
    assert not beliefs.stop()
    beliefs = beliefs.fire("b", "stop", 10.0, now=0, lease=LEASE)
    assert beliefs.stop(), "the other one is not stuck"
    beliefs = beliefs.lapse(5000)
    assert not beliefs.stop_stuck
    assert not beliefs.resolve("a", 9.0).fire("a", "stop", 10.0, now=1, lease=LEASE).stop()
    assert beliefs.resolve("a", 10.0).fire("a", "stop", 10.0, now=1, lease=LEASE).stop()
    assert beliefs.release().fire("a", "stop", 10.0, now=1, lease=LEASE).stop()


def test_a_late_copy_begins_no_later_than_the_last_that_resolved() -> None:
    beliefs = fired(starts_at=10).resolve("a", 10.0).resolve("a", 5.0)
    assert beliefs.fire("a", "start", 10.0, now=1, lease=LEASE).start_late
    assert not beliefs.fire("a", "start", 10.1, now=1, lease=LEASE).start_late
    assert not beliefs.fire("b", "start", 1.0, now=1, lease=LEASE).start_late, "each fingerprint by itself"
    assert beliefs.resolve("a", 10.0) is beliefs
    both = beliefs.fire("a", "start", 10.0, now=1, lease=LEASE).fire("b", "start", 1.0, now=1, lease=LEASE)
    assert not both.start_late, "one of them is none"


def test_a_flood_of_resolved_alerts_keeps_the_newest() -> None:
    beliefs = Beliefs().resolve("first", 10.0)
    for number in range(MOST - 1):
        beliefs = beliefs.resolve(str(number), 10.0)
    assert beliefs.late("first", 10.0)
    assert not beliefs.resolve("one more", 10.0).late("first", 10.0)


def test_a_flood_of_stuck_stops_keeps_the_newest() -> None:
    beliefs = Beliefs()
    for number in range(3 * MOST):
        beliefs = beliefs.fire(str(number), "stop", 1.0, now=number, lease=LEASE).stick()
    assert len(beliefs.stuck) == MOST
    assert not beliefs.stop()


def test_a_flood_keeps_the_newest() -> None:
    beliefs = Beliefs()
    for number in range(3 * MOST):
        beliefs = beliefs.fire(str(number), "start", 1.0, now=number, lease=LEASE)
        if number % 7 == 0:
            beliefs = beliefs.answer()
    assert len(beliefs.alerts) == MOST
    assert len(beliefs.answered) <= MOST
    assert str(3 * MOST - 1) in beliefs.alerts


@given(
    st.lists(
        st.tuples(st.sampled_from(["fire", "resolve", "lapse", "spend"]), st.sampled_from("ab"), st.integers(0, 3)),
        max_size=30,
    )
)
def test_only_resolved_anew_or_later_makes_an_answered_start_count(steps: list[tuple[str, str, int]]) -> None:
    """An independent model by fingerprint: what is believed, and up to which beginning it is answered."""
    beliefs, held, answered = Beliefs(), dict[str, int](), dict[str, int]()
    for number, (what, key, starts_at) in enumerate(steps):
        now = number * 400.0
        if what == "fire":
            beliefs = beliefs.fire(key, "start", starts_at, now=now, lease=1e9)
            held[key] = max(starts_at, held.get(key, starts_at))
        elif what == "resolve":
            beliefs = beliefs.resolve(key, starts_at)
            if starts_at >= held.get(key, answered.get(key, 0)):
                held.pop(key, None)
                answered.pop(key, None)
        elif what == "spend":
            beliefs = beliefs.answer()
            answered |= held
        else:
            beliefs = beliefs.lapse(2e9)
            held.clear()
        assert beliefs.start is bool(held)
        assert beliefs.start_counts is any(began > answered.get(key, -1) for key, began in held.items())
