"""The actuator is killed in the middle of a run: what it was doing, and what it may still do, outlive it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import LATE, closings, end_of_run, inhibited, openings, pages
from tests.actuator.harness.process import kill, site
from tests.support import wait_until


def test_after_a_kill_the_run_goes_on_to_its_old_deadline(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "12s"}}) as it:
        with it.running() as process:
            it.page.soc = 0.22
            it.close_for_an_alert()
            before = it.durable()["run"]
            kill(process)
            killed = time.monotonic()
        assert it.board.closed(), "the board holds its contact when the program dies"
        moves = len(it.board.writes)
        with it.running():
            assert it.board.writes[moves][2] == 0, "first of all it opens"
            wait_until(it.board.closed, 10, "the run to be taken up again")
            dead = closings(it, moves)[0] - killed
            assert dead < 30
            after = it.durable()["run"]
            assert (after["number"], after["deadline"]) == (before["number"], before["deadline"])
            assert after["closed_at"] == before["closed_at"]
            wait_until(lambda: not it.board.closed(), 20, "the old deadline")
            late = openings(it)[-1] - before["deadline"]
            assert 0 <= late <= LATE
            print(f"closed again after {dead:.2f} s, opened {late:.2f} s after the deadline")
            print(f"deadline before {before['deadline']}, after {after['deadline']}")
            assert end_of_run(it)["fields"]["reason"] == "max_run"
            rows = [row["fields"] for row in it.rows() if row["kind"].startswith("contact_")]
            assert [row.get("resumed") for row in rows] == [False, None, True, None]
            assert rows[1]["found_closed"], "the opening at the start is told as well"
            assert {row["run"] for row in rows} == {before["number"]}


def test_killed_and_restarted_after_the_deadline_it_stays_open(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "8s", "min_off": "30s"}}) as it:
        with it.running() as process:
            it.close_for_an_alert()
            deadline = it.durable()["run"]["deadline"]
            kill(process)
        assert time.monotonic() < deadline, "the run had time left when it was killed"
        it.page.soc = 0.05
        wait_until(lambda: time.monotonic() > deadline, 15, "the deadline to pass")
        moves = len(it.board.writes)
        with it.running():
            wait_until(lambda: it.status()["proof"] == "running", 10, "the engine, which still runs, to be seen")
            wait_until(lambda: "emergency" in it.status()["causes"], 10, "the battery to want it")
            pages(it, 5)
            assert not closings(it, moves)
            assert not it.board.closed()


def test_after_a_kill_the_used_budget_counts(tmp_path: Path) -> None:
    budget = 15.0
    with site(tmp_path, {"limits": {"daily_budget": f"{budget:g}s", "start_confirm": "5s"}}) as it:
        with it.running() as process:
            it.close_for_an_alert()
            closed_at = it.durable()["run"]["closed_at"]
            wait_until(lambda: time.monotonic() - closed_at >= budget / 3, 10, "a third of the budget to be used")
            kill(process)
        with it.running():
            used, left = time.monotonic() - closed_at, it.status()["budget_remaining"]
            assert left == pytest.approx(budget - used, abs=LATE), "the time that it was dead counts as closed"
            assert left <= budget * 2 / 3
            print(f"of {budget:g} s {used:.2f} s used and {left:.2f} s left")
            wait_until(it.board.closed, 10, "the run to be taken up again")
            wait_until(lambda: not it.board.closed(), 20, "the end of the budget")
            late = openings(it)[-1] - closed_at - budget
            assert 0 <= late <= LATE
            print(f"opened {late:.2f} s after the budget was used up")
            assert end_of_run(it)["fields"]["reason"] == "budget"
            wait_until(lambda: "budget" in inhibited(it), 5, "the budget to be named")


def test_a_brown_out_in_each_start_locks_out(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"backoff": ["2s"]}}) as it:
        it.page.soc = 0.05
        for attempt in range(3):
            with it.running() as process:
                assert it.metric("generator_attempts") == attempt
                wait_until(it.board.closed, 20, "the contact to close")
                kill(process)
        moves = len(it.board.writes)
        with it.running():
            wait_until(lambda: "emergency" in it.status()["causes"], 20, "the battery to request a fourth")
            wait_until(lambda: it.status()["locked_out"], 5, "the lock-out")
            pages(it, 20)
            assert not closings(it, moves)
