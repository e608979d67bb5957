"""`relays --test`: closes only for a person who says that nothing is connected, and opens whatever happens."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from actuator.commands import relay_trial
from tests.actuator.harness.modbus_board import Board, TcpBoard
from tests.actuator.harness.process import site
from tests.support import command, wait_until


@pytest.fixture
def board() -> Iterator[TcpBoard]:
    with TcpBoard(Board()) as served:
        yield served


def written(folder: Path, board: TcpBoard) -> Path:
    file = folder / "actuator.yml"
    file.write_text(f"relay: {{type: modbus, url: '{board.url}'}}\n")
    return file


@contextmanager
def terminal(file: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command with a terminal; yields it and our end of the terminal."""
    ours, theirs = pty.openpty()
    arguments: list[str | Path] = [command("generator-actuator"), "relays", "--test", f"--config.file={file}"]
    with subprocess.Popen(arguments, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def test_it_closes_reads_back_and_opens(tmp_path: Path, board: TcpBoard) -> None:
    with terminal(written(tmp_path, board)) as (process, typed):
        os.write(typed, b"disconnected\n")
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output.decode()
    assert b"Closed: confirmed. Opened: confirmed." in output
    assert [value > 0 for _, _, value in board.board.writes] == [False, True, False]
    closed, opened = board.board.writes[1][0], board.board.writes[2][0]
    assert opened - closed < 5.0
    assert not board.board.closed()


def test_any_other_word_does_nothing(tmp_path: Path, board: TcpBoard) -> None:
    with terminal(written(tmp_path, board)) as (process, typed):
        os.write(typed, b"yes\n")
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, b"Nothing was done." in output) == (1, True)
    assert board.board.writes == []


def test_without_a_terminal_or_a_relay_it_refuses(
    tmp_path: Path, board: TcpBoard, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert relay_trial.run(written(tmp_path, board)) == 2
    assert "terminal" in capsys.readouterr().out
    assert relay_trial.run(tmp_path / "nowhere.yml") == 2
    assert board.board.writes == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_opens_when_it_is_interrupted(tmp_path: Path, board: TcpBoard, number: signal.Signals) -> None:
    with terminal(written(tmp_path, board)) as (process, typed):
        os.write(typed, b"disconnected\n")
        wait_until(board.board.closed, 30, "the contact is closed")
        process.send_signal(number)
        process.communicate(timeout=60)
    assert not board.board.closed()
    assert [value for _, _, value in board.board.writes][-1] == 0


def test_more_signals_do_not_end_the_opening(tmp_path: Path, board: TcpBoard) -> None:
    with terminal(written(tmp_path, board)) as (process, typed):
        os.write(typed, b"disconnected\n")
        wait_until(board.board.closed, 30, "the contact is closed")
        board.board.refuses_writes = True
        for number in 5 * (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        board.board.refuses_writes = False
        output, _ = process.communicate(timeout=60)
    assert not board.board.closed()
    assert b"Cancelled." in output
    assert b"is confirmed open." in output
    assert process.returncode == 1


def test_a_board_that_is_gone_after_the_closing_is_not_reported_open(
    tmp_path: Path, board: TcpBoard, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("actuator.relay.opening.SECONDS", 0.3)

    def gone() -> None:
        wait_until(board.board.closed, 30, "the contact is closed")
        board.board.refuses_writes = True

    with ThreadPoolExecutor() as pool:
        going = pool.submit(gone)
        assert relay_trial.run(written(tmp_path, board), ask=lambda _: "disconnected") == 1
        going.result(30)
    assert "is NOT confirmed open" in capsys.readouterr().out


def test_ctrl_c_at_the_question_does_nothing(
    tmp_path: Path, board: TcpBoard, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert relay_trial.run(written(tmp_path, board), ask=ctrl_c) == 1
    assert "Nothing was done." in capsys.readouterr().out
    assert board.board.writes == []


def test_a_relay_that_an_actuator_holds_is_left_alone(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        moves = len(it.board.writes)
        with terminal(it.config_file) as (process, typed):
            os.write(typed, b"disconnected\n")
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert b"Stop the actuator first" in output
        assert len(it.board.writes) == moves
