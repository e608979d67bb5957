"""Another user's process that holds the names of our locks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.actuator.harness.foreign_lock import USER, held_by_another_user
from tests.actuator.harness.process import host_of, kill, site


def test_locks_of_another_user_prevent_neither_a_start_nor_an_opening() -> None:
    # A short path: a long name of a lock is hashed, and the stranger here does not know how.
    with TemporaryDirectory() as folder, site(Path(folder)) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        host, _, port = host_of(it.served.url).partition(":")
        names = (
            f"modbus {it.served.url} unit 1 coil 0",
            f"modbus {host} port {port} unit 1 coil 0",
            f"journal {it.journal.resolve()}",
        )
        moves = len(it.board.writes)
        with held_by_another_user(*names) as stranger, it.running() as process:
            assert [value for _, _, value in it.board.writes[moves:]][:1] == [0], "the first command opens"
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert f"process={stranger} user={USER} program=python" in process.output
