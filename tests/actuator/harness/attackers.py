"""What strangers send to a running actuator, each kind as fast as it can; on loopback only.

    python -m tests.actuator.harness.attackers NAME PORT

They run in a process of their own, so that they do not slow down whoever measures. A line on standard input begins the
attack, a second one ends it; then the connections begun in a second are written.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import random
import resource
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

_HOST: Final = "127.0.0.1"
_MEBIBYTE: Final = 1024 * 1024
_CHANCE: Final = random.Random(11)  # noqa: S311 - no secret
_COUNTS: Final[Counter[str]] = Counter()


def _post(path: str, body: bytes, *more: str) -> bytes:
    fields = ("Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(body)}", *more)
    return "\r\n".join([f"POST {path} HTTP/1.1", *fields, "", ""]).encode() + body


def _get(path: str, *more: str, host: str = _HOST) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


def _wrong_password() -> bytes:
    credentials = base64.b64encode(f"owner:wrong {_CHANCE.getrandbits(40)}".encode()).decode()
    return _get("/api/v1/status", f"Authorization: Basic {credentials}")


def _host_to_look_up() -> bytes:
    """Return a request for a host that the server would have to ask its DNS for; the name is never the same."""
    return _get("/api/v1/status", host=f"{_CHANCE.getrandbits(40):x}.invalid")


def _alerts(name: str) -> bytes:
    """Return a body of nearly 1 MiB of alerts, 11,500 or more, each with a fingerprint of its own."""
    first = _CHANCE.getrandbits(40)
    one = '{"status":"firing","labels":{"alertname":"%s"},"fingerprint":"%016x"}'
    most = (_MEBIBYTE - 100) // (len(one % (name, 0)) + 1)
    return f'{{"version":"4","alerts":[{",".join(one % (name, first + number) for number in range(most))}]}}'.encode()


def _bad_alerts(version: int = 4) -> bytes:
    return b'{"version":"%d","alerts":[' % version + b"1," * ((_MEBIBYTE - 100) // 2) + b"1]}"


_COMPRESSED: Final = _post("/api/v1/alerts", gzip.compress(_bad_alerts()), "Content-Encoding: gzip")


def _keys() -> bytes:
    return json.dumps({"mode": "auto", **{f"{number:05}": 1 for number in range(90_000)}}).encode()


def _mangled() -> Iterator[bytes]:
    """Yield requests that are nearly right, with bytes changed, doubled and missing."""
    good = [
        _get("/api/v1/status"),
        _get("/api/v1/journal?since=2026-01-01&format=csv"),
        _get("/metrics"),
        _post("/api/v1/alerts", b'{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"X"}}]}'),
        _post("/api/v1/mode", b'{"mode":"on","for":"2h"}'),
        _post("/api/v1/reset", b'{"what":"lockout"}'),
    ]
    while True:
        request = bytearray(_CHANCE.choice(good))
        for _ in range(_CHANCE.randrange(1, 6)):
            place = _CHANCE.randrange(len(request))
            match _CHANCE.randrange(4):
                case 0:
                    request[place] = _CHANCE.randrange(256)
                case 1:
                    del request[place : place + _CHANCE.randrange(1, 9)]
                case 2:
                    request[place:place] = request[place : place + 20] * 3
                case _:
                    request[place:place] = _CHANCE.randbytes(3)
            if not request:
                break
        yield bytes(request)


# --- how they send


async def _connect(
    port: int, *, limit: int = 2**16, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    _COUNTS["connections"] += 1
    return await asyncio.open_connection(_HOST, port, limit=limit, ssl=context)


async def _repeat(port: int, make: Callable[[], bytes], *, connections: int, once: bool = False) -> None:
    """Send over so many connections at a time, each again when it was answered, or once."""

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await _connect(port)
                try:
                    writer.write(make())
                    await writer.drain()
                    await asyncio.wait_for(reader.read(65536), 60)
                finally:
                    writer.close()
            if once:
                return

    await asyncio.gather(*(one() for _ in range(connections)), return_exceptions=True)


async def _hold(port: int, head: bytes, more: bytes, *, connections: int, read: bool) -> None:
    """Keep so many connections open, send a little more again and again, and read what comes, or nothing."""

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await _connect(port, limit=1024)
                try:
                    writer.write(head)
                    while not reader.at_eof():
                        if more:
                            writer.write(more)
                        await writer.drain()
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(65536) if read else asyncio.Event().wait(), 0.5)
                finally:
                    writer.close()
            await asyncio.sleep(0.01)

    await asyncio.gather(*(one() for _ in range(connections)), return_exceptions=True)


async def _leave(port: int, sent: bytes, *, connections: int) -> None:
    """Send over so many connections at a time, and close each without waiting for its answer."""

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await _connect(port)
                writer.write(sent)
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(connections)), return_exceptions=True)


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _handshakes(port: int) -> None:
    """Finish handshakes, 50 at a time."""
    context = _trusting()

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await _connect(port, context=context)
                writer.close()

    await asyncio.gather(*(one() for _ in range(50)), return_exceptions=True)


def _client_hello() -> bytes:
    answers, hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _trusting().wrap_bio(answers, hello).do_handshake()
    return hello.read()


async def _handshakes_at_a_rate(port: int, a_second: int) -> None:
    """Begin so many handshakes a second, however slow the answers; the server computes its half, this client none."""
    hello = _client_hello()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    async def one() -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await _connect(port)
                try:
                    writer.write(hello)
                    if await reader.read(1):
                        _COUNTS["handshakes answered"] += 1
                finally:
                    writer.transport.abort()

    began, number = time.monotonic(), 0
    async with asyncio.TaskGroup() as tasks:
        while True:
            while number < (time.monotonic() - began) * a_second:
                tasks.create_task(one())
                number += 1
            await asyncio.sleep(0.002)


async def _fuzz(port: int) -> None:
    mangled = _mangled()
    await _repeat(port, lambda: next(mangled), connections=20)


async def _nothing(_port: int) -> None:
    await asyncio.Event().wait()


def _once(make: Callable[[], bytes], path: str, count: int) -> Callable[[int], Awaitable[None]]:
    bodies = [_post(path, make()) for _ in range(min(count, 12))]
    return lambda port: _repeat(port, lambda: _CHANCE.choice(bodies), connections=count, once=True)


def _always(make: Callable[[], bytes], path: str, count: int) -> Callable[[int], Awaitable[None]]:
    bodies = [_post(path, make()) for _ in range(min(count, 12))]
    return lambda port: _repeat(port, lambda: _CHANCE.choice(bodies), connections=count)


ATTACKERS: Final[dict[str, Callable[[], Callable[[int], Awaitable[None]]]]] = {
    "nothing": lambda: _nothing,
    "8 bodies of 11,500 inhibits": lambda: _once(lambda: _alerts("GeneratorInhibit"), "/api/v1/alerts", 8),
    "12 bodies of 11,500 inhibits": lambda: _once(lambda: _alerts("GeneratorInhibit"), "/api/v1/alerts", 12),
    "bodies of 12,000 start alerts, 12 at a time": lambda: _always(
        lambda: _alerts("BatterySocLow"), "/api/v1/alerts", 12
    ),
    "200 bodies of 500,000 bad alerts": lambda: _once(_bad_alerts, "/api/v1/alerts", 200),
    "bodies of 500,000 alerts of another version, 12 at a time": lambda: _always(
        lambda: _bad_alerts(5), "/api/v1/alerts", 12
    ),
    "1 KiB bodies that become 1 MiB, 150 at a time": lambda: (
        lambda port: _repeat(port, lambda: _COMPRESSED, connections=150)
    ),
    "1 KiB bodies that become 1 MiB, whose senders leave": lambda: (
        lambda port: _leave(port, _COMPRESSED, connections=150)
    ),
    "mode with 90,000 keys, 50 at a time": lambda: _always(_keys, "/api/v1/mode", 50),
    "heartbeats, 50 at a time": lambda: _always(
        lambda: b'{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"GeneratorHeartbeat"}}]}',
        "/api/v1/alerts",
        50,
    ),
    "reloads, 20 at a time": lambda: _always(lambda: b"", "/-/reload", 20),
    "whole journals, 20 at a time": lambda: lambda port: _repeat(port, lambda: _get("/api/v1/journal"), connections=20),
    "whole journals that are not read, 12 at a time": lambda: (
        lambda port: _hold(port, _get("/api/v1/journal"), b"", connections=12, read=False)
    ),
    "wrong passwords, 50 clients": lambda: lambda port: _repeat(port, _wrong_password, connections=50),
    "wrong passwords, whose senders leave": lambda: lambda port: _leave(port, _wrong_password(), connections=50),
    "hosts that need DNS, 50 at a time": lambda: lambda port: _repeat(port, _host_to_look_up, connections=50),
    "mangled requests, 20 at a time": lambda: _fuzz,
    "500 slow-loris connections": lambda: (
        lambda port: _hold(port, b"POST /api/v1/alerts HTTP/1.1\r\n", b"X: y\r\n", connections=500, read=True)
    ),
    "150 event streams": lambda: lambda port: _hold(port, _get("/api/v1/events"), b"", connections=150, read=True),
    "150 event streams that are not read": lambda: (
        lambda port: _hold(port, _get("/api/v1/events"), b"", connections=150, read=False)
    ),
    "50 readers of the status that never read": lambda: (
        lambda port: _hold(port, b"", _get("/api/v1/status") * 50, connections=50, read=False)
    ),
    "TLS handshakes, 50 at a time": lambda: _handshakes,
    "TLS handshakes, 1,000 a second": lambda: lambda port: _handshakes_at_a_rate(port, 1000),
    "8 threads that use the processor, in the same process": lambda: _nothing,
}
"""By name: a function that makes what is sent, and returns what sends it to a port."""


def main() -> None:
    """Send between the first and the second line of standard input; `sends` says that everything is made."""
    name, port = sys.argv[1:]
    send = ATTACKERS[name]()
    sys.stdout.write("sends\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.monotonic()

    async def attack() -> None:
        sending = asyncio.ensure_future(send(int(port)))
        await asyncio.to_thread(sys.stdin.readline)
        seconds = time.monotonic() - began
        sys.stdout.write(", ".join(f"{count / seconds:,.0f} {what}" for what, count in _COUNTS.items()) + "\n")
        sys.stdout.flush()
        sending.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(attack())


if __name__ == "__main__":
    main()
