"""The RTU server: checksum, unit, and noise on the line."""

from __future__ import annotations

import pytest

from simulator.device_faults import DeviceFaults
from simulator.modbus.registers import Registers
from simulator.modbus.rtu_server import RtuServer, checksum

READ_2 = b"\x03\x00\x00\x00\x02"


@pytest.mark.parametrize(
    "frame", ["00042000001a7bd0", "010422783134a6000034806d6000f101e003e7005c0ce70b8c0ce80ce80ce70b"]
)
def test_checksum_of_captured_frames(frame: str) -> None:
    data = bytes.fromhex(frame)
    assert (checksum(data[:-2]) == data[-2:]) is (len(data) == 8)


async def test_answers_its_own_unit_among_noise() -> None:
    device = Registers(lambda _unit: {0: 1, 1: 7}, DeviceFaults())
    server = RtuServer(3, device.answer)
    ours = b"\x03" + READ_2
    other = b"\x04" + READ_2
    stream = b"\xff\x00" + other + checksum(other) + ours + checksum(ours)
    sent = b"".join([await server.receive(bytes((byte,))) for byte in stream])
    reply = b"\x03\x03\x04\x00\x01\x00\x07"
    assert sent == reply + checksum(reply)
    refused = b"\x03\x06\x00\x00\x00\x01"
    assert (await server.receive(refused + checksum(refused)))[:3] == b"\x03\x86\x01"
