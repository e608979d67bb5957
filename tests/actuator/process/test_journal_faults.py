"""The whole process on a journal that is damaged, lost in use, or takes nothing."""

from __future__ import annotations

import resource
import sqlite3
import time
from pathlib import Path

import pytest

from tests.actuator.harness.process import kill, no_room, site
from tests.support import wait_until

QUICK = {"alerts": {"heartbeat_timeout": "2s"}}

IMPATIENT = """
import sys
from actuator.cli import main
from actuator.journal import async_journal
async_journal.LASTING = 0.0
sys.exit(main(sys.argv[1:]))
"""


def flip(journal: Path, column: str, table: str, offset: int, bit: int) -> None:
    """Flip one bit in the newest value of a column."""
    database = sqlite3.connect(journal)
    database.text_factory = bytes
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    value: bytes = database.execute(f"SELECT {column} FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()[0]  # noqa: S608
    database.close()
    content = bytearray(journal.read_bytes())
    content[content.rindex(value) + offset % len(value)] ^= 1 << bit
    journal.write_bytes(content)


@pytest.mark.parametrize(("column", "table", "offset", "bit"), [("text", "event", 3, 7), ("fields", "event", 0, 0)])
def test_one_flipped_bit_in_a_row_keeps_mode_off_and_the_inhibit(
    tmp_path: Path, column: str, table: str, offset: int, bit: int
) -> None:
    with site(tmp_path, QUICK) as it:
        with it.running() as process:
            assert it.notify("GeneratorInhibit") == 200
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            kill(process)
        flip(it.journal, column, table, offset, bit)
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.status()["inhibitors"] == ["mode_off", "inhibit_alert"]
            assert it.metric("generator_journal_torn") == 0
            assert it.rows()


def test_one_flipped_bit_in_the_state_is_torn_and_stays_off(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it:
        with it.running() as process:
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            kill(process)
        database = sqlite3.connect(it.journal)
        key = database.execute("SELECT instr(saved, '\"mode\"') FROM state").fetchone()[0]
        database.close()
        flip(it.journal, "saved", "state", key + 2, 0)
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.metric("generator_journal_torn") == 1


def test_an_order_that_cannot_be_written_down_is_obeyed_and_answered_503(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it, it.running() as process:
        no_room(process, 0)
        for path, order in (("mode", {"mode": "off"}), ("mode", {"mode": "off"}), ("acknowledge", None)):
            code, text = it.request("POST", f"/api/v1/{path}", order)
            assert code == 503
            assert "could not be written: a restart would lose it" in text
        assert it.status()["mode"] == "off"
        no_room(process, resource.RLIM_INFINITY)
        assert it.request("POST", "/api/v1/mode", {"mode": "auto"})[0] == 200


def test_off_outlives_a_kill_when_only_the_sidecar_takes_it(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it:
        with it.running(IMPATIENT) as process:
            blocker = sqlite3.connect(it.journal, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            assert it.request("POST", "/api/v1/mode", {"mode": "auto"})[0] == 503
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert it.metric("generator_journal_writable") == 0
            assert any("The journal cannot be written" in fault for fault in it.status()["faults"])
            kill(process)
            blocker.close()
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.metric("generator_journal_torn") == 1


def test_a_journal_deleted_in_use_is_said_and_what_was_ordered_before_is_kept(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it:
        with it.running() as process:
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            for file in tmp_path.glob("journal.db*"):
                file.unlink()
            assert it.notify("GeneratorInhibit") == 200
            wait_until(lambda: any(row["kind"] == "journal_lost" for row in it.rows()), 5, "the loss to be said")
            assert it.metric("generator_journal_writable") == 1
            kill(process)
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.metric("generator_journal_torn") == 0
            assert it.rows()[0]["kind"] == "started"


@pytest.mark.slow
def test_one_write_that_fails_shortens_no_run(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "8s"}}) as it, it.running() as process:
        assert it.request("POST", "/api/v1/mode", {"mode": "on", "for": "8s"})[0] == 200
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 4.2, 8, "half of the run to be over")
        blocker = sqlite3.connect(it.journal, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        code, text = it.request("POST", "/api/v1/acknowledge")
        assert (code, "locked" in text) == (503, True), "an order is answered by whether it is durable"
        blocker.close()
        assert "journal cannot be written" in process.output
        assert it.metric("generator_journal_writable") == 1
        wait_until(lambda: not it.board.closed(), 10, "the run to end")
        closed, opened = it.board.writes[-2:]
        assert opened[0] - closed[0] == pytest.approx(8, abs=1.5)
