"""Requests that nobody should send, at a running actuator.

`python -m tests.actuator.harness.http_fuzz --requests 1000000` sends a million to an actuator of its own on loopback.
It prints the memory after a warm-up and after each tenth, and at the end how often each status was the answer; the
exit status is 1 if the memory has grown by more than a tenth. A request may only do what its user may: here, nobody may
command, and Alertmanager's user, who may notify, sends everything but notifications.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import gzip
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import bcrypt

from tests.actuator.harness.process import Actuator, site
from tests.support import ROOT, Process

PASSWORD = "right"
ACCESS = {"read": ["prometheus"], "notify": ["alertmanager"], "command": ["owner"]}
USERS = ("prometheus", "alertmanager", "owner", "nobody")
OWNER = {"Authorization": "Basic " + base64.b64encode(f"owner:{PASSWORD}".encode()).decode()}

WARM_UP = 10_000
"""Requests after which every cache of a fixed size is full."""

MOST_GROWTH = 1.1
CLIENTS = 128
"""So many that the program is busy although each waits for the late answers to wrong passwords."""

_STATUS = re.compile(rb"^HTTP/1\.[01] ([0-9]{3})", re.MULTILINE)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "G\x00T", "X" * 300)
_PATHS = (
    *("/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/alerts", "/api/v1/status", "/api/v1/mode"),
    *("/api/v1/reset", "/api/v1/acknowledge", "/api/v1/journal", "/api/v1/events", "/api/v1/settings", "/none"),
    *("//", "/%", "/%00", "/%ff", "/..%2f..%2fetc/passwd", "/api/v1/../v1/mode", "/api/v1/mode/", "*", "http://[::1"),
    *("http://127.0.0.1/api/v1/mode", "/\u2100".encode().decode("latin-1"), "/" + "a" * 9000, "", "?", "/#"),
)
_QUERIES = (
    *("", "?", "?a", "?name[]=up&name[]=x", "?since=nan", "?since=9" + "9" * 400, "?most=-1", "?most=\u0663"),
    *("?format=csv", "?format=x", "?since=2026-01-01T00:00:00Z", "?%ff=%ff", "?since=0001-01-01", "?" + "a=b&" * 2000),
    *("?since=9999-12-31T23:59:59%2B23:59", "?since=-1e300", "?since=%00", "?most=999999999", "?format[]=json"),
)
_HEADERS: dict[str, tuple[str, ...]] = {
    "Host": (
        "127.0.0.1",
        "localhost:1",
        "evil.example",
        "[::1",
        "",
        "a" * 9000,
        "127.0.0.1:99999",
        "x@y",
        "[fe80::1%25e]",
    ),
    "Origin": (
        "null",
        "http://127.0.0.1",
        "http://[::1",
        "http://\xe2\x84\x80.x",
        "//",
        "\x7f",
        "http://evil:99999",
        "a:b:c",
    ),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "none", "", "\xff"),
    "Accept": (
        *("*/*", "application/openmetrics-text;version=a.b.c", "text/plain;version=1_0", "text/plain;version=1.0.0"),
        *("application/openmetrics-text; version=1.0.0; escaping=x", "text/plain;version=" + "9" * 5000, ";", ",,,"),
        *("application/openmetrics-text;version=99.99", "text/plain;version=", "text/plain;version=1..0", "=", "\xff"),
    ),
    "Accept-Encoding": ("gzip", "deflate;q=0", "br", "\xff", "gzip;q=x"),
    "Content-Type": (
        "application/json",
        "application/json; charset=x",
        "text/plain",
        "",
        "\xff",
        "multipart/form-data",
        "a/b/c",
    ),
    "Content-Encoding": ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x", "\xff", ""),
    "Content-Length": ("0", "-1", "1", "99999999999999999999", "a", "1, 2", "+5", " 3"),
    "Transfer-Encoding": ("chunked", "chunked, chunked", "gzip", "x", "identity", "Chunked\x0b"),
    "Expect": ("100-continue", "x", ""),
    "Connection": ("close", "keep-alive", "upgrade", "x, y"),
    "Upgrade": ("websocket", "h2c", "x"),
    "Last-Event-ID": ("0", "-1", "x", "9" * 400, "\u0663".encode().decode("latin-1")),
    "Range": ("bytes=0-1", "bytes=-", "x"),
    "If-None-Match": ("*", '"x', "x"),
    "If-Modified-Since": ("Thu, 01 Jan 1970 00:00:00 GMT", "x", "Thu, 99 Jan 99999 00:00:00 GMT"),
    "Cookie": ("a=b", ";;;", "\xff=\xff"),
    "X-Forwarded-For": ("127.0.0.1",),
}
_BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"mode": "on"}',
        b'{"mode": "off"}',
        b'{"what": "lockout"}',
        b"1" * 5000,
    ),
    *(
        b'{"mode": ["on"]}',
        b'{"mode": "on", "for": 1e999}',
        b'{"\\ud800": 1}',
        b"[" * 20_000,
        b'{"a":' * 9000,
        b"-" * 99,
    ),
    json.dumps({"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "BatterySocLow"}}]}).encode(),
    b'{"version":"4","alerts":[' + b"1," * 150 + b"1]}",
)


def make(source: random.Random) -> bytes:
    """Return one request."""
    body = source.choice(_BODIES) if source.random() < 0.9 else source.randbytes(source.randrange(2000))
    if source.random() < 0.2:
        body = gzip.compress(body, 1)[: source.choice((None, 5, 15))]
    method, target = source.choice(_METHODS[:4] if source.random() < 0.9 else _METHODS), _target(source)
    lines = [f"{method} {target} {_version(source)}"]
    names = source.sample(list(_HEADERS), source.randrange(4))
    if source.random() < 0.9:
        lines.append(f"Host: {'127.0.0.1' if source.random() < 0.9 else source.choice(_HEADERS['Host'])}")
    if source.random() < 0.9 and "Content-Length" not in names:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {source.choice(_HEADERS[name])}" for name in names]
    if source.random() < 0.7:
        lines.append(f"Authorization: {_credentials(source, notifies='alerts' in target)}")
    if source.random() < 0.02:
        lines += [f"X-{number}: {'y' * source.randrange(200)}" for number in range(source.randrange(300))]
    if "Connection" not in names:
        lines.append("Connection: close")
    request = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    if source.random() < 0.1:
        at = source.randrange(len(request))
        request = request[:at] + source.randbytes(source.randrange(4)) + request[at + source.randrange(4) :]
    return request


def _target(source: random.Random) -> str:
    return source.choice(_PATHS[:14] if source.random() < 0.8 else _PATHS) + (
        source.choice(_QUERIES) if source.random() < 0.3 else ""
    )


def _version(source: random.Random) -> str:
    return "HTTP/1.1" if source.random() < 0.95 else source.choice(("HTTP/1.0", "HTTP/2.0", "HTTP/9", "", "http/1.1"))


def _credentials(source: random.Random, *, notifies: bool) -> str:
    user = source.choice(
        ("prometheus", "prometheus", "prometheus", "alertmanager", "nobody", "owner", "x" * 999, "\xff")
    )
    password = "wrong" if user == "owner" or (user == "alertmanager" and notifies) else PASSWORD
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (
        f"Basic {encoded}"
        if source.random() < 0.95
        else source.choice((f"Bearer {encoded}", "Basic", "Basic \xff", encoded))
    )


async def statuses(port: int, request: bytes) -> Counter[int]:
    """Send a request on a connection of its own; return the statuses of the answers, and how often each came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = bytearray()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            writer.write(request)
            while part := await reader.read(65536):
                answer += part
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    assert b"ython/" not in answer, f"{request!r} is answered with a version: {bytes(answer)!r}"
    found = Counter(int(status) for status in _STATUS.findall(answer))
    assert 500 not in found, f"{request!r} is answered with {bytes(answer)!r}"
    return found


@contextlib.contextmanager
def actuator(folder: Path) -> Iterator[tuple[Actuator, Process]]:
    """Run an actuator whose users have roles."""
    written = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    web_config = folder / "web.yml"
    web_config.write_text("basic_auth_users:\n" + "".join(f"  {user}: {written}\n" for user in USERS))
    with site(folder, {"access": ACCESS}) as it:
        it.flags = ["--web.enable-lifecycle", f"--web.config.file={web_config}"]
        with it.running(ready=401, env=_memory_settings()) as process:
            yield it, process


def _memory_settings() -> dict[str, str]:
    """Return how the service's unit sets the C library's memory."""
    unit = (ROOT / "deploy" / "systemd" / "generator-actuator.service").read_text(encoding="utf-8")
    return dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", unit))


def check_unchanged(it: Actuator) -> None:
    """Check that nothing was commanded or notified."""
    code, text = it.request("GET", "/api/v1/status", headers=OWNER)
    assert code == 200, text
    assert json.loads(text)["mode"] == "auto"
    code, page = it.request("GET", "/metrics", headers=OWNER)
    assert code == 200
    taken = re.findall(r"^(generator_(?:notifications|starts)_total.*) (\S+)$", page, re.MULTILINE)
    assert taken
    assert not [line for line in taken if float(line[1])]
    assert "generator_actuator_config_last_reload_successful 1.0" in page
    code, journal = it.request("GET", "/api/v1/journal", headers=OWNER)
    assert code == 200
    assert {row["kind"] for row in json.loads(journal)}.isdisjoint({"operator", "contact_closed"})
    assert not it.board.closed()


async def storm(port: int, seed: int | str, requests: int, clients: int = 16) -> Counter[int]:
    """Send requests with so many clients at a time; return how often each status was the answer."""
    total: Counter[int] = Counter()
    numbers = iter(range(requests))

    async def client() -> None:
        for number in numbers:
            total.update(await statuses(port, make(random.Random(f"{seed} {number}"))))  # noqa: S311 - no secret

    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(client())
    return total


def _memory(process: Process) -> int:
    """Return the resident memory in KiB."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def main() -> int:
    """Send, and print what came; return 1 if the memory has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    warm_up, parts = min(WARM_UP, given.requests), 10
    with tempfile.TemporaryDirectory() as folder, actuator(Path(folder)) as (it, process):
        asyncio.run(storm(it.port, given.seed - 1, warm_up, clients=CLIENTS))
        first = last = _memory(process)
        began = time.monotonic()
        sys.stdout.write(f"{first} KiB after the first {warm_up} requests\n")
        total: Counter[int] = Counter()
        for part in range(parts):
            total += asyncio.run(storm(it.port, f"{given.seed} {part}", given.requests // parts, clients=CLIENTS))
            check_unchanged(it)
            last = _memory(process)
            sys.stdout.write(f"{last} KiB, {sum(total.values())} answers in {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
        sys.stdout.write(", ".join(f"{status}: {count}" for status, count in sorted(total.items())) + "\n")
    return 0 if last <= MOST_GROWTH * first else 1


if __name__ == "__main__":
    sys.exit(main())
