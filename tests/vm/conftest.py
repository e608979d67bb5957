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
    machine.check("timeout 180 sh -c 'until test -S /run/board; do sleep 0.1; done'", deadline_seconds=240)
    plugged = Board(machine)
    plugged.wait_for_device()
    yield plugged
    machine.check("systemctl stop board; timeout 60 sh -c 'while test -e /dev/hidraw0; do sleep 0.1; done'")
