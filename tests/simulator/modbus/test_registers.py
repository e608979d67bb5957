"""Registers: good reads, refused reads, and each fault."""

from __future__ import annotations

import asyncio

import pytest

from simulator.device_faults import DeviceFaults
from simulator.modbus.protocol import RefusedError
from simulator.modbus.registers import Registers
from simulator.site import Site, advance
from tests.simulator.sites import make_site


@pytest.fixture
def site() -> Site:
    return make_site()


READ_2 = b"\x03\x00\x00\x00\x02"


def registers(site: Site | None = None) -> tuple[Registers, DeviceFaults]:
    model = site or make_site()
    return Registers(lambda _unit: {0: int(model.seconds), 1: 7}, model.faults.bms), model.faults.bms


async def test_read() -> None:
    device, _ = registers()
    assert await device.answer(1, READ_2) == b"\x03\x04\x00\x01\x00\x07"


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [("0400000001", 1), ("0600000001", 1), ("0300000000", 3), ("030000007e", 3), ("0300010002", 2)],
)
async def test_wrong_read_is_refused(request_hex: str, code: int) -> None:
    device, _ = registers()
    with pytest.raises(RefusedError) as refused:
        await device.answer(1, bytes.fromhex(request_hex))
    assert refused.value.code == code


async def test_each_fault(site: Site) -> None:
    device, faults = registers(site)
    faults.short = True
    assert await device.answer(1, READ_2) == b"\x03\x02\x00\x01"
    faults.short = False
    faults.wrong_function = True
    assert await device.answer(1, READ_2) == b"\x04\x04\x00\x01\x00\x07"
    faults.wrong_function = False
    faults.frozen = True
    before = await device.answer(1, READ_2)
    advance(site, 100)
    assert await device.answer(1, READ_2) == before
    faults.frozen = False
    assert await device.answer(1, READ_2) != before
    faults.exception = 6
    with pytest.raises(RefusedError) as refused:
        await device.answer(1, READ_2)
    assert refused.value.code == 6
    faults.silent = True
    assert await device.answer(1, READ_2) is None


async def test_slow_device_answers_late() -> None:
    device, faults = registers()
    faults.slow = 0.05
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(device.answer(1, READ_2), 0.01)
    assert await device.answer(1, READ_2)
