"""Each BMS profile reports the same readings in its maker's registers."""

from __future__ import annotations

import struct

import pytest

from simulator.device_faults import DeviceFaults
from simulator.devices.bms_profiles import PROFILES, BmsReadings
from simulator.modbus.protocol import RefusedError
from simulator.modbus.registers import Registers
from tests.simulator.sites import signed

READINGS = BmsReadings(
    volts=26.4, amperes=-12.5, soc=0.83, capacity_ampere_hours=400, celsius=-5, nominal_volts=24, known=True
)


UNKNOWN = BmsReadings(
    volts=26.4, amperes=-12.5, soc=0.83, capacity_ampere_hours=400, celsius=-5, nominal_volts=24, known=False
)


def image_of(profile: str, readings: BmsReadings = READINGS, unit: int = 1) -> dict[int, int]:
    return {address: value & 0xFFFF for address, value in PROFILES[profile].image(readings, unit).items()}


def high_low(image: dict[int, int], address: int, step: int = 1) -> int:
    return image[address] << 16 | image[address + step]


def test_every_profile_reports_the_readings() -> None:
    reported = {
        "victron-gx system": (gx := image_of("victron-gx", unit=100)) and (gx[840] / 10, signed(gx[841]) / 10, gx[843]),
        "victron-gx battery": (gb := image_of("victron-gx", unit=225))
        and (gb[259] / 100, signed(gb[261]) / 10, gb[266] / 10),
        "jk-bms": (jk := image_of("jk-bms"))
        and (high_low(jk, 0x1290, 2) / 1000, signed(high_low(jk, 0x1298, 2), 32) / 1000, jk[0x12A6] & 0xFF),
        "pace": (pace := image_of("pace")) and (pace[1] / 100, signed(pace[0]) / 100, pace[2]),
        "seplos-v3": (sep := image_of("seplos-v3"))
        and (sep[0x1000] / 100, signed(sep[0x1001]) / 100, sep[0x1005] / 10),
        "renogy": (ren := image_of("renogy"))
        and (ren[5043] / 10, signed(ren[5042]) / 100, high_low(ren, 5044) / high_low(ren, 5046) * 100),
        "eg4-ll": (eg4 := image_of("eg4-ll")) and (eg4[0] / 100, signed(eg4[1]) / 100, eg4[24]),
        "daly": (daly := image_of("daly")) and (daly[0x28] / 10, (daly[0x29] - 30000) / 10, daly[0x2A] / 10),
    }
    assert reported == dict.fromkeys(reported, pytest.approx((26.4, -12.5, 83)))


def test_gx_without_a_battery() -> None:
    system = image_of("victron-gx", UNKNOWN, 100)
    assert system[843] == 0
    assert system[840] == 264
    with pytest.raises(RefusedError) as missing:
        image_of("victron-gx", UNKNOWN, 225)
    assert missing.value.code == 0x0A
    with pytest.raises(RefusedError) as unknown:
        image_of("victron-gx", READINGS, 7)
    assert unknown.value.code == 0x0B


def test_jk_without_soc_counts_ampere_hours() -> None:
    image = image_of("jk-bms", UNKNOWN)
    assert image[0x12A6] == 0
    assert high_low(image, 0x12A8, 2) / high_low(image, 0x12AC, 2) == pytest.approx(0.83)


async def test_jk_addresses_count_bytes() -> None:
    device = Registers(lambda unit: PROFILES["jk-bms"].image(READINGS, unit), DeviceFaults(), stride=2)
    reply = await device.answer(1, struct.pack(">BHH", 3, 0x1290, 4))
    assert reply == b"\x03\x08" + struct.pack(">II", 26400, 330000)
