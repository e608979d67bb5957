from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import logging
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import MagicMock, Mock

import pytest
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from toolkit import log
from toolkit import web as toolkit_web
from toolkit.config import ConfigError
from toolkit.webconfig import WebConfig


class Broken(Collector):
    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("no reading")


class Program:
    """A program that uses only the toolkit."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        Gauge("volts", "Volts.", registry=self.registry).set(12.5)
        self.is_ready = True
        self.refuse: Exception | None = None
        self.reloads = 0
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.web_config = WebConfig.load(None)

    async def reload(self) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.reloads += 1

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(text="taken")

    async def busy(self, _request: web.Request) -> web.Response:
        text, headers = '{"error": "busy"}', {"Retry-After": "1"}
        raise web.HTTPServiceUnavailable(text=text, content_type="application/json", headers=headers)

    async def half(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise RuntimeError("halfway")

    async def fail(self, _request: web.Request) -> web.Response:
        raise RuntimeError("secret detail")

    def application(self, *, lifecycle: bool = True, landing: bool = True) -> web.Application:
        app = toolkit_web.application(
            name="Magnum exporter",
            description="Reads <devices>.",
            version="0.1.0",
            links=[("/panel", "Panel & more")],
            registry=self.registry,
            ready=lambda: self.is_ready,
            reload=self.reload if lifecycle else None,
            web_config=self.web_config,
            landing=landing,
            max_body=1000,
            large={"/large"},
        )

        @web.middleware
        async def count(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await handler(request)
            self.statuses.append(response.status)
            return response

        app.middlewares.insert(0, count)
        app.router.add_post("/take", self.take)
        app.router.add_get("/fail", self.fail)
        app.router.add_get("/busy", self.busy)
        app.router.add_get("/half", self.half)
        return app

    @asynccontextmanager
    async def client(self, *, lifecycle: bool = True, landing: bool = True) -> AsyncIterator[ClientSession]:
        app = self.application(lifecycle=lifecycle, landing=landing)
        async with (
            toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
            ClientSession(f"http://{host}:{port}") as session,
        ):
            yield session


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def logfmt() -> None:
    """Log to standard error, as the programs do."""
    # A task that an earlier test has left behind is logged when it is collected.
    gc.collect()
    log.setup("info", "logfmt")


async def test_metrics_formats(program: Program) -> None:
    async with program.client() as client:
        async with client.get("/metrics") as plain:
            assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "volts 12.5" in await plain.text()
        accept = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
        async with client.get("/metrics", headers=accept) as openmetrics:
            assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert openmetrics.headers["Content-Encoding"] == "gzip"
            assert (await openmetrics.text()).endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
async def test_only_get_and_head(program: Program, path: str) -> None:
    async with program.client() as client:
        assert (await client.get(path)).status == 200
        async with client.head(path) as head:
            assert (head.status, await head.read()) == (200, b"")
        async with client.delete(path) as refused:
            assert refused.status == 405
            assert refused.headers["Allow"] == "GET,HEAD"
            assert await refused.text() == f"{path} does not support DELETE, only GET,HEAD.\n"


async def test_ready_and_healthy(program: Program) -> None:
    async with program.client() as client:
        for program.is_ready, status in ((True, 200), (False, 503), (True, 200)):
            assert (await client.get("/-/ready")).status == status
            assert (await client.get("/-/healthy")).status == 200


async def test_reload(program: Program) -> None:
    async with program.client() as client:
        assert (await client.post("/-/reload")).status == 200
        assert (await client.put("/-/reload")).status == 200
        assert program.reloads == 2
        program.refuse = ConfigError("start_soc", "25", "25%", file="a.yml", line=3)
        async with client.post("/-/reload") as refused:
            reason = "a.yml:3: start_soc: got 25, expected 25%"
            assert (refused.status, await refused.text()) == (500, f"The configuration was not reloaded: {reason}\n")
        async with client.get("/-/reload") as refused:
            assert (refused.status, refused.headers["Allow"]) == (405, "POST,PUT")


async def test_reload_is_off_by_default(program: Program) -> None:
    async with program.client(lifecycle=False) as client, client.post("/-/reload") as refused:
        assert refused.status == 403
        assert "--web.enable-lifecycle" in await refused.text()
    assert program.reloads == 0


class Page(HTMLParser):
    """The links and resources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("href", "src"):
                self.resources.append(value or "")


async def test_landing_page_has_no_external_resources(program: Program) -> None:
    async with program.client() as client, client.get("/") as response:
        text = await response.text()
        page = Page(text)
        assert page.links == ["/metrics", "/panel", "/-/healthy", "/-/ready"]
        assert not page.resources
        assert "url(" not in text
        assert "Reads &lt;devices&gt;." in text
        assert "Panel &amp; more" in text
        assert "prefers-color-scheme: dark" in text
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert len(text) < 4096


async def test_own_first_page(program: Program) -> None:
    async with program.client(landing=False) as client, client.get("/") as response:
        assert (response.status, await response.text()) == (404, "Nothing at /.\n")


async def test_server_header_names_the_program(program: Program) -> None:
    async with program.client() as client:
        for path in ("/metrics", "/none", "/fail"):
            async with client.get(path) as response:
                assert response.headers["Server"] == "Magnum exporter"
                assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_failure_is_500_and_logged_once(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    program.registry.register(Broken())
    async with program.client() as client:
        for path in ("/fail", "/fail", "/metrics"):
            async with client.get(path) as failed:
                assert failed.status == 500
                assert "secret" not in await failed.text()
        assert (await client.get("/-/healthy")).status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == ["request failed"]


async def test_requests_are_not_logged(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with program.client() as client:
        await client.get("/metrics")
        await client.get("/none")
    assert [record.getMessage() for record in caplog.records] == ["listening"]


async def test_body_up_to_the_limit(program: Program) -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 100):
            yield b"x" * 100

    async with program.client() as client:
        assert (await client.post("/take", data=b"x" * 1000)).status == 200
        assert (await client.post("/take", data=chunks(1000))).status == 200
        assert [len(body) for body in program.bodies] == [1000, 1000]
        async with client.post("/take", data=b"x" * 1001) as refused:
            assert refused.status == 413
            assert await refused.text() == "The body is larger than the limit of 1000 bytes.\n"
        async with client.post("/take", data=chunks(5000)) as refused:
            assert refused.status == 413
        assert len(program.bodies) == 2
        assert program.statuses == [200, 200, 413, 413]


async def test_large_bodies_take_turns_and_keep_no_small_one_waiting(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolkit_web, "BODY_SECONDS", 0.3)
    app, entered, free = program.application(), asyncio.Semaphore(0), asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        if len(await request.read()) > 1000:
            entered.release()
            await free.wait()
        return web.Response(text="held\n")

    app.router.add_post("/large", hold)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        ClientSession(f"http://{host}:{port}") as client,
        asyncio.TaskGroup() as tasks,
    ):
        held = [tasks.create_task(client.post("/large", data=b"x" * 5000)) for _ in range(toolkit_web.MOST_LARGE)]
        for _ in held:
            await entered.acquire()
        async with client.post("/large", data=b"x" * 5000) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        async with client.post("/large", data=b"x" * 1000) as small:
            assert small.status == 200
        free.set()
        assert [(await one).status for one in held] == [200] * toolkit_web.MOST_LARGE


async def test_compressed_bodies_take_turns_as_large_ones_do(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "MOST_LARGE", 2)
    app, held, free = program.application(), list[int](), asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        held.append(len(await request.read()))
        await free.wait()
        return web.Response(text="held\n")

    app.router.add_post("/large", hold)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        ClientSession(f"http://{host}:{port}") as client,
        asyncio.TaskGroup() as tasks,
    ):
        body = gzip.compress(b"x" * 500_000)
        assert len(body) < 1000, "it would be a small one"
        sent = [
            tasks.create_task(client.post("/large", data=body, headers={"Content-Encoding": "gzip"})) for _ in range(20)
        ]
        async with asyncio.timeout(10):
            while len(held) < 2:  # noqa: ASYNC110 - what it waits for is inside the server
                await asyncio.sleep(0.01)
        # Uncompressed ones are answered meanwhile: everything sent before them has been looked at.
        assert (await client.get("/-/healthy")).status == 200
        assert held == [500_000] * 2
        free.set()
        assert {(await one).status for one in sent} == {200}


async def test_handler_ends_with_its_connection(program: Program) -> None:
    app, waiting = program.application(), 0

    async def wait(_request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            waiting -= 1
        return web.Response()

    app.router.add_get("/wait", wait)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        asyncio.timeout(10),
    ):
        writers = [(await asyncio.open_connection(host, port))[1] for _ in range(50)]
        for writer in writers:
            writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        while waiting < len(writers):  # noqa: ASYNC110 - what it waits for is inside the server
            await asyncio.sleep(0.01)
        for writer in writers:
            writer.close()
        while waiting:  # noqa: ASYNC110 - what it waits for is inside the server
            await asyncio.sleep(0.01)


async def test_body_is_forgotten_when_its_sender_leaves(program: Program) -> None:
    app, requests, ended = program.application(), list[weakref.ref[web.Request]](), asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        requests.append(weakref.ref(request))
        assert len(await request.read()) == 5000
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    app.router.add_post("/large", wait)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        asyncio.timeout(10),
    ):
        _, writer = await asyncio.open_connection(host, port)
        gc.disable()
        try:
            writer.write(b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
            while not requests:  # noqa: ASYNC110 - what it waits for is inside the server
                await asyncio.sleep(0.01)
            writer.close()
            await ended.wait()
            while requests[0]() is not None:  # noqa: ASYNC110 - what it waits for is inside the server
                await asyncio.sleep(0.01)
        finally:
            gc.enable()


async def test_compressed_body_beyond_the_limit(program: Program) -> None:
    async with program.client() as client, client.post("/take", data=b"\0" * 1_000_000, compress="gzip") as refused:
        assert refused.status == 413
    assert not program.bodies


async def answer(program: Program, request: bytes, *, whole: bool = False) -> bytes:
    """Return the first line of the response to an unfinished request, or the whole response."""
    app = program.application()
    async with toolkit_web.serve(app, ["127.0.0.1:0"], program.web_config) as [(host, port)], asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        line = await (reader.read() if whole else reader.readline())
        writer.close()
        await writer.wait_closed()
        return line


async def test_too_long_body_is_not_read(program: Program) -> None:
    head = b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert (await answer(program, head)).startswith(b"HTTP/1.1 413 ")


async def test_body_timeout(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "BODY_SECONDS", 0.05)
    head = b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
    assert (await answer(program, head)).startswith(b"HTTP/1.1 408 ")


async def test_failure_during_a_response_closes_the_connection(program: Program) -> None:
    received = await answer(program, b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n", whole=True)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"half\r\n")


@pytest.mark.usefixtures("logfmt")
async def test_not_http_is_one_log_line(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        assert (await answer(program, b"\x16\x03\x01\x02\x00 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.")
    assert log.flush(10)
    lines = [line for line in capsys.readouterr().err.splitlines() if "msg=listening" not in line]
    assert len(lines) <= 1
    assert all(line.startswith("ts=") for line in lines)


@pytest.mark.usefixtures("logfmt")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Basic SECRET\r\n\r\n", "Invalid header token"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic SECRET\x01\r\n\r\n", "Invalid header value char"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic SECRET" + b"x" * 9000, "Got more than 8190 bytes"),
        (b"GET /?key=SECRET" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", "Got more than 8190 bytes"),
        (b"GET http://[SECRET/ HTTP/1.1\r\nHost: x\r\n\r\n", "Invalid URL"),
        (b"SECRET / HTTP/1.1\r\nHost: x\r\n\r\n", "Invalid method encountered"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + b"SECRET" * 5000,
            "Data after `Connection: close`",
        ),
    ],
    ids=["name", "value", "long header", "long target", "target", "method", "after the end"],
)
async def test_what_cannot_be_parsed_is_not_logged(
    program: Program, wrong: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await answer(program, wrong, whole=True)
    assert log.flush(10)
    [line] = [line for line in capsys.readouterr().err.splitlines() if "request refused" in line]
    assert reason in line
    assert "SECRET" not in line
    assert len(line) < 300


@pytest.mark.usefixtures("logfmt")
async def test_client_that_goes_away_with_its_request_is_no_error(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    app, began, ended = program.application(), asyncio.Event(), asyncio.Event()

    @web.middleware
    async def watch(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        began.set()
        try:
            return await handler(request)
        finally:
            ended.set()

    app.middlewares.insert(0, watch)
    async with toolkit_web.serve(app, ["127.0.0.1:0"], program.web_config) as [(host, port)], asyncio.timeout(5):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        await began.wait()
        writer.transport.abort()
        await ended.wait()
    assert log.flush(10)
    assert [line for line in capsys.readouterr().err.splitlines() if "msg=listening" not in line] == []


async def test_an_expectation_that_is_not_ascii_is_the_client_s_fault(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    request_ = b"CONNECT / HTTP/1.1\r\nHost: x\r\nExpect: \xb70-continue\r\nConnection: close\r\n\r\n"
    head, _, body = (await answer(program, request_, whole=True)).partition(b"\r\n\r\n")
    assert b" 417 " in head.splitlines()[0]
    assert body == b"This is not a valid HTTP request.\n"
    assert [record.levelname for record in caplog.records if record.getMessage() == "request refused"] == ["WARNING"]


async def test_a_body_that_nobody_reads_and_that_cannot_be_decoded_is_no_error(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    headers = b"GET /none HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 404 " in await answer(program, headers + b"4\r\nnone\r\n4\r\nnone\r\n0\r\n\r\n", whole=True)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
        b"\x00\x01\x02 garbage\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    ],
    ids=["length", "garbage", "long line", "many headers"],
)
async def test_request_that_cannot_be_parsed_is_answered_like_others(
    program: Program, request_: bytes, tmp_path: Path
) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}")
    program.web_config = WebConfig.load(tmp_path / "web.yml")
    head, _, body = (await answer(program, request_, whole=True)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert b" 400 " in head.splitlines()[0]
    assert body == b"This is not a valid HTTP request.\n"
    for line in (b"Server: Magnum exporter", b"X-Content-Type-Options: nosniff", b"X-Frame-Options: deny"):
        assert line in head.splitlines()
    assert b"ython" not in head


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_body_that_cannot_be_decoded_is_400(program: Program, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    async with program.client() as client, client.post("/take", data=b"not compressed", headers=headers) as refused:
        assert (refused.status, await refused.text()) == (400, "The body cannot be decoded.\n")
    assert not program.bodies


INVALID_VERSIONS = ["a.b.c", "", "1.0.0, text/plain;version=x", "1_0", "9" * 5000, "1.0.0-rc", "\u0663.0.0"]


@pytest.mark.parametrize("version", INVALID_VERSIONS, ids=range(len(INVALID_VERSIONS)))
@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain"])
async def test_invalid_version_gets_the_text_format(program: Program, kind: str, version: str) -> None:
    accept = {"Accept": f"{kind};version={version}"}
    async with program.client() as client, client.get("/metrics", headers=accept) as page:
        assert (page.status, page.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_metrics_by_name(program: Program) -> None:
    Gauge("amperes", "Amperes.", registry=program.registry).set(1)
    async with program.client() as client:
        async with client.get("/metrics", params=[("name[]", "amperes"), ("name[]", "none")]) as page:
            assert "volts" not in await page.text()
        async with client.get("/metrics") as page:
            assert "volts" in await page.text()


async def test_error_keeps_its_content_type(program: Program) -> None:
    async with program.client() as client, client.get("/busy") as refused:
        assert (refused.status, refused.content_type) == (503, "application/json")
        assert (await refused.json(), refused.headers["Retry-After"]) == ({"error": "busy"}, "1")


async def test_several_addresses(program: Program) -> None:
    async with AsyncExitStack() as stack:
        addresses = ["127.0.0.1:0", "127.0.0.2:0"]
        bound = await stack.enter_async_context(
            toolkit_web.serve(program.application(), addresses, WebConfig.load(None))
        )
        assert [host for host, _ in bound] == ["127.0.0.1", "127.0.0.2"]
        session = await stack.enter_async_context(ClientSession())
        for host, port in bound:
            assert port > 0
            assert (await session.get(f"http://{host}:{port}/-/healthy")).status == 200


async def test_port_in_use(program: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"^cannot listen on {address}: Address already in use$"):
            async with toolkit_web.serve(program.application(), [address], WebConfig.load(None)):
                pass


async def test_unknown_host(program: Program) -> None:
    with pytest.raises(OSError, match=r"^cannot listen on no-such-host\.invalid:0: \w"):
        async with toolkit_web.serve(program.application(), ["no-such-host.invalid:0"], WebConfig.load(None)):
            pass


async def test_end_stops_listening(program: Program) -> None:
    async with toolkit_web.serve(program.application(), ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)]:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)


async def test_idle_connections_lock_out_nobody(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "MOST_CONNECTIONS", 20)
    monkeypatch.setattr(toolkit_web, "REQUEST_COMES_SECONDS", 0.0)
    async with program.client() as session, AsyncExitStack() as stack:
        host, port = session._base_url.host, session._base_url.port  # type: ignore[union-attr]
        readers = []
        for _ in range(100):
            reader, writer = await asyncio.open_connection(host, port)
            stack.callback(writer.close)
            readers.append(reader)
        async with asyncio.timeout(10):
            for reader in readers[:80]:
                assert await reader.read() == b"", "the oldest are closed"
            async with session.get("/-/healthy") as response:
                assert response.status == 200


async def test_new_connections_do_not_end_a_request_that_waits(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolkit_web, "MOST_CONNECTIONS", 20)
    monkeypatch.setattr(toolkit_web, "REQUEST_COMES_SECONDS", 0.0)
    app, entered, free = program.application(), asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        entered.set()
        await free.wait()
        return web.Response(text=await request.text())

    app.router.add_post("/wait", wait)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        ClientSession(f"http://{host}:{port}") as client,
        AsyncExitStack() as stack,
        asyncio.timeout(20),
    ):
        waits = asyncio.create_task(client.post("/wait", data=b"off"))
        await entered.wait()
        readers = []
        for _ in range(50):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            stack.callback(writer.close)
            readers.append(reader)
        for reader in readers[:30]:
            assert await reader.read() == b""
        free.set()
        assert await (await waits).text() == "off"


async def test_newcomer_is_let_in_when_all_others_wait(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "MOST_CONNECTIONS", 10)
    app, waiting, free = program.application(), 0, asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        try:
            await free.wait()
        finally:
            waiting -= 1
        return web.Response()

    app.router.add_get("/wait", wait)
    async with (
        toolkit_web.serve(app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        ClientSession(f"http://{host}:{port}") as client,
        AsyncExitStack() as stack,
        asyncio.timeout(20),
    ):
        for _ in range(10):
            _, writer = await asyncio.open_connection(host, port)
            # A second request stops the reading: the server does not see that such a connection is shut down.
            writer.write(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
            stack.callback(writer.close)
        while waiting < 10:  # noqa: ASYNC110 - what it waits for is inside the server
            await asyncio.sleep(0.01)
        assert (await client.get("/-/healthy")).status == 200
        while waiting > 9:  # noqa: ASYNC110 - what it waits for is inside the server
            await asyncio.sleep(0.01)
        free.set()


def test_streams_and_late_answers_are_closed_before_a_connection_whose_request_is_on_its_way() -> None:
    stream = Mock(request=None, transport=None)
    late = Mock(transport=None)
    late.request = MagicMock(content=Mock(is_eof=lambda: True))
    late.request.__contains__.return_value = True
    connections = toolkit_web._Connections(2)
    with contextlib.ExitStack() as stack:
        far = []
        for protocol in (stream, late, None, None):
            near_end, far_end = (stack.enter_context(end) for end in socket.socketpair())
            far_end.setblocking(False)
            connections.add(near_end, "127.0.0.1")
            if protocol is not None:
                connections.made(protocol, near_end.fileno())
                connections._open[near_end.fileno()].since -= 10
            far.append(far_end)
        assert [end.recv(1) for end in far[:2]] == [b"", b""], "closed"
        for open_end in far[2:]:
            with pytest.raises(BlockingIOError):
                open_end.recv(1)


def test_an_ipv6_network_is_one_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "REQUEST_COMES_SECONDS", 0.0)
    connections = toolkit_web._Connections(5)
    with contextlib.ExitStack() as stack:
        far = []
        for remote in ("10.0.0.1", "2001:db8::1", "2001:db8::2", "10.0.0.1", "2001:db8::3", "10.0.0.2"):
            near_end, far_end = (stack.enter_context(end) for end in socket.socketpair())
            far_end.setblocking(False)
            connections.add(near_end, remote)
            far.append(far_end)
        assert far[1].recv(1) == b"", "closed"
        for open_end in (far[0], *far[2:]):
            with pytest.raises(BlockingIOError):
                open_end.recv(1)


class Unread:
    """A server whose answers are of 8 MiB, and how much of them it keeps."""

    def __init__(self, program: Program) -> None:
        self.app = program.application()
        self.app.router.add_get("/much", self.much)
        self.answered: list[asyncio.Transport] = []
        self.answers: weakref.WeakSet[web.Response] = weakref.WeakSet()

    async def much(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.answered.append(request.transport)
        response = web.Response(body=b"x" * 8 * toolkit_web.MEBIBYTE)
        self.answers.add(response)
        return response

    @property
    def kept(self) -> int:
        return sum(transport.get_write_buffer_size() for transport in self.answered)


def asked(host: str, port: int) -> socket.socket:
    """Return a connection on which an answer is asked for, and that reads nothing."""
    connection = socket.create_connection((host, port))
    connection.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


async def test_answers_that_nobody_reads_are_bounded(program: Program) -> None:
    server = Unread(program)
    async with (
        toolkit_web.serve(server.app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        ClientSession(f"http://{host}:{port}") as client,
        AsyncExitStack() as stack,
        asyncio.timeout(20),
    ):
        for number in range(8):
            stack.enter_context(asked(host, port))
            while len(server.answered) <= number:  # noqa: ASYNC110 - what it waits for is inside the server
                await asyncio.sleep(0.01)
        async with client.get("/much") as response:
            assert len(await response.read()) == 8 * toolkit_web.MEBIBYTE, "who reads gets all of it"
        assert 0 < server.kept <= toolkit_web.MOST_UNSENT


def test_of_too_much_that_is_unsent_the_oldest_of_who_has_most_is_given_up() -> None:
    unsent = toolkit_web._Unsent(16)
    deadlines = [Mock(spec=asyncio.Timeout, **{"expired.return_value": False}) for _ in range(5)]
    for deadline, remote, size in zip(deadlines, ("10.0.0.1", *["10.0.0.2"] * 4), (8, 3, 3, 3, 3), strict=True):
        unsent.add(deadline, remote, size)
    assert [deadline.reschedule.called for deadline in deadlines] == [False, True, True, False, False]


async def test_answer_that_nobody_reads_is_given_up(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "SEND_SECONDS", 0.2)
    server = Unread(program)
    async with (
        toolkit_web.serve(server.app, ["127.0.0.1:0"], WebConfig.load(None)) as [(host, port)],
        asyncio.timeout(20),
    ):
        gc.disable()
        try:
            with asked(host, port):
                while not server.kept:  # noqa: ASYNC110 - what it waits for is inside the server
                    await asyncio.sleep(0.01)
                while server.kept or server.answers:  # noqa: ASYNC110 - what it waits for is inside the server
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()


async def test_idle_connection_is_closed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit_web, "IDLE_SECONDS", 0.2)
    async with program.client() as session:
        reader, writer = await asyncio.open_connection(session._base_url.host, session._base_url.port)  # type: ignore[union-attr]
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: half")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
