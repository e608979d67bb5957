"""The site's other devices: what they say is what is so, and each lie is the one that was asked for."""

from __future__ import annotations

import asyncio
import getpass
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusException

from simulator import settings
from simulator.devices.aims import Aims
from simulator.devices.batteries import PROFILES, Bank
from simulator.devices.classic import Classic
from simulator.devices.registers import Registers
from simulator.devices.rtu import Slave, checksum
from simulator.lies import Lies
from simulator.modbus import RefusedError
from simulator.site import Site, advance, clear, inject, set_soc
from tests.simulator.harness import Simulator
from tests.support import Process, wait_until
from toolkit.config import Ratio

NUT_DRIVER = Path("/lib/nut/nutdrv_qx")


def make_site(soc: float = 0.42, celsius: float = -15.0) -> Site:
    model = Site(settings.Site(battery=settings.Battery(soc=Ratio(soc)), celsius=celsius, hour=11.0))
    model.load_watts, model.sun_watts = 300.0, 900.0
    advance(model, 1)
    return model


@pytest.fixture
def site() -> Site:
    return make_site()


def signed(value: int, bits: int = 16) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def classic_register(site: Site, number: int, *, whizbang: bool = True) -> int:
    return Classic(site, site.faults.classic, whizbang=whizbang).image(10)[number - 1]


def classic_double(site: Site, number: int) -> int:
    return classic_register(site, number + 1) << 16 | classic_register(site, number)


def test_classic_says_what_is_so(site: Site) -> None:
    assert classic_register(site, 4101) == 0x0496
    assert classic_register(site, 4115) / 10 == pytest.approx(site.battery.volts, abs=0.05)
    assert classic_register(site, 4117) / 10 == pytest.approx(site.solar_watts / site.battery.volts, abs=0.05)
    assert classic_register(site, 4119) == round(site.solar_watts) > 800
    assert classic_register(site, 4120) == 0x0403
    assert signed(classic_register(site, 4132)) == -150
    assert classic_register(site, 4137) == 502
    assert classic_double(site, 4126) == 77706
    name = b"".join(struct.pack("<H", classic_register(site, number)) for number in range(4210, 4214))
    assert name == b"CLASSIC1"
    assert classic_register(site, 4373) == 42
    assert (classic_register(site, 4377), classic_register(site, 4381)) == (168, 400)
    assert signed(classic_register(site, 4371)) / 10 == pytest.approx(site.battery.amperes, abs=0.05)
    assert signed(classic_double(site, 4369), 32) == -232
    assert (classic_register(site, 4372) & 0xFF) - 50 == -15
    assert classic_register(site, 4165) >> 8 & 0x3F == 18
    assert classic_register(site, 4104) & 1 == 1


def test_classic_status_roll_changes_every_second_and_its_clock_goes(site: Site) -> None:
    rolls, clocks = set(), set()
    for _ in range(20):
        rolls.add(classic_register(site, 4113))
        clocks.add(classic_register(site, 4214))
        advance(site, 1)
    assert len(rolls) == len(clocks) == 20


def test_classic_rests_at_night(site: Site) -> None:
    site.sun_watts = 0.0
    advance(site, 1)
    assert classic_register(site, 4120) == 0
    assert classic_register(site, 4275) == 5


def test_classic_counts_energy_and_begins_anew_at_midnight(site: Site) -> None:
    classic = Classic(site, site.faults.classic)
    classic.image(10)
    advance(site, 3600)
    assert classic.image(10)[4117] == pytest.approx(site.solar_joules / 3.6e5, abs=1)
    site.sun_watts = 0.0
    advance(site, 13 * 3600)
    assert classic.image(10)[4117] == 0


@pytest.mark.parametrize("whizbang", [True, False])
def test_classic_without_a_whizbang_has_neither_presence_nor_soc(site: Site, *, whizbang: bool) -> None:
    if whizbang:
        inject(site, "classic_unknown")
    for number in (4371, 4373, 4377, 4381):
        assert classic_register(site, number, whizbang=whizbang) == 0
    assert classic_register(site, 4165, whizbang=whizbang) >> 8 == 0
    assert classic_register(site, 4104, whizbang=whizbang) & 1 == 0


def test_told_soc_can_be_another_or_off(site: Site) -> None:
    inject(site, "classic_soc", 1.0)
    assert classic_register(site, 4373) == 100
    clear(site, "classic_soc")
    inject(site, "classic_soc_offset", -0.15)
    assert classic_register(site, 4373) == 27
    inject(site, "classic_soc_offset", -1.0)
    assert classic_register(site, 4373) == 0


READ_2 = b"\x03\x00\x00\x00\x02"


def registers(site: Site | None = None) -> tuple[Registers, Lies]:
    model = site or make_site()
    return Registers(lambda _unit: {0: int(model.seconds), 1: 7}, model.faults.bms), model.faults.bms


async def test_read_gives_the_registers_asked_for() -> None:
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


async def test_each_lie_of_a_register_device(site: Site) -> None:
    device, lies = registers(site)
    lies.short = True
    assert await device.answer(1, READ_2) == b"\x03\x02\x00\x01"
    lies.short = False
    lies.wrong_function = True
    assert await device.answer(1, READ_2) == b"\x04\x04\x00\x01\x00\x07"
    lies.wrong_function = False
    lies.frozen = True
    before = await device.answer(1, READ_2)
    advance(site, 100)
    assert await device.answer(1, READ_2) == before
    lies.frozen = False
    assert await device.answer(1, READ_2) != before
    lies.exception = 6
    with pytest.raises(RefusedError) as refused:
        await device.answer(1, READ_2)
    assert refused.value.code == 6
    lies.silent = True
    assert await device.answer(1, READ_2) is None


async def test_slow_device_answers_in_the_end() -> None:
    device, lies = registers()
    lies.slow = 0.05
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(device.answer(1, READ_2), 0.01)
    assert await device.answer(1, READ_2)


BANK = Bank(volts=26.4, amperes=-12.5, soc=0.83, capacity_ampere_hours=400, celsius=-5, nominal_volts=24, known=True)
UNKNOWN = Bank(
    volts=26.4, amperes=-12.5, soc=0.83, capacity_ampere_hours=400, celsius=-5, nominal_volts=24, known=False
)


def told(profile: str, bank: Bank = BANK, unit: int = 1) -> dict[int, int]:
    return {address: value & 0xFFFF for address, value in PROFILES[profile].image(bank, unit).items()}


def high_low(image: dict[int, int], address: int, step: int = 1) -> int:
    return image[address] << 16 | image[address + step]


def test_every_battery_says_volts_amperes_and_soc_in_its_makers_registers() -> None:
    said = {
        "victron-gx system": (gx := told("victron-gx", unit=100)) and (gx[840] / 10, signed(gx[841]) / 10, gx[843]),
        "victron-gx battery": (gb := told("victron-gx", unit=225))
        and (gb[259] / 100, signed(gb[261]) / 10, gb[266] / 10),
        "jk-bms": (jk := told("jk-bms"))
        and (high_low(jk, 0x1290, 2) / 1000, signed(high_low(jk, 0x1298, 2), 32) / 1000, jk[0x12A6] & 0xFF),
        "pace": (pace := told("pace")) and (pace[1] / 100, signed(pace[0]) / 100, pace[2]),
        "seplos-v3": (sep := told("seplos-v3")) and (sep[0x1000] / 100, signed(sep[0x1001]) / 100, sep[0x1005] / 10),
        "renogy": (ren := told("renogy"))
        and (ren[5043] / 10, signed(ren[5042]) / 100, high_low(ren, 5044) / high_low(ren, 5046) * 100),
        "eg4-ll": (eg4 := told("eg4-ll")) and (eg4[0] / 100, signed(eg4[1]) / 100, eg4[24]),
        "daly": (daly := told("daly")) and (daly[0x28] / 10, (daly[0x29] - 30000) / 10, daly[0x2A] / 10),
    }
    assert said == dict.fromkeys(said, pytest.approx((26.4, -12.5, 83)))


def test_gx_that_has_lost_its_battery_says_0_and_has_no_battery_service() -> None:
    system = told("victron-gx", UNKNOWN, 100)
    assert system[843] == 0
    assert system[840] == 264
    with pytest.raises(RefusedError) as missing:
        told("victron-gx", UNKNOWN, 225)
    assert missing.value.code == 0x0A
    with pytest.raises(RefusedError) as unknown:
        told("victron-gx", BANK, 7)
    assert unknown.value.code == 0x0B


def test_jk_that_always_says_soc_0_still_counts_ampere_hours() -> None:
    image = told("jk-bms", UNKNOWN)
    assert image[0x12A6] == 0
    assert high_low(image, 0x12A8, 2) / high_low(image, 0x12AC, 2) == pytest.approx(0.83)


async def test_jk_counts_in_bytes_and_leaves_no_gaps() -> None:
    device = Registers(lambda unit: PROFILES["jk-bms"].image(BANK, unit), Lies(), stride=2)
    reply = await device.answer(1, struct.pack(">BHH", 3, 0x1290, 4))
    assert reply == b"\x03\x08" + struct.pack(">II", 26400, 330000)


@pytest.mark.parametrize(
    "frame", ["00042000001a7bd0", "010422783134a6000034806d6000f101e003e7005c0ce70b8c0ce80ce80ce70b"]
)
def test_checksum_is_that_of_captured_frames(frame: str) -> None:
    data = bytes.fromhex(frame)
    assert (checksum(data[:-2]) == data[-2:]) is (len(data) == 8)


async def test_slave_answers_its_own_unit_and_passes_over_noise() -> None:
    device, _ = registers()
    slave = Slave(3, device.answer)
    ours = b"\x03" + READ_2
    other = b"\x04" + READ_2
    stream = b"\xff\x00" + other + checksum(other) + ours + checksum(ours)
    said = b"".join([await slave.hear(bytes((byte,))) for byte in stream])
    reply = b"\x03\x03\x04\x00\x01\x00\x07"
    assert said == reply + checksum(reply)
    refused = b"\x03\x06\x00\x00\x00\x01"
    assert (await slave.hear(refused + checksum(refused)))[:3] == b"\x03\x86\x01"


def fields(reply: bytes) -> list[str]:
    assert reply.startswith(b"(")
    assert reply.endswith(b"\r")
    return reply[1:-1].decode().split(" ")


async def test_aims_says_its_state_in_the_form_of_captured_ones(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    reply = await aims.hear(b"Q1\r")
    assert len(reply) == 47
    values = fields(reply)
    assert values[0] == "000.0"
    assert values[2:5] == ["120.0", "015", "60.0"]
    assert float(values[5]) == pytest.approx(site.battery.volts, abs=0.05)
    assert values[6:] == ["00.0", "10001001"]
    inject(site, "shore")
    advance(site, 30)
    assert fields(await aims.hear(b"Q1\r"))[0] == "120.0"
    assert (await aims.hear(b"Q1\r")).endswith(b" 00001000\r")
    assert await aims.hear(b"F\r") == b"#120.0 017 24.00 60.0\r"
    assert await aims.hear(b"I\r") == b"#AIMS Power      PICOGLF12W V1.00     \r"


async def test_aims_in_the_other_dialect_echoes_q1(site: Site) -> None:
    aims = Aims(site, site.faults.aims, dialect="QS")
    assert await aims.hear(b"Q1\r") == b"Q1\r"
    assert fields(await aims.hear(b"QS\r"))


async def test_aims_counts_what_it_is_asked_and_does_none_of_it(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    assert await aims.hear(b"Q") == b""
    assert await aims.hear(b"\rS01\rT\r") == b"NAK\rNAK\rNAK\r"
    assert aims.commands == {"Q": 1, "S01": 1, "T": 1}


@pytest.mark.parametrize(
    ("form", "begin", "end"),
    [
        ("nak", b"NAK", b"NAK\r"),
        ("(nak", b"(NAK", b"(NAK\r"),
        ("ack", b"(ACK", b"(ACK\r"),
        ("echo", b"Q1", b"Q1\r"),
        ("dashes", b"(---.- 110.0 120.0 015 --.- ", b" --.- 10001001\r"),
        ("nul", b"(000.0 ", b" 10001001\r\x00"),
        ("padded", b" (000.0 ", b" 10001001  \r"),
        ("truncated", b"(000.0 ", b" 00.0 10"),
    ],
)
async def test_aims_in_odd_forms(site: Site, form: str, begin: bytes, end: bytes) -> None:
    inject(site, "aims_reply", form)
    reply = await Aims(site, site.faults.aims).hear(b"Q1\r")
    assert reply.startswith(begin)
    assert reply.endswith(end)


async def test_frozen_and_silent_aims(site: Site) -> None:
    aims = Aims(site, site.faults.aims)
    before = await aims.hear(b"Q1\r")
    inject(site, "aims_frozen")
    set_soc(site, 0.9)
    assert await aims.hear(b"Q1\r") == before
    clear(site, "aims_frozen")
    assert await aims.hear(b"Q1\r") != before
    inject(site, "aims_silent")
    assert await aims.hear(b"Q1\r") == b""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("devices")
    with Simulator(
        folder,
        classic={"listen": "127.0.0.1:0"},
        bms={"profile": "seplos-v3", "listen": "127.0.0.1:0", "link": str(folder / "bms"), "baud": 19200},
        aims={"link": str(folder / "aims")},
        battery={"soc": 0.6},
    ) as simulator:
        yield simulator


def port_of(simulator: Simulator, device: str) -> int:
    return next(int(event["port"]) for event in simulator.events() if event["msg"] == f"{device} on Modbus TCP")


def link_of(simulator: Simulator, device: str) -> Path:
    return next(Path(event["link"]) for event in simulator.events() if event["msg"] == f"{device} on a serial port")


def test_bare_socket_reads_the_classic_with_the_documented_request(running: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", port_of(running, "classic")), timeout=3) as connection:
        connection.sendall(bytes.fromhex("0001000000060a031004002c"))
        reply = b""
        while len(reply) < 9 + 88:
            reply += connection.recv(256)
    assert reply[:9] == bytes.fromhex("00010000005b0a0358")
    registers_read = struct.unpack(">44H", reply[9:])
    assert registers_read[0] == 0x0496
    assert registers_read[14] / 10 == pytest.approx(running.state()["battery"]["volts"], abs=0.2)
    assert running.state()["devices"]["classic"]["other_requests"] == 0


def test_pymodbus_reads_classic_and_battery_and_meets_their_lies(running: Simulator) -> None:
    with ModbusTcpClient("127.0.0.1", port=port_of(running, "classic"), timeout=1, retries=0) as classic:
        shunt = classic.read_holding_registers(4360, count=22, device_id=10)
        assert shunt.registers[12] in (59, 60)
        running.fault("classic_short")
        assert len(classic.read_holding_registers(4360, count=22, device_id=10).registers) == 21
        running.clear("classic_short")
        running.fault("classic_exception", 6)
        assert classic.read_holding_registers(4360, count=22, device_id=10).exception_code == 6
        running.clear("classic_exception")
        running.fault("classic_dead")
        with pytest.raises(ModbusException):
            classic.read_holding_registers(4360, count=22, device_id=10)
        running.clear("classic_dead")
    with ModbusTcpClient("127.0.0.1", port=port_of(running, "bms"), timeout=1, retries=0) as battery:
        soc = battery.read_input_registers(0x1000, count=18, device_id=0).registers[5]
        assert soc == pytest.approx(600, abs=2)


def test_battery_answers_on_its_serial_line_too(running: Simulator) -> None:
    with ModbusSerialClient(str(link_of(running, "bms")), baudrate=19200, timeout=2, retries=0) as client:
        reply = client.read_input_registers(0x1000, count=18, device_id=0)
        assert reply.registers[0] / 100 == pytest.approx(running.state()["battery"]["volts"], abs=0.2)
        assert client.read_holding_registers(0x1000, count=18, device_id=0).exception_code == 1


def test_aims_answers_on_its_serial_line_at_its_pace_and_can_be_pulled_out(running: Simulator) -> None:
    link = link_of(running, "aims")
    with serial.Serial(str(link), 2400, timeout=3) as port:
        port.write(b"Q1\r")
        assert len(port.read_until(b"\r")) == 47
    assert running.state()["devices"]["aims"]["commands"] == {"Q1": 1}
    running.fault("aims_dead")
    wait_until(lambda: not link.is_symlink(), 5, "the port is gone")
    running.clear("aims_dead")
    wait_until(link.exists, 5, "the port is back")
    with serial.Serial(str(link), 2400, timeout=3) as port:
        port.write(b"F\r")
        assert port.read_until(b"\r").startswith(b"#")


@pytest.mark.skipif(not NUT_DRIVER.exists(), reason="Network UPS Tools are not installed (Debian: nut-server)")
def test_driver_of_network_ups_tools_reads_the_aims(running: Simulator, tmp_path: Path) -> None:
    (tmp_path / "ups.conf").write_text(
        f"[aims]\n  driver = nutdrv_qx\n  port = {link_of(running, 'aims')}\n  protocol = megatec\n"
    )
    with Process(
        [NUT_DRIVER, "-a", "aims", "-u", getpass.getuser(), "-d", "1"],
        env={"NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(tmp_path)},
    ) as driver:
        driver.wait(30)
    said = dict(line.split(": ", 1) for line in driver.output.splitlines() if ": " in line)
    state = running.state()
    assert float(said["battery.voltage"]) == pytest.approx(state["battery"]["volts"], abs=0.3)
    assert said["output.voltage"] == "120.0"
    assert said["device.mfr"] == "AIMS Power"
    assert said["ups.status"] == "OB"


def test_nothing_is_left_of_the_devices(tmp_path: Path) -> None:
    with Simulator(tmp_path, aims={"link": str(tmp_path / "aims")}, bms={"link": str(tmp_path / "bms")}) as simulator:
        assert (tmp_path / "aims").exists()
        assert (tmp_path / "bms").exists()
        assert simulator.end() == 0
    assert not (tmp_path / "aims").is_symlink()
    assert not (tmp_path / "bms").is_symlink()
