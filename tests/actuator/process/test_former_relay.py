"""The relay is edited in the file while its contact is closed, the process dies: the old one opens all the same."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.journal import sidecar
from tests.actuator.harness.modbus_board import TcpBoard
from tests.actuator.harness.process import Actuator, kill, run, site
from tests.support import wait_until


@contextlib.contextmanager
def edited_while_closed(folder: Path) -> Iterator[tuple[Actuator, TcpBoard]]:
    """Yield a site whose actuator has been killed with its contact closed, and the board that the file names now."""
    with site(folder) as it, TcpBoard() as other:
        it.flags = ["--web.enable-lifecycle"]
        with it.running() as process:
            it.close_for_an_alert()
            it.configure({"relay": {"url": other.url}})
            assert it.request("POST", "/-/reload")[0] == 500
            kill(process)
        assert it.board.closed(), "the board latches"
        it.page.engine(runs=False)
        yield it, other


def release(it: Actuator) -> subprocess.CompletedProcess[str]:
    return run("release", f"--config.file={it.config_file}")


def test_a_start_opens_the_former_relay_then_the_new_one(tmp_path: Path) -> None:
    with edited_while_closed(tmp_path) as (it, other):
        other.board.set(0, closed=True)
        with it.running() as process:
            assert not it.board.closed()
            assert not other.board.closed()
            assert other.url in it.status()["contact"]["relay"]
            moves = len(it.board.writes)
            kill(process)
        it.board.set(0, closed=True)
        with it.running():
            assert it.board.closed(), "from then on it is somebody else's"
            assert len(it.board.writes) == moves


def test_a_start_with_a_file_that_is_wrong_elsewhere_opens_both(tmp_path: Path) -> None:
    with edited_while_closed(tmp_path) as (it, other):
        other.board.set(0, closed=True)
        it.configure({"relay": {"url": other.url}, "start_soc": "80%"})
        for _ in range(2):
            it.board.set(0, closed=True)
            assert run(f"--config.file={it.config_file}").returncode == 2
            assert not it.board.closed()
            assert not other.board.closed()


def test_release_opens_both_and_reports_each(tmp_path: Path) -> None:
    with edited_while_closed(tmp_path) as (it, other):
        other.board.set(0, closed=True)
        done = release(it)
        assert done.returncode == 0, done.stderr
        assert done.stdout == (
            f"last in force: coil 0 of unit 1 at {it.served.url}: confirmed open.\n"
            f"coil 0 of unit 1 at {other.url}: confirmed open.\n"
        )
        assert not it.board.closed()
        assert not other.board.closed()


@pytest.mark.parametrize("fault", ["welded", pytest.param("silent", marks=pytest.mark.slow)])
def test_release_is_as_bad_as_the_worse_of_both(tmp_path: Path, fault: str) -> None:
    with edited_while_closed(tmp_path) as (it, other):
        other.board.set(0, closed=True)
        setattr(it.board, fault, True)
        done = release(it)
        assert done.returncode == 1
        assert "NOT opened" in done.stderr
        assert done.stderr.startswith(f"last in force: coil 0 of unit 1 at {it.served.url}: ")
        assert done.stdout == f"coil 0 of unit 1 at {other.url}: confirmed open.\n"
        assert not other.board.closed()


@pytest.mark.slow
def test_a_removed_board_is_logged_and_does_not_prevent_the_start(tmp_path: Path) -> None:
    with edited_while_closed(tmp_path) as (it, other):
        it.board.silent = True
        other.board.set(0, closed=True)
        with it.running(within=30) as process:
            assert not other.board.closed()
            line = "the relay that was last in force could not be confirmed open"
            wait_until(lambda: process.output.count(line) == 1, 5, "the log line")
            assert "relay_fault" not in it.status()["inhibitors"]


def test_the_same_coil_with_a_lease_is_no_other_relay(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        it.configure({"relay": {"lease": "30s"}})
        done = release(it)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_a_former_relay_of_another_controller_is_left_alone(tmp_path: Path) -> None:
    with site(tmp_path) as it, TcpBoard() as other, it.running():
        it.close_for_an_alert()
        it.configure({"relay": {"url": other.url}})
        refused = run(f"--config.file={it.config_file}", "--web.listen-address=127.0.0.1:0")
        assert refused.returncode == 1
        assert "the relay that was last in force cannot be opened" in refused.stderr
        assert "is held by another controller" in refused.stderr
        assert it.board.closed()
        assert it.status()["phase"] == "running"


def test_a_disk_that_hangs_keeps_no_contact_closed(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.board.set(0, closed=True)
        os.mkfifo(sidecar.path_of(tmp_path / "journal.db"))
        done = release(it)
        assert done.returncode == 0, done.stderr
        assert not it.board.closed()
        assert "last in force cannot be read" in done.stderr


def test_a_configuration_in_a_named_pipe_keeps_no_contact_closed(tmp_path: Path) -> None:
    with edited_while_closed(tmp_path) as (it, _):
        it.config_file.unlink()
        os.mkfifo(it.config_file)
        state = {"STATE_DIRECTORY": str(tmp_path)}
        refused = run(f"--config.file={it.config_file}", env=state)
        assert (refused.returncode, "a named pipe, not a file" in refused.stderr) == (2, True), refused.stderr
        assert not it.board.closed()
        it.board.set(0, closed=True)
        done = run("release", f"--config.file={it.config_file}", env=state)
        assert (done.returncode, done.stdout.count("confirmed open")) == (0, 1), done.stderr
        assert not it.board.closed()
