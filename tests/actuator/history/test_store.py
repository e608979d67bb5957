"""The file of the history: bounds, damage, and a disk that does not take it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from actuator.history import store
from actuator.history.recorder import PastRun, Sample


def sample(wall: float, soc: float | None = 0.5) -> Sample:
    return Sample(wall=wall, soc=soc, volts=48.0, amperes=None, running=None, closed=False)


def past(number: int, **parts: float | str | bool | None) -> PastRun:
    return PastRun(**{"number": number, "cause": "alert", "began": 100.0 * number, **parts})  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = store.path_of(tmp_path / "journal.db")
    assert store.samples(path, since=0) == []
    assert store.runs(path, limit=5) == []
    store.write(path, [sample(1), sample(2, None)], [past(1, confirmed=True, ended=150.0)])
    store.write(path, [sample(3)], [past(2), past(3)])
    store.write(path, [], [past(3, ended=360.0, ampere_hours=None, end="max_run")])
    assert store.samples(path, since=2) == [sample(2, None), sample(3)]
    assert store.runs(path, limit=2) == [past(3, ended=360.0, ampere_hours=None, end="max_run"), past(2)]
    assert store.runs(path, limit=9)[-1] == past(1, confirmed=True, ended=150.0)


def test_it_is_bounded_by_number_whatever_the_clock_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SAMPLES_KEPT", 3)
    monkeypatch.setattr(store, "RUNS_KEPT", 2)
    path = store.path_of(tmp_path / "journal.db")
    store.write(path, [sample(wall) for wall in (9e9, 1, 2, 3)], [past(number) for number in (1, 2, 3)])
    assert [one.wall for one in store.samples(path, since=0)] == [1, 2, 3]
    assert [run.number for run in store.runs(path, limit=9)] == [3, 2]


def test_a_journal_that_was_lost_counts_runs_anew_and_replaces_none(tmp_path: Path) -> None:
    path = store.path_of(tmp_path / "journal.db")
    store.write(path, [], [past(1), past(2)])
    store.write(path, [], [past(1, began=500.0)])
    assert [(run.number, run.began) for run in store.runs(path, limit=9)] == [(1, 500.0), (2, 200.0), (1, 100.0)]


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    path = store.path_of(tmp_path / "journal.db")
    path.write_bytes(damage)
    with pytest.raises(sqlite3.DatabaseError):
        store.samples(path, since=0)
    store.write(path, [sample(1)], [past(1)])
    assert store.samples(path, since=0) == [sample(1)]


def test_another_version_is_made_anew(tmp_path: Path) -> None:
    path = store.path_of(tmp_path / "journal.db")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE samples (id INTEGER PRIMARY KEY, wall, other)")
    assert store.samples(path, since=0) == []
    store.write(path, [sample(1)], [past(1)])
    assert store.samples(path, since=0) == [sample(1)]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        store.write(store.path_of(tmp_path / "nowhere" / "journal.db"), [sample(1)], [])
