"""Somebody stops the engine by hand, and a fuel switch that flaps."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import EARLY, closings
from tests.actuator.harness.process import site
from tests.support import wait_until
from tests.support.alertmanager import notification


def test_a_hand_stopped_foreign_run_is_followed_by_min_off(tmp_path: Path) -> None:
    min_off = 4.0
    with site(tmp_path, {"limits": {"min_off": f"{min_off:g}s"}}) as it, it.running():
        it.page.ac_volts, it.page.ags, it.page.soc = 121.0, 3, 0.05
        wait_until(lambda: it.metric("generator_running") == 1, 20, "somebody's run to be confirmed")
        wait_until(lambda: it.status()["causes"] == ["emergency"], 20, "the battery to request the engine")
        it.page.ac_volts, it.page.ags = 0.0, 2
        stopped = time.monotonic()
        wait_until(it.board.closed, 30, "the emergency to close the contact")
        assert closings(it)[0] - stopped >= min_off - EARLY


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fuel_inhibit_that_flaps_for_2_hours_gives_at_most_8_starts(tmp_path: Path) -> None:
    """At real limits divided by 60: minutes are seconds."""
    limits = {
        "max_run": "240s",
        "daily_budget": "600s",
        "min_run": "15s",
        "min_off": "15s",
        "tail": "3s",
        "start_confirm": "10s",
        "stop_confirm": "5s",
        "short_cycle": ["15s", "30s", "60s", "120s", "240s", "480s"],
        "backoff": ["15s", "30s"],
    }
    with site(tmp_path, {"limits": limits, "alerts": {"lease": "15s"}}) as it, it.running():
        it.page.soc = 0.2
        it.beat_twice()
        began = time.monotonic()
        for flap in range(40):
            starts = f"2026-01-01T00:{flap:02d}:00Z"
            for name, status in (("BatterySocLow", "firing"), ("GeneratorInhibit", "firing")):
                body = notification(name, status, starts=starts, reason="fuel")
                assert it.request("POST", "/api/v1/alerts", body)[0] == 200
            turn = began + 3 * flap + 1.5
            wait_until(lambda turn=turn: time.monotonic() >= turn, 30, "half of the 3 min")  # type: ignore[misc]
            body = notification("GeneratorInhibit", "resolved", starts=starts, reason="fuel")
            assert it.request("POST", "/api/v1/alerts", body)[0] == 200
            it.beat_twice()
            turn += 1.5
            wait_until(lambda turn=turn: time.monotonic() >= turn, 30, "the other half")  # type: ignore[misc]
        moves = closings(it)
        assert 2 <= len(moves) <= 8
        assert it.status()["attempts"] == 0
        gaps = [then - before for before, then in itertools.pairwise(moves)]
        for gap, pause in zip(gaps, (15, 30, 60), strict=False):
            assert gap >= pause - EARLY
        print(f"{len(moves)} starts in {time.monotonic() - began:.0f} s; seconds between them: {gaps}")
