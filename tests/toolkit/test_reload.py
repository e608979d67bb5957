from __future__ import annotations

import asyncio
import gc

import pytest
from prometheus_client import CollectorRegistry

from toolkit.config import ConfigError
from toolkit.reload import Reloader


class Program:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.now = 1000.0
        self.refuse: Exception | None = None
        self.applied = 0
        self.entered = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.reloader = Reloader(self.apply, prefix="x", registry=self.registry, clock=lambda: self.now)

    async def apply(self) -> None:
        self.entered += 1
        await self.gate.wait()
        self.entered -= 1
        if self.refuse is not None:
            raise self.refuse
        self.applied += 1

    def shown(self) -> tuple[float | None, float | None]:
        return (
            self.registry.get_sample_value("x_config_last_reload_successful"),
            self.registry.get_sample_value("x_config_last_reload_success_timestamp_seconds"),
        )


async def test_success_and_failure_as_metrics(caplog: pytest.LogCaptureFixture) -> None:
    program = Program()
    assert program.shown() == (1, 1000)
    program.now, program.refuse = 2000.0, ConfigError("a", "b", "c")
    with pytest.raises(ConfigError):
        await program.reloader.reload()
    assert program.shown() == (0, 1000)
    assert [record.getMessage() for record in caplog.records] == ["invalid configuration, the old one stays"]
    program.now, program.refuse = 3000.0, None
    await program.reloader.reload()
    assert program.shown() == (1, 3000)


async def test_one_reload_at_a_time() -> None:
    program = Program()
    program.gate.clear()
    attempts = [asyncio.create_task(program.reloader.reload()) for _ in range(3)]
    for _ in attempts:
        await asyncio.sleep(0)
    assert program.entered == 1
    program.gate.set()
    await asyncio.gather(*attempts)
    assert program.applied == 1


async def test_one_reload_answers_all_who_asked_while_another_ran() -> None:
    program = Program()
    program.gate.clear()
    first = asyncio.create_task(program.reloader.reload())
    for _ in range(3):
        await asyncio.sleep(0)
    assert program.entered == 1
    others = [asyncio.create_task(program.reloader.reload()) for _ in range(100)]
    for _ in range(3):
        await asyncio.sleep(0)
    others.pop().cancel()
    program.gate.set()
    await asyncio.gather(first, *others)
    assert program.applied == 2


async def test_reload_by_signal(caplog: pytest.LogCaptureFixture) -> None:
    program = Program()
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
    for refuse, successful in ((ConfigError("a", "b", "c"), 0), (None, 1)):
        program.refuse = refuse
        program.reloader.on_signal()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=5)
        assert program.shown()[0] == successful
    gc.collect()
    assert not problems
    assert len(caplog.records) == 1


async def test_a_closed_reloader_ends_what_runs_and_begins_nothing() -> None:
    program = Program()
    program.gate.clear()
    program.reloader.on_signal()
    asked = asyncio.create_task(program.reloader.reload())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert program.entered == 1
    await program.reloader.close()
    program.gate.set()
    program.reloader.on_signal()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert asked.cancelled()
    assert (program.applied, program.shown()) == (0, (1, 1000))
