"""Files that a person has named: read whole, or refused at once with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit import file_reader


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"secret\r\n")
    assert file_reader.read_text(file) == "secret\r\n"
    assert file_reader.read_bytes(Path(os.devnull)) == b""


def test_the_largest_file_is_read_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with file.open("wb") as opened:
        opened.truncate(file_reader.LARGEST)
        assert len(file_reader.read_bytes(file)) == file_reader.LARGEST
        opened.truncate(file_reader.LARGEST + 1)
    with pytest.raises(OSError, match="more than 16777216 bytes"):
        file_reader.read_bytes(file)


@pytest.mark.timeout(10)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a named pipe, not a file"):
        file_reader.read_bytes(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(IsADirectoryError, match=f"'{tmp_path}'"):
        file_reader.read_bytes(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "nothing stays open"
