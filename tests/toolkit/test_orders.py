"""Orders whose clients leave: those that have arrived whole are obeyed, and only so many go on."""

from __future__ import annotations

import asyncio
import base64
import gc
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from toolkit import orders
from toolkit import web as toolkit_web
from toolkit.webconfig import WebConfig, passwords

Address = tuple[str, int]
CREDENTIALS = "Authorization: Basic " + base64.b64encode(b"anne:right").decode()


class Program:
    """Obeys when it is let; counts what has come, by its text, and what of it was obeyed and given up."""

    def __init__(self) -> None:
        self.come, self.obeyed, self.given_up = Counter[str](), Counter[str](), Counter[str]()
        self.let = asyncio.Event()

    async def obey(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.come[text] += 1
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.given_up[text] += 1
            raise
        self.obeyed[text] += 1
        return web.Response()

    @asynccontextmanager
    async def serving(self, web_config: Path | None = None) -> AsyncIterator[Address]:
        loaded = WebConfig.load(web_config)
        app = toolkit_web.application(
            name="program",
            description="",
            version="0",
            links=(),
            registry=CollectorRegistry(),
            ready=lambda: True,
            reload=None,
            web_config=loaded,
            is_order=lambda path, body: (path, body[:2]) != ("/order", b"on"),
        )
        app.router.add_route("*", "/order", self.obey)
        async with asyncio.timeout(20), toolkit_web.serve(app, ["127.0.0.1:0"], loaded) as [address]:
            yield address


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the orders whose clients the server has seen leave."""
    seen, leave = list[str](), orders.Orders._leave

    def note(self: orders.Orders, order: asyncio.Task[web.StreamResponse], request: web.Request) -> None:
        seen.append(request.path)
        leave(self, order, request)

    monkeypatch.setattr(orders.Orders, "_leave", note)
    return seen


async def happens(this: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not this():  # noqa: ASYNC110 - what it waits for is inside the server
            await asyncio.sleep(0.005)


async def send(address: Address, text: str, *headers: str, method: str = "POST") -> None:
    """Send a request; leave as soon as it is sent, without an answer."""
    lines = (f"{method} /order HTTP/1.1", "Host: x", f"Content-Length: {len(text)}", *headers, "", text)
    _, writer = await asyncio.open_connection(*address)
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_an_order_is_obeyed_although_its_client_has_left(left: list[str]) -> None:
    program = Program()
    async with program.serving() as address:
        await send(address, "off")
        await happens(lambda: left)
        program.let.set()
        await happens(lambda: program.obeyed["off"])
    assert not program.given_up


@pytest.mark.parametrize(("text", "method"), [("look", "GET"), ("on", "POST")])
async def test_another_request_ends_with_its_connection(left: list[str], text: str, method: str) -> None:
    program = Program()
    async with program.serving() as address:
        await send(address, text, method=method)
        await happens(lambda: program.given_up[text])
    assert not left


async def test_an_order_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "LEFT_SECONDS", 0.05)
    program = Program()
    async with program.serving() as address:
        await send(address, "off")
        await happens(lambda: program.given_up["off"])


async def test_an_order_that_was_obeyed_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, leave = weakref.WeakSet[asyncio.Task[web.StreamResponse]](), orders.Orders._leave

    def note(self: orders.Orders, order: asyncio.Task[web.StreamResponse], request: web.Request) -> None:
        kept.add(order)
        leave(self, order, request)

    monkeypatch.setattr(orders.Orders, "_leave", note)
    program = Program()
    async with program.serving() as address:
        await send(address, "off")
        await happens(lambda: len(kept) == 1)
        program.let.set()
        await happens(lambda: program.obeyed["off"] and gc.collect() is not None and not kept)


async def test_beyond_the_most_the_oldest_of_the_largest_crowd_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST_LEFT", 3)
    program = Program()
    async with program.serving() as address:
        for text in ("one", "two", "three", "four"):
            await send(address, text)
            await happens(partial(program.come.__getitem__, text))
        await happens(lambda: program.given_up)
        program.let.set()
        await happens(lambda: program.obeyed.total() == 3)
    assert program.given_up == {"one": 1}


@pytest.mark.parametrize("right", [True, False])
async def test_the_password_of_an_order_is_checked_although_its_client_has_left(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    left: list[str],
    right: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def match(*_: object) -> bool:
        begun.set()
        return go_on.wait(10) and right

    monkeypatch.setattr(passwords, "_matches", match)
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{anne: {bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}}}")
    program = Program()
    program.let.set()
    async with program.serving(file) as address:
        before = len(asyncio.all_tasks())
        await send(address, "off", CREDENTIALS)
        assert await asyncio.to_thread(begun.wait, 10)
        await happens(lambda: left)
        go_on.set()
        await happens(lambda: program.obeyed["off"] if right else len(asyncio.all_tasks()) == before)
    assert program.obeyed["off"] == right


async def test_the_end_of_the_program_waits_for_no_order(left: list[str]) -> None:
    program = Program()
    async with program.serving() as address:
        await send(address, "off")
        await happens(lambda: left)
    await happens(lambda: program.given_up["off"])
