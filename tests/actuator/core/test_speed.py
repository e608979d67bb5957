"""How long one decision takes: measured, not asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.core import controller
from actuator.core.inputs import Inputs, ReadBack
from tests.actuator.harness.simulated_site import World

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.bench


def test_a_step_in_which_nothing_happens(benchmark: BenchmarkFixture) -> None:
    world = World().on_alerts()
    inputs = Inputs(settings=world.settings, read_back=ReadBack(closed=False, at=world.now + 1))
    benchmark(controller.step, world.state, inputs, world.now + 1)


def test_a_step_with_a_page_in_a_run(benchmark: BenchmarkFixture) -> None:
    world = World(soc=0.3).on_alerts()
    world.fire("start")
    world.run(60)
    inputs = Inputs(settings=world.settings, page=world.page(), read_back=ReadBack(closed=True, at=world.now + 1))
    benchmark(controller.step, world.state, inputs, world.now + 1)
