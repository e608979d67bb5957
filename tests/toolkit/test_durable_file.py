"""Small files that are replaced as a whole."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from toolkit import durable_file


def test_a_link_that_another_user_made_is_not_followed(tmp_path: Path) -> None:
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


KILLED = """
import os, pathlib, signal, sys
from toolkit import durable_file
durable_file.write_through = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
durable_file.replace(pathlib.Path(sys.argv[1]), b"half")
"""


def test_what_a_killed_writer_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, file], check=False)
    left = [*tmp_path.iterdir()]
    assert len(left) == 1, "the second has removed that of the first"
    durable_file.replace(file, b"whole")
    assert [*tmp_path.iterdir()] == [file]


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    number, file = "0123456789abcdef", tmp_path / "state.json"
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / f"state.json.{number}.new").symlink_to(theirs)
    for name in ("state.json.new", f"state.json.{number}.news", f"other.json.{number}.new", "state.json.old"):
        (tmp_path / name).write_text("mine")
    before = {*tmp_path.iterdir()}
    durable_file.replace(file, b"new")
    assert {*tmp_path.iterdir()} == before | {file}
    assert theirs.read_text() == "theirs"


def test_a_file_that_another_writer_writes_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    write, writing, go_on = durable_file.write_through, threading.Event(), threading.Event()

    def slowly(opened: BinaryIO, data: bytes) -> None:
        if data == b"slow":
            writing.set()
            assert go_on.wait(10)
        write(opened, data)

    monkeypatch.setattr(durable_file, "write_through", slowly)
    slow = threading.Thread(target=durable_file.replace, args=(file, b"slow"))
    slow.start()
    assert writing.wait(10)
    durable_file.replace(file, b"fast")
    assert file.read_bytes() == b"fast"
    go_on.set()
    slow.join(10)
    assert file.read_bytes() == b"slow"
    assert [*tmp_path.iterdir()] == [file]


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    failures: list[BaseException] = []

    def write(data: bytes) -> None:
        try:
            for _ in range(100):
                durable_file.replace(file, data)
        except BaseException as error:  # noqa: BLE001 - judged below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert [*tmp_path.iterdir()] == [file]
