"""An alert forbids the engine, and then the path that it came on dies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import closings, inhibited, pages
from tests.actuator.harness.process import Actuator, kill, site
from tests.support import wait_until


def end_by_beats(it: Actuator) -> None:
    """Bring the alert path back by two beats, and resolve the inhibit by two more."""
    it.beat_twice()
    assert it.notify("GeneratorInhibit", "resolved") == 200
    assert it.notify("GeneratorHeartbeat") == 200
    assert inhibited(it) == ["inhibit_alert"], "one beat is not two"
    assert not closings(it)
    assert it.notify("GeneratorHeartbeat") == 200


def end_by_hand(it: Actuator) -> None:
    """Reset it, as somebody who has checked the cause; the reset of the lock-out is not its own."""
    assert it.request("POST", "/api/v1/acknowledge")[0] == 200
    assert inhibited(it) == ["inhibit_alert"]
    wait_until(lambda: it.status()["resets"][0]["free_from"] is None, 10, "a lease to pass since the start-up")
    assert it.request("POST", "/api/v1/reset", {"what": "inhibit", "name": "GeneratorInhibit"})[0] == 200


@pytest.mark.parametrize("ended", [end_by_beats, end_by_hand])
def test_an_inhibit_outlives_its_dead_alert_path_and_a_kill(tmp_path: Path, ended: Callable[[Actuator], None]) -> None:
    with site(tmp_path, {"alerts": {"heartbeat_timeout": "2s", "lease": "3s"}}) as it:

        def requested_and_held() -> None:
            wait_until(lambda: it.status()["path"] == "fallback", 10, "the alert path to be given up")
            wait_until(lambda: it.status()["causes"] == ["fallback", "emergency"], 10, "the battery to want it")
            pages(it, 5)
            assert inhibited(it) == ["inhibit_alert"]
            assert not closings(it)
            assert it.status()["headline"].startswith("Blocked by an alert: GeneratorInhibit for people. ")
            print(it.status()["sentence"])

        with it.running() as process:
            it.beat_twice()
            assert it.notify("GeneratorInhibit") == 200
            it.page.soc = 0.1
            assert it.notify("GeneratorInhibit", "resolved") == 200
            requested_and_held()
            kill(process)
        with it.running():
            requested_and_held()
            ended(it)
            wait_until(it.board.closed, 10, "the emergency to be answered")
            assert it.status()["inhibitors"] == []
