"""How long the engine has run today, from the counter that the samples keep."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actuator.core.settings import DAY, HOUR
from actuator.history import store
from actuator.history.async_history import AsyncHistory, Source
from actuator.history.recorder import Sample
from tests.actuator.report.test_status import NOON, running, snapshot
from toolkit.replace import replace


def sample(wall: float, seconds: float) -> Sample:
    return Sample(wall=wall, soc=None, volts=None, amperes=None, running=None, closed=False, engine_seconds=seconds)


MIDNIGHT = NOON - 12 * HOUR


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], 0.0),
        ([sample(MIDNIGHT - 1800, 10_000.0)], 2000.0),
        ([sample(MIDNIGHT - 1800, 9_000.0), sample(MIDNIGHT - 60, 10_000.0), sample(MIDNIGHT + 60, 10_060.0)], 2000.0),
        ([sample(MIDNIGHT + 3600, 11_000.0)], 1000.0),
        ([sample(MIDNIGHT - 60, 50_000.0)], 0.0),  # a journal that was lost counts from 0
    ],
)
async def test_today_is_what_was_counted_since_midnight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: list[Sample], expected: float
) -> None:
    monkeypatch.setattr("time.mktime", lambda _: MIDNIGHT)
    of = running()
    now = snapshot(of, state=replace(of.state, durable=replace(of.state.durable, engine_seconds=12_000.0)))
    source: Any = SimpleNamespace(snapshot=now, journal=SimpleNamespace(memory=SimpleNamespace(since=lambda _: [])))
    path = store.path_of(tmp_path / "journal.db")
    if kept:
        store.write(path, kept, [])
    history = AsyncHistory(path, cast("Source", source))
    assert history.engine_today(now) is None
    await history._follow_day()
    assert history.engine_today(now) == expected
    monkeypatch.setattr("time.mktime", lambda _: MIDNIGHT + DAY)
    assert history.engine_today(now) is None, "another day, which is not yet known"
