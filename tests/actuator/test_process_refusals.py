"""What the whole process does not take as done: an answer of 200 means that it holds."""

from __future__ import annotations

import resource
import sqlite3
from pathlib import Path

from tests.actuator.process import kill, site
from tests.actuator.test_process_journal import no_room
from tests.support import wait_until


def test_an_inhibit_that_is_not_written_down_is_503_at_every_retry_until_it_is(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            no_room(process, 0)
            assert [it.notify("GeneratorInhibit") for _ in range(3)] == [503] * 3
            assert it.notify("GeneratorInhibit", "resolved", site="elsewhere") == 503, "whatever the inhibit says"
            assert it.notify("GeneratorHeartbeat") == 200, "a beat needs no disk"
            assert it.notify("BatterySocRecovered") == 200
            assert it.status()["inhibitors"] == ["inhibit_alert"], "it is obeyed all the same"
            no_room(process, resource.RLIM_INFINITY)
            wait_until(lambda: it.notify("GeneratorInhibit") == 200, 15, "the journal to take what waits")
            kill(process)
        with it.running():
            assert it.status()["inhibitors"] == ["inhibit_alert"]


def test_an_inhibit_that_only_the_sidecar_has_taken_outlives_a_kill(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            blocker = sqlite3.connect(it.journal, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            assert [it.notify("GeneratorInhibit") for _ in range(2)] == [200] * 2
            assert it.notify("GeneratorInhibit", "resolved") == 503, "its end would be lost: torn keeps both halves'"
            kill(process)
            blocker.close()
        with it.running():
            assert "inhibit_alert" in it.status()["inhibitors"]
