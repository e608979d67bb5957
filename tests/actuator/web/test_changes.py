"""Of the ten changes an hour, only those count that came into force."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from actuator.config import Config
from actuator.core.inputs import Command
from actuator.intake.input_queue import FullError, Outcome
from actuator.web.latest_status import LatestStatus
from actuator.web.settings import SettingsRoutes
from tests.actuator.report.test_status import snapshot, world
from toolkit.config import decode

CONFIG = decode(
    {"exporter": {"url": "http://127.0.0.1:1/metrics"}, "relay": {"type": "simulated"}, "journal": "j.db"}, Config
)


class Queue:
    """Takes commands, or is full; a turn uses them once it may."""

    def __init__(self) -> None:
        self.full = False
        self.commands: list[Command] = []
        self.turn = asyncio.Event()
        self.turn.set()

    async def command(self, command: Command) -> Outcome:
        if self.full:
            raise FullError("commands")
        self.commands.append(command)
        await self.turn.wait()
        return Outcome(obeyed=True, durable=True, in_sidecar=True, journal_fault="")


async def statuses(routes: Any, times: int) -> list[int]:  # noqa: ANN401 - the routes are private
    found = []
    for _ in range(times):
        try:
            answer = await routes._change(make_mocked_request("POST", "/api/v1/settings"), "", {})
        except web.HTTPException as error:
            found.append(error.status)
        else:
            found.append(answer.status)
    return found


def test_changes_that_are_refused_do_not_count() -> None:
    async def asked() -> tuple[list[int], list[int]]:
        queue: Any = Queue()
        runtime: Any = SimpleNamespace(file=CONFIG, config=CONFIG, snapshot=snapshot(world()), input_queue=queue)
        none: Any = None
        routes = SettingsRoutes(runtime, LatestStatus(runtime, none))
        queue.full = True
        refused = await statuses(routes, 12)
        queue.full = False
        return refused, await statuses(routes, 11)

    refused, then = asyncio.run(asked())
    assert refused == 12 * [503]
    assert then == [*10 * [200], 429]


async def test_change_whose_sender_leaves_counts_and_the_next_one_waits_for_it() -> None:
    queue: Any = Queue()
    runtime: Any = SimpleNamespace(file=CONFIG, config=CONFIG, snapshot=snapshot(world()), input_queue=queue)
    none: Any = None
    routes = SettingsRoutes(runtime, LatestStatus(runtime, none))
    request: Any = SimpleNamespace(
        content_type="application/json", read=AsyncMock(return_value=b'{"set": {}}'), get=lambda _name, other: other
    )
    queue.turn.clear()
    leaves = asyncio.create_task(routes.edit(request))
    await asyncio.sleep(0.01)
    leaves.cancel()
    stays = asyncio.create_task(routes.edit(request))
    await asyncio.sleep(0.01)
    assert len(queue.commands) == 1
    queue.turn.set()
    async with asyncio.timeout(10):
        assert (await stays).status == 200
    assert leaves.cancelled()
    assert len(routes._changes) == 2
