"""Simulated time: a few days always, more where there is time; see soak.py."""

from __future__ import annotations

import pytest

from tests.actuator.harness import soak


@pytest.mark.parametrize("life", range(3))
def test_a_few_days(life: int) -> None:
    met, breach = soak.play(life, seed=7, days=4)
    assert breach == ""
    assert met["ticks"] > 10_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_year_and_more() -> None:
    met, broken = soak.soak(500, seed=11)
    assert broken == []
    assert [what for what in soak.MUST_BE_SEEN if not met[what]] == []
