"""The relay board: by pymodbus, by a bare socket, and directly with a given time."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulator.devices.relay_board import RelayBoard
from simulator.faults import Faults
from simulator.modbus.protocol import RefusedError
from simulator.modbus.tcp_server import TcpServer

READ_0 = b"\x01\x00\x00\x00\x01"
ON_0 = b"\x05\x00\x00\xff\x00"
OFF_0 = b"\x05\x00\x00\x00\x00"
FLASH_0_2S = b"\x05\x02\x00\x00\x14"


@pytest.fixture
def board() -> RelayBoard:
    return RelayBoard(Faults())


@pytest.fixture
def faulty() -> tuple[RelayBoard, Faults]:
    faults = Faults()
    return RelayBoard(faults), faults


@pytest.fixture
async def port(board: RelayBoard) -> AsyncIterator[int]:
    async def answer(_unit: int, request: bytes) -> bytes | None:
        return board.answer(request, time.monotonic())

    server = TcpServer(answer)
    await server.open("127.0.0.1", 0)
    yield server.address[1]
    await server.close()


async def test_pymodbus_writes_and_reads_coils(board: RelayBoard, port: int) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0)
    assert await client.connect()
    assert not (await client.write_coil(0, value=True)).isError()
    assert (await client.read_coils(0, count=8)).bits[:8] == [True] + [False] * 7
    assert board.contact(time.monotonic())
    assert not (await client.write_coils(0, [False, True, True])).isError()
    assert (await client.read_coils(0, count=8)).bits[:8] == [False, True, True] + [False] * 5
    refused = await client.read_coils(0, count=9)
    assert refused.isError()
    assert refused.exception_code == 2
    assert (await client.read_holding_registers(0, count=1)).exception_code == 1
    client.close()


async def test_pymodbus_with_a_silent_board(board: RelayBoard, port: int) -> None:
    board._faults.relay_silent = True
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.2, retries=0)
    assert await client.connect()
    with pytest.raises(ModbusIOException):
        await client.write_coil(0, value=True)
    client.close()
    assert not board.contact(time.monotonic())


async def test_bare_socket_with_requests_in_pieces(board: RelayBoard, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    requests = b"".join(
        struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 7) + pdu
        for transaction, pdu in ((0x1234, ON_0), (0x1235, READ_0))
    )
    for byte in requests:
        writer.write(bytes((byte,)))
        await writer.drain()
    assert await reader.readexactly(12) == b"\x12\x34\x00\x00\x00\x06\x07" + ON_0
    assert await reader.readexactly(10) == b"\x12\x35\x00\x00\x00\x04\x07\x01\x01\x01"
    writer.close()
    await writer.wait_closed()
    assert board.contact(time.monotonic()), "the coil must stay as it was when the client goes"


async def test_other_bytes_end_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_coil_latches(board: RelayBoard) -> None:
    board.answer(ON_0, 0.0)
    assert board.contact(1e6)
    assert board.lease_seconds(1e6) is None


def test_flash_opens_unless_renewed(board: RelayBoard) -> None:
    assert board.answer(FLASH_0_2S, 100.0) == FLASH_0_2S
    assert board.contact(101.9)
    assert not board.contact(102.0)
    board.answer(FLASH_0_2S, 200.0)
    board.answer(FLASH_0_2S, 201.5)
    assert board.lease_seconds(202.0) == pytest.approx(1.5)
    assert board.contact(203.4)
    assert not board.contact(203.5)


def test_plain_writes_end_a_lease(board: RelayBoard) -> None:
    board.answer(FLASH_0_2S, 0.0)
    board.answer(OFF_0, 1.0)
    assert not board.contact(1.0)
    board.answer(FLASH_0_2S, 2.0)
    board.answer(ON_0, 3.0)
    assert board.contact(100.0)


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("0300000001", 1),
        ("0600000001", 1),
        ("05", 3),
        ("0500080000", 2),
        ("05000000ff", 3),
        ("0500005500", 3),
        ("0502000000", 3),
        ("0502008000", 3),
        ("0502080007", 2),
        ("0504000007", 2),
        ("0100000000", 3),
        ("0100070002", 2),
        ("0f0000000101", 3),
        ("0f00000009020000", 2),
        ("0f0000000001ff", 3),
    ],
)
def test_unsupported_requests(board: RelayBoard, request_hex: str, code: int) -> None:
    with pytest.raises(RefusedError) as refused:
        board.answer(bytes.fromhex(request_hex), 0.0)
    assert refused.value.code == code
    assert board.coils(0.0) == [False] * 8


def test_failed_write(faulty: tuple[RelayBoard, Faults]) -> None:
    board, faults = faulty
    faults.relay_write_fails = "exception"
    with pytest.raises(RefusedError) as refused:
        board.answer(ON_0, 0.0)
    assert refused.value.code == 4
    faults.relay_write_fails = "ignored"
    assert board.answer(ON_0, 0.0) == ON_0
    assert not board.contact(0.0)


def test_wrong_read_back(faulty: tuple[RelayBoard, Faults]) -> None:
    board, faults = faulty
    faults.relay_read_back_lies = True
    assert board.answer(READ_0, 0.0) == b"\x01\x01\x01"
    board.answer(ON_0, 0.0)
    assert board.answer(READ_0, 0.0) == b"\x01\x01\x00"
    assert board.contact(0.0)


def test_welded_contact(faulty: tuple[RelayBoard, Faults]) -> None:
    board, faults = faulty
    board.answer(ON_0, 0.0)
    assert board.contact(0.0)
    faults.relay_welded = True
    board.answer(OFF_0, 1.0)
    assert board.answer(READ_0, 1.0) == b"\x01\x01\x00"
    assert board.contact(1.0)
