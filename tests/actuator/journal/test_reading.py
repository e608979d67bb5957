"""Who reads the journal delays nobody who writes it, and gets all rows or the reason why not."""

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
    """Holds whoever checks a row that says "held"."""

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


async def test_a_slow_read_makes_no_write_late(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_a_relay_edited_in_use_hides_no_row(path: Path) -> None:
    fill(path, row(1), row(2))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    journal.remember(SimulatedRelay())
    assert [one.id for one in await journal.rows()] == [1, 2]
    assert [one.id for one in await journal.rows(most=0)] == []
    await journal.close()


async def test_a_database_that_is_gone_is_no_empty_journal(path: Path) -> None:
    fill(path, row(1))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    await asyncio.to_thread(path.rename, path.with_name("elsewhere"))
    with pytest.raises(JournalError, match="No such file"):
        await journal.rows()
    await journal.close()


async def test_one_reads_at_a_time_and_others_wait_for_a_bounded_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


async def test_a_read_that_hangs_is_given_up_and_the_next_one_is_served(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_what_cannot_be_read_is_answered_503_with_the_reason(tmp_path: Path) -> None:
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


def test_who_has_seen_more_rows_than_there_are_gets_those_that_come(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(), stream(it, 5000) as response:
        assert events(response, "status") == ["status"]
        assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
        assert "operator" in events(response, "operator")


def test_who_has_missed_many_rows_gets_the_newest_of_them(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        fill(it.journal, *map(row, range(1, 3001)))
        with it.running(), stream(it, 0) as response:
            numbers = []
            while (line := response.readline()) and b"event: status" not in line:
                if line.startswith(b"id: "):
                    numbers.append(int(line[4:]))
            assert numbers == list(range(numbers[-1] - 999, numbers[-1] + 1))
            assert numbers[-1] > 3000


def test_missed_rows_that_cannot_be_read_do_not_end_the_stream(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        fill(it.journal, row(1))
        with it.running():
            it.journal.rename(tmp_path / "elsewhere")
            with stream(it, 0) as response:
                assert "started" in events(response, "status")
