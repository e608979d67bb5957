"""The machine's clocks, as far as they can be known here."""

from __future__ import annotations

from pathlib import Path

import pytest

from actuator import clock


def test_a_later_moment_opens_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = clock.moment()
    assert first.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "none")
    assert clock.moment().boot == first.boot
    assert clock.moment(not_before=first.wall + 3600).wall_sane is False
