"""The journal is cut short while the actuator is dead, as by a disk that was full or a card that was pulled."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from tests.actuator.harness.measurements import closings, pages
from tests.actuator.harness.process import kill, site


def test_a_journal_cut_short_starts_open(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"daily_budget": "10m"}}) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        kept = tmp_path / "kept"
        kept.mkdir()
        for path in tmp_path.glob("journal.db*"):
            shutil.copyfile(path, kept / path.name)
        for name in ("journal.db", "journal.db-wal", "journal.db.sidecar"):
            for path in kept.iterdir():
                shutil.copyfile(path, tmp_path / path.name)
            if name == "journal.db":
                with contextlib.closing(sqlite3.connect(it.journal)) as database:
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else all of it is in the WAL, which stays
            with (tmp_path / name).open("r+b") as file:
                file.truncate(file.seek(0, os.SEEK_END) // 128 * 64)
            it.board.set(0, closed=True)
            moves = len(it.board.writes)
            with it.running() as process:
                assert process.popen.poll() is None, f"{name}: {process.output}"
                assert it.board.writes[moves][2] == 0, "first of all it opens"
                pages(it, 5)
                assert not closings(it, moves), "nothing is resumed on half of the truth, though the engine runs"
                assert it.metric("generator_journal_torn") == 1
                left = it.metric("generator_budget_remaining_seconds")
                assert left is not None
                assert left <= 60, "one max run, and not the 10 min of the day"
                assert any("journal" in fault for fault in it.status()["faults"])
                kill(process)
