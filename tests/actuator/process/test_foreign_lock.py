"""Another user's process that takes the ports of our locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actuator.harness.foreign_lock import PORTS, USER, address_of, taken_by_a_stranger
from tests.actuator.harness.process import host_of, kill, site


@pytest.mark.parametrize("ports", [1, len(PORTS)])
def test_stranger_that_takes_every_lock_keeps_no_contact_closed_and_no_start_out(tmp_path: Path, ports: int) -> None:
    with site(tmp_path) as it:
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
        with taken_by_a_stranger(*map(address_of, names), ports=ports) as stranger, it.running() as process:
            assert [value for _, _, value in it.board.writes[moves:]][:1] == [0], "the first command opens"
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert f"process={stranger} user={USER} program=python" in process.output
