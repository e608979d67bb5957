"""The engine does not do what is commanded, or there are no readings of it any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.actuator.harness.measurements import EARLY, LATE, closings, end_of_run, inhibited, openings, pages
from tests.actuator.harness.process import site
from tests.support import wait_until

SCALED: dict[str, Any] = {
    "exporter": {"interval": "100ms"},
    "limits": {"start_confirm": "1s", "attempts": 3, "backoff": ["1500ms", "3s"], "min_off": "1500ms", "tail": "300ms"},
}
"""One second for ten minutes of the defaults: 10 to confirm, 15 and 30 to back off."""


def test_an_engine_that_never_starts_is_locked_out(
    tmp_path: Path,
) -> None:
    with site(tmp_path, SCALED) as it, it.running():
        it.page.soc = 0.22
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        wait_until(lambda: it.metric("generator_lockout") == 1, 30, "the lock-out")
        tried, given_up = closings(it), openings(it)
        assert (len(tried), len(given_up)) == (3, 3)
        lengths = [end - start for start, end in zip(tried, given_up, strict=True)]
        pauses = [start - end for start, end in zip(tried[1:], given_up[:-1], strict=True)]
        assert all(1.0 - EARLY <= length <= 1.0 + LATE for length in lengths), lengths
        assert 1.5 - EARLY <= pauses[0] <= 1.5 + LATE
        assert 3.0 - EARLY <= pauses[1] <= 3.0 + LATE
        assert it.metric("generator_attempts") == it.metric("generator_start_failures_total") == 3
        assert it.metric("generator_running") == 0
        wait_until(lambda: inhibited(it) == ["locked_out"], 10, "min off to pass")
        status = it.status()
        assert (status["severity"], it.metric("generator_severity", severity="act_now")) == ("act_now", 1)
        assert status["headline"].startswith("Locked out: failed to start 3 times. ")
        assert status["remedy"].endswith("when nobody is at it, press Reset lock-out: it may start at once.")
        alarms = [row["kind"] for row in it.rows() if row["level"] == "error"]
        assert alarms.count("attempt_failed") == 3
        assert "locked_out" in alarms
        moves = sorted(at - tried[0] for at in tried + given_up)
        print("tried and given up at", [round(move, 2) for move in moves], it.status()["sentence"])
        assert it.request("POST", "/api/v1/acknowledge")[0] == 200
        assert it.metric("generator_lockout") == it.metric("generator_attempts") == 0
        wait_until(it.board.closed, 10, "the next attempt")


def test_an_engine_that_does_not_stop(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"stop_confirm": "1s"}}) as it, it.running():
        it.close_for_an_alert()
        assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
        assert not it.board.closed()
        wait_until(lambda: it.metric("generator_stop_failures_total") == 1, 10, "the event of the failed stop")
        event = next(row for row in it.rows() if row["kind"] == "stop_failed")
        assert event["level"] == "error"
        assert it.status()["sentence"].startswith("Failed to stop: ")
        assert "Stop it at its remote" in it.status()["sentence"]
        print(it.status()["sentence"])
        assert (it.metric("generator_running"), it.status()["phase"]) == (1, "stopping")

        def repeated() -> bool:
            return [row["kind"] for row in it.rows()].count("stop_failed") >= 3

        wait_until(repeated, 10, "more events of it")
        it.page.engine(runs=False)
        wait_until(lambda: it.status()["phase"] == "off", 10, "the stop to be proven")
        assert it.metric("generator_running") == 0
        assert "Failed to stop" not in it.status()["sentence"]
        assert it.metric("generator_stop_failures_total") == 1, "one stop failed, however often that was reported"


def test_a_magnum_adapter_pulled_in_a_run_is_no_failure(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "6s"}}) as it, it.running():
        it.page.soc = 0.22
        it.close_for_an_alert()
        deadline = it.durable()["run"]["deadline"]
        it.page.adapter = False
        wait_until(lambda: it.status()["proof"] == "unknown", 5, "the proof to be lost")
        pages(it, 5)
        assert it.board.closed()
        assert it.metric("generator_running") is None
        assert it.metric("generator_relay_closed") == 1
        assert it.metric("generator_phase", phase="unknown") == 1
        assert "nothing shows whether the generator runs" in it.status()["headline"]
        print(it.status()["sentence"])
        wait_until(lambda: not it.board.closed(), 15, "the deadline")
        late = openings(it)[-1] - deadline
        assert 0 <= late <= LATE
        print(f"opened {late:.2f} s after its deadline")
        assert end_of_run(it)["fields"]["reason"] == "max_run"
        assert it.metric("generator_attempts") == it.metric("generator_start_failures_total") == 0


@pytest.mark.slow
def test_engine_seconds_of_any_run_survive_a_restart_with_few_writes(tmp_path: Path) -> None:
    def seconds() -> float:
        return it.metric("generator_engine_seconds_total") or 0.0

    with site(tmp_path, SCALED) as it:
        with it.running():
            it.page.ac_volts, it.page.ags = 121.0, 3
            wait_until(lambda: seconds() > 0, 10, "the engine to be confirmed")
            kept = it.durable()["engine_seconds"]
            wait_until(lambda: seconds() > kept + 2, 10, "it to run for two seconds")
            assert it.durable()["engine_seconds"] == kept, "written once a minute"
            before = seconds()
        with it.running():
            assert seconds() >= before
