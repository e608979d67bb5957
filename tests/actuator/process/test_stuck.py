"""A part of the real process is stuck while the contact is closed: where the contact is, and how the program ends."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import pytest

from tests.actuator.harness.measurements import closings, openings
from tests.actuator.harness.process import site
from tests.support import wait_until, waited_for_processor

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
        flag.touch()
        with contextlib.suppress(OSError):
            it.request_within(0.2, "/api/v1/status")
        wait_until(lambda: not it.board.closed(), 20, "the deadline")
        late = openings(it)[0] - closings(it)[0] - 2.0
        assert late < 1.0 + waited_for_processor(process.popen.pid, threads=True)
        process.signal(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM, "the end waits for nobody"


@pytest.mark.slow
def test_an_http_side_that_does_not_answer_ends_the_program_with_the_contact_open(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    program = STUCK_HTTP.replace("FLAG", str(flag)).replace("LIMIT", "1")
    with site(tmp_path) as it, it.running(program) as process:
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        assert it.board.closed()
        flag.touch()
        with contextlib.suppress(OSError):
            it.request_within(0.2, "/api/v1/status")
        assert process.wait(15) == 1
        assert not it.board.closed()
        assert "the thread that serves does not answer" in process.output
