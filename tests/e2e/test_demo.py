"""The demo of `make run`: it completes, and it leaves nothing behind however it ends."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from simulator.demo.deployment import USUAL_PORTS
from tests.support import ROOT, Process, wait_until

pytestmark = pytest.mark.e2e


def demo(tmp_path: Path, *options: str) -> Process:
    return Process([sys.executable, "-m", "simulator.demo", *options], env={"TMPDIR": str(tmp_path)}, cwd=ROOT)


def wait_for(process: Process, words: str) -> None:
    """Wait until the demo prints these words."""

    def printed() -> bool:
        ended = process.popen.poll()
        assert ended is None, f"it ended with {ended} before it printed {words!r}"
        return words in process.output

    wait_until(printed, 60, f"the demo prints {words!r}")


def left_behind(tmp_path: Path) -> list[str]:
    """Return files in the folder, and processes that were started with anything in it."""
    found = [str(path) for path in tmp_path.iterdir()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:  # it has just ended
            continue
        if str(tmp_path).encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize("moment", ["the panel", pytest.param("Contact closed", marks=pytest.mark.slow)])
def test_interruption_leaves_nothing(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path) as process:
        wait_for(process, moment)
        process.signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert "Every process has ended" in process.output
        assert not left_behind(tmp_path)


def test_busy_port_is_avoided(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            busy.bind(("127.0.0.1", USUAL_PORTS["exporter"]))
            busy.listen()
        except OSError:
            pass  # another program uses the port, which serves the test as well
        with demo(tmp_path, "--without-prometheus") as process:
            wait_for(process, "Battery ")
            assert f":{USUAL_PORTS['exporter']}/" not in process.output
            process.signal(signal.SIGTERM)
            assert process.wait(30) == 130
            assert not left_behind(tmp_path)


@pytest.mark.longest
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("options", [(), ("--without-prometheus",)])
def test_demo_completes(tmp_path: Path, options: tuple[str, ...]) -> None:
    with demo(tmp_path, *options) as process:
        assert process.wait(300) == 0, process.output
        output = process.output
        moments = ["Contact closed", "Generator power confirmed", "Contact open, and", "The demo is complete"]
        places = [output.find(moment) for moment in moments]
        assert -1 not in places, output
        assert places == sorted(places), output
        assert ("BatterySocLow fires" in output) == (not options)
        assert "Contact open. Every process has ended" in output
        assert not left_behind(tmp_path)
