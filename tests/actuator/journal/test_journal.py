"""The journal after a kill, a cut at any byte, and on a disk that cannot be written."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from actuator.core.alert_path import Inhibit
from actuator.core.limits import budget_left
from actuator.core.recovery import restore
from actuator.core.settings import Settings
from actuator.core.state import Closure, Durable, Moment, Run, Saved
from actuator.journal import (
    MAX_ROWS,
    AsyncJournal,
    Journal,
    JournalError,
    Row,
    as_csv,
    as_json,
    async_journal,
    last_relay,
)
from actuator.journal import database as database_module
from actuator.journal.reader import stored
from actuator.journal.rows import KINDS_OF_RUNS
from actuator.journal.store import LostError
from actuator.relay import HidRelay, ModbusRelay, SimulatedRelay
from toolkit.config import Duration
from toolkit.replace import replace

HERE = Moment(boot="boot", now=1000.0, wall=1_700_000_000.0, wall_sane=True)
INHIBIT = Inhibit(summary="fuel low", starts_at=1_699_000_000.0, beats_left=None)
RUN = Run(
    number=7, cause="alert", causes=("alert",), closed_at=900.0, closed_wall=1_699_999_900.0, deadline=15300.0,
    proven_at=950.0,
)  # fmt: skip
DURABLE = Durable(
    run=RUN, runs=7, closures=(Closure(start=1.0, end=2.0),), attempts=1, inhibits={"a": INHIBIT}, starts={"alert": 7}
)


def row(number: int, kind: str = "contact_closed", wall: float = 1_700_000_000.0) -> Row:
    fields: dict[str, str | float | int | bool | None] = {"cause": "alert", "soc": 0.18}
    return Row(
        id=number, wall=wall, sane=True, kind=kind, level="info", text='Contact "closed", for alert', fields=fields
    )


def saved(durable: Durable = DURABLE) -> Saved:
    return Saved(durable=durable, moment=HERE)


def filled(path: Path, writes: int = 3) -> None:
    """Leave a journal as a killed process leaves it: not closed, with its WAL."""
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    for number in range(1, writes + 1):
        journal.write([row(number)], saved(replace(DURABLE, runs=number)))
    for ending in ("", "-wal", ".sidecar"):
        shutil.copyfile(f"{path}{ending}", f"{path}{ending}.kept")
    journal.close()
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    for ending in ("", "-wal", ".sidecar"):
        Path(f"{path}{ending}.kept").replace(f"{path}{ending}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_first_start_is_fresh_and_saved_state_comes_back(path: Path) -> None:
    journal = Journal(path, SimulatedRelay())
    found = journal.load(HERE)
    assert (found.saved, found.torn, found.error) == (None, "", "")
    journal.write([row(1), row(2)], saved())
    journal.close()
    again = Journal(path, SimulatedRelay())
    found = again.load(HERE)
    assert found.saved == saved()
    assert (found.torn, found.error, found.last_wall) == ("", "", 1_700_000_000.0)
    assert stored(path) == [row(1), row(2)]
    assert found.last_id == 2
    again.close()


def test_start_without_a_save_is_not_torn(path: Path) -> None:
    for _ in range(2):
        journal = Journal(path, SimulatedRelay())
        found = journal.load(HERE)
        assert (found.saved, found.torn) == (None, "")
        journal.close()


def test_kill_keeps_what_was_written(path: Path) -> None:
    filled(path)
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn == ""
    assert found.saved == saved(replace(DURABLE, runs=3))


KILLED = """
import sys
from pathlib import Path
from actuator.journal import Journal
from actuator.core.state import Durable, Moment, Saved
from actuator.relay import SimulatedRelay
here = Moment(boot="b", now=1.0, wall=1.0, wall_sane=True)
journal = Journal(Path(sys.argv[1]), SimulatedRelay())
journal.load(here)
number = 0
while True:
    number += 1
    journal.write([], Saved(durable=Durable(runs=number), moment=here))
    print(number, flush=True)
"""


def test_kill_at_any_moment_is_never_torn(path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 40)):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        said = max([said, *(int(line) for line in rest[:-1])])
        process.wait(10)
        process.stdout.close()
        journal = Journal(path, SimulatedRelay())
        found = journal.load(HERE)
        journal.close()
        assert found.torn == ""
        assert found.saved is not None
        assert found.saved.durable.runs in (said, said + 1)


def cut_and_load(path: Path, victim: Path, size: int) -> None:
    with victim.open("r+b") as file:
        file.truncate(size)
    journal = Journal(path, SimulatedRelay())
    found = journal.load(HERE)
    assert found.error == ""
    state, _ = restore(found.saved, HERE, Settings(), torn=bool(found.torn))
    assert state.durable.run is None, "it starts open"
    if found.torn:
        assert budget_left(state.durable, Settings(), HERE.now) <= Settings().limits.max_run
    if not found.torn:
        assert found.saved is not None, "what is not torn is whole"
        assert found.saved.durable.runs == 3
        assert found.saved.durable.run == RUN
    else:
        assert found.saved is not None
        assert found.saved.durable.inhibits == {"a": INHIBIT} or size == 0 or victim.suffix == ".sidecar"
    number = found.last_id + 1
    journal.write([row(number)], saved())
    journal.close()
    again = Journal(path, SimulatedRelay())
    found = again.load(HERE)
    assert (found.torn, found.last_id) == ("", number), "once written, it is whole again"
    again.close()


@pytest.mark.parametrize("step", [1024, pytest.param(64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ending", ["", "checkpointed", "-wal", ".sidecar"])
def test_cut_at_any_byte_is_whole_or_torn(tmp_path: Path, ending: str, step: int) -> None:
    origin = tmp_path / "origin" / "journal.db"
    origin.parent.mkdir()
    filled(origin)
    if ending == "checkpointed":
        with contextlib.closing(sqlite3.connect(origin)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else a cut of the database costs nothing
        ending = ""
    whole = origin.with_name(origin.name + ending).stat().st_size
    for size in [*range(0, whole, min(step, max(16, whole // 32))), whole - 1]:
        folder = tmp_path / "cut"
        shutil.copytree(origin.parent, folder)
        path = folder / "journal.db"
        cut_and_load(path, folder / (path.name + ending), size)
        shutil.rmtree(folder)


@pytest.mark.parametrize("ending", ["", ".sidecar"])
@pytest.mark.parametrize("how", ["missing", "empty", "garbage"])
def test_one_half_lost_is_torn_and_keeps_the_engine_off(path: Path, ending: str, how: str) -> None:
    filled(path)
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([], saved(replace(DURABLE, run=None, mode="off", locked_out=True, attempts=3)))
    journal.close()
    victim = path.with_name(path.name + ending)
    if how == "missing":
        victim.unlink()
    else:
        victim.write_bytes(b"" if how == "empty" else b"\x00garbage" * 600)
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn
    assert found.saved is not None
    durable = found.saved.durable
    assert (durable.mode, durable.locked_out, durable.attempts) == ("off", True, 3)
    assert durable.inhibits == {"a": INHIBIT}


def test_both_empty_means_mode_off(path: Path) -> None:
    filled(path)
    path.write_bytes(b"")
    path.with_name("journal.db.sidecar").write_bytes(b"")
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn
    assert found.saved is not None
    assert found.saved.durable.mode == "off"


@pytest.mark.parametrize("ending", ["", ".sidecar"])
def test_older_copy_of_one_half_is_torn(path: Path, tmp_path: Path, ending: str) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([], saved())
    journal.close()
    old = tmp_path / "old"
    shutil.copyfile(f"{path}{ending}", old)
    journal.load(HERE)
    journal.write([], saved())
    journal.write([], saved(replace(DURABLE, mode="off")))
    journal.close()
    shutil.copyfile(old, f"{path}{ending}")
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert "behind" in found.torn
    assert found.saved is not None
    assert found.saved.durable.mode == "off", "off wins when they differ"


def test_sidecar_keeps_the_mode_that_on_returns_to(path: Path) -> None:
    filled(path)
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([], saved(replace(DURABLE, mode="on", mode_before="off", manual_until=2000.0)))
    journal.close()
    path.unlink()
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.saved is not None
    assert found.saved.durable.mode == "off"


def test_sidecar_keeps_the_last_valid_relay(path: Path) -> None:
    relay = ModbusRelay(url="tcp://127.0.0.1:5020", coil=3, lease=Duration(30))
    journal = Journal(path, relay)
    journal.load(HERE)
    assert last_relay(path) == relay
    journal.write([], saved())
    journal.close()
    assert last_relay(path) == relay
    path.unlink()
    assert last_relay(path) == relay
    path.with_name("journal.db.sidecar").write_text('{"sequence": 1, "relay": {"type": "steam"}}')
    assert last_relay(path) is None
    assert last_relay(path.with_name("nothing.db")) is None
    second = path.with_name("second.db")
    Journal(second, HidRelay(channel=2, serial="BITFT")).load(HERE)
    assert last_relay(second) == HidRelay(channel=2, serial="BITFT")


def test_size_is_bounded(path: Path) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    most, step = MAX_ROWS + 5_000, 1_000
    kinds = ("contact_closed", "relay_fault")
    for first in range(1, most, step):
        journal.write([row(number, kinds[number % 2]) for number in range(first, first + step)], None)
    rows = stored(path)
    assert len(rows) == MAX_ROWS
    assert rows[-1].id == most
    journal.close()
    assert path.stat().st_size < 10_000_000


def test_flood_pushes_out_no_row_of_a_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MAX_RUN_ROWS", 30)
    monkeypatch.setattr(database_module, "MAX_OTHER_ROWS", 20)
    monkeypatch.setattr(database_module, "_PRUNE_EVERY", 10)
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    runs = [row(number, kind) for number, kind in enumerate(sorted(KINDS_OF_RUNS), 1)]
    journal.write(runs, None)
    for first in range(101, 1001, 10):
        journal.write([row(number, "relay_fault") for number in range(first, first + 10)], None)
    rows = stored(path)
    assert rows[: len(runs)] == runs
    assert [one.id for one in rows[len(runs) :]] == list(range(981, 1001))
    for first in range(1001, 1101, 10):
        journal.write([row(number) for number in range(first, first + 10)], None)
    rows = stored(path)
    assert [one.id for one in rows if one.kind == "contact_closed"] == list(range(1071, 1101))
    assert len(rows) == 50
    journal.close()


def test_repeated_starts_leave_a_bounded_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MAX_OTHER_ROWS", 20)
    monkeypatch.setattr(database_module, "_PRUNE_EVERY", 10)
    for number in range(1, 61):
        journal = Journal(path, SimulatedRelay())
        journal.load(HERE)
        journal.write([row(number, "started")], None)
        journal.close()
    assert [one.id for one in stored(path)] == list(range(41, 61))


def test_rows_as_json_and_csv(path: Path) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([row(1, wall=100.0), row(2, wall=200.0), row(3, wall=300.0)], None)
    assert [one.id for one in stored(path, since=150.0)] == [2, 3]
    assert [one.id for one in stored(path, after=1, most=1)] == [3]
    document = json.loads(as_json(stored(path)))
    assert document[0]["time"] == "1970-01-01T00:01:40.000Z"
    assert document[0]["fields"] == {"cause": "alert", "soc": 0.18}
    table = list(csv.DictReader(io.StringIO(as_csv(stored(path)).decode())))
    assert table[1]["text"] == 'Contact "closed", for alert'
    assert json.loads(table[1]["fields"])["cause"] == "alert"
    journal.close()


def test_subclass_of_float_is_written_as_a_number(path: Path) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    fields: dict[str, str | float | int | bool | None] = {"seconds": Duration(7200)}
    journal.write([replace(row(1), fields=fields)], saved(replace(DURABLE, back_off_until=Duration(5))))
    assert stored(path)[0].fields == {"seconds": 7200.0}
    journal.close()


def test_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "journal.db", SimulatedRelay())
    found = journal.load(HERE)
    assert "cannot be created" in found.error
    with pytest.raises(JournalError, match="cannot be written"):
        journal.write([row(1)], None)


def test_full_disk_keeps_the_state_before(path: Path) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    journal.write([row(1)], saved())
    database = journal._open()
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full"):
        journal.write([row(number) for number in range(2, 500)], saved(replace(DURABLE, runs=99)))
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert "behind its sidecar" in found.torn, "what the database has missed is not for free after a restart"
    assert found.saved is not None
    assert found.saved.durable == replace(DURABLE, manual_until=None)


async def test_unwritten_rows_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_journal, "RETRY", 0.0)
    folder = tmp_path / "later"
    folder.write_text("in the way")
    journal = AsyncJournal(folder / "journal.db", SimulatedRelay())
    found = await journal.load(HERE)
    assert found.saved is None
    assert journal.fault
    first = journal.row(wall=1.0, sane=True, kind="a", level="info", text="one", fields={"n": 1})
    assert not await journal.write([first], saved())
    assert [one.id for one in await journal.rows()] == [1], "what waits is shown too"
    folder.unlink()
    await journal.retry()
    assert journal.fault == ""
    assert [one.text for one in await journal.rows()] == ["one"]
    await journal.close()
    again = AsyncJournal(folder / "journal.db", SimulatedRelay())
    assert (await again.load(HERE)).saved == saved()
    assert again.row(wall=1.0, sane=True, kind="a", level="info", text="two", fields={}).id == 2
    await again.close()


async def test_journal_lost_repeatedly_is_created_once_a_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    tries = 0

    def lost(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise LostError("gone again")

    monkeypatch.setattr(Journal, "write", lost)
    async with asyncio.timeout(5):
        assert not await journal.write([], Saved(durable=Durable(), moment=HERE))
    assert tries == 2
    await journal.close()


async def test_hanging_disk_stalls_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_journal, "DEADLINE", 0.3)
    monkeypatch.setattr(async_journal, "RETRY", 0.0)
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    free = threading.Event()
    monkeypatch.setattr(journal._journal, "write", lambda *_: free.wait(30))
    one = journal.row(wall=1.0, sane=True, kind="a", level="info", text="one", fields={})
    try:
        assert not await journal.write([one], saved())
        assert "no answer within" in journal.fault
        await journal.retry()
        assert journal.ok
        assert [row.text for row in await journal.rows()] == ["one"]
    finally:
        free.set()
        await journal.close()


async def test_only_lasting_failures_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(async_journal, "time", SimpleNamespace(monotonic=lambda: clock.now, time=lambda: 1.0))
    journal = AsyncJournal(path, SimulatedRelay())
    await journal.load(HERE)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for clock.now in (1000.0, 1010.0, 1020.0):
        assert not await journal.write((), saved())
        assert (journal.ok, journal.lasting_fault) == (False, "")
    blocker.execute("ROLLBACK")
    clock.now = 1031.0
    await journal.retry()
    assert (journal.ok, journal.lasting_fault) == (True, "")
    blocker.execute("BEGIN IMMEDIATE")
    for clock.now in (2000.0, 2010.0, 2029.0, 2030.0):
        assert not await journal.write((), saved())
        assert bool(journal.lasting_fault) is (clock.now == 2030.0), clock.now
    blocker.close()
    clock.now = 2040.0
    await journal.retry()
    assert (journal.ok, journal.lasting_fault) == (True, "")
    await journal.close()


async def test_failure_at_the_start_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = AsyncJournal(tmp_path / "file" / "journal.db", SimulatedRelay())
    await journal.load(HERE)
    assert "cannot be created" in journal.lasting_fault
    await journal.close()


def test_late_write_does_not_undo_a_newer_one(path: Path) -> None:
    hung = Journal(path, SimulatedRelay())
    hung.load(HERE)
    hung.write([], saved())
    newer = hung.successor(SimulatedRelay())
    newer.write([], saved(replace(DURABLE, mode="off")))
    with pytest.raises(JournalError, match="a newer write has been completed"):
        hung.write([], saved())
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn == ""
    assert found.saved == saved(replace(DURABLE, mode="off"))


def test_read_only_disk_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    connect = sqlite3.connect

    def refuse(database: str | Path, *args: object, **kwargs: object) -> sqlite3.Connection:
        if str(path) in str(database):
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return connect(database, *args, **kwargs)  # type: ignore[call-overload,no-any-return] # passed through

    monkeypatch.setattr(sqlite3, "connect", refuse)
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert found.torn == ""
    assert found.saved == saved(replace(DURABLE, runs=3))
    assert "readonly" in found.error
    assert stored(path) == [row(number) for number in range(1, 4)]
