"""The USB relay board against a fake of the module hidraw that behaves as hidapi 0.15 was measured to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hidraw
import pytest

from actuator.relay import HidRelay, RelayError, discover
from actuator.relay.hid import Hid
from toolkit.usb_relay import boards


class FakeBoard:
    """Synthetic: a board's memory, kept across openings as the real one keeps it while it has power."""

    def __init__(self, path: bytes, product: str = "USBRelay2", serial: bytes = b"BITFT") -> None:
        self.path, self.product, self.serial = path, product, serial
        self.bits = 0
        self.plugged = True
        self.lame = False


class FakeDevice:
    def __init__(self, usb: FakeUsb) -> None:
        self._usb = usb
        self._board: FakeBoard | None = None

    def open_path(self, path: bytes) -> None:
        for board in self._usb.boards:
            if board.path == path and board.plugged:
                self._board = board
                self._usb.opened += 1
                return
        raise OSError("open failed")

    def send_feature_report(self, data: Sequence[int]) -> int:
        assert self._board is not None
        assert len(data) == 9
        assert data[0] == 0
        if not self._board.plugged or self._board.lame:
            return -1
        bit = 1 << (data[2] - 1)
        self._board.bits = self._board.bits | bit if data[1] == 0xFF else self._board.bits & ~bit
        return 9

    def get_feature_report(self, report: int, size: int) -> list[int]:
        assert self._board is not None
        if not self._board.plugged:
            raise OSError("read error")
        whole = [0, *self._board.serial, 0, 0, self._board.bits]
        assert (report, size) == (0, 9), "anything shorter loses the state byte"
        return whole

    def close(self) -> None:
        if self._board is not None:
            self._usb.opened -= 1
            self._board = None


class FakeUsb:
    def __init__(self, *boards: FakeBoard) -> None:
        self.boards = list(boards)
        self.opened = 0

    def enumerate(self, vendor: int, product: int) -> list[dict[str, Any]]:
        assert (vendor, product) == (0x16C0, 0x05DF)
        return [{"path": board.path, "product_string": board.product} for board in self.boards if board.plugged]

    def device(self) -> FakeDevice:
        return FakeDevice(self)


def hid(usb: FakeUsb, channel: int = 1, serial: str | None = None) -> Hid:
    return Hid(HidRelay(channel=channel, serial=serial), exclusive=False, backend=usb)


def test_moves_its_channel_alone() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3"))
    contact = hid(usb, channel=2)
    assert contact.read_back() is False
    contact.close_contact()
    assert usb.boards[0].bits == 0b10
    assert contact.read_back() is True
    usb.boards[0].bits = 0b11
    contact.open_contact()
    assert usb.boards[0].bits == 0b01
    assert contact.read_back() is False
    contact.dispose()
    assert usb.opened == 0


def test_write_that_returns_minus_one() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3"))
    contact = hid(usb)
    usb.boards[0].lame = True
    with pytest.raises(RelayError, match="hidapi returned -1, expected 9"):
        contact.open_contact()


def test_board_found_again_under_another_path() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3"))
    contact = hid(usb)
    contact.close_contact()
    usb.boards[0].plugged = False
    with pytest.raises(RelayError, match="cannot be read"):
        contact.read_back()
    with pytest.raises(RelayError, match="no USB relay board"):
        contact.read_back()
    usb.boards.append(FakeBoard(b"/dev/hidraw5"))
    assert contact.read_back() is False
    contact.dispose()
    assert usb.opened == 0


def test_several_boards_need_a_serial() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3"), FakeBoard(b"/dev/hidraw4", serial=b"OTHER"))
    with pytest.raises(RelayError, match=r"serial BITFT at /dev/hidraw3, serial OTHER at /dev/hidraw4.*serial:"):
        hid(usb).open_contact()
    chosen = hid(usb, serial="OTHER")
    chosen.close_contact()
    assert (usb.boards[0].bits, usb.boards[1].bits) == (0, 1)
    chosen.dispose()
    with pytest.raises(RelayError, match="no USB relay board with serial NOONE; plugged in: serial BITFT at"):
        hid(usb, serial="NOONE").open_contact()
    usb.boards[0].serial = b"OTHER"
    with pytest.raises(RelayError, match="2 USB relay boards with serial OTHER"):
        hid(usb, serial="OTHER").open_contact()
    assert usb.opened == 0


def test_single_board_with_a_damaged_serial_is_proposed_without_one() -> None:
    """Its path would change at the next plug-in (usbrelay 103)."""
    (single,) = discover.usb_boards(FakeUsb(FakeBoard(b"/dev/hidraw0", serial=b"\xff" * 5)))
    assert single.endswith("relay: {type: hid, channel: 1}")
    one, two = discover.usb_boards(
        FakeUsb(FakeBoard(b"/dev/hidraw0", serial=b"\xff" * 5), FakeBoard(b"/dev/hidraw1", serial=b"OTHER"))
    )
    assert "serial: /dev/hidraw0}  # this path may change" in one
    assert two.endswith("serial: OTHER}")


def test_path_selects_a_board_with_a_damaged_serial() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3", serial=b"\xff" * 5), FakeBoard(b"/dev/hidraw4", serial=b"\xff" * 5))
    with pytest.raises(RelayError, match=r"serial \?\?\?\?\? at /dev/hidraw3"):
        hid(usb).open_contact()
    hid(usb, serial="/dev/hidraw4").close_contact()
    assert (usb.boards[0].bits, usb.boards[1].bits) == (0, 1)


def test_hobby_device_with_the_same_usb_numbers() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw1", product="DigiUSB"))
    with pytest.raises(RelayError, match="no USB relay board"):
        hid(usb).open_contact()


def test_product_name_gives_the_channels() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw3", product="USBRelay1"))
    assert boards(usb) == [(b"/dev/hidraw3", 1)]
    with pytest.raises(RelayError, match="has 1 channels, the configuration asks for channel 2"):
        hid(usb, channel=2).close_contact()
    assert usb.boards[0].bits == 0


def test_real_module_has_what_is_used() -> None:
    assert isinstance(hidraw.enumerate(0x16C0, 0x05DF), list)
    assert {"open_path", "send_feature_report", "get_feature_report", "close"} <= set(dir(hidraw.device()))
