"""How the webhook reads notifications: one at a time, also when their senders leave."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from actuator.core.settings import AlertSettings
from actuator.intake import alertmanager
from actuator.loop.runtime import Runtime
from actuator.report.metrics import Counts
from actuator.web import server
from actuator.web.event_stream import Watchers
from toolkit import web as toolkit_web
from toolkit.webconfig import WebConfig


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[ClientSession]:
    web_config = WebConfig.load(None)
    config = SimpleNamespace(alerts=AlertSettings(), access=None)
    app = server.build(
        cast("Runtime", SimpleNamespace(config=config, snapshot=None, ended=False)),
        Counts(),
        CollectorRegistry(),
        version="1",
        web_config=web_config,
        reload=None,
        watchers=Watchers(),
        history=Mock(),
    )
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], web_config) as [(_, port)],
        ClientSession(f"http://127.0.0.1:{port}") as session,
        asyncio.timeout(20),
    ):
        yield session


async def test_sender_that_leaves_keeps_its_turn_until_its_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, free = list[bytes](), threading.Event()

    def read(body: bytes, _: AlertSettings) -> alertmanager.Notification:
        begun.append(body)
        assert free.wait(10)
        return alertmanager.Notification(refused="read")

    monkeypatch.setattr(alertmanager, "read", read)
    async with served() as session:

        def send(text: str) -> asyncio.Task[int]:
            async def post() -> int:
                async with session.post("/api/v1/alerts", json=text) as response:
                    return response.status

            return asyncio.create_task(post())

        # Larger than what goes on without its sender.
        gone = [send("gone" * 5000), *(send(f"gone {number}" * 5000) for number in range(20))]
        while not begun:  # noqa: ASYNC110 - it begins in a thread
            await asyncio.sleep(0.01)
        stays = send("stays")
        for one in gone:
            one.cancel()
            await asyncio.wait({one})
            assert (await session.get("/-/healthy")).status == 200, "the server has seen that it is gone"
        assert len(begun) == 1
        free.set()
        assert await stays == 400
        assert begun[1:] == [b'"stays"'], "those that have left are not read"


async def test_what_was_read_of_a_refused_body_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = weakref.WeakSet[Mock]()

    def read(_body: bytes, _alerts: AlertSettings) -> alertmanager.Notification:
        parsed = Mock()
        kept.add(parsed)
        raise ValueError("not version 4")

    monkeypatch.setattr(alertmanager, "read", read)
    async with served() as session:
        gc.disable()
        try:
            async with session.post("/api/v1/alerts", json={}) as response:
                assert response.status == 400
                assert "not version 4" in await response.text()
            assert not kept
        finally:
            gc.enable()
