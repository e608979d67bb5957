"""One machine for all its tests: starting it costs most."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.board import PYTHON, Board
from tests.vm.machine import Machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture
def board(machine: Machine) -> Iterator[Board]:
    machine.check(
        "systemd-run --quiet --collect --unit=board --working-directory=$PWD "
        f"{PYTHON} tests/vm/relay_board.py /run/board"
    )
    machine.check("for i in $(seq 200); do test -S /run/board && break; sleep 0.1; done; test -S /run/board")
    plugged = Board(machine)
    plugged.wait_for_device()
    yield plugged
    machine.check("systemctl stop board; for i in $(seq 100); do test -e /dev/hidraw0 || break; sleep 0.1; done")
