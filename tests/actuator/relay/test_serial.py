"""The LCUS contact against a synthetic board on a pty, and its bytes against the maker's document."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.config import relay_only
from actuator.relay import RelayError, RelayHeldError, SerialRelay
from actuator.relay import serial as driver
from actuator.relay.release import NOT_CONFIRMED, release
from tests.actuator.harness.lcus_board import LcusBoard
from tests.actuator.harness.other_controller import other_controller
from tests.support import wait_until
from toolkit.config import ConfigError, decode

CLOSE, OPEN = bytes.fromhex("A0 01 01 A2"), bytes.fromhex("A0 01 00 A1")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LcusBoard]:
    with LcusBoard(tmp_path / "relay") as plugged:
        yield plugged


def relay(board: LcusBoard, channel: int = 1) -> SerialRelay:
    return SerialRelay(port=str(board.path), channel=channel)


def test_bytes_of_the_makers_protocol(board: LcusBoard) -> None:
    contact = relay(board).make_relay()
    contact.close_contact()
    wait_until(board.closed, 2, "the contact to close")
    contact.open_contact()
    wait_until(lambda: not board.closed(), 2, "the contact to open")
    assert board.sent == [CLOSE, OPEN]
    contact.dispose()


def test_second_channel(board: LcusBoard) -> None:
    contact = relay(board, channel=2).make_relay()
    contact.close_contact()
    wait_until(lambda: board.closed(2), 2, "the contact to close")
    assert not board.closed(1)
    contact.open_contact()
    wait_until(lambda: not board.closed(2), 2, "the contact to open")
    assert board.sent == [bytes.fromhex("A0 02 01 A3"), bytes.fromhex("A0 02 00 A2")]
    contact.dispose()


def test_cannot_be_read_back(board: LcusBoard) -> None:
    contact = relay(board).make_relay()
    assert not contact.can_read_back
    assert contact.lease is None
    contact.close_contact()
    assert contact.read_back() is None
    contact.renew()
    wait_until(board.closed, 2, "the contact to close")
    assert board.sent == [CLOSE], "reading and renewing send nothing"
    contact.dispose()


def test_unplugged_port_is_found_again(board: LcusBoard) -> None:
    contact = relay(board).make_relay()
    try:
        contact.close_contact()
        wait_until(board.closed, 2, "the contact to close")
        board.unplug()
        for _ in range(2):
            with pytest.raises(RelayError, match=f"{re.escape(str(board.path))} did not accept the command: "):
                contact.open_contact()
        board.plug()
        board.close_by_hand()
        contact.open_contact()
        wait_until(lambda: not board.closed(), 2, "the order to reach the port that is new")
    finally:
        contact.dispose()


def test_blocked_port_fails_in_time_and_sends_nothing_later() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    contact = SerialRelay(port=os.ttyname(theirs)).make_relay()
    try:
        termios.tcflow(theirs, termios.TCOOFF)
        began = time.monotonic()
        with pytest.raises(RelayError, match="did not accept the command"):
            contact.close_contact()
        assert time.monotonic() - began < 2.0
        termios.tcflow(theirs, termios.TCOON)
        contact.open_contact()
        wait_until(lambda: select.select([ours], [], [], 0)[0], 2, "the order to come")
        assert os.read(ours, 512) == OPEN, "the order that failed came later"
    finally:
        contact.dispose()
        os.close(ours)
        os.close(theirs)


class StuckPort:
    """Synthetic: an adapter that takes bytes and sends none of them."""

    def __init__(self, *_: object, **__: object) -> None:
        self.waiting = b""

    def write(self, data: bytes) -> None:
        self.waiting += data

    @property
    def out_waiting(self) -> int:
        return len(self.waiting)

    def reset_output_buffer(self) -> None:
        self.waiting = b""

    def reset_input_buffer(self) -> None:
        """Nothing came."""

    def close(self) -> None:
        assert not self.waiting, "what has not been sent moves the contact later"


def test_unsent_bytes_fail_in_time_and_are_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver.serial, "Serial", StuckPort)  # type: ignore[attr-defined]
    monkeypatch.setattr(driver, "_keep_modem_lines", lambda _: None)
    monkeypatch.setattr(StuckPort, "fileno", lambda _: -1, raising=False)
    contact = SerialRelay(port="/dev/ttyUSB3").make_relay(exclusive=False)
    began = time.monotonic()
    with pytest.raises(RelayError, match=r"/dev/ttyUSB3 did not accept the command: not sent within 0.5 s"):
        contact.close_contact()
    assert time.monotonic() - began < 2.0


class BufferingPort:
    """Synthetic: counts bytes as sent while it still holds them, as a pty does; a flush discards them."""

    out_waiting = 0
    delivered = b""

    def __init__(self, *_: object, **__: object) -> None:
        self.held = b""

    def write(self, data: bytes) -> None:
        self.held += data

    def reset_output_buffer(self) -> None:
        self.held = b""

    def reset_input_buffer(self) -> None:
        """Nothing came."""

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        BufferingPort.delivered += self.held


def test_sent_command_survives_closing_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.serial, "Serial", BufferingPort)  # type: ignore[attr-defined]
    monkeypatch.setattr(driver, "_keep_modem_lines", lambda _: None)
    monkeypatch.setattr(BufferingPort, "delivered", b"")
    contact = SerialRelay(port="/dev/ttyUSB3").make_relay(exclusive=False)
    contact.open_contact()
    contact.dispose()
    assert BufferingPort.delivered == OPEN


def test_modem_lines_keep_their_level(board: LcusBoard) -> None:
    contact = relay(board).make_relay()
    descriptor = os.open(board.path, os.O_RDWR | os.O_NOCTTY)
    try:
        settings = termios.tcgetattr(descriptor)
        settings[2] |= termios.HUPCL  # as serial ports have it, unlike this stand-in
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        contact.open_contact()
        settings = termios.tcgetattr(descriptor)
    finally:
        os.close(descriptor)
    assert not settings[2] & termios.HUPCL, "hang up on close: DTR would fall and rise with each opening"
    assert settings[4] == settings[5] == termios.B9600
    assert settings[2] & (termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS) == termios.CS8
    contact.dispose()


def test_another_program_on_the_port(board: LcusBoard) -> None:
    contact = relay(board).make_relay()
    with board.path.open("rb+", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(RelayError, match="exclusively lock"):
            contact.open_contact()
    contact.open_contact()
    contact.dispose()


async def test_second_controller_is_refused_and_release_works(board: LcusBoard, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(board.path)
    contact = relay(board).make_relay()
    with other_controller("actuator.relay", "SerialRelay", port=str(alias)) as other:
        wait_until(board.closed, 2, "the contact to close")
        with pytest.raises(RelayHeldError, match=f"held by another controller \\(process {other}\\)"):
            contact.open_contact()
        assert board.sent == [CLOSE], "a refused controller sends nothing"
        status, sentence = await release(relay(board))
        assert status == NOT_CONFIRMED == 3
        assert sentence == (
            f"channel 1 of the LCUS board at {board.path}: open command sent; this board cannot be read back."
        )
        wait_until(lambda: not board.closed(), 2, "the contact to open")
    contact.open_contact()
    contact.dispose()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"port": "ttyUSB3"}, '"ttyUSB3", expected a path such as /dev/ttyUSB3'),
        ({"port": "/dev/ttyUSB3", "channel": 0}, "channel"),
        ({"port": "/dev/ttyUSB3", "channel": 9}, "channel"),
        ({"port": "/dev/ttyUSB3", "baudrate": 9600}, "baudrate"),
        ({}, "port"),
    ],
)
def test_wrong_configuration_is_refused(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        decode({"type": "serial", **document}, SerialRelay)


def test_relay_of_a_file_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "actuator.yml"
    file.write_text("relay: {type: serial, port: /dev/ttyUSB3, channel: 2}\nstart_soc: nonsense\n")
    assert relay_only(file) == SerialRelay(port="/dev/ttyUSB3", channel=2)
