"""Reading the journal delays no write, and gives all rows or the reason why not."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import AsyncJournal, Journal, JournalError, Row, async_journal
from actuator.journal import reader as reader_module
from actuator.relay import SimulatedRelay
from actuator.web.event_stream import MOST_MISSED
from tests.actuator.harness.process import Actuator, site

HERE = Moment(boot="boot", now=1000.0, wall=1_700_000_000.0, wall_sane=True)
SAVED = Saved(durable=Durable(), moment=HERE)


def row(number: int, text: str = "held") -> Row:
    return Row(id=number, wall=HERE.wall + number, sane=True, kind="note", level="info", text=text)


def fill(path: Path, *rows: Row) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write(rows, SAVED)
    journal.close()


class Held:
    """Delays the reader of a row with the text "held"."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.free = threading.Event(), threading.Event()
        self._checksum = zlib.crc32
        monkeypatch.setattr(zlib, "crc32", self._hold)

    def _hold(self, data: bytes, value: int = 0) -> int:
        if b"held" in data:
            self.begun.set()
            self.free.wait(30)
        return self._checksum(data, value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_slow_read_delays_no_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_journal, "DEADLINE", 0.5)
    fill(path, row(1))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    held = Held(monkeypatch)
    reading = asyncio.create_task(journal.rows())
    try:
        assert await asyncio.to_thread(held.begun.wait, 5)
        written = journal.row(wall=1.0, sane=True, kind="note", level="info", text="written", fields={})
        assert await journal.write([written], SAVED)
        assert journal.ok
    finally:
        held.free.set()
    assert [one.text for one in await reading] == ["held"]
    assert [one.text for one in await journal.rows()] == ["held", "written"], "what is in memory too comes once"
    assert await journal.read(lambda _: threading.current_thread() is threading.main_thread()) is False
    await journal.close()


async def test_changed_relay_hides_no_row(path: Path) -> None:
    fill(path, row(1), row(2))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    journal.remember(SimulatedRelay())
    assert [one.id for one in await journal.rows()] == [1, 2]
    assert [one.id for one in await journal.rows(most=0)] == []
    await journal.close()


async def test_missing_database_is_no_empty_journal(path: Path) -> None:
    fill(path, row(1))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    await asyncio.to_thread(path.rename, path.with_name("elsewhere"))
    with pytest.raises(JournalError, match="No such file"):
        await journal.rows()
    await journal.close()


async def test_one_reader_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "PATIENCE", 0.2)
    fill(path, row(1))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    held = Held(monkeypatch)
    reading = asyncio.create_task(journal.rows())
    try:
        assert await asyncio.to_thread(held.begun.wait, 5)
        with pytest.raises(JournalError, match="read by others"):
            await journal.rows()
    finally:
        held.free.set()
    assert len(await reading) == 1
    assert len(await journal.rows()) == 1, "whoever asks later is served"
    await journal.close()


async def test_hanging_read_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "DEADLINE", 0.2)
    fill(path, row(1))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    held = Held(monkeypatch)
    try:
        with pytest.raises(JournalError, match="no answer within"):
            await journal.rows()
        assert journal.ok
        assert await journal.write((), SAVED), "the writer's connection is its own"
    finally:
        held.free.set()
    assert len(await journal.rows()) == 1
    await journal.close()


def test_unreadable_journal_is_answered_503(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        fill(it.journal, row(1))
        with it.running():
            assert it.rows()[0]["text"] == "held"
            it.journal.rename(tmp_path / "elsewhere")
            code, text = it.get("/api/v1/journal")
            assert code == 503
            assert "cannot be read" in text
            assert "No such file" in text


@contextlib.contextmanager
def stream(it: Actuator, last: int) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", it.port, timeout=5)
    connection.request("GET", "/api/v1/events", headers={"Last-Event-ID": str(last)})
    with contextlib.closing(connection):
        yield connection.getresponse()


def events(response: http.client.HTTPResponse, until: str) -> list[str]:
    """Return which events come, each by its row's kind or "status", up to one; at most twenty."""
    seen: list[str] = []
    while until not in seen and len(seen) < 20 and (line := response.readline()):
        if line.startswith(b"data: "):
            seen.append(json.loads(line[6:]).get("kind", "status"))
    return seen


def test_client_ahead_of_the_rows_gets_new_ones(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(), stream(it, 5000) as response:
        assert events(response, "status") == ["status"]
        assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
        assert "operator" in events(response, "operator")


def test_client_far_behind_gets_the_newest_rows(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        fill(it.journal, *map(row, range(1, 3001)))
        with it.running(), stream(it, 0) as response:
            numbers = []
            while (line := response.readline()) and b"event: status" not in line:
                if line.startswith(b"id: "):
                    numbers.append(int(line[4:]))
            assert numbers == list(range(numbers[-1] - MOST_MISSED + 1, numbers[-1] + 1))
            assert numbers[-1] > 3000


def test_unreadable_missed_rows_do_not_end_the_stream(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        fill(it.journal, row(1))
        with it.running():
            it.journal.rename(tmp_path / "elsewhere")
            with stream(it, 0) as response:
                assert "started" in events(response, "status")
