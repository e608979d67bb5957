"""How trust is lost by what a source repeats, is not given back too early, and does not come and go."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.readings import Charge
from exporter.soc import Judge, Lead, Reason
from tests.exporter.harness.soc_bench import HOUR, Bench, refused


def test_refused_source_stays_refused_alone() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.85, classic=0.84)
    bench.keep(2 * HOUR, 2.0, step=5, bmk=1.0, classic=0.84)
    verdict = bench.keep(29 * 60, 2.0, step=5, bmk=1.0)
    assert (verdict.lead, verdict.ratio) == (None, None), "alone for less than half an hour"
    assert refused(verdict, "bmk") is Reason.JUMP
    assert bench.keep(2 * 60, 2.0, step=5, bmk=1.0).lead == "bmk"


def test_silence_is_no_good_behaviour() -> None:
    bench = Bench("bmk")
    bench.keep(60, 2.0, bmk=0.85)
    bench.keep(10, 2.0, bmk=1.0)
    bench.now += HOUR
    assert refused(bench.observe(2.0, bmk=1.0), "bmk") is Reason.JUMP
    assert bench.keep(29 * 60, 2.0, step=5, bmk=1.0).lead is None
    paired = Bench("bmk", "classic")
    paired.keep(60, 2.0, bmk=0.60, classic=0.60)
    paired.keep(70, 2.0, bmk=0.90, classic=0.60)
    paired.keep(30, 2.0, bmk=0.61, classic=0.60)
    paired.keep(300, 2.0, classic=0.60)
    paired.now += 1
    assert refused(paired.observe(2.0, bmk=0.61, classic=0.60), "bmk") is Reason.JUMP


def test_current_counts_while_soc_is_unknown() -> None:
    bench = Bench("bmk")
    bench.keep(60, -40.0, bmk=0.60)
    for _ in range(3600):
        bench.now += 1
        assert bench.observe(-40.0, bmk=None).ratio is None
    bench.now += 1
    assert bench.observe(-40.0, bmk=0.50).ratio == 0.50, "40 A for an hour out of 400 Ah are ten points"


def test_repeating_device_is_frozen() -> None:
    bench = Bench("bmk", "shunt")
    ratio = 0.6
    for _ in range(40 * 60):
        bench.now += 1
        ratio -= 20 / (400 * HOUR)
        bench.judge.update("bmk", Charge(0.60, 0.4), at=bench.now, wall=0)
        bench.judge.update("shunt", Charge(ratio, -20.0), at=bench.now, wall=0)
    verdict = bench.judge.verdict(bench.now)
    assert refused(verdict, "bmk") is Reason.FROZEN
    assert verdict.lead == "shunt"


def test_own_current_decides_frozen() -> None:
    bench = Bench("bmk", "shunt")
    for number in range(40 * 60):
        bench.now += 1
        bench.judge.update("bmk", Charge(0.60, 0.4 + 0.1 * (number % 2)), at=bench.now, wall=0)
        bench.judge.update("shunt", Charge(0.60 - number / 1e6, -20.0), at=bench.now, wall=0)
    assert refused(bench.judge.verdict(bench.now), "bmk") is None


def test_self_returned_source_has_no_vote() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.85, classic=0.84)
    bench.keep(60, 2.0, bmk=1.0, classic=0.50)
    verdict = bench.judge.verdict(bench.now)
    assert (refused(verdict, "bmk"), refused(verdict, "classic")) == (Reason.JUMP, Reason.JUMP)
    assert bench.keep(31 * 60, 2.0, step=5, bmk=1.0).lead == "bmk"
    assert bench.keep(31 * 60, 2.0, step=5, bmk=1.0, classic=0.50).lead == "bmk"
    assert refused(bench.judge.verdict(bench.now), "classic") is None
    bench.now += 1
    assert refused(bench.observe(2.0, bmk=1.0, classic=1.0), "classic") is Reason.JUMP


def test_unsteady_source_does_not_move_the_lead() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, -5.0, bmk=0.60, classic=0.57)
    leads = []
    for number in range(600):
        bench.now += 1
        leads.append(bench.observe(-5.0, bmk=None if number % 2 else 0.60, classic=0.57).lead)
    assert sum(a != b for a, b in itertools.pairwise(leads)) == 1
    assert leads[-1] == "classic"
    assert bench.keep(59, -5.0, bmk=0.60, classic=0.57).lead == "classic"
    assert bench.keep(2, -5.0, bmk=0.60, classic=0.57).lead == "bmk", "once it has been well for a minute"


def test_unsteady_source_leads_alone() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, -5.0, bmk=0.60)
    bench.now += 1
    bench.observe(-5.0, bmk=None)
    bench.now += 1
    assert bench.observe(-5.0, bmk=0.60).lead == "bmk"


def test_new_judge_keeps_what_is_known() -> None:
    bench = Bench("bmk", "classic")
    bench.keep(60, 2.0, bmk=0.85, classic=0.84)
    bench.keep(60, 2.0, bmk=1.0, classic=0.84)
    before, bench.judge = bench.judge, Judge(["bmk", "classic", "jk"], capacity_ampere_hours=600)
    bench.judge.inherit(before, ["bmk"])
    verdict = bench.observe(2.0, bmk=1.0, classic=0.60, jk=0.62)
    assert refused(verdict, "bmk") is Reason.JUMP
    assert refused(verdict, "classic") is None, "it is another device now, and this its first reading"
    assert verdict.lead == "classic"


shares = st.floats(0, 1)
lies = st.lists(shares | st.none() | st.just(1.0) | st.just(0.0) | st.floats(-1, 3), min_size=1, max_size=60)


@given(
    start=st.floats(0.2, 0.8),
    amperes=st.floats(-60, 60),
    offset=st.floats(-0.03, 0.03),
    lies=lies,
    where=st.integers(0, 2),
    lead=st.sampled_from(Lead),
    honest_first=st.integers(0, 5),
)
@settings(max_examples=200)
def test_wrong_source_never_leads(
    *, start: float, amperes: float, offset: float, lies: list[float | None], where: int, lead: Lead, honest_first: int
) -> None:
    names = ["a", "b", "c"]
    liar = names.pop(where)
    bench = Bench("a", "b", "c", lead=lead)
    truth = start
    for lie in [truth] * honest_first + lies:
        bench.now += 5
        truth += amperes * 5 / (400 * HOUR)
        ratios: dict[str, float | None] = {names[0]: truth, names[1]: truth + offset, liar: lie}
        verdict = bench.observe(amperes, **ratios)
        assert verdict.lead is not None
        if lie is None or not 0 <= lie <= 1 or min(abs(lie - truth), abs(lie - truth - offset)) > 0.0501:
            assert verdict.lead in names
            assert verdict.ratio == ratios[verdict.lead]
        assert refused(verdict, names[0]) is refused(verdict, names[1]) is None, "the others do not notice"


@given(
    level=st.floats(0.1, 0.9),
    amperes=st.floats(-100, 100),
    before=st.integers(1, 50),
    spike=shares | st.none() | st.floats(-1, 3),
)
@settings(max_examples=200)
def test_single_spike_is_never_shown(level: float, amperes: float, before: int, spike: float | None) -> None:
    bench = Bench("a")
    bench.keep(before, amperes, a=level)
    bench.now += 1
    during = bench.observe(amperes, a=spike)
    assert during.ratio is None or abs(during.ratio - level) <= 0.03
    for _ in range(3):
        bench.now += 1
        assert bench.observe(amperes, a=level).ratio == level


@given(
    levels=st.tuples(shares, shares), gone=st.integers(0, 1), silent=st.integers(61, 4000), lead=st.sampled_from(Lead)
)
@settings(max_examples=100)
def test_loss_leaves_the_other_source(levels: tuple[float, float], gone: int, silent: int, lead: Lead) -> None:
    bench = Bench("a", "b", lead=lead)
    bench.keep(10, a=levels[0], b=levels[1])
    name, other = "ab"[gone], "ab"[1 - gone]
    verdict = bench.keep(silent, step=10, **{other: levels[1 - gone]})
    assert refused(verdict, name) is Reason.STALE
    assert refused(verdict, other) is None
    assert (verdict.lead, verdict.ratio, verdict.spread) == (other, levels[1 - gone], None)
