"""The end of the program ends a reload: nothing is put in force, and no board is commanded, after the last opening."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actuator import config as configuration
from actuator.journal import AsyncJournal
from actuator.loop.runtime import Runtime
from actuator.relay.async_relay import AsyncRelay
from actuator.report.metrics import Counts
from actuator.web.mqtt import HomeAssistant
from tests.actuator.harness.modbus_board import TcpBoard
from tests.support import wait_until


@asynccontextmanager
async def at_work(folder: Path, more: str = "") -> AsyncIterator[tuple[Runtime, TcpBoard]]:
    """Yield a runtime with a simulated relay, and the board that its file names from now on."""
    file = folder / "actuator.yml"
    text = f"{{exporter: {{url: 'http://127.0.0.1:1/metrics'}}, {more}journal: {folder / 'journal.db'}, relay: "
    file.write_text(f"{text}{{type: simulated}}}}")
    config = configuration.load(file)
    with TcpBoard() as other:
        runtime = Runtime(config, file, AsyncRelay(config.relay.make_relay), AsyncJournal(config.journal, config.relay))
        await runtime.restore(found_closed=False)
        await runtime.turn()
        file.write_text(f"{text}{{type: modbus, url: '{other.url}'}}}}")
        yield runtime, other


async def test_a_change_of_the_relay_ends_before_the_contact_is_opened(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (runtime, other):
        other.board.silent = True
        former = runtime.config.relay
        reload = asyncio.create_task(runtime.reload(()))
        await asyncio.to_thread(wait_until, lambda: bool(other.board.functions), 10, "the new board to be asked")
        assert await runtime.end("test")
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(1):
                await reload
        assert runtime.config.relay == former


def is_connecting() -> bool:
    return any(task.get_name() == "mqtt" for task in asyncio.all_tasks())


async def test_reloads_end_before_the_connection_to_the_broker(tmp_path: Path) -> None:
    async with at_work(tmp_path, "mqtt: {url: 'mqtt://127.0.0.1:1'}, ") as (runtime, _):
        home_assistant = HomeAssistant(runtime, CollectorRegistry(), Counts(), "1.2.3", "")
        seen: list[bool] = []

        async def end_reloads() -> None:
            seen.append(is_connecting())

        running = asyncio.create_task(home_assistant.run(end_reloads))
        await asyncio.sleep(0)
        assert is_connecting()
        running.cancel()
        await asyncio.wait({running}, timeout=5)
        assert seen == [True]
        assert not is_connecting()
        assert await runtime.end("test")


async def test_a_file_that_is_read_too_late_changes_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (runtime, other):
        former = runtime.config
        assert await runtime.end("test")
        with pytest.raises(asyncio.CancelledError):
            await runtime.reload(())
        assert runtime.config is former
        assert not other.board.functions
