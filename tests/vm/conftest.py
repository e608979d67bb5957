"""One machine for all its tests: starting it costs most."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.harness.boards import UsbRelay
from tests.vm.harness.installation import install
from tests.vm.harness.machine import Machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture(scope="session")
def installed(machine: Machine) -> Machine:
    install(machine)
    return machine


@pytest.fixture
def board(machine: Machine) -> Iterator[UsbRelay]:
    with UsbRelay.running(machine) as plugged:
        yield plugged
