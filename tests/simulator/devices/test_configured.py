"""The devices of a running simulator, reached by TCP and serial clients."""

from __future__ import annotations

import getpass
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusException

from tests.support import Process, wait_until
from tests.support.simulator import Simulator

NUT_DRIVER = Path("/lib/nut/nutdrv_qx")


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


def link_of(simulator: Simulator, device: str) -> Path:
    return next(Path(event["link"]) for event in simulator.events() if event["msg"] == f"{device} on a serial port")


def test_classic_by_bare_socket(running: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", running.port_of("classic")), timeout=3) as connection:
        connection.sendall(bytes.fromhex("0001000000060a031004002c"))
        reply = b""
        while len(reply) < 9 + 88:
            reply += connection.recv(256)
    assert reply[:9] == bytes.fromhex("00010000005b0a0358")
    registers_read = struct.unpack(">44H", reply[9:])
    assert registers_read[0] == 0x0496
    assert registers_read[14] / 10 == pytest.approx(running.state()["battery"]["volts"], abs=0.2)
    assert running.state()["devices"]["classic"]["other_requests"] == 0


def test_classic_and_bms_by_pymodbus(running: Simulator) -> None:
    with ModbusTcpClient("127.0.0.1", port=running.port_of("classic"), timeout=1, retries=0) as classic:
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
    with ModbusTcpClient("127.0.0.1", port=running.port_of("bms"), timeout=1, retries=0) as battery:
        soc = battery.read_input_registers(0x1000, count=18, device_id=0).registers[5]
        assert soc == pytest.approx(600, abs=2)


def test_bms_by_serial_line(running: Simulator) -> None:
    with ModbusSerialClient(str(link_of(running, "bms")), baudrate=19200, timeout=2, retries=0) as client:
        reply = client.read_input_registers(0x1000, count=18, device_id=0)
        assert reply.registers[0] / 100 == pytest.approx(running.state()["battery"]["volts"], abs=0.2)
        assert client.read_holding_registers(0x1000, count=18, device_id=0).exception_code == 1


def test_aims_by_serial_line(running: Simulator) -> None:
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
def test_aims_by_network_ups_tools(running: Simulator, tmp_path: Path) -> None:
    (tmp_path / "ups.conf").write_text(
        f"[aims]\n  driver = nutdrv_qx\n  port = {link_of(running, 'aims')}\n  protocol = megatec\n"
    )
    with Process(
        [NUT_DRIVER, "-a", "aims", "-u", getpass.getuser(), "-d", "1"],
        env={"NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(tmp_path)},
    ) as driver:
        driver.wait(30)
    reported = dict(line.split(": ", 1) for line in driver.output.splitlines() if ": " in line)
    state = running.state()
    assert float(reported["battery.voltage"]) == pytest.approx(state["battery"]["volts"], abs=0.3)
    assert reported["output.voltage"] == "120.0"
    assert reported["device.mfr"] == "AIMS Power"
    assert reported["ups.status"] == "OB"


def test_links_are_removed_at_the_end(tmp_path: Path) -> None:
    with Simulator(tmp_path, aims={"link": str(tmp_path / "aims")}, bms={"link": str(tmp_path / "bms")}) as simulator:
        assert (tmp_path / "aims").exists()
        assert (tmp_path / "bms").exists()
        assert simulator.end() == 0
    assert not (tmp_path / "aims").is_symlink()
    assert not (tmp_path / "bms").is_symlink()
