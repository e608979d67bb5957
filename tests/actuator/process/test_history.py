"""The curve and the runs of a real process: kept over a kill, and nothing that depends on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actuator.history import store
from actuator.history.store import path_of
from tests.actuator.harness.process import Actuator, kill, run, site
from tests.actuator.history.test_store import past, sample
from tests.support import wait_until


def answer(it: Actuator, path: str) -> dict[str, Any]:
    code, text = it.get(path)
    assert code == 200, text
    document: dict[str, Any] = json.loads(text)
    return document


def runs(it: Actuator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(it, "/api/v1/runs")["runs"]
    return found


def test_a_run_is_kept_over_a_kill(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "8s", "min_off": "30s"}}) as it:
        it.page.soc = 0.22
        with it.running() as process:
            it.close_for_an_alert()
            (present,) = runs(it)
            assert (present["ended"], present["cause"], present["soc_before"]) == (None, "alert", 0.22)
            wait_until(lambda: not it.board.closed(), 15, "the deadline")
            wait_until(lambda: runs(it)[0]["ended"] is not None, 10, "the end of the run to be recorded")
            (before,) = runs(it)
            assert before["end"] == "max_run"
            assert before["confirmed"] is True
            curve = answer(it, "/api/v1/history")
            assert curve["soc"][-1] is not None
            assert (curve["start_soc"], curve["stop_soc"]) == (0.25, 0.6)
            kill(process)
        with it.running():
            assert runs(it) == [before]
            assert answer(it, "/api/v1/history?range=7d")["time"]
            listed = run("runs", f"--url={it.url}")
            assert listed.returncode == 0, listed.stderr
            assert "time limit" in listed.stdout
            status = run("status", "--json", f"--url={it.url}")
            assert json.loads(status.stdout).keys() == it.status().keys()
            events = run("journal", f"--url={it.url}", "--since=1h")
            assert "Contact closed, requested by a low battery" in events.stdout


@pytest.mark.parametrize("harm", ["damaged", "a folder", "cut", "a wrong byte", "no number", "deleted"])
def test_a_history_that_is_lost_changes_no_decision(tmp_path: Path, harm: str) -> None:
    file = path_of(tmp_path / "journal.db")
    store.write(file, [sample(1.0)], [past(1, ended=150.0, text="the end")])
    whole = file.read_bytes()
    match harm:
        case "damaged":
            file.write_bytes(b"no database" * 1000)
        case "a folder":
            file.unlink()
            file.mkdir()
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "a wrong byte":
            file.write_bytes(whole.replace(b"the end", b"the \xffnd"))
        case "no number":
            file.write_bytes(whole.replace(b"SQLite format 3", b"SQLite format 9"))
    with site(tmp_path) as it, it.running():
        if harm == "deleted":
            file.unlink()
        it.page.soc = 0.22
        it.close_for_an_alert()
        assert it.ready()
        if harm == "a folder":
            wait_until(lambda: it.metric("generator_history_writable") == 0, 10, "the metric")
            assert it.get("/api/v1/history")[0] == 503
        else:
            wait_until(lambda: runs(it)[0]["cause"] == "alert" and runs(it)[0]["ended"] is None, 10, "the run")
            assert it.metric("generator_history_writable") == 1
        assert it.metric("generator_journal_writable") == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/history?range=1y", 'Got range "1y", expected 24h or 7d.'),
        ("/api/v1/runs?limit=0", 'Got limit "0", expected a number from 1 to 500.'),
        ("/api/v1/runs?limit=501", "expected a number from 1 to 500"),
    ],
)
def test_a_wrong_question_is_refused(tmp_path: Path, path: str, expected: str) -> None:
    with site(tmp_path) as it, it.running():
        code, text = it.get(path)
        assert code == 400
        assert expected in text
