"""The machine's clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from actuator.loop import clock
from actuator.loop.clock import Clock


def test_later_moment_opens_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = Clock()
    first = here.moment()
    assert first.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "none")
    assert here.moment().boot == first.boot
    assert Clock().moment(not_before=first.wall + 3600).wall_sane is False


def test_wall_time_goes_on_without_time_source(monkeypatch: pytest.MonkeyPatch) -> None:
    now, wall, synchronised = 1000.0, 5e8, False
    monkeypatch.setattr("actuator.loop.clock.time.clock_gettime", lambda _: now)
    monkeypatch.setattr("actuator.loop.clock.time.time", lambda: wall)
    kept_by = Clock(lambda: synchronised)
    assert not kept_by.moment().wall_sane, "it was never known"
    synchronised, wall = True, 1.7e9
    assert kept_by.moment().wall_sane
    synchronised, now, wall = False, 1600.0, 1.7e9 + 6 * 3600
    kept = kept_by.moment(not_before=1.7e9)
    assert (kept.wall, kept.wall_sane) == (1.7e9 + 600, True), "a step by hand is not believed"
    synchronised = True
    assert not kept_by.moment(not_before=1.8e9).wall_sane
    synchronised = False
    assert not kept_by.moment().wall_sane, "what a time source has contradicted is not kept"
