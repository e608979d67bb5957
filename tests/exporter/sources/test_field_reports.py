"""Public reports of devices that were read wrong: the bytes of each, and the right values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from exporter.sources.aims.source import AimsSource
from tests.exporter.harness.running_sources import Watch
from tests.exporter.harness.scripted_port import ScriptedPort, polled

publish = Watch().publish
"""Takes what a source publishes by itself; these tests call `poll`."""


# -- a Megatec device that reports one cell's volts (Network UPS Tools, 3482 and 2569)


def megatec(volts: Callable[[], float], rated: float) -> Callable[[bytes], bytes]:
    def answer(command: bytes) -> bytes:
        if command == b"F\r":
            return f"#120.0 017 {rated:05.2f} 60.0\r".encode()
        return f"(000.0 111.0 112.0 010 60.0 {volts():04.2f} 35.0 10001001\r".encode()

    return answer


@pytest.mark.parametrize(
    ("rated", "cells", "discharge"),
    [(48.0, 24, (2.23, 2.10, 2.02, 2.00, 1.95, 1.85)), (24.0, 12, (2.26, 1.95, 1.80, 1.68))],
)
def test_falling_cell_volts_are_falling_battery_volts(rated: float, cells: int, discharge: Sequence[float]) -> None:
    now = [discharge[0]]
    port = ScriptedPort(megatec(lambda: now[0], rated))
    source = AimsSource("ups", publish, port="ups", interval=5, cells=None)
    for volts in discharge:
        now[0] = volts
        values = polled(source, port)
        assert values["aims_battery_cell_volts"] == volts
        assert values["aims_battery_volts"] == pytest.approx(volts * cells)


def test_no_battery_volts_until_only_one_count_of_cells_fits() -> None:
    """1.95 V are 24 cells of a 48 V battery, or 30; the count is kept when the device answers again."""
    now = [1.95]
    port = ScriptedPort(megatec(lambda: now[0], 48.0))
    source = AimsSource("ups", publish, port="ups", interval=5, cells=None)
    assert "aims_battery_volts" not in polled(source, port)
    now[0] = 2.1
    assert polled(source, port)["aims_battery_volts"] == pytest.approx(50.4)
    now[0] = 1.85
    for _ in range(4):
        source.lost()
    assert polled(source, port)["aims_battery_volts"] == pytest.approx(44.4)


def test_volts_of_a_lithium_cell_are_no_battery_volts() -> None:
    port = ScriptedPort(megatec(lambda: 3.31, 48.0))
    assert "aims_battery_volts" not in polled(AimsSource("ups", publish, port="ups", interval=5, cells=None), port)
    values = polled(AimsSource("ups", publish, port="ups", interval=5, cells=15), port)
    assert values["aims_battery_volts"] == pytest.approx(49.65)
