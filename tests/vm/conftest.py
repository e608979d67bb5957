"""One machine for all its tests: starting it costs most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.vm.harness.boards import UsbRelay
from tests.vm.harness.installation import install
from tests.vm.harness.machine import Machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of several tests: xdist queues a second file behind a single test, which may wait long."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: item.get_closest_marker("vm") is not None and tests[item.path] == 1)


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
