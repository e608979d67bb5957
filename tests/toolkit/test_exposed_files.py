from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from toolkit import exposed_files
from toolkit.exposed_files import exposed_secret, exposed_settings


@pytest.mark.parametrize(
    ("mode", "secret", "settings"),
    [(0o600, "", ""), (0o640, "", ""), (0o660, "", ""), (0o644, "read", ""), (0o646, "write", "write")],
)
def test_what_everybody_may_read_or_write_is_exposed(tmp_path: Path, mode: int, secret: str, settings: str) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(mode)
    for found, what, expected in (
        (exposed_secret("x.y", file), secret, "0640: chmod 0640"),
        (exposed_settings("x.y", file), settings, "0644 at most: chmod o-w"),
    ):
        got = f"x.y: got {file} with mode {mode:04o}, which everybody may {what}, expected {expected} {file}"
        assert list(found) == ([got] if what else [])


def test_missing_file_is_not_exposed(tmp_path: Path) -> None:
    assert not list(exposed_secret("x", tmp_path / "none"))


def test_exposed_files_are_logged_and_counted_until_they_are_not(caplog: pytest.LogCaptureFixture) -> None:
    registry, found = CollectorRegistry(), ["one", "two"]
    exposed_files.report(lambda: found, registry, prefix="x")
    assert [record.__dict__["fields"]["text"] for record in caplog.records] == ["one", "two"]
    assert registry.get_sample_value("x_exposed_files") == 2
    found.clear()
    assert registry.get_sample_value("x_exposed_files") == 0
