"""Clients that fail keep nobody else's "off" out: the real process, with passwords as they are really hashed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from tests.actuator.harness.process import Actuator, site
from tests.support import Process, wait_until, waited_for_processor

CLIENTS = 50
SECONDS = 2.0
COST = 10
"""Of `htpasswd -nBC 10`."""

PROGRAM = """
import sys
from actuator.cli import main
from toolkit.webconfig import passwords
passwords.REMEMBERED = 1
sys.exit(main(sys.argv[1:]))
"""
"""Remembers the last password only, so that a test can let one be forgotten."""

pytestmark = pytest.mark.slow


def hashed() -> str:
    return bcrypt.hashpw(b"right", bcrypt.gensalt(COST)).decode()


def users(*names: str) -> str:
    written = hashed()
    return "basic_auth_users:\n" + "".join(f"  {name}: {written}\n" for name in names)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@contextlib.contextmanager
def running(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[Actuator, Process, Path]]:
    web_config = folder / "web.yml"
    web_config.write_text(users(*names))
    with site(folder) as it:
        it.flags = [f"--web.config.file={web_config}"]
        with it.running(PROGRAM, ready=401) as process:
            yield it, process, web_config


class Attack:
    """Clients that ask with ever new wrong passwords of a known user, each again when it is answered."""

    def __init__(self, url: str, addresses: list[str], patience: float) -> None:
        self._url, self._addresses, self._patience = url, addresses, patience
        self._passwords = itertools.count()
        self._asking = 0

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self._client(address)) for address in self._addresses]
        async with asyncio.timeout(30):
            while self._asking < len(self._addresses):  # noqa: ASYNC110 - an event of its clients
                await asyncio.sleep(0.001)

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, address: str) -> None:
        connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=1)
        timeout = aiohttp.ClientTimeout(total=self._patience)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                self._asking += 1
                wrong = basic("owner", f"wrong {next(self._passwords)}")
                with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                    async with session.get(self._url, headers=wrong) as response:
                        assert response.status in (401, 503)


async def off(it: Actuator, process: Process, user: str) -> float:
    """Command "off" with the right password; return the seconds it took, less those spent waiting for a processor."""

    def waited() -> float:
        return waited_for_processor(process.popen.pid, threads=True) + waited_for_processor(os.getpid())

    began, before = time.monotonic(), waited()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{it.url}/api/v1/mode", json={"mode": "off"}, headers=basic(user, "right")) as response,
    ):
        assert response.status == 200, await response.text()
    # Threads that ended in between, such as those that check a password, are no longer counted.
    return time.monotonic() - began - max(0.0, waited() - before)


ONE = ["127.0.0.1"] * CLIENTS
MANY = [f"127.0.1.{number}" for number in range(1, CLIENTS + 1)]


@pytest.mark.parametrize(
    ("addresses", "patience"),
    [(ONE, 100.0), (MANY, 100.0), (ONE, 0.3)],
    ids=["one address", "many addresses", "clients that do not wait"],
)
async def test_right_password_is_served_while_fifty_clients_fail(
    tmp_path: Path, addresses: list[str], patience: float
) -> None:
    names = ("owner", "second")
    took: dict[str, float] = {}
    with running(tmp_path, names) as (it, process, web_config):
        url = f"{it.url}/api/v1/status"
        async with Attack(url, addresses, patience):
            took["after a start"] = await off(it, process, "owner")
            took["another user"] = await off(it, process, "second")
            took["after it was forgotten"] = await off(it, process, "owner")
            web_config.write_text(users(*names))
            took["after the file was read again"] = await off(it, process, "owner")
            assert await off(it, process, "owner") < SECONDS / 4, "it is remembered"
    assert max(took.values()) < SECONDS, took


def test_off_is_obeyed_although_its_client_leaves_and_on_is_not(tmp_path: Path) -> None:
    with running(tmp_path, ("owner", "second")) as (it, process, _):

        def send_and_leave(body: str, user: str) -> None:
            """Leave before the password is checked, which takes a good part of a second the first time."""
            [(name, value)] = basic(user, "right").items()
            head = f"POST /api/v1/mode HTTP/1.1\r\nHost: 127.0.0.1\r\n{name}: {value}\r\nContent-Type: application/json"
            with socket.create_connection(("127.0.0.1", it.port)) as connection:
                connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

        send_and_leave('{"mode": "on"}', "second")
        send_and_leave('{"mode": "off"}', "owner")
        wait_until(lambda: "action=off who=owner" in process.output, 10, "off")
        assert "action=on" not in process.output
        assert not it.board.closed()
