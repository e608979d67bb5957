"""Requests that nobody should send: none is answered with 500, none changes anything that its user may not change."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actuator.harness.http_fuzz import actuator, check_unchanged, make, statuses, storm

pytestmark = pytest.mark.slow


def test_request_made_up_by_chance_is_never_500_and_changes_nothing(tmp_path: Path) -> None:
    with actuator(tmp_path) as (it, _):
        total = asyncio.run(storm(it.port, seed=1, requests=3000))
        assert {200, 400, 401, 403, 404, 405} <= set(total), total
        check_unchanged(it)


def test_request_made_up_by_hypothesis_is_never_500_and_changes_nothing(tmp_path: Path) -> None:
    with actuator(tmp_path) as (it, _):

        @settings(max_examples=300, suppress_health_check=list(HealthCheck))
        @given(st.randoms(use_true_random=False))
        def ask(source: random.Random) -> None:
            asyncio.run(statuses(it.port, make(source)))

        ask()
        check_unchanged(it)
