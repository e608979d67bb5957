"""What the event stream sends: a status when something but the clock has changed, else a comment now and then."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import bcrypt
import msgspec
import pytest
from aiohttp import ClientSession, StreamReader
from prometheus_client import CollectorRegistry

from actuator.config import Access
from actuator.loop.runtime import Runtime
from actuator.report import status
from actuator.report.metrics import Counts
from actuator.report.status_changes import changed
from actuator.site.values import SiteValues
from actuator.web import event_stream, server
from tests.actuator.report.test_status import running, snapshot
from toolkit import web as toolkit_web
from toolkit.replace import replace
from toolkit.webconfig import WebConfig


def test_only_the_clock_is_no_change() -> None:
    of = running()
    sent = status.status(snapshot(of))
    of.run(15)
    newest = status.status(snapshot(of))
    assert newest.time - sent.time >= 14
    assert newest.budget_remaining < sent.budget_remaining
    assert not changed(sent, newest)


@pytest.mark.parametrize(
    "change",
    [
        {"soc": 0.201},
        {"soc": None},
        {"start_soc": 0.2501},
        {"deadline": None},
        {"budget_remaining": 1.0},
        {"headline": "Another."},
        {"causes": ()},
        {"faults": ("The relay: broken.",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_is_a_change(change: dict[str, Any]) -> None:
    sent = status.status(snapshot(running()))
    assert changed(sent, msgspec.structs.replace(sent, **change))


def test_moment_is_a_change_once_it_moved_by_more_than_a_second() -> None:
    sent = status.status(snapshot(running()))
    assert sent.deadline is not None
    assert not changed(sent, msgspec.structs.replace(sent, deadline=sent.deadline + 0.9))
    assert changed(sent, msgspec.structs.replace(sent, deadline=sent.deadline + 1.1))


def test_heartbeats_are_no_change_until_a_minute_of_them() -> None:
    sent = status.status(snapshot(running()))
    assert sent.last_beat is not None
    assert not changed(sent, msgspec.structs.replace(sent, last_beat=sent.last_beat + 45))
    assert changed(sent, msgspec.structs.replace(sent, last_beat=sent.last_beat + 61))


def test_span_in_a_sentence_is_sent_again_every_20_seconds_only() -> None:
    sent = msgspec.structs.replace(
        status.status(snapshot(running())), reason="Confirmed for 1\u00a0min\u00a05\u00a0s. Battery 20\u00a0%."
    )
    longer = msgspec.structs.replace(sent, reason="Confirmed for 2\u00a0min. Battery 20\u00a0%.", time=sent.time + 19)
    assert not changed(sent, longer)
    assert changed(sent, msgspec.structs.replace(longer, time=sent.time + 21))
    assert changed(sent, msgspec.structs.replace(longer, reason="Confirmed for 2\u00a0min. Battery 21\u00a0%."))


class Site:
    """A server whose turns are made by hand."""

    def __init__(self) -> None:
        self.world = running()
        journal = SimpleNamespace(memory=SimpleNamespace(newest=0), rows=AsyncMock(return_value=[]))
        self.runtime = SimpleNamespace(
            config=SimpleNamespace(access=None), snapshot=snapshot(self.world), ended=False, journal=journal
        )
        self.watchers = event_stream.Watchers()

    def turn(self, **over: object) -> None:
        self.runtime.snapshot = replace(snapshot(self.world), **cast("Any", over))
        self.watchers.wake()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Site, ClientSession]]:
    site, file = Site(), tmp_path / "web.yml"
    file.write_text("{}")
    web_config = WebConfig.load(file)
    app = server.build(
        cast("Runtime", site.runtime),
        Counts(),
        CollectorRegistry(),
        version="1",
        web_config=web_config,
        reload=None,
        watchers=site.watchers,
        history=Mock(engine_today=lambda _: 60.0),
    )
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], web_config) as [(_, port)],
        ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as session,
    ):
        yield site, session
        site.runtime.ended = True
        site.watchers.wake()


async def block(stream: StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await stream.readuntil(b"\n\n")


async def test_stream_sends_a_status_for_a_change_and_else_a_comment(
    served: tuple[Site, ClientSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, session = served
    monkeypatch.setattr(event_stream, "KEEP_ALIVE", 0.0)
    monkeypatch.setattr(event_stream, "BETWEEN_STATUSES", 0.0)
    async with session.get("/api/v1/events") as response:
        assert (await block(response.content)).startswith(b"event: status\ndata: {")
        site.world.run(5)
        site.turn()
        assert await block(response.content) == b":\n\n"
        site.turn(relay_fault="no answer")
        assert b'"fault":"no answer"' in await block(response.content)


async def test_stream_sends_the_powers_by_themselves(
    served: tuple[Site, ClientSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, session = served
    monkeypatch.setattr(event_stream, "BETWEEN_STATUSES", 0.0)
    async with session.get("/api/v1/events") as response:
        assert b'"today":60.0' in await block(response.content)
        site.turn(site=SiteValues(sun=120.0, volts=51.0))
        assert b'"powers":{"sun":120.0,"load":null' in await block(response.content)
        monkeypatch.setattr(event_stream, "BETWEEN_POWERS", 0.0)
        site.turn(site=SiteValues(sun=812.4, volts=52.08))
        powers = b'{"sun":812.0,"load":null,"generator":null,"battery":null,"volts":52.1,"amperes":null}'
        assert await block(response.content) == b"event: powers\ndata: " + powers + b"\n\n"


async def test_stuck_turn_lets_the_stream_fall_silent(
    served: tuple[Site, ClientSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session = served
    monkeypatch.setattr(event_stream, "KEEP_ALIVE", 0.0)
    monkeypatch.setattr(event_stream, "BETWEEN_STATUSES", 0.0)
    async with session.get("/api/v1/events") as response:
        await block(response.content)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await response.content.readuntil(b"\n\n")


async def test_page_is_sent_compressed(served: tuple[Site, ClientSession]) -> None:
    _, session = served
    async with session.get("/", headers={"Accept-Encoding": "gzip"}) as response:
        body = await response.read()
    assert len(body) < 20_000
    assert b"<title>Generator</title>" in gzip.decompress(body)


async def ends(site: Site, stream: StreamReader) -> bool:
    """Return whether a stream ends with the next turn, without anything of that."""
    site.turn(relay_fault="no answer")
    try:
        return await block(stream) == b""
    except asyncio.IncompleteReadError as end:
        return not end.partial


async def test_stream_ends_when_the_users_or_their_rights_change(
    served: tuple[Site, ClientSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, session = served
    monkeypatch.setattr(event_stream, "BETWEEN_STATUSES", 0.0)
    async with session.get("/api/v1/events") as response:
        await block(response.content)
        site.runtime.config = SimpleNamespace(access=Access(command=("owner",)))
        assert await ends(site, response.content)
    async with session.get("/api/v1/events") as response:
        await block(response.content)
        written = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        (tmp_path / "web.yml").write_text(f"basic_auth_users: {{owner: '{written}'}}\n")
        assert await ends(site, response.content)
    async with session.get("/api/v1/events") as response:
        assert response.status == 401
