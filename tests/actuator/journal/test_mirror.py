"""The journal's mirror in memory: which of the three files wins, and a disk that takes nothing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from actuator.core.state import Durable, Moment, Saved
from actuator.journal import AsyncJournal, Journal, async_journal, mirror, sidecar
from actuator.journal import store as store_module
from actuator.relay import SimulatedRelay
from toolkit.replace import replace

HERE = Moment(boot="boot", now=1000.0, wall=1_700_000_000.0, wall_sane=True)


def saved(runs: int, **parts: object) -> Saved:
    return Saved(durable=Durable(runs=runs, **parts), moment=HERE)  # type: ignore[arg-type] # passed through


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "card" / "journal.db"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


def opened(path: Path, memory: Path) -> Journal:
    journal = Journal(path, SimulatedRelay(), memory)
    journal.load(HERE)
    return journal


def record(journal: Journal, state: Saved) -> None:
    assert journal.write_mirror(state) == ""
    journal.write([], state)


def refuse(*_: object) -> None:
    raise sqlite3.OperationalError("attempt to write a readonly database")


def make_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no write of database and sidecar succeed, as on a card that has gone read-only."""

    def no_sidecar(*_: object) -> bytes:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Journal, "_open", refuse)
    monkeypatch.setattr(sidecar, "write", no_sidecar)


def test_state_only_in_the_mirror_is_not_torn(path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    journal.close()
    with monkeypatch.context() as patch:
        make_read_only(patch)
        for runs in (2, 3):
            assert journal.write_mirror(saved(runs)) == ""
            with pytest.raises(store_module.JournalError, match="readonly"):
                journal.write([], saved(runs))
        found = Journal(path, SimulatedRelay(), memory).load(HERE)
        assert (found.saved, found.torn) == (saved(3), "")
        assert "readonly" in found.error
    again = opened(path, memory)
    record(again, saved(4))
    again.close()
    found = Journal(path, SimulatedRelay()).load(HERE)
    assert (found.saved, found.torn) == (saved(4), ""), "written again, the pair is whole and the newest by itself"


@pytest.mark.parametrize("ending", ["", ".sidecar"])
@pytest.mark.parametrize("how", ["missing", "garbage", "both"])
def test_whole_mirror_mends_a_torn_pair(path: Path, memory: Path, ending: str, how: str) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    journal.close()
    if how == "garbage":
        path.with_name(path.name + ending).write_bytes(b"\x00garbage" * 600)
    else:
        path.with_name(path.name + ending).unlink()
    if how == "both":
        for file in path.parent.iterdir():
            file.unlink()
    again = Journal(path, SimulatedRelay(), memory)
    found = again.load(HERE)
    assert (found.saved, found.torn, found.error) == (saved(1), "", "")
    record(again, saved(2))
    again.close()
    assert Journal(path, SimulatedRelay()).load(HERE).saved == saved(2)


def test_mirror_that_was_written_before_a_kill_wins(path: Path, memory: Path) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    assert journal.write_mirror(saved(2)) == ""
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(2)


def test_what_a_mirror_needs_is_its_own_from_the_first_write_on(path: Path, memory: Path) -> None:
    journal = opened(path, memory)
    sizes = []
    for runs in range(1, 6):
        record(journal, saved(runs))
        sizes.append([(file.stat().st_ino, file.stat().st_size) for file in sorted(memory.iterdir())])
    assert sizes == [sizes[0]] * 5, "a full memory would refuse a new file, and one that grows"
    assert len(sizes[0]) == 2


def test_a_write_that_a_kill_cut_off_leaves_the_one_before(path: Path, memory: Path) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    before = {file: file.read_bytes() for file in memory.iterdir()}
    assert journal.write_mirror(saved(2)) == ""
    journal.close()
    written = next(file for file in memory.iterdir() if file.read_bytes() != before[file])
    whole = written.read_bytes()
    written.write_bytes(whole[:100] + before[written][100:])
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(1)
    written.write_bytes(whole)
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(2)


def test_a_record_longer_than_the_room_makes_the_file_grow(path: Path, memory: Path) -> None:
    journal = opened(path, memory)
    long = saved(1, resolved={f"{number:064x}": 1.0 for number in range(2000)})
    for state in (long, saved(2), long):
        record(journal, state)
    journal.close()
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == long


def test_two_journals_of_one_name_have_a_mirror_each(path: Path, memory: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere" / path.name
    elsewhere.parent.mkdir()
    mine, other = opened(path, memory), opened(elsewhere, memory)
    assert (mine.write_mirror(saved(2)), other.write_mirror(saved(1))) == ("", "")
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(2)


def test_older_mirror_loses_and_mends_nothing(path: Path, memory: Path) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    journal.write([], saved(2))
    journal.close()
    assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(2)
    sidecar.path_of(path).unlink()
    assert Journal(path, SimulatedRelay(), memory).load(HERE).torn


@pytest.mark.parametrize("what", ["another boot", "another journal", "damaged"])
def test_mirror_of_another_boot_or_journal_is_ignored(path: Path, memory: Path, what: str) -> None:
    journal = opened(path, memory)
    record(journal, saved(1))
    assert journal.write_mirror(saved(9)) == ""
    journal.close()
    here = HERE
    if what == "another boot":
        here = replace(HERE, boot="later")
    elif what == "another journal":
        path = path.parent.rename(path.parent.with_name("other card")) / path.name
    else:
        newest = max(mirror.paths_of(memory, path), key=lambda file: b'"runs":9' in file.read_bytes())
        newest.write_bytes(newest.read_bytes().replace(b'"runs":9', b'"runs":8'))
    found = Journal(path, SimulatedRelay(), memory).load(here)
    assert (found.saved, found.torn) == (saved(1), "")


async def test_mirror_alone_is_durable(path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_read_only(monkeypatch)
    journal = AsyncJournal(path, SimulatedRelay(), memory)
    await journal.load(HERE)
    assert await journal.write([], saved(1))
    assert (journal.ok, journal.durable, journal.keeps_records, journal.mirror_fault) == (False, True, True, "")
    assert "readonly" in journal.lasting_fault
    await journal.close()


async def test_card_that_hangs_does_not_delay_the_mirror(
    path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_journal, "DEADLINE", 0.3)
    journal = AsyncJournal(path, SimulatedRelay(), memory)
    await journal.load(HERE)
    assert await journal.write([], saved(1))
    free = threading.Event()
    monkeypatch.setattr(Journal, "write", lambda *_: free.wait(30))
    try:
        for runs in range(2, 10):
            assert await journal.write([], saved(runs)), "the mirror has it"
        assert "earlier attempts still hang" in journal.fault, "the card is given up, the mirror is not"
        monkeypatch.undo()
        assert Journal(path, SimulatedRelay(), memory).load(HERE).saved == saved(9)
    finally:
        free.set()
        await journal.close()


async def test_without_both_nothing_is_durable(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_read_only(monkeypatch)
    (tmp_path / "file").write_text("in the way")
    journal = AsyncJournal(path, SimulatedRelay(), tmp_path / "file" / "memory")
    await journal.load(HERE)
    assert not await journal.write([], saved(1))
    assert not journal.durable
    assert not journal.keeps_records
    assert str(tmp_path / "file" / "memory") in str(journal.mirror_fault)
    await journal.close()


async def test_mirror_that_was_removed_in_use_is_written_again(
    path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_journal, "RETRY", 0.0)
    journal = AsyncJournal(path, SimulatedRelay(), memory)
    await journal.load(HERE)
    assert await journal.write([], saved(1))
    for file in mirror.paths_of(memory, path):
        file.unlink()
    await journal.retry()
    assert journal.mirror_fault == ""
    await journal.close()
    sidecar.path_of(path).unlink()
    found = Journal(path, SimulatedRelay(), memory).load(HERE)
    assert (found.saved, found.torn) == (saved(1), "")


# --- the spare in shared memory: the journal takes nothing, and there may be no mirror


def lose(memory: Path) -> None:
    """Remove a folder, and let none be made in its place."""
    shutil.rmtree(memory)
    memory.write_text("in the way")


def spares(path: Path) -> list[Path]:
    return [file for file in mirror.paths_of(mirror.spare_folder(), path) if file.exists()]


@pytest.mark.parametrize("has_mirror", [False, True])
async def test_property_35_what_journal_and_mirror_refused_is_found_later(
    path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch, *, has_mirror: bool
) -> None:
    """As soon as the card takes writes again."""
    folder = memory if has_mirror else None
    journal = AsyncJournal(path, SimulatedRelay(), folder)
    await journal.load(HERE)
    assert await journal.write([], saved(1))
    with monkeypatch.context() as patch:
        make_read_only(patch)
        if has_mirror:
            lose(memory)
        for runs in (2, 3):
            assert not await journal.write([], saved(runs)), "nobody is told that it is durable"
    found = Journal(path, SimulatedRelay(), folder).load(HERE)
    assert (found.saved, found.torn, found.error) == (saved(3), "", "")
    await journal.close()


async def test_spare_is_removed_once_the_journal_has_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for again in (False, True):
        with monkeypatch.context() as patch:
            journal = AsyncJournal(path, SimulatedRelay())
            await journal.load(HERE)
            make_read_only(patch)
            assert not await journal.write([], saved(1))
            assert len(spares(path)) == 2
        if again:  # in another process
            await journal.close()
            journal = AsyncJournal(path, SimulatedRelay())
            await journal.load(HERE)
        assert await journal.write([], saved(2))
        assert spares(path) == []
        await journal.close()


def test_a_spare_that_a_kill_cut_off_leaves_the_one_before(path: Path) -> None:
    journal = opened(path, path.parent / "no")
    for runs in (1, 2, 3):
        before = {file: file.read_bytes() for file in mirror.spare_folder().glob("*")}
        assert journal.write_spare(saved(runs)) == ""
        if before:
            written = next(file for file in before if file.read_bytes() != before[file])
            whole = written.read_bytes()
            written.write_bytes(whole[:100] + before[written][100:])
            assert Journal(path, SimulatedRelay()).load(HERE).saved == saved(runs - 1)
            written.write_bytes(whole)


@pytest.mark.parametrize("whose", ["everybody's", "a link"])
def test_spare_in_a_folder_that_others_may_write_is_not_used(path: Path, tmp_path: Path, whose: str) -> None:
    journal = Journal(path, SimulatedRelay())
    journal.load(HERE)
    assert journal.write_spare(saved(1)) == ""
    folder = mirror.spare_folder()
    if whose == "a link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.chmod(0o777)
    assert "not a folder of this user alone" in journal.write_spare(saved(2))
    assert Journal(path, SimulatedRelay()).load(HERE).saved is None
