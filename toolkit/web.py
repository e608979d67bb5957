"""The web server of both programs: metrics, health, reload and landing page, with TLS and users if configured."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import os
import re
import resource
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import InvalidURLError
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_request import BaseRequest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from toolkit import flags, log
from toolkit.landing import landing_page
from toolkit.orders import IsOrder, Orders
from toolkit.webconfig import FAILED, WebConfig
from toolkit.webconfig.passwords import origin

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
LARGEST_BODY = 16 * 1024
MEBIBYTE = 1024 * 1024
MOST_LARGE = 8
"""Requests with a body over `LARGEST_BODY`, or a compressed one, that are read and handled at a time: they bound the
memory for bodies."""

MOST_UNSENT = 16 * MEBIBYTE
"""Bytes of answers that are made and not sent; beyond this an answer is given up, and its connection closed."""

REQUEST_COMES_SECONDS = 1.0
"""After a connection is open, its request may still be on its way for so long."""

BODY_SECONDS = 10.0
SEND_SECONDS = 60.0
"""For an answer; a stream may take longer, and waits itself for its reader."""

SHUTDOWN_SECONDS = 3.0
LINGER_SECONDS = 2.0
IDLE_SECONDS = 75.0
"""How long a connection may be open without a complete request."""

MOST_CONNECTIONS = 256
"""Beyond this the address with the most loses one: descriptors stay free for devices and disks."""

BACKLOG = 32

_NAME = web.AppKey("name", str)
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})*")
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
    max_body: int = LARGEST_BODY,
    large: Collection[str] = (),
    guards: Sequence[Middleware] = (),
    is_order: IsOrder = lambda _path, _body: False,
) -> web.Application:
    """Return the application with what every program serves; the program adds its own routes.

    A request is first authenticated, then the guards check it, then its body is read up to the limit, then it is
    handled. An error is one sentence. A middleware that the program inserts at index 0 sees every status that is sent.

    Args:
        name: the program's name.
        description: one sentence for the landing page.
        version: the distribution's version.
        links: further (path, text) pairs for the landing page.
        registry: what `/metrics` serves; its collectors must not block.
        ready: whether the program is ready, called at each `/-/ready`.
        reload: reloads the configuration or raises; None when the lifecycle is not enabled.
        web_config: users, TLS and headers.
        landing: whether `GET /` is the landing page.
        max_body: bytes; a longer body is answered with 413.
        large: the paths on which it may be a mebibyte.
        guards: refuse requests that the program does not allow; the user's name is in `request[USER]`.
        is_order: whether a request is obeyed although its client leaves, see `orders`.
    """
    orders = Orders(is_order, max_body)
    app = web.Application(
        client_max_size=max_body,
        middlewares=[
            _sender(),
            orders.middleware(),
            _errors_as_text,
            web_config.middleware(),
            *guards,
            _body_reader(max_body, large),
        ],
    )
    app.on_cleanup.append(orders.end)

    async def decorate(request: web.Request, response: web.StreamResponse) -> None:
        _decorate(response, name, web_config)
        cast("_Protocol", request.protocol).begins(response)

    app[_NAME] = name
    app.on_response_prepare.append(decorate)
    app.on_shutdown.append(web_config.end)
    app.router.add_get("/metrics", _metrics(registry))
    app.router.add_routes(_management(name, ready, reload))
    if landing:
        served = [("/metrics", "Metrics"), *links, ("/-/healthy", "Health"), ("/-/ready", "Readiness")]
        page = landing_page(name, description, version, served)

        async def land(_request: web.Request) -> web.Response:
            return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

        app.router.add_get("/", land)
    return app


def _management(
    name: str, ready: Callable[[], bool], reload: Callable[[], Awaitable[None]] | None
) -> Iterator[web.RouteDef]:
    """Yield the routes below `/-/`, as Prometheus names them."""

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

    yield web.get("/-/healthy", healthy)
    yield web.get("/-/ready", readiness)
    yield web.post("/-/reload", lifecycle)
    yield web.put("/-/reload", lifecycle)


@contextlib.asynccontextmanager
async def serve(
    app: web.Application, addresses: Sequence[str], web_config: WebConfig
) -> AsyncIterator[list[tuple[str, int]]]:
    """Serve the application within the context; yields each bound (host, port), for port 0.

    Raises:
        OSError: cannot listen on an address; its text is the whole message.
    """
    # A handler ends with its connection, except for an order that has arrived: so there are never many more of them
    # than connections.
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS, handler_cancellation=True)
    connections = _Connections(min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
    context = web_config.ssl_context()
    loop = asyncio.get_running_loop()
    await runner.setup()
    servers: list[asyncio.Server] = []
    try:
        protocol = partial(_Protocol, cast("web.Server", runner.server), app[_NAME], web_config, connections)
        for address in addresses:
            host, port = flags.split_address(address)
            try:
                for listener in await _listeners(host, port, connections):
                    server = await loop.create_server(protocol, sock=listener, ssl=context, backlog=BACKLOG)
                    servers.append(server)
            except OSError as error:
                known = error.errno in errno.errorcode
                reason = os.strerror(error.errno) if known else error.strerror or error  # type: ignore[arg-type]
                raise OSError(f"cannot listen on {address}: {reason}") from error
        bound = [listener.getsockname()[:2] for server in servers for listener in server.sockets]
        for host, port in bound:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            _log.info("listening", address=address, tls=context is not None)
        yield bound
    finally:
        for server in servers:
            server.close()
        await runner.cleanup()


class _Protocol(web.RequestHandler):
    """One connection; a request that cannot be parsed gets an answer like all others, without the parser's words.

    Attributes:
        request: the one that is being handled.
    """

    __slots__ = ("_connections", "_name", "_web_config", "request")

    def __init__(self, server: web.Server, name: str, web_config: WebConfig, connections: _Connections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # None is its documented "no log"
            lingering_time=LINGER_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            read_bufsize=LARGEST_BODY,
        )
        self._name, self._web_config, self._connections = name, web_config, connections
        self.request: BaseRequest | None = None

    def begins(self, response: web.StreamResponse) -> None:
        """Note that an answer begins: of a stream, nobody waits for the end."""
        if not isinstance(response, web.Response):
            self.request = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, unless its client's certificate has none of the allowed names."""
        super().connection_made(transport)
        self._connections.made(self, transport.get_extra_info("socket").fileno())
        if not self._web_config.admits(transport.get_extra_info("peercert")):
            _log.limited("client certificate", "client certificate has no allowed name, connection closed")
            cast("asyncio.Transport", transport).abort()

    def log_exception(self, *args: object, **options: object) -> None:
        """Log a failure, unless the rest of a body that nobody has read cannot be decoded."""
        if not isinstance(options.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **options)

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Return the answer to a request that no handler has seen, or whose handler has failed."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client is gone, in the middle of its request: nobody would get the answer
        if not request.headers.get(hdrs.EXPECT, "").isascii():
            status, exc, message = 417, None, "Expect is not ASCII"  # aiohttp fails when it quotes it
        level, reason = ("error", exc or message) if status >= 500 else ("warning", _unparsed(exc, message))
        _log.limited(f"error {status}", "request refused", level=level, remote=request.remote, error=reason)
        if request.writer.output_size:
            raise ConnectionError("a part of the response is sent already")
        text = "This is not a valid HTTP request.\n" if status < 500 else "The request failed. See the log.\n"
        response = web.Response(status=status, text=text)
        response.force_close()
        _decorate(response, self._name, self._web_config)
        return response


def _unparsed(error: BaseException | None, message: str | None) -> str:
    """Return why a request cannot be parsed, without anything of it: that may be a password, and is up to 64 KiB."""
    if isinstance(error, InvalidURLError):  # its message is the URL
        return "Invalid URL"
    words = getattr(error, "message", "") or message or ""
    # The parser quotes what it has got behind its own words.
    return re.split(r":\n|:? (?:b?['\"]|bytearray)", words)[0][:100]


def _decorate(response: web.StreamResponse, name: str, web_config: WebConfig) -> None:
    response.headers[hdrs.SERVER] = name
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.update(web_config.headers)


def _metrics(registry: CollectorRegistry) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
        # prometheus-client raises on an invalid version.
        if any(not _VERSION.fullmatch(version.strip()) for version in re.findall(r"version=([^,;]*)", accept)):
            accept = ""
        encode, content_type = choose_encoder(accept)
        names = request.query.getall("name[]", ())
        body = encode(registry.restricted_registry(names) if names else registry)
        response = web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})
        response.enable_compression()
        return response

    return metrics


class _Connections:
    """The open connections, limited in number from accept on, before any TLS handshake."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[int, _Connection] = {}

    def add(self, endpoint: socket.socket, remote: str) -> None:
        """Add a connection; beyond the limit, close another of the address that has the most.

        That is the oldest of those without a complete request that waits for its answer. If they are all so new that
        their requests may be on their way, it is one of them by chance; if there are none, one of all.
        """
        self._open = {number: known for number, known in self._open.items() if known.endpoint.fileno() == number}
        others = list(self._open.values())
        self._open[endpoint.fileno()] = _Connection(endpoint, origin(remote)[0])
        if len(self._open) <= self._most:
            return
        crowd = Counter(other.address for other in others).most_common(1)[0][0]
        of_crowd = [other for other in others if other.address == crowd]
        idle = [other for other in of_crowd if not other.waits]
        old = time.monotonic() - REQUEST_COMES_SECONDS
        closed = next((other for other in idle if other.since < old), None) or secrets.choice(idle or of_crowd)
        del self._open[closed.endpoint.fileno()]
        closed.close()
        _log.limited("connections", "too many connections, closed one", remote=crowd, most=self._most)

    def made(self, protocol: _Protocol, number: int) -> None:
        """Add what handles the connection with this descriptor, once it is there."""
        if number in self._open:
            self._open[number].protocol = protocol


@dataclasses.dataclass(eq=False)
class _Connection:
    endpoint: socket.socket
    address: str
    protocol: _Protocol | None = None
    since: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def waits(self) -> bool:
        """Whether a complete request waits for its answer: no stream, and not after a wrong password."""
        request = None if self.protocol is None else self.protocol.request
        return request is not None and request.content.is_eof() and FAILED not in request

    def close(self) -> None:
        if self.protocol is not None and self.protocol.transport is not None:
            self.protocol.transport.abort()  # also if it reads nothing at present, and would not notice
        else:
            with contextlib.suppress(OSError):  # it has closed by itself
                self.endpoint.shutdown(socket.SHUT_RDWR)


class _Listener(socket.socket):
    connections: _Connections

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.connections.add(connection, str(address[0]))
        return connection, address


async def _listeners(host: str, port: int, connections: _Connections) -> list[_Listener]:
    """Return a bound socket for each address of the host; an empty host is every interface."""
    addresses = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listeners: list[_Listener] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            try:
                listener = _Listener(family, kind, protocol)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT:  # the name has an IPv6 address, this machine does not
                    continue
                raise
            listeners.append(listener)
            listener.connections = connections
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # What one connection has sent and nobody has read yet, in the kernel, and in one piece in this process.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * LARGEST_BODY)
            listener.settimeout(0)
            listener.bind(address)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


class _Unsent:
    """What is made of answers and not sent yet. Beyond a limit, answers are given up: the oldest of who has most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[asyncio.Timeout, tuple[str, int]] = {}

    def add(self, deadline: asyncio.Timeout, remote: str, size: int) -> None:
        """Add an answer of so many bytes, which its deadline gives up."""
        self._sizes[deadline] = origin(remote)[0], size
        while len(self._sizes) > 1:
            kept = Counter[str]()
            for address, length in self._sizes.values():
                kept[address] += length
            if kept.total() <= self._most:
                break
            crowd = kept.most_common(1)[0][0]
            oldest = next(one for one, (address, _) in self._sizes.items() if address == crowd)
            del self._sizes[oldest]
            if not oldest.expired():
                oldest.reschedule(0)

    def remove(self, deadline: asyncio.Timeout) -> None:
        """Remove an answer that is sent or given up."""
        self._sizes.pop(deadline, None)


def _sender() -> Middleware:
    """Return the outermost middleware: it sends each answer, and bounds what is made of them and not sent yet."""
    unsent = _Unsent(MOST_UNSENT)

    async def send(request: web.Request, response: web.StreamResponse) -> None:
        body = response.body if isinstance(response, web.Response) else None
        async with asyncio.timeout(SEND_SECONDS) as deadline:
            unsent.add(deadline, request.remote or "", len(body) if isinstance(body, bytes) else 0)
            try:
                await response.prepare(request)
                await response.write_eof()
            finally:
                unsent.remove(deadline)

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        protocol = cast("_Protocol", request.protocol)
        protocol.request = request
        try:
            response = await handler(request)
            try:
                await send(request, response)
            except TimeoutError:
                _log.limited("unsent", "answer is not read, connection closed", remote=request.remote)
                if protocol.transport is not None:
                    protocol.transport.abort()
        except asyncio.CancelledError as gone:
            # Its traceback keeps what the request has sent, until cycles of objects are next searched for.
            raise gone.with_traceback(None) from None
        else:
            return response
        finally:
            protocol.request = None

    return answer


@web.middleware
async def _errors_as_text(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        sentence = error.text or error.reason
        if error.status == 404:
            sentence = f"Nothing at {request.path}."
        elif error.status == 405:
            sentence = f"{request.path} does not support {request.method}, only {error.headers.get(hdrs.ALLOW)}."
        headers = error.headers.copy()
        headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=error.status, reason=error.reason, text=f"{sentence}\n", headers=headers)
    except ConnectionError:
        raise
    except Exception as error:
        if request.writer.output_size:  # part of the response is sent: only a closed connection shows the failure
            raise
        route = f"{request.method} {request.path}"
        _log.limited(f"request {type(error).__name__}", "request failed", level="error", request=route, error=error)
        return web.Response(status=500, text=f"{route} failed: {type(error).__name__}. See the log.\n")


def _body_reader(max_body: int, large: Collection[str]) -> Middleware:
    turns = asyncio.Semaphore(MOST_LARGE)

    @web.middleware
    async def read_body(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.can_read_body or request.match_info.http_exception is not None:
            return await handler(request)
        most = max_body
        if request.path in large:
            most = MEBIBYTE
            request = request.clone(client_max_size=most)
        length = request.content_length
        if (length or 0) > most:
            raise web.HTTPRequestEntityTooLarge(most, text=_too_large(most))
        # What is compressed may become a thousand times larger.
        small = length is not None and length <= max_body and hdrs.CONTENT_ENCODING not in request.headers
        if most == max_body or small:
            return await _with_body(request, handler, most)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await turns.acquire()
        except TimeoutError:
            sentence = "Too many large bodies are being read: try again later."
            raise web.HTTPServiceUnavailable(text=sentence, headers={hdrs.RETRY_AFTER: "1"}) from None
        try:
            return await _with_body(request, handler, most)
        finally:
            turns.release()

    return read_body


async def _with_body(request: web.Request, handler: Handler, most: int) -> web.StreamResponse:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise web.HTTPRequestEntityTooLarge(most, text=_too_large(most)) from None
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text="The body cannot be decoded.") from error
    except TimeoutError:
        sentence = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        raise web.HTTPRequestTimeout(text=sentence) from None
    return await handler(request)


def _too_large(most: int) -> str:
    return f"The body is larger than the limit of {most} bytes."
