"""The history while another program holds its file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actuator.history import async_history, store
from actuator.history.async_history import AsyncHistory, HistoryError, Source
from actuator.history.recorder import PastRun


async def test_while_another_program_locks_the_file_it_answers_when_to_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_history, "READ_SECONDS", 0.2)
    path = store.path_of(tmp_path / "journal.db")
    store.write(path, [], [PastRun(number=1, cause="alert", began=100.0)])
    source: Any = SimpleNamespace(snapshot=None)
    history = AsyncHistory(path, cast("Source", source))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match=r"^The history cannot be read now\. Try again later\.$"):
            await history.runs(limit=1)
    monkeypatch.setattr(async_history, "READ_SECONDS", 10.0)
    assert [run.number for run in await history.runs(limit=1)] == [1]
