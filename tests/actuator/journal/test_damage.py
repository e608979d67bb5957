"""The journal after damage: flipped bits, files that vanish while in use, a database that cannot be written."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from actuator.core import recovery
from actuator.core.alert_path import Inhibit
from actuator.core.limits import budget_left
from actuator.core.settings import Settings
from actuator.core.state import Closure, Durable, Moment, Saved
from actuator.journal import AsyncJournal, Journal, JournalError, Row, async_journal
from actuator.journal import rows as rows_room
from actuator.journal import sidecar as sidecar_room
from actuator.journal.reader import stored
from actuator.relay import SimulatedRelay
from tests.support import no_descriptor_left
from toolkit import durable_file
from toolkit.replace import replace

HERE = Moment(boot="boot", now=100_000.0, wall=1_700_000_000.0, wall_sane=True)
INHIBIT = Inhibit(summary="fuel low", starts_at=1_699_000_000.0)
OFF = Durable(
    mode="off",
    inhibits={"fuel": INHIBIT},
    closures=(Closure(start=HERE.now - 9 * 3600, end=HERE.now - 100),),
    attempts=2,
)
SETTINGS = Settings()
LEFT = budget_left(OFF, SETTINGS, HERE.now)
ENDINGS = ("", "-wal", ".sidecar")


def row(number: int) -> Row:
    return Row(
        id=number,
        wall=HERE.wall + number,
        sane=True,
        kind="operator",
        level="info",
        text="The operator switched off: nothing starts the engine until the mode is changed.",
        fields={"soc": 0.5, "cause": "alert"},
    )


def saved(durable: Durable = OFF) -> Saved:
    return Saved(durable=durable, moment=HERE)


def killed(folder: Path, *, writes: int = 12, checkpointed: bool) -> dict[str, bytes]:
    """Return the files of a journal whose process was killed: all in the database, or the newest part in the WAL."""
    path = folder / "journal.db"
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    for number in range(1, writes + 1):
        if number == writes // 2:
            sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
        # Another mode in between: a state that is older than the newest one would be seen.
        journal.write([row(number)], saved(OFF if number == writes else Durable()))
    if checkpointed:
        sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    files = {ending: Path(f"{path}{ending}").read_bytes() for ending in ENDINGS}
    journal.close()
    return files


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for ending, content in files.items():
        (folder / f"journal.db{ending}").write_bytes(content)
    return folder / "journal.db"


def flipped(content: bytes, byte: int, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[byte] ^= 1 << bit
    return bytes(damaged)


def safe(path: Path, journal: Journal, what: str) -> bool:
    """Load the journal; return whether it is torn."""
    found = journal.load(HERE)
    state, _ = recovery.restore(found.saved, HERE, SETTINGS, torn=bool(found.torn))
    durable = state.durable
    assert durable.run is None, what
    assert durable.mode == "off", what
    left = budget_left(durable, SETTINGS, HERE.now)
    if found.torn:
        assert left <= SETTINGS.limits.max_run, what
    else:
        assert left == LEFT, what
        assert durable == OFF, what
    assert durable.inhibits == OFF.inhibits, what
    assert durable.attempts == OFF.attempts, what
    written = [row(number) for number in range(1, 13)]
    assert all(one in written for one in stored(path)), f"{what}: a row that nobody wrote"
    return bool(found.torn)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 42))])
@pytest.mark.parametrize("ending", ENDINGS)
def test_flipped_bit_never_starts_an_engine(tmp_path: Path, ending: str, seed: int) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    files = killed(origin, checkpointed=ending == "")
    dice = random.Random(f"{seed}{ending}")  # noqa: S311 - no secret
    for _ in range(150):
        byte, bit = dice.randrange(len(files[ending])), dice.randrange(8)
        path = laid(tmp_path / "flipped", {**files, ending: flipped(files[ending], byte, bit)})
        journal = Journal(path, SimulatedRelay())
        torn = safe(path, journal, f"journal.db{ending}, byte {byte}, bit {bit}")
        assert torn or ending != ".sidecar", f"byte {byte}, bit {bit} of the sidecar went unnoticed"
        journal.close()


def test_every_flipped_bit_of_the_state_is_noticed(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    files = killed(origin, checkpointed=True)
    state = b'"inhibits":{"fuel"'
    start = files[""].rindex(state)
    for offset in range(len(state)):
        path = laid(tmp_path / "flipped", {**files, "": flipped(files[""], start + offset, offset % 8)})
        journal = Journal(path, SimulatedRelay())
        assert safe(path, journal, f"byte {offset}"), f"byte {offset} of the state went unnoticed"
        journal.close()


@pytest.mark.parametrize(("victim", "bit"), [("The operator switched", 7), ('{"soc"', 0), ("operator", 1)])
async def test_damaged_row_is_left_out_and_logged(
    tmp_path: Path, victim: str, bit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(rows_room._log, "limited", lambda cause, *_, **fields: said.append(f"{cause}: {fields}"))
    origin = tmp_path / "origin"
    origin.mkdir()
    files = killed(origin, checkpointed=True)
    byte = files[""].rindex(victim.encode())
    path = laid(tmp_path / "flipped", {**files, "": flipped(files[""], byte, bit)})
    journal = AsyncJournal(path, SimulatedRelay())
    found = await journal.load(HERE)
    assert (found.torn, found.saved) == ("", saved())
    rows = await journal.rows()
    assert len(rows) == 11
    assert "damaged" in said[0]
    added = journal.row(wall=1.0, sane=False, kind="a", level="info", text="new", fields={})
    assert await journal.write([added], None)
    assert (await journal.rows())[-1] == added
    await journal.close()


async def test_hanging_database_leaves_the_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_journal, "DEADLINE", 0.2)
    path = laid(tmp_path / "hung", killed(tmp_path, checkpointed=True))
    journal, free = AsyncJournal(path, SimulatedRelay()), threading.Event()
    monkeypatch.setattr(journal._journal, "load", lambda *_: free.wait(30))
    try:
        found = await journal.load(HERE)
        assert "no answer" in found.torn
        assert found.saved is not None
        durable = found.saved.durable
        assert (durable.mode, durable.inhibits, durable.attempts) == ("off", OFF.inhibits, 2)
    finally:
        free.set()
        await journal.close()


async def test_hanging_disk_starts_in_mode_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_journal, "DEADLINE", 0.2)
    journal, free = AsyncJournal(tmp_path / "journal.db", SimulatedRelay()), threading.Event()
    monkeypatch.setattr(journal._journal, "load", lambda *_: free.wait(30))
    monkeypatch.setattr(sidecar_room, "read", lambda *_: free.wait(30))
    try:
        found = await journal.load(HERE)
        assert found.torn
        assert found.saved is not None
        assert found.saved.durable.mode == "off"
    finally:
        free.set()
        await journal.close()


def test_torn_without_content_is_mode_off() -> None:
    state, _ = recovery.restore(None, HERE, SETTINGS, torn=True)
    assert state.durable.mode == "off"
    state, _ = recovery.restore(None, HERE, SETTINGS)
    assert state.durable.mode == "auto"


def test_different_content_at_one_sequence_is_torn(tmp_path: Path) -> None:
    path = laid(tmp_path / "swapped", killed(tmp_path, checkpointed=True))
    side, _ = sidecar_room.read(path)
    assert side is not None
    changes: list[dict[str, Any]] = [{"mode": "auto"}, {"inhibits": {}}, {"attempts": 0}, {"locked_out": True}]
    for change in changes:
        sidecar_room.write(path, replace(side, **change))
        found = Journal(path, SimulatedRelay()).load(HERE)
        assert next(iter(change)) in found.torn
        assert found.saved is not None
        assert (found.saved.durable.mode, found.saved.durable.inhibits) == ("off", OFF.inhibits)


def test_read_only_database_leaves_the_state_in_the_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([row(1)], saved(Durable()))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked") as caught:
        journal.write([row(2)], saved())
    assert caught.value.in_sidecar
    blocker.close()
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert "behind its sidecar" in found.torn
    assert found.saved is not None
    assert (found.saved.durable.mode, found.saved.durable.inhibits) == ("off", OFF.inhibits)
    journal.write([row(2)], saved())
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert (found.torn, found.saved) == ("", saved()), "once the database takes it, nothing is torn"


def no_room(path: Path, _data: bytes) -> None:
    """As `durable_file.replace` on a disk that has no block for a second file."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{path}.new")


def test_sidecar_is_written_in_place_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    monkeypatch.setattr(durable_file, "replace", no_room)
    journal.write([row(1)], saved())
    journal.write([row(2)], saved(replace(OFF, inhibits={})))
    journal.close()
    assert Journal(path, SimulatedRelay()).load(HERE).torn == "", "longer and shorter, both fit"
    path.unlink()
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.saved is not None
    assert found.saved.durable.mode == "off"


def test_failed_sidecar_does_not_stop_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar_room, "_fits", lambda *_: False)
    path = tmp_path / "journal.db"
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    with monkeypatch.context() as full:
        full.setattr(durable_file, "replace", no_room)
        with pytest.raises(JournalError, match=r"journal\.db\.sidecar\.new") as caught:
            journal.write([row(1)], saved())
    assert not caught.value.in_sidecar
    journal.write([row(1)], saved())
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert (found.torn, found.saved) == ("", saved())


async def test_sidecar_that_became_a_folder(tmp_path: Path, shared_memory: Path) -> None:
    path = tmp_path / "journal.db"
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    assert await journal.write((), saved(Durable()))
    beside = tmp_path / "journal.db.sidecar"
    beside.unlink()
    beside.mkdir()
    assert not await journal.write((), saved())
    assert journal.fault
    await journal.close()
    assert Journal(path, SimulatedRelay()).load(HERE).torn == "", "the spare in shared memory mends the pair"
    shutil.rmtree(shared_memory)
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn
    assert found.saved is not None
    assert (found.saved.durable.mode, found.saved.durable.closures) == ("off", OFF.closures)


@pytest.mark.parametrize("lost", [("",), (".sidecar",), ("", "-wal", "-shm", ".sidecar"), ("replaced",)])
@pytest.mark.parametrize("when", ["idle", "writing"])
async def test_files_that_vanish_in_use_are_written_again(
    tmp_path: Path, lost: tuple[str, ...], when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_journal, "RETRY", 0.0)
    path = tmp_path / "journal.db"
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    first = journal.row(wall=1.0, sane=True, kind="a", level="info", text="one", fields={})
    assert await journal.write([first], saved())
    if lost == ("replaced",):
        shutil.copyfile(path, tmp_path / "copy")
        (tmp_path / "copy").replace(path)
    else:
        for ending in lost:
            path.with_name(path.name + ending).unlink()
    if when == "idle":
        await journal.retry()
    else:
        second = journal.row(wall=2.0, sane=True, kind="b", level="info", text="two", fields={})
        assert await journal.write([second], None)
    kinds = [one.kind for one in await journal.rows()]
    assert kinds == (["a", "journal_lost"] if when == "idle" else ["a", "b", "journal_lost"])
    assert journal.ok
    await journal.close()
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert (found.torn, found.saved) == ("", saved())


def altered(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(script)


NEEDS_MORE = """
CREATE TABLE other (id INTEGER PRIMARY KEY, wall REAL, sane INTEGER, kind TEXT, level TEXT, text TEXT, fields TEXT,
    checksum INTEGER, more TEXT NOT NULL);
INSERT INTO other SELECT *, 'more' FROM event;
DROP TABLE event;
ALTER TABLE other RENAME TO event;
"""


@pytest.mark.parametrize(
    "script", ["ALTER TABLE event ADD COLUMN more TEXT", "ALTER TABLE state ADD COLUMN more TEXT NOT NULL DEFAULT 1"]
)
async def test_journal_with_more_columns(tmp_path: Path, script: str) -> None:
    path = laid(tmp_path / "newer", killed(tmp_path, checkpointed=True))
    altered(path, script)
    journal = AsyncJournal(path, SimulatedRelay())
    found = await journal.load(HERE)
    assert (found.torn, found.error, found.saved) == ("", "", saved())
    added = journal.row(wall=1.0, sane=False, kind="a", level="info", text="new", fields={})
    assert await journal.write([added], saved())
    await journal.close()
    assert stored(path) == [*(row(number) for number in range(1, 13)), added]


@pytest.mark.parametrize("how", ["needs more", "refuses", "garbage in use"])
async def test_unwritable_database_is_replaced(tmp_path: Path, how: str) -> None:
    path = laid(tmp_path / "foreign", killed(tmp_path, checkpointed=True))
    if how == "needs more":
        altered(path, NEEDS_MORE)
    elif how == "refuses":
        altered(path, "CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END")
    journal = AsyncJournal(path, SimulatedRelay())
    found = await journal.load(HERE)
    assert (found.torn, found.error, found.saved) == ("", "", saved())
    if how == "garbage in use":
        await asyncio.to_thread(path.write_bytes, b"garbage" * 5000)
    added = journal.row(wall=1.0, sane=False, kind="a", level="info", text="new", fields={})
    assert await journal.write([added], saved())
    await journal.close()
    assert [one.kind for one in stored(path)] == ["a", "journal_lost"], "it is said in the journal"
    assert "set aside" in stored(path)[1].text
    assert await asyncio.to_thread(path.with_name("journal.db.torn").exists)
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert (found.torn, found.saved) == ("", saved()), "nothing of the state is lost"


async def test_a_journal_that_no_descriptor_is_left_for_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_journal, "RETRY", 0.0)
    journal = AsyncJournal(tmp_path / "journal.db", SimulatedRelay())
    await journal.load(HERE)
    first = journal.row(wall=1.0, sane=True, kind="a", level="info", text="one", fields={})
    assert await journal.write([first], saved())
    with no_descriptor_left():
        await journal.retry()
        assert "Too many open files" in journal.fault
        second = journal.row(wall=2.0, sane=True, kind="b", level="info", text="two", fields={})
        assert not await journal.write([second], saved())
        assert "Too many open files" in journal.fault
    assert await journal.write((), None)
    assert [one.kind for one in await journal.rows()] == ["a", "b"], "nothing was lost, and nothing is called so"
    assert not (tmp_path / "journal.db.torn").exists()
    await journal.close()


async def test_a_start_without_a_descriptor_reports_it_and_sets_no_journal_aside(tmp_path: Path) -> None:
    path = laid(tmp_path / "whole", killed(tmp_path, checkpointed=True))
    journal = AsyncJournal(path, SimulatedRelay())
    with no_descriptor_left():
        found = await journal.load(HERE)
    assert "Too many open files" in found.torn
    assert "LimitNOFILE=" in found.error
    assert found.saved is not None
    assert found.saved.durable.mode == "off", "not even the sidecar could be read"
    added = journal.row(wall=1.0, sane=False, kind="a", level="info", text="new", fields={})
    assert await journal.write([added], saved())
    await journal.close()
    assert stored(path) == [*(row(number) for number in range(1, 13)), added]
    assert Journal(path, SimulatedRelay()).load(HERE).torn == ""
