"""The programs when they are interrupted, and when nobody takes their output."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exporter.harness import captures
from tests.support import Process, command, run_command

CAPTURE = captures.FOLDER / captures.INVERTING


@pytest.mark.parametrize("words", [("status",), ("mode", "off")])
def test_ctrl_c_while_a_server_hangs_ends_without_a_traceback(words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Process([command("generator-actuator"), *words, "--url", url]) as process:
            listener.settimeout(30)
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(100)
                process.signal(signal.SIGINT)
                assert (process.wait(10), process.output) == (130, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_written_with_backslashes(encoding: str) -> None:
    program = "from toolkit.exit_status import exit_status\nexit_status(lambda: print('fuel \u2264 10 %') or 0)()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "fuel \\u2264 10 %\n", "")


COMMANDS = pytest.mark.parametrize(
    "words",
    [
        ("generator-actuator", "--version"),
        ("magnum-exporter", "--version"),
        ("magnum-exporter", "listen", str(CAPTURE)),
        ("offgrid-simulator", "--config.check"),
    ],
    ids=lambda words: " ".join(words[:2]),
)


def run(output: int, words: tuple[str, ...]) -> tuple[int, str]:
    name, *arguments = words
    done = subprocess.run(
        [command(name), *arguments], stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@COMMANDS
def test_output_whose_reader_has_ended(words: tuple[str, ...]) -> None:
    reader, output = os.pipe()
    os.close(reader)
    try:
        assert run(output, words) == (141, "")
    finally:
        os.close(output)


@COMMANDS
def test_output_on_a_full_disk(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        assert run(full.fileno(), words) == (1, "cannot write: No space left on device\n")


@COMMANDS
def test_output_that_is_closed(words: tuple[str, ...]) -> None:
    name, *arguments = words
    done = run_command("sh", "-c", '"$@" >&-', "sh", command(name), *arguments)
    assert (done.returncode, done.stderr) == (0, "")
