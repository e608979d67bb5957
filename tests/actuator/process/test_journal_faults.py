"""The whole process on a journal that is damaged, lost in use, or takes nothing."""

from __future__ import annotations

import resource
import sqlite3
import time
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import EARLY, LATE, closings, openings, pages
from tests.actuator.harness.process import Actuator, kill, no_room, run, site
from tests.support import wait_until

QUICK = {"alerts": {"heartbeat_timeout": "2s"}}

IMPATIENT = """
import sys
from actuator.cli import main
from actuator.journal import async_journal
async_journal.LASTING = 0.0
sys.exit(main(sys.argv[1:]))
"""

READ_ONLY = """
import errno, os, sys
from actuator.cli import main
from actuator.journal import sidecar, store

def refuse(*_):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))

sidecar.write = store.Journal._open = refuse
sys.exit(main(sys.argv[1:]))
"""
"""The actuator whose every write of database and sidecar fails, as on a card that has gone read-only."""


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


def test_a_command_that_cannot_be_saved_is_obeyed_and_503(tmp_path: Path) -> None:
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
        it.lose_shared_memory()  # it would mend what is torn
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.metric("generator_journal_torn") == 1


def test_a_journal_deleted_in_use_loses_no_command(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it:
        with it.running() as process:
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            for file in tmp_path.glob("journal.db*"):
                file.unlink(missing_ok=True)  # SQLite removes some itself
            assert it.notify("GeneratorInhibit") == 200
            wait_until(lambda: any(row["kind"] == "journal_lost" for row in it.rows()), 5, "the event of the loss")
            assert it.metric("generator_journal_writable") == 1
            kill(process)
        with it.running():
            assert it.status()["mode"] == "off"
            assert it.metric("generator_journal_torn") == 0
            assert it.rows()[0]["kind"] == "started"


@pytest.mark.slow
def test_a_loop_of_links_above_the_journal_ends_no_run_and_prevents_no_start(tmp_path: Path) -> None:
    folder, loop = tmp_path / "state", tmp_path / "loop"
    (tmp_path / "card").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "card")
    loop.symlink_to(folder)
    parts = QUICK | {"journal": str(folder / "journal.db"), "mirror": str(tmp_path / "mirror")}
    with site(tmp_path, parts) as it:
        with it.running():
            assert it.request("POST", "/api/v1/mode", {"mode": "on"})[0] == 200
            it.wait_until_closed()
            loop.rename(folder)  # in one step: the program writes there at any time
            assert it.request("POST", "/api/v1/mode", {"mode": "on", "for": "30s"})[0] == 200, "the mirror takes it"
            assert (it.board.closed(), it.status()["run"]) == (True, 1)
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert not it.board.closed()
        with it.running():
            assert it.status()["mode"] == "off"


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
        wait_until(lambda: "journal cannot be written" in process.output, 5, "the line")
        assert it.metric("generator_journal_writable") == 1
        wait_until(lambda: not it.board.closed(), 10, "the run to end")
        closed, opened = it.board.writes[-2:]
        assert 8 - 1.5 <= opened[0] - closed[0] <= 8 + LATE


# --- a card that has gone read-only: every write fails


def unconfirmed(it: Actuator) -> None:
    """Let the battery request an emergency, without evidence of the engine: so no attempt is counted."""
    it.page.soc, it.page.adapter = 0.05, False


def test_property_35_read_only_with_a_mirror(tmp_path: Path) -> None:
    min_off = 3.0
    limits = {"daily_budget": "2m", "max_run": "2m", "min_off": f"{min_off:g}s", "tail": "1s"}
    with site(tmp_path, {"limits": limits, "mirror": str(tmp_path / "memory")}) as it:
        unconfirmed(it)
        with it.running() as process:
            kill(process)
        left, closed = [], []
        for _ in range(3):
            with it.running(READ_ONLY) as process:
                assert it.metric("generator_journal_mirrored") == 1
                assert it.metric("generator_journal_writable") == 0
                assert it.metric("generator_journal_torn") == 0
                left.append(it.status()["budget_remaining"])
                moves = len(it.board.writes)
                wait_until(it.board.closed, 60, "the contact to close")
                closed += closings(it, moves)
                pages(it, 5)
                kill(process)
        for number, opened in enumerate(openings(it)[:2]):
            assert closed[number + 1] - opened >= min_off - EARLY
            assert left[number + 1] <= left[number] - (opened - closed[number]) + EARLY, (
                "closed until a start opened it"
            )


def test_property_35_read_only_with_a_mirror_brown_outs_lock_out(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"backoff": ["2s"]}, "mirror": str(tmp_path / "memory")}) as it:
        it.page.soc = 0.05
        with it.running() as process:
            kill(process)
        for attempt in range(3):
            with it.running(READ_ONLY) as process:
                assert it.metric("generator_attempts") == attempt
                wait_until(it.board.closed, 20, "the contact to close")
                kill(process)
        with it.running(READ_ONLY):
            wait_until(lambda: it.status()["locked_out"], 20, "the lock-out")


def test_property_35_read_only_without_a_mirror(tmp_path: Path) -> None:
    min_off, max_run = 4.0, 6.0
    limits = {"max_run": f"{max_run:g}s", "min_off": f"{min_off:g}s", "daily_budget": "60s"}
    with site(tmp_path, {"limits": limits}) as it:
        unconfirmed(it)
        with it.running() as process:
            kill(process)
        for _ in range(2):
            moves = len(it.board.writes)
            with it.running(READ_ONLY) as process:
                assert it.metric("generator_journal_mirrored") is None
                assert it.metric("generator_journal_torn") == 1
                assert any("torn" in fault for fault in it.status()["faults"])
                left = it.metric("generator_budget_remaining_seconds")
                assert left is not None
                assert left <= max_run
                opened = it.board.writes[moves][0]
                wait_until(it.board.closed, 20, "the emergency to close the contact")
                assert closings(it, moves)[0] - opened >= min_off - EARLY
                assert it.status()["inhibitors"] == ["journal"]
                kill(process)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["in the run", "after the run"])
def test_property_35_an_emergency_without_a_record_leaves_min_off(tmp_path: Path, when: str) -> None:
    """As soon as the card takes writes again."""
    with site(tmp_path, {"limits": {"max_run": "4s"}}) as it:
        unconfirmed(it)
        with it.running() as process:
            kill(process)
        with it.running(READ_ONLY) as process:
            wait_until(it.board.closed, 20, "the emergency to close the contact")
            if when == "after the run":
                wait_until(lambda: not it.board.closed(), 20, "its end")
            kill(process)
        assert run("release", f"--config.file={it.config_file}").returncode == 0, "as the service manager does it"
        moves = len(it.board.writes)
        it.configure({"limits": {"max_run": "4s", "min_off": "60s"}})
        with it.running():
            assert it.metric("generator_journal_writable") == 1
            wait_until(lambda: it.status()["causes"] == ["emergency"], 20, "the emergency to be requested again")
            assert "min_off" in it.status()["inhibitors"]
            assert closings(it, moves) == []


def test_without_journal_and_mirror_only_an_emergency_starts(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "6s", "min_off": "1s"}, "mirror": str(tmp_path / "no")}) as it:
        (tmp_path / "no").write_text("in the way")
        with it.running(READ_ONLY):
            assert it.metric("generator_journal_mirrored") == 0
            assert any("mirror cannot be written" in fault for fault in it.status()["faults"])
            assert it.status()["mode"] == "off", "none can be read"
            code, text = it.request("POST", "/api/v1/mode", {"mode": "auto"})
            assert (code, "a restart would lose it" in text) == (503, True)
            it.beat_twice()
            assert it.notify("BatterySocLow") == 200
            wait_until(lambda: it.status()["inhibitors"] == ["journal"], 20, "the journal alone to block the alert")
            pages(it, 5)
            assert not it.board.closed()
            it.page.soc = 0.05
            wait_until(it.board.closed, 20, "the emergency")
            wait_until(lambda: not it.board.closed(), 20, "its end")
            assert 3 - 1.5 <= openings(it)[-1] - closings(it)[-1] <= 3 + LATE
            assert it.notify("GeneratorInhibit") == 503, "an inhibit is taken in once it is durable"
            assert "inhibit_alert" in it.status()["inhibitors"], "but it is obeyed at once"


def test_read_only_with_a_mirror_commands_are_200_and_durable(
    tmp_path: Path,
) -> None:
    with site(tmp_path, {"limits": {"max_run": "2m"}, "mirror": str(tmp_path / "memory")}) as it:
        with it.running(READ_ONLY) as process:
            assert it.request("POST", "/api/v1/mode", {"mode": "on", "for": "2m"})[0] == 200
            wait_until(it.board.closed, 20, "the contact to close")
            status = it.status()
            assert status["deadline"] - status["since"] > 90, "not half of it"
            assert any("The journal cannot be written" in fault for fault in status["faults"])
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert it.notify("GeneratorInhibit") == 200
            kill(process)
        with it.running():
            status = it.status()
            assert (status["mode"], status["torn"]) == ("off", False)
            assert status["inhibitors"][:2] == ["mode_off", "inhibit_alert"]


def test_the_mirror_is_by_default_in_the_runtime_directory(tmp_path: Path) -> None:
    with site(tmp_path, QUICK) as it, it.running(env={"RUNTIME_DIRECTORY": f"{tmp_path}/run:{tmp_path}/other"}):
        assert it.metric("generator_journal_mirrored") == 1
        assert list((tmp_path / "run").glob("journal.db.*.mirror"))
