"""A signal within the first moments of a start, and a standard error that nobody reads."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.actuator.harness.process import run, site
from tests.support import command

SIGNALLED = """
import os, signal, sys
from actuator import cli

def read_flags(arguments, read=cli.read_flags):
    for number in NUMBERS:
        os.kill(os.getpid(), number)
    return read(arguments)

cli.read_flags = read_flags
sys.exit(cli.main(sys.argv[1:]))
"""
"""The actuator that receives signals before it has looked at its board."""


def test_a_stop_in_the_first_moments_of_a_start_ends_with_the_contact_open(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.board.set(0, closed=True)  # as a process before it has left it
        numbers = f"({signal.SIGHUP:d}, {signal.SIGTERM:d})"
        program = SIGNALLED.replace("NUMBERS", numbers)
        ended = run(f"--config.file={it.config_file}", f"--web.listen-address=127.0.0.1:{it.port}", program=program)
        assert not it.board.closed()
        assert ended.returncode == -signal.SIGTERM, ended.stderr
        assert "msg=ended" in ended.stderr


def test_a_signal_ends_a_command_at_once(tmp_path: Path) -> None:
    program = SIGNALLED.replace("NUMBERS", f"({signal.SIGTERM:d},)")
    ended = run("release", f"--config.file={tmp_path / 'none.yml'}", program=program)
    assert ended.returncode == -signal.SIGTERM, ended.stderr


@pytest.mark.parametrize("program", ["generator-actuator", "magnum-exporter"])
@pytest.mark.parametrize("how", ["closed", "not read"])
def test_a_wrong_configuration_exits_with_2_without_standard_error(tmp_path: Path, program: str, how: str) -> None:
    file = tmp_path / "wrong.yml"
    file.write_text("nonsense: 1\n")
    arguments = [str(command(program)), f"--config.file={file}"]
    if how == "closed":
        assert subprocess.run(["sh", "-c", 'exec "$0" "$@" 2>&-', *arguments], check=False).returncode == 2
        return
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert subprocess.run(arguments, stderr=writer, check=False).returncode == 2
    finally:
        os.close(writer)
