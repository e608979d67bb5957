"""The serial port that can be unplugged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import serial

from simulator.pseudo_terminal import UNREAD_BYTES, LinkError, PseudoTerminal
from tests.support import wait_until


def test_bytes_pass_without_echo(tmp_path: Path) -> None:
    line = PseudoTerminal(tmp_path / "port")
    line.plug()
    with serial.Serial(str(line.link), 19200, timeout=2, exclusive=True) as port:
        line.write(b"\x00\x11\x13\x0d\x0a\xff\x03")
        assert port.read(7) == b"\x00\x11\x13\x0d\x0a\xff\x03"
        assert line.read() == b""
        port.write(b"x")
        port.flush()
        assert line.read() == b"x"
        assert line.received_bytes == 1
    line.unplug()


def test_bytes_pass_without_terminal_settings(tmp_path: Path) -> None:
    line = PseudoTerminal(tmp_path / "port")
    line.plug()
    line.write(b"\x03\x0d\x11\x13")
    reader = os.open(line.link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    assert _available(reader) == b"\x03\x0d\x11\x13"
    os.close(reader)
    line.unplug()


def test_unplugging_hangs_up_the_reader(tmp_path: Path) -> None:
    line = PseudoTerminal(tmp_path / "port")
    line.plug()
    with serial.Serial(str(line.link), timeout=2) as port:
        line.unplug()
        assert not line.link.is_symlink()
        with pytest.raises(serial.SerialException):
            port.read(1)
    line.write(b"into the void")
    line.plug()
    with serial.Serial(str(line.link), timeout=2) as port:
        line.write(b"back")
        assert port.read(4) == b"back"
    line.unplug()


def test_unread_bytes_are_bounded(tmp_path: Path) -> None:
    line = PseudoTerminal(tmp_path / "port")
    line.plug()
    for _ in range(200):
        expected = line.unread_bytes() + 45 if line.unread_bytes() <= UNREAD_BYTES else 45
        line.write(bytes(45))
        wait_until(lambda expected=expected: line.unread_bytes() == expected, 5, "the kernel has passed it on")  # type: ignore[misc]
    reader = os.open(line.link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    found = b"".join(iter(lambda: _available(reader), b""))
    os.close(reader)
    line.unplug()
    assert len(found) <= UNREAD_BYTES + 45


def _available(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""


def test_only_a_stale_link_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "port"
    link.symlink_to("/dev/pts/99999")
    line = PseudoTerminal(link)
    line.plug()
    assert link.exists()
    line.unplug()
    link.write_text("precious")
    with pytest.raises(LinkError, match=r"port: got File exists, expected a free name"):
        line.plug()
    assert link.read_text() == "precious"
    assert not line.plugged


def test_link_of_another_port_stays(tmp_path: Path) -> None:
    first, second = PseudoTerminal(tmp_path / "port"), PseudoTerminal(tmp_path / "port")
    first.plug()
    second.plug()
    first.unplug()
    assert second.link.exists()
    second.unplug()
    assert not second.link.is_symlink()
