"""Small files that are replaced as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import durable_file


def test_a_link_that_a_stranger_made_is_not_followed(tmp_path: Path) -> None:
    file, theirs = tmp_path / "state.json", tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / "state.json.new").symlink_to(theirs)
    durable_file.replace(file, b"ours")
    assert (file.read_bytes(), theirs.read_text()) == (b"ours", "theirs")
    assert not file.is_symlink()


def test_the_mode_stays_and_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    durable_file.replace(file, b"one")
    file.chmod(0o640)
    durable_file.replace(file, b"two")
    assert file.stat().st_mode & 0o777 == 0o640

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(durable_file, "write_through", full)
    with pytest.raises(OSError, match="no space"):
        durable_file.replace(file, b"three")
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_bytes() == b"two"
