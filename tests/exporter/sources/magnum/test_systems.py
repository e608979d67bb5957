"""Synthetic systems of every kind: the framer finds each one's packets, and none that was not sent."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.exporter.harness.framing import frames
from tests.exporter.harness.synthetic_systems import System


@pytest.mark.parametrize("steady", [False, True], ids=["changing", "steady"])
def test_hundreds_of_systems(steady: bool) -> None:  # noqa: FBT001
    check(range(300), steady=steady)


@pytest.mark.slow
@pytest.mark.parametrize("steady", [False, True], ids=["changing", "steady"])
def test_thousands_of_systems(steady: bool) -> None:  # noqa: FBT001
    check(range(3000), steady=steady)


def check(seeds: range, *, steady: bool) -> None:
    for seed in seeds:
        system = System(random.Random(seed), steady)  # noqa: S311 - it must be repeatable
        sent, data = system.stream(30)
        found, _ = frames(data, 37)
        assert not Counter(found) - Counter((kind, payload) for kind, payload in sent), (
            f"system {seed} gives frames that were not sent"
        )
        assert len(found) >= len(sent) - 3, f"system {seed} gives {len(found)} of {len(sent)}"
