"""The web server that both programs are: metrics, health, reload and a landing page, behind the web configuration."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from toolkit import flags, log
from toolkit.landing import landing_page
from toolkit.webconfig import WebConfig

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
MEBIBYTE = 1024 * 1024
BODY_SECONDS = 10.0
SHUTDOWN_SECONDS = 3.0
LINGER_SECONDS = 2.0
IDLE_SECONDS = 75.0
"""For how long a connection may be open without a whole request."""

MOST_CONNECTIONS = 256
"""Of more, the oldest of whoever has the most is closed: descriptors stay free for devices and disks."""

BACKLOG = 32

_log = log.get(__name__)


def application(
    *,
    name: str,
    description: str,
    version: str,
    links: Sequence[tuple[str, str]],
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    reload: Callable[[], Awaitable[None]] | None,
    web_config: WebConfig,
    landing: bool = True,
    max_body: int = MEBIBYTE,
) -> web.Application:
    """Return the application with what every program serves; the program adds its own routes.

    A request is first authenticated, then its body is read whole and limited, then it is handled. A refusal is one
    sentence. A middleware that the program inserts at index 0 sees every status that goes out.

    Args:
        name: the program's name, for people.
        description: one sentence for the landing page.
        version: the distribution's version.
        links: further (path, text) pairs for the landing page.
        registry: what `/metrics` shows; its collectors must not block.
        ready: whether the program serves its purpose, asked at each `/-/ready`.
        reload: swaps the configuration or raises why not; None when the lifecycle is not enabled.
        web_config: users, TLS and headers.
        landing: whether `GET /` is the landing page.
        max_body: bytes; a longer body is 413.
    """
    app = web.Application(
        client_max_size=max_body, middlewares=[_refusals, web_config.middleware(), _body_reader(max_body)]
    )

    async def decorate(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers[hdrs.SERVER] = name
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.update(web_config.headers)

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text=f"{name} is healthy.\n")

    async def readiness(_request: web.Request) -> web.Response:
        if ready():
            return web.Response(text=f"{name} is ready.\n")
        return web.Response(status=503, text=f"{name} is not ready.\n")

    async def lifecycle(_request: web.Request) -> web.Response:
        if reload is None:
            raise web.HTTPForbidden(text="Reload is not enabled: start with --web.enable-lifecycle, or send SIGHUP.")
        try:
            await reload()
        except Exception as error:
            raise web.HTTPInternalServerError(text=f"The configuration was not reloaded: {error}") from error
        return web.Response(text="The configuration was reloaded.\n")

    app.on_response_prepare.append(decorate)
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", readiness)
    app.router.add_post("/-/reload", lifecycle)
    app.router.add_put("/-/reload", lifecycle)
    if landing:
        served = [("/metrics", "Metrics"), *links, ("/-/healthy", "Health"), ("/-/ready", "Readiness")]
        page = landing_page(name, description, version, served)

        async def land(_request: web.Request) -> web.Response:
            return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

        app.router.add_get("/", land)
    return app


@contextlib.asynccontextmanager
async def serve(
    app: web.Application, addresses: Sequence[str], web_config: WebConfig
) -> AsyncIterator[list[tuple[str, int]]]:
    """Serve the application within the context; yields each bound (host, port), so that port 0 can be asked for.

    Raises:
        OSError: an address cannot be listened on; its text is a whole sentence.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        lingering_time=LINGER_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
    )
    connections = _Connections(min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
    context = web_config.ssl_context()
    await runner.setup()
    try:
        for address in addresses:
            host, port = flags.split_address(address)
            try:
                for listener in await _listeners(host, port, connections):
                    await web.SockSite(runner, listener, ssl_context=context, backlog=BACKLOG).start()
            except OSError as error:
                known = error.errno in errno.errorcode
                reason = os.strerror(error.errno) if known else error.strerror or error  # type: ignore[arg-type]
                raise OSError(f"cannot listen on {address}: {reason}") from error
        bound = [(name[0], name[1]) for name in runner.addresses]
        for host, port in bound:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            _log.info("listening", address=address, tls=context is not None)
        yield bound
    finally:
        await runner.cleanup()


class _Connections:
    """The connections that are open, bounded from the moment they are accepted, a TLS handshake before them or not."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: list[tuple[socket.socket, str]] = []

    def add(self, connection: socket.socket, remote: str) -> None:
        """Take in a new one; of too many, end the oldest of the address that has the most."""
        self._open = [(known, whose) for known, whose in self._open if known.fileno() >= 0]
        self._open.append((connection, remote))
        if len(self._open) <= self._most:
            return
        crowd = Counter(whose for _, whose in self._open).most_common(1)[0][0]
        index = next(index for index, (_, whose) in enumerate(self._open) if whose == crowd)
        ended, _ = self._open.pop(index)
        with contextlib.suppress(OSError):  # it has gone by itself
            ended.shutdown(socket.SHUT_RDWR)
        _log.limited("connections", "too many connections, the oldest is closed", remote=crowd, most=self._most)


class _Listener(socket.socket):
    connections: _Connections

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.connections.add(connection, str(address[0]))
        return connection, address


async def _listeners(host: str, port: int, connections: _Connections) -> list[_Listener]:
    """Return a bound socket for each address that the host has; an empty one has every interface's."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listeners: list[_Listener] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                listener = _Listener(family, kind, protocol)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT:  # a name with an address of a kind that this machine has not
                    continue
                raise
            listeners.append(listener)
            listener.connections = connections
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.settimeout(0)
            listener.bind(address)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        sentence = refusal.text or refusal.reason
        if refusal.status == 404:
            sentence = f"There is nothing at {request.path}."
        elif refusal.status == 405:
            sentence = f"{request.path} does not take {request.method}, only {refusal.headers.get(hdrs.ALLOW)}."
        headers = refusal.headers.copy()
        headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=refusal.status, reason=refusal.reason, text=f"{sentence}\n", headers=headers)
    except ConnectionError:
        raise
    except Exception as error:
        if request.writer.output_size:  # half an answer is out: only a cut connection says so
            raise
        route = f"{request.method} {request.path}"
        _log.limited(f"request {type(error).__name__}", "a request failed", level="error", request=route, error=error)
        return web.Response(status=500, text=f"{route} failed: {type(error).__name__}. The log says more.\n")


def _body_reader(max_body: int) -> Middleware:
    too_large = f"The body is larger than the {max_body} bytes that are taken."

    @web.middleware
    async def read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.can_read_body and request.match_info.http_exception is None:
            if (request.content_length or 0) > max_body:
                raise web.HTTPRequestEntityTooLarge(max_body, text=too_large)
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    await request.read()
            except web.HTTPRequestEntityTooLarge:
                raise web.HTTPRequestEntityTooLarge(max_body, text=too_large) from None
            except TimeoutError:
                sentence = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
                raise web.HTTPRequestTimeout(text=sentence) from None
        return await handler(request)

    return read_body
