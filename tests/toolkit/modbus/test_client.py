"""The client sends the frames of the documents, and fails only in the ways that it declares, whatever comes."""

from __future__ import annotations

import logging
import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toolkit.modbus.lines import Port, answered, crc, on
from toolkit.modbus import ModbusError, TcpAddress, WrongReplyError, new_client
from toolkit.modbus.client import Client

READ_HOLDING, READ_INPUT = 3, 4


def test_frames_are_those_of_a_boards_manual() -> None:
    """Waveshare Modbus RTU Relay, protocol manual."""
    coils = bytes.fromhex("01 01 01 05 91 8B")
    port = Port(lambda asked: coils if asked[1] == 1 else asked)
    with on(port) as client:
        client.write_coil(1, 0, 0xFF00)
        client.write_coil(1, 0, 0)
        client.write_coil(1, 0x0200, 7)
        client.write_coil(1, 0x0200, 600)
        assert client.read_coil(1, 0)
    assert port.sent[:4] == [
        bytes.fromhex(frame)
        for frame in (
            "01 05 00 00 FF 00 8C 3A",
            "01 05 00 00 00 00 CD CA",
            "01 05 02 00 00 07 8D B0",
            "01 05 02 00 02 58 CC E8",
        )
    ]
    assert port.sent[4][:6] == bytes.fromhex("01 01 00 00 00 01")
    assert crc(b"123456789") == (0x4B37).to_bytes(2, "little")


@given(st.binary(max_size=300), st.integers(0, 255), st.integers(1, 125))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_registers_or_a_known_error(received: bytes, unit: int, count: int) -> None:
    try:
        found = answered(received, lambda client: client.read_registers(unit, READ_HOLDING, 0, count))
    except ModbusError:
        return
    assert len(found) == count


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None)
def test_any_bytes_on_tcp_are_registers_or_a_known_error(data: bytes, framed: bool) -> None:  # noqa: FBT001
    ours, theirs = socket.socketpair()
    client = tcp_client(ours)
    with theirs:
        theirs.sendall(struct.pack(">HHHB", 1, 0, len(data) + 1, 7) + data if framed else data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            found = client.read_registers(7, READ_HOLDING, 0, 2)
        except (ModbusError, OSError):
            return
        finally:
            client.close()
        assert len(found) == 2


def tcp_client(connection: socket.socket) -> Client:
    client = new_client(TcpAddress("a test's"), timeout=1)
    link: Any = client._link
    link.socket = connection
    return client


def test_half_a_late_reply_does_not_hide_the_next_one() -> None:
    ours, theirs = socket.socketpair()
    client = tcp_client(ours)
    late = struct.pack(">HHHBBBH", 9, 0, 5, 7, READ_INPUT, 2, 99)
    with theirs:
        theirs.sendall(struct.pack(">HHHBBBH", 1, 0, 5, 7, READ_INPUT, 2, 11) + late[:5])
        assert client.read_registers(7, READ_INPUT, 0, 1) == (11,)
        theirs.sendall(late[5:] + struct.pack(">HHHBBBH", 2, 0, 5, 7, READ_INPUT, 2, 22))
        assert client.read_registers(7, READ_INPUT, 0, 1) == (22,)
    client.close()


def test_a_connection_with_a_wrong_reply_is_not_used_again() -> None:
    ours, theirs = socket.socketpair()
    client = tcp_client(ours)
    with theirs:
        theirs.sendall(struct.pack(">HHHBBBH", 1, 0, 5, 7, READ_INPUT, 2, 11))
        with pytest.raises(WrongReplyError, match="4 bytes that are no reply to it: 04 02 00 0b"):
            client.read_registers(7, READ_HOLDING, 0, 1)
        assert theirs.recv(100)
        assert theirs.recv(100) == b"", "it is closed"


def pymodbus_returns(level: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what is logged of a reply that pymodbus cannot decode, at this least level, by level."""
    with caplog.at_level(level):
        ours, theirs = socket.socketpair()
        client = tcp_client(ours)
        with theirs:
            theirs.sendall(struct.pack(">HHHBB", 1, 0, 3, 7, 0x55) + b"\0")
            with pytest.raises(WrongReplyError, match="no reply"):
                client.read_registers(7, READ_HOLDING, 0, 1)
    return [record.levelname for record in caplog.records if "decode" in record.getMessage()]


def test_pymodbus_reports_only_at_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    assert pymodbus_returns(logging.INFO, caplog) == []
    assert set(pymodbus_returns(logging.DEBUG, caplog)) == {"DEBUG"}
