"""When a run ends by itself."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from actuator.core.limits import bound, budget_left
from actuator.core.settings import DAY
from actuator.core.state import Closure, Durable, Run
from tests.actuator.harness.simulated_site import settings

NOW = 200_000.0


@example([(0.0, 1500.0)], 1500.0000000000002, 0.0)
@given(
    st.lists(st.tuples(st.floats(0, 90_000), st.floats(1, 9_000)), max_size=6),
    st.floats(1500, 40_000),
    st.sampled_from([0.0, 7200.0]),
)
def test_a_used_up_budget_ends_a_run(past: list[tuple[float, float]], budget: float, reserve: float) -> None:
    closures: list[Closure] = []
    end = NOW - DAY
    for gap, length in past:
        start = end + gap / 6
        end = start + length
        if end >= NOW - 1:
            break
        closures.append(Closure(start=start, end=end))
    run = Run(number=1, cause="alert", causes=("alert",), closed_at=NOW, closed_wall=0.0, deadline=NOW + 4 * 3600)
    durable = Durable(run=run, closures=tuple(closures))
    limits = settings(limits={"daily_budget": f"{budget}s"})
    assume(budget_left(durable, limits, NOW, reserve=reserve) > 0)

    def until_left(seconds: float) -> float:
        when = NOW
        while when < run.deadline and budget_left(durable, limits, when, reserve=reserve) > seconds:
            when += 20.0
        return when

    # While an old closure leaves the window, the budget may stay next to nothing: a second decides about minutes.
    assert until_left(1.0) - 20.1 <= bound(durable, run, limits, NOW, reserve=reserve) <= until_left(-1.0)
