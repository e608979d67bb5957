"""Alerts that contradict the battery, and a battery that is never full, on the whole process."""

from __future__ import annotations

from pathlib import Path

from tests.actuator.harness.measurements import closings, pages
from tests.actuator.harness.process import kill, site
from tests.support import wait_until


def test_a_late_copy_of_a_resolved_start_alert_starts_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.page.soc = 0.4
        with it.running() as process:
            assert it.notify("BatterySocLow", "resolved") == 200
            wait_until(lambda: it.durable().get("resolved"), 10, "it to be written down")
            kill(process)
        with it.running():
            wait_until(lambda: it.status()["soc"] == 0.4, 10, "the state of charge")
            it.beat_twice()
            assert it.notify("BatterySocLow") == 200
            pages(it, 3)
            assert not closings(it)
            assert "so it is a late copy" in " ".join(it.status()["notes"])
            assert it.metric("generator_notifications_rejected_total", reason="late") == 1


def test_a_stuck_stop_alert_blocks_no_start(tmp_path: Path) -> None:
    with site(tmp_path, {"alerts": {"alert_grace": "2s"}}) as it, it.running():
        it.beat_twice()
        assert it.notify("BatterySocRecovered") == 200
        assert it.notify("BatterySocLow") == 200
        pages(it, 3)
        assert not closings(it)
        assert it.metric("generator_stop_alert_stuck") == 0
        it.page.soc = 0.2
        wait_until(it.board.closed, 10, "the stop alert to be stuck")
        assert it.metric("generator_stop_alert_stuck") == 1
        assert "BatterySocRecovered fires although" in " ".join(it.status()["faults"])


def test_a_full_charge_runs_until_the_page_shows_full(tmp_path: Path) -> None:
    with site(tmp_path, {"full_charge": {"every": "2s"}}) as it, it.running():
        it.page.full = False
        it.beat_twice()
        wait_until(it.board.closed, 10, "a full charge to be due")
        assert it.status()["causes"] == ["full_charge"]
        assert it.metric("generator_demand", cause="full_charge") == 1
        it.page.engine(runs=True)
        it.page.soc = 0.97
        pages(it, 5)
        assert it.board.closed()
        it.page.full = True
        wait_until(lambda: not it.board.closed(), 10, "the full battery to end it")
