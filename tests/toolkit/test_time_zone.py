"""The name of the machine's time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import time_zone


@pytest.mark.parametrize(
    ("variable", "link", "expected"),
    [
        ("Europe/Berlin", None, "Europe/Berlin"),
        (":America/Denver", None, "America/Denver"),
        ("/usr/share/zoneinfo/Asia/Kolkata", None, "Asia/Kolkata"),
        ("CET-1CEST", None, ""),
        ("", "/usr/share/zoneinfo/America/Denver", "America/Denver"),
        ("", "../usr/share/zoneinfo/Etc/UTC", "Etc/UTC"),
        ("", "/somewhere/else", ""),
        ("", None, ""),
    ],
)
def test_local_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, link: str | None, expected: str
) -> None:
    monkeypatch.setenv("TZ", variable)
    monkeypatch.setattr(time_zone, "LOCALTIME", tmp_path / "localtime")
    if link is not None:
        (tmp_path / "localtime").symlink_to(link)
    assert time_zone.local_zone() == expected
