"""When the contact closes again: after somebody stopped the engine by hand, and under an alert that flaps."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import EARLY, closings, inhibited
from tests.actuator.harness.process import site
from tests.support import wait_until

MINUTE = 1.0
"""Seconds: real limits, scaled by 60."""


def reached(moment: float) -> bool:
    return time.monotonic() >= moment


def test_a_foreign_run_that_is_stopped_by_hand_is_followed_by_min_off(tmp_path: Path) -> None:
    min_off = 3.0
    with site(tmp_path, {"limits": {"min_off": f"{min_off:g}s"}}) as it:
        it.page.soc, it.page.ags, it.page.ac_volts = 0.05, 3, 121.0
        with it.running():
            wait_until(lambda: it.status()["proof"] == "running", 10, "the engine of somebody else to be confirmed")
            wait_until(lambda: "emergency" in it.status()["causes"], 10, "the battery to request a run")
            assert not closings(it)
            stopped = time.monotonic()
            it.page.engine(runs=False)
            wait_until(lambda: inhibited(it) == ["min_off"], 10, "nothing but min off to block the start")
            assert "at least 3 s after each stop of the engine" in it.status()["sentence"]
            wait_until(it.board.closed, 15, "the emergency to be answered")
            assert closings(it)[0] - stopped >= min_off - EARLY


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_fuel_inhibit_that_flaps_every_3_minutes_for_2_hours_gives_at_most_8_starts(tmp_path: Path) -> None:
    limits = {
        "min_run": f"{15 * MINUTE:g}s",
        "min_off": f"{15 * MINUTE:g}s",
        "tail": f"{3 * MINUTE:g}s",
        "start_confirm": f"{10 * MINUTE:g}s",
        "max_run": f"{240 * MINUTE:g}s",
        "short_cycle": [f"{minutes * MINUTE:g}s" for minutes in (15, 30, 60, 120, 240, 480)],
    }
    with site(tmp_path, {"limits": limits}) as it, it.running():
        it.page.soc = 0.2
        it.beat_twice()
        began = time.monotonic()
        for turn in range(40):
            for status, least in (("firing", 0.0), ("resolved", 1.5 * MINUTE)):
                at = began + 3 * MINUTE * turn + least
                wait_until(partial(reached, at), 10, "the fuel sensor to change its mind")
                assert it.notify("GeneratorInhibit", status, reason="fuel") == 200
                it.page.engine(runs=it.board.closed())
            it.beat_twice()
            assert it.notify("BatterySocLow") == 200
            it.page.engine(runs=it.board.closed())
        starts = closings(it)
        print(f"{len(starts)} starts, at {[round(at - began) for at in starts]} s")
        assert 2 <= len(starts) <= 8
        assert it.metric("generator_attempts") == 0
        ends = [row["fields"]["reason"] for row in it.rows() if row["kind"] == "contact_opened"]
        assert set(ends) == {"inhibit_alert"}, "each run was a short one"
