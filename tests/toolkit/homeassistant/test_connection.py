"""The task of the connection: when it begins, ends, and begins again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import pytest
from prometheus_client import CollectorRegistry

from toolkit.homeassistant import connection as module
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.connection import Connection, page_url
from toolkit.homeassistant.metrics import Counts

OPTIONS = Mqtt(url="mqtt://broker")


class Runs:
    """Connections that have begun, and how they end."""

    def __init__(self) -> None:
        self.began = 0
        self.fails = False
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.connection = Connection(Counts("x"), CollectorRegistry())

    async def apply(self, options: Mqtt | None) -> None:
        await self.connection.apply(options, self._run, depends_on=options)
        await asyncio.sleep(0)

    async def _run(self, _options: Mqtt) -> None:
        self.began += 1
        if self.fails:
            raise LookupError("unexpected")
        try:
            await asyncio.sleep(60)
        finally:
            while not self.may_end.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await self.may_end.wait()


async def test_equal_options_leave_a_connection_that_runs_alone() -> None:
    runs = Runs()
    await runs.apply(OPTIONS)
    await runs.apply(Mqtt(url="mqtt://broker"))
    assert runs.began == 1
    await runs.apply(Mqtt(url="mqtt://other"))
    assert runs.began == 2
    await runs.apply(None)
    await runs.apply(None)
    await runs.apply(OPTIONS)
    assert runs.began == 3
    await runs.connection.stop()


async def test_a_reload_begins_a_connection_that_has_failed_again() -> None:
    runs = Runs()
    runs.fails = True
    await runs.apply(OPTIONS)
    runs.fails = False
    await runs.apply(OPTIONS)
    assert runs.began == 2
    await runs.connection.stop()


async def test_while_a_connection_does_not_end_none_is_begun(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_END_SECONDS", 0.05)
    runs = Runs()
    await runs.apply(OPTIONS)
    runs.may_end.clear()
    with caplog.at_level(logging.ERROR):
        await runs.apply(Mqtt(url="mqtt://other"))
    assert "does not end" in caplog.text
    await runs.apply(OPTIONS)
    assert runs.began == 1
    runs.may_end.set()
    await runs.apply(OPTIONS)
    assert runs.began == 2, "it has ended since"
    await runs.connection.stop()


@pytest.mark.parametrize(
    ("address", "encrypted", "url"),
    [
        ("127.0.0.1:10048", False, ""),
        ("[::1]:10048", True, ""),
        ("localhost:10048", False, ""),
        ("192.0.2.7:10048", True, "https://192.0.2.7:10048/"),
        ("[2001:db8::7]:10048", False, "http://[2001:db8::7]:10048/"),
        (":10048", False, f"http://{socket.gethostname()}:10048/"),
        ("0.0.0.0:10048", False, f"http://{socket.gethostname()}:10048/"),
    ],
)
def test_the_url_of_a_page(address: str, encrypted: bool, url: str) -> None:  # noqa: FBT001 - a parameter
    assert page_url([address], encrypted=encrypted) == url
