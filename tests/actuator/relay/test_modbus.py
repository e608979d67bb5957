"""The Modbus contact against a synthetic board, and its bytes against the documents."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actuator.relay import AnyRelay, ModbusRelay, RelayError, RelayHeldError
from tests.actuator.harness.modbus_board import Board, RtuBoard, TcpBoard
from tests.actuator.harness.other_controller import other_controller
from tests.support import free_port, wait_until
from toolkit.config import ConfigError, decode


def relay(url: str, **more: object) -> ModbusRelay:
    config = decode({"type": "modbus", "url": url, **more}, ModbusRelay)
    assert isinstance(config, ModbusRelay)
    return config


@pytest.mark.parametrize("kind", [TcpBoard, RtuBoard])
def test_moves_its_coil_with_two_functions(kind: type[TcpBoard | RtuBoard]) -> None:
    with kind(unit=3) as served:
        contact = relay(served.url, unit_id=3, coil=2).make_relay()
        assert contact.read_back() is False
        contact.close_contact()
        assert served.board.closed(2)
        assert not served.board.closed(0)
        assert contact.read_back() is True
        contact.open_contact()
        assert not served.board.closed(2)
        assert contact.read_back() is False
        assert served.board.functions == {1, 5}
        contact.dispose()


@pytest.mark.parametrize("kind", [TcpBoard, RtuBoard])
def test_lease_opens_the_contact_unless_renewed(kind: type[TcpBoard | RtuBoard]) -> None:
    with kind(Board(timed=True)) as served:
        contact = relay(served.url, lease="3s").make_relay()
        assert contact.lease == 3.0
        contact.close_contact()
        assert served.board.writes[-1][1:] == (0x0200, 30)
        assert contact.read_back() is True
        contact.renew()
        assert served.board.writes[-1][1:] == (0x0200, 30)
        renewed = served.board.writes[-1][0]
        wait_until(lambda: contact.read_back() is False, 10, "the lease to run out")
        assert 2.5 <= time.monotonic() - renewed < 6
        contact.dispose()


def test_a_command_that_the_board_refuses_is_an_error_with_its_exception() -> None:
    with TcpBoard() as served:
        contact = relay(served.url, coil=9).make_relay()
        with pytest.raises(RelayError, match="refuses function 5 with exception 2"):
            contact.close_contact()
        contact.dispose()
        served.board.refuses_writes = True
        contact = relay(served.url).make_relay()
        with pytest.raises(RelayError, match="exception 4"):
            contact.open_contact()
        contact.dispose()


def test_board_that_comes_back_is_found() -> None:
    port = free_port()
    contact = relay(f"tcp://127.0.0.1:{port}").make_relay()
    with pytest.raises(RelayError, match=f"no answer from tcp://127.0.0.1:{port}"):
        contact.open_contact()
    with TcpBoard(port=port) as served:
        contact.close_contact()
        served.drop()
        assert contact.read_back() is True, "a reading connects anew by itself"
        contact.dispose()


def test_unplugged_adapter_is_found_again(tmp_path: Path) -> None:
    port = tmp_path / "relay"
    contact = relay(f"rtu://{port}?baudrate=9600").make_relay()
    try:
        with RtuBoard() as board:
            port.symlink_to(board.path)
            contact.close_contact()
        port.unlink()
        for _ in range(2):
            with pytest.raises(RelayError, match=r"no answer from (unit 1 at )?rtu://"):
                contact.open_contact()
        with RtuBoard() as board:
            board.board.set(0, closed=True)
            port.symlink_to(board.path)
            contact.open_contact()
            assert not board.board.closed()
    finally:
        contact.dispose()


@pytest.mark.parametrize("kind", [TcpBoard, RtuBoard])
def test_silent_board_fails_in_time(kind: type[TcpBoard | RtuBoard]) -> None:
    with kind() as served:
        contact = relay(served.url).make_relay()
        served.board.silent = True
        began = time.monotonic()
        with pytest.raises(RelayError, match="no answer"):
            contact.close_contact()
        assert time.monotonic() - began < 2.0
        contact.dispose()


def test_late_rtu_reply_is_not_the_next_answer() -> None:
    with RtuBoard() as served:
        contact = relay(served.url).make_relay()
        served.board.delay = 0.8
        with pytest.raises(RelayError):
            contact.close_contact()
        served.board.set(0, closed=True)
        served.board.delay = 0.7
        with pytest.raises(RelayError):
            contact.read_back()
        served.board.set(0, closed=False)
        served.board.delay = 0.0
        assert contact.read_back() is False, "the late answer said closed"
        contact.dispose()


@pytest.mark.parametrize("junk", [b"\x00", b"\xff\x01", b"\x01\x05"])
def test_adapter_that_adds_bytes_between_frames(junk: bytes) -> None:
    with RtuBoard(junk=junk) as served:
        contact = relay(served.url).make_relay()
        contact.close_contact()
        assert contact.read_back() is True
        contact.dispose()


def test_welded_contact_reads_closed() -> None:
    with TcpBoard() as served:
        contact = relay(served.url).make_relay()
        served.board.set(0, closed=True)
        served.board.welded = True
        contact.open_contact()
        assert contact.read_back() is True
        contact.dispose()


@pytest.mark.parametrize("kind", [TcpBoard, RtuBoard])
def test_second_controller_is_refused_until_the_first_dies(kind: type[TcpBoard | RtuBoard], tmp_path: Path) -> None:
    with kind() as served:
        alias = served.url.replace("127.0.0.1", "localhost")
        if isinstance(served, RtuBoard):
            (tmp_path / "relay").symlink_to(served.path)
            alias = f"rtu://{tmp_path}/relay"
        contact = relay(served.url).make_relay()
        with other_controller("actuator.relay", "ModbusRelay", url=alias) as other:
            with pytest.raises(RelayHeldError, match=f"held by another controller \\(process {other}\\)"):
                contact.open_contact()
            assert served.board.closed(), "a refused controller moves nothing"
            released = relay(served.url).make_relay(exclusive=False)
            released.open_contact()
            assert not served.board.closed()
            assert released.read_back() is False
            released.dispose()
        contact.open_contact()
        contact.dispose()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"url": "/dev/ttyUSB0"}, "expected tcp://HOST:502 or rtu://"),
        ({"url": "tcp://"}, "expected tcp://HOST:502 or rtu://"),
        ({"url": "tcp://host:99999"}, "expected tcp://HOST:502 or rtu://"),
        ({"url": "rtu://10.0.0.5:4001"}, "expected tcp://HOST:502 or rtu://"),
        ({"url": "rtu:///dev/ttyUSB0?baud=9600"}, 'got the option "baud", expected baudrate, parity or stopbits'),
        ({"url": "rtu:///dev/ttyUSB0?baudrate=fast"}, 'got baudrate "fast"'),
        ({"url": "rtu:///dev/ttyUSB0?parity=n"}, 'got parity "n", expected N, E or O'),
        ({"url": "rtu:///dev/ttyUSB0?stopbits=3"}, 'got stopbits "3", expected 1 or 2'),
        ({"url": "rtu:///dev/ttyUSB0", "unit_id": 0}, "got unit_id 0, expected 1 to 247"),
        ({"url": "tcp://host", "lease": "90s"}, "got lease 90s, expected 3s to 60s"),
        ({"url": "tcp://host", "lease": "1s"}, "got lease 1s, expected 3s to 60s"),
        ({"url": "tcp://host", "lease": "30s", "coil": 300}, "got coil 300 with lease"),
    ],
)
def test_wrong_address_is_refused(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode({"type": "modbus", **document}, ModbusRelay)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "modbus", "url": "tcp://host:502", "unit_id": 4, "coil": 1, "lease": "30s"},
        {"type": "hid", "channel": 2, "serial": "BITFT"},
        {"type": "gpio", "chip": "/dev/gpiochip0", "line": 17, "active_low": True},
        {"type": "gpio", "chip": "/dev/gpiochip0", "line": "GPIO17"},
        {"type": "serial", "port": "/dev/ttyUSB3", "channel": 2},
        {"type": "simulated"},
    ],
)
def test_plain_copy_is_read_as_the_same_relay(document: dict[str, object]) -> None:
    union: Any = AnyRelay
    config = decode(document, union)
    copy = json.loads(msgspec.json.encode(config.plain()))
    assert decode(copy, union) == config
    assert copy.get("lease") == document.get("lease")
