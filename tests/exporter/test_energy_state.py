"""Energy and run time over restarts of the program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from pathlib import Path

import pytest

from exporter import app, config
from exporter.app import Exporter
from exporter.energy_state import EVERY_SECONDS, EnergyState
from exporter.site import Site
from exporter.soc import Judge
from exporter.sources.magnum import energy
from exporter.sources.magnum.bus import DURABLE, Bus
from exporter.sources.magnum.devices import generator_starter
from exporter.sources.magnum.packet import Packet
from exporter.sources.magnum.run_time import RUN_SECONDS, RunTime
from tests.exporter.harness import captures
from tests.exporter.harness.magnum_port import MagnumPort
from tests.support import wait_until

SITE = Site(Judge(()), None)


def shown(exporter: Exporter) -> dict[str, float]:
    reading = exporter.site.devices["main"].readings.get("counters")
    return {sample.metric: sample.value for sample in reading.samples if sample.metric in DURABLE} if reading else {}


def test_energy_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "energy.json"
    port = MagnumPort(tmp_path / "adapter")
    port.plug()
    (tmp_path / "exporter.yml").write_text(
        f"sources:\n  main: {{type: magnum, port: {port.name}}}\nenergy_state: {file}\n"
    )
    options = config.load(tmp_path / "exporter.yml")
    packets = [line.data for line in captures.lines(captures.INVERTING)]
    silence = threading.Event()

    async def has_energy(exporter: Exporter) -> float:
        await asyncio.to_thread(wait_until, lambda: shown(exporter).get(energy.DISCHARGE.name), 30, "energy")
        return shown(exporter)[energy.DISCHARGE.name]

    async def first() -> None:
        exporter = Exporter()
        await exporter.apply(options)
        await has_energy(exporter)
        await exporter.stop()
        assert json.loads(file.read_text())["main"] == shown(exporter)

    async def second() -> float:
        exporter = Exporter()
        await exporter.apply(options)
        try:
            return await has_energy(exporter)
        finally:
            await exporter.stop()

    thread = port.repeat(packets, silence)
    try:
        asyncio.run(first())
    finally:
        silence.set()
        thread.join()
    before = json.loads(file.read_text())["main"][energy.DISCHARGE.name]
    assert asyncio.run(second()) >= before > 0, "shown before the inverter is known again"
    port.unplug()


def test_bus_goes_on_from_its_counters() -> None:
    bus = Bus()
    bus.restore({energy.INPUT.name: 5.0, RUN_SECONDS.name: 60.0, "magnum_inverter_ac_output_watts_peak": 9.0})
    own = {sample.metric: sample.value for sample in bus.counters(0, 0).samples if not sample.labels}
    assert own[energy.INPUT.name] == 5
    assert own[RUN_SECONDS.name] == 60
    assert energy.OUTPUT.name not in own


@pytest.mark.parametrize("text", ["", "[]", '{"main": 5}', '{"main": {"x": -1}}', '{"main": {"x": NaN}}', "\0\0"])
def test_a_broken_file_starts_at_0(tmp_path: Path, text: str) -> None:
    file = tmp_path / "energy.json"
    file.write_text(text)
    state = EnergyState(file)
    state.read()
    assert state.of("main") == {}


async def test_written_every_5_minutes_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "energy.json"
    file.write_text('{"gone": {"x_total": 7.0}}')
    state = EnergyState(file)
    state.read()
    os.utime(file, (0, 0))
    for now in (100.0, 100.0 + EVERY_SECONDS - 1):
        await state.write_when_due(SITE, now)
        assert file.stat().st_mtime == 0
    await state.write_when_due(SITE, 100.0 + EVERY_SECONDS)
    assert json.loads(file.read_text()) == {"gone": {"x_total": 7.0}}, "a device that is away keeps its counters"
    assert file.stat().st_mtime > 0


async def test_a_folder_that_is_not_there_stops_nothing(tmp_path: Path) -> None:
    state = EnergyState(tmp_path / "none" / "energy.json")
    state.read()
    await state.write(SITE)


def test_run_time_is_what_the_starter_confirms() -> None:
    """Ready, then a manual run of three packets, a gap, then ready."""
    clock = RunTime()
    assert clock.counter() == ()
    for at, state in ((0, 2), (1, 3), (2, 3), (4, 3), (40, 3), (41, 2), (42, 2)):
        packet = Packet(bytes([0xA1, state, 0x34, 0x3A, 0, 0x7A]))
        clock.add(generator_starter.RUNNING_FIELD.value(packet), at)
    (sample,) = clock.counter()
    assert (sample.metric, sample.value) == ("magnum_ags_run_seconds_total", 3.0)


async def test_energy_is_written_although_a_task_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_DRIVER_END_SECONDS", 0.05)
    file, release = tmp_path / "energy.json", asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    exporter = Exporter()
    exporter._energy = EnergyState(file)
    task = exporter._nut = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(10):
            await exporter.stop()
    finally:
        release.set()
    await task
    assert file.exists()
