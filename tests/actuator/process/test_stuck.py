"""A part of the real process is stuck while the contact is closed: where the contact is, and how the program ends."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from pathlib import Path

import bcrypt
import pytest

from tests.actuator.harness.measurements import closings, openings
from tests.actuator.harness.process import kill, run, site, starting
from tests.support import Process, wait_until, waited_for_processor

STUCK_HTTP = """
import pathlib, sys, time
from actuator import service
from actuator.cli import main
from actuator.report import status
service._STUCK_SECONDS = LIMIT
whole = status.document
def document(snapshot):
    while pathlib.Path("FLAG").exists():
        time.sleep(0.02)
    return whole(snapshot)
status.document = document
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_stuck_http_side_keeps_no_contact_closed(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    program = STUCK_HTTP.replace("FLAG", str(flag)).replace("LIMIT", "60")
    with site(tmp_path, {"limits": {"max_run": "2s", "tail": "1s"}}) as it, it.running(program) as process:
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        it.wait_until_closed()
        flag.touch()
        with contextlib.suppress(OSError):
            it.request_within(0.2, "/api/v1/status")
        wait_until(lambda: not it.board.closed(), 20, "the deadline")
        late = openings(it)[0] - closings(it)[0] - 2.0
        assert late < 1.0 + waited_for_processor(process.popen.pid, threads=True)
        process.signal(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM, "the end waits for nobody"


@pytest.mark.slow
def test_a_stuck_http_side_ends_the_program_with_the_contact_open(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    program = STUCK_HTTP.replace("FLAG", str(flag)).replace("LIMIT", "1")
    with site(tmp_path) as it, it.running(program) as process:
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        it.wait_until_closed()
        flag.touch()
        with contextlib.suppress(OSError):
            it.request_within(0.2, "/api/v1/status")
        assert process.wait(15) == 1
        assert not it.board.closed()
        assert "HTTP thread does not answer" in process.output


STUCK_DISK = """
import pathlib, sys, time
from actuator.cli import main
from actuator.journal import mirror, sidecar, store
def hang(whole):
    def do(*arguments):
        while pathlib.Path("FLAG").exists():
            time.sleep(0.02)
        return whole(*arguments)
    return do
store.Journal.write = hang(store.Journal.write)
store.Journal.check_files = hang(store.Journal.check_files)
mirror.write = hang(mirror.write)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_stuck_disk_keeps_no_contact_closed_and_ends_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    settings = {"limits": {"max_run": "2s", "tail": "1s"}, "mirror": str(tmp_path / "mirror")}
    with site(tmp_path, settings) as it, it.running(STUCK_DISK.replace("FLAG", str(flag))) as process:
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        it.wait_until_closed()
        flag.touch()
        code, text = it.request("POST", "/api/v1/acknowledge")  # has to be written: the turn waits for the disk
        assert (code, "could not be written" in text) == (503, True)
        wait_until(lambda: not it.board.closed(), 20, "the deadline")
        late = openings(it)[0] - closings(it)[0] - 2.0
        assert late < 1.0 + waited_for_processor(process.popen.pid, threads=True)
        flag.unlink()
        wait_until(lambda: it.request("POST", "/api/v1/acknowledge")[0] == 200, 30, "the disk to be used again")
        kinds = [row["kind"] for row in it.rows()]
        assert kinds.count("contact_opened") == 1
        assert process.popen.poll() is None


STUCK_TURN = """
import pathlib, sys, time
from actuator.core import controller
from actuator.cli import main
from actuator.web import outcomes
whole = controller.step
def step(state, inputs, now):
    while pathlib.Path("FLAG").exists():
        outcomes.TURN_TIMEOUT = 0.3
        time.sleep(0.02)
    return whole(state, inputs, now)
controller.step = step
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("lease", [None, "3s"])
def test_a_stuck_turn_ends_in_the_watchdog_and_a_lease_opens_before(tmp_path: Path, lease: str | None) -> None:
    flag = tmp_path / "flag"
    program = STUCK_TURN.replace("FLAG", str(flag))
    settings = {} if lease is None else {"relay": {"lease": lease}}
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        site(tmp_path, settings, timed=lease is not None) as it,
    ):
        manager.bind(str(tmp_path / "notify"))
        with it.running(program, env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as process:
            it.beat_twice()
            assert it.notify("BatterySocLow") == 200
            it.wait_until_closed()
            flag.touch()
            manager.settimeout(4.0)
            with contextlib.suppress(TimeoutError):
                while manager.recv(200):
                    """The turn is not stuck yet."""
            assert it.get("/-/healthy")[0] == 200, "the other thread answers, but it keeps no watchdog quiet"
            code, text = it.request("POST", "/api/v1/mode", {"mode": "off"})
            assert (code, "no turn has ended" in text) == (503, True)
            if lease is not None:
                wait_until(lambda: not it.board.closed(), 10, "the lease to end")
            assert it.board.closed() is (lease is None)
            kill(process)  # as the watchdog does
            released = run("release", f"--config.file={it.config_file}")  # as ExecStopPost= does
            assert (released.returncode, it.board.closed()) == (0, False), released.stderr


BUSY = """
import sys, time
import bcrypt
from actuator.cli import main
def checkpw(*_):
    print("checks", file=sys.stderr, flush=True)
    time.sleep(3600)
bcrypt.checkpw = checkpw
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_end_waits_for_no_password_and_no_stream(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users: {{am: '{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}'}}\n")
    with site(tmp_path) as it:
        it.flags = [f"--web.config.file={web}"]
        command_line = [*starting(BUSY), f"--config.file={it.config_file}", f"--web.listen-address=127.0.0.1:{it.port}"]
        with Process([*command_line, *it.flags]) as process:
            wait_until(lambda: "listening" in process.output, 60, "the actuator to listen")
            with socket.create_connection(("127.0.0.1", it.port)) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW06c2VjcmV0\r\n\r\n")
                wait_until(lambda: "checks" in process.output, 10, "the password to be checked")
                asked, waits = time.monotonic(), [waited_for_processor(process.popen.pid, threads=True)]
                process.signal(signal.SIGTERM)
                while process.popen.poll() is None and time.monotonic() - asked < 30:
                    waits.append(waited_for_processor(process.popen.pid, threads=True))
                assert process.wait(1) == -signal.SIGTERM
                assert time.monotonic() - asked < 2.0 + max(waits) - waits[0]
