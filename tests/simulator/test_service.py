"""The running program: its serial port, its relay board, its HTTP API, and its end."""

from __future__ import annotations

import contextlib
import itertools
import re
import signal
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient

from simulator.faults import declared
from tests.support import Process, command, wait_until
from tests.support.simulator import Simulator

INVERTER = re.compile(rb"\x40\x00.{8}\x33.{3}\x6b.{6}", re.DOTALL)
"""An inverting MS4024PAE, revision 5.1, without a fault."""

QUICK = {"start_delay": "200ms", "retry_delay": "100ms", "warm_up": "1s", "cool_down": "1s", "tail": "1400ms"}
QUICK["noticed_after"] = "500ms"
"""Each state lasts longer than a machine is likely to pause: none may be missed."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("site")
    relay = {"link": str(folder / "relay")}
    with Simulator(folder, speed=60, engine=QUICK, charger={"ac_transfer_delay": "200ms"}, relay=relay) as simulator:
        yield simulator


@pytest.fixture
def site(running: Simulator) -> Iterator[Simulator]:
    yield running
    for name in running.state()["faults"]:
        running.clear(name)
    write_coil(running, on=False)
    running.set(ags="reset", soc=0.5, load=None, sun=None, charger=True)


def write_coil(simulator: Simulator, *, on: bool, patience: float = 3) -> bytes:
    with socket.create_connection(("127.0.0.1", simulator.modbus_port), timeout=patience) as connection:
        connection.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, 5, 0, 0xFF00 if on else 0))
        return connection.recv(64)


def until(simulator: Simulator, part: str, key: str, value: object, deadline: float = 10) -> None:
    wait_until(lambda: simulator.state()[part][key] == value, deadline, f"{part}.{key} is {value}")


def test_packets_arrive_at_bus_pace(site: Simulator) -> None:
    arrived: list[float] = []
    pauses = 0
    received = b""
    with serial.Serial(str(site.link), 19200, timeout=0.004) as port:
        port.reset_input_buffer()
        last = time.monotonic()
        while len(arrived) < 20:
            chunk = port.read(64)
            now = time.monotonic()
            if not chunk:
                assert now - last < 5, "the bus is silent"
                continue
            pauses += now - last > 0.035
            last = now
            received += chunk
            while found := INVERTER.search(received):
                arrived.append(now)
                received = received[found.end() :]
    cycle = statistics.median(after - before for before, after in itertools.pairwise(arrived))
    assert 0.115 < cycle < 0.127, "a pause of the machine makes one cycle long, and the next short"
    assert pauses > 10


def test_coil_0_starts_and_stops_the_engine(site: Simulator) -> None:
    assert write_coil(site, on=True).endswith(b"\x05\x00\x00\xff\x00")
    until(site, "ags", "status", 26)
    until(site, "inverter", "state", "bulk")
    state = site.state()
    assert state["contact"] is True
    assert state["relay"]["coils"][0] is True
    assert state["ags"]["status"] == 7
    assert state["inverter"]["ac_input_volts"] == 120
    assert state["battery"]["amperes"] > 0
    write_coil(site, on=False)
    until(site, "ags", "status", 27)
    until(site, "ags", "status", 2)
    assert site.state()["engine"]["running"] is False


def test_speed_and_set_soc(site: Simulator) -> None:
    before = site.set(soc=0.3, load=1000, sun=0)
    until(site, "bmk", "percent", 30)
    wait_until(lambda: site.state()["battery"]["soc"] < 0.297, 10, "the battery discharges at 60 times the speed")
    after = site.state()
    assert after["hour"] != before["hour"]
    assert after["load_watts"] == 1000


def test_adapter_is_unplugged_and_comes_back(site: Simulator) -> None:
    assert site.link.is_symlink()
    site.fault("adapter_unplugged")
    wait_until(lambda: not site.link.is_symlink(), 5, "the link is gone")
    assert site.state()["bus"]["plugged"] is False
    site.clear("adapter_unplugged")
    wait_until(site.link.exists, 5, "the link is back")
    with serial.Serial(str(site.link), 19200, timeout=3) as port:
        assert port.read(1)
    assert site.state()["bus"]["received_bytes"] == 0


@pytest.mark.parametrize(
    ("fault", "silenced"), [("ags_silent", "ags_a1"), ("bmk_silent", "bmk"), ("inverter_silent", "inverter")]
)
def test_silent_device(site: Simulator, fault: str, silenced: str) -> None:
    witness = "bytes" if silenced == "inverter" else "inverter"
    site.fault(fault)

    def count(kind: str) -> int:
        state = site.state()
        return int(state["seconds"] * 1000 if kind == "bytes" else state["bus"]["sent"].get(kind, 0))

    wait_until(lambda: count(witness) > 0, 5, "the bus is active")
    start = count(silenced)
    seen = count(witness)
    step = 1000 if witness == "bytes" else 10
    wait_until(lambda: count(witness) > seen + step, 5, "more packets pass")
    assert count(silenced) - start <= 1


def test_flipped_bits_are_counted(site: Simulator) -> None:
    site.fault("flipped_bits", 1)
    wait_until(lambda: site.state()["bus"]["damaged"].get("inverter", 0) > 2, 5, "inverter packets are damaged")


@pytest.mark.parametrize(
    ("fault", "value", "status"),
    [
        ("engine_does_not_start", None, 10),
        ("ags_refuses", 5, 5),
        ("ags_deaf", None, 2),
        ("fuel_ends", None, 10),
        ("foreign_run", 13, 13),
        ("shore", None, 4),
    ],
)
def test_engine_fault_shows_in_ags_status(site: Simulator, fault: str, value: int | None, status: int) -> None:
    site.fault(fault, value)
    write_coil(site, on=True)
    until(site, "ags", "status", status)


def test_engine_dies(site: Simulator) -> None:
    site.fault("engine_dies", 1.5)
    write_coil(site, on=True)
    until(site, "engine", "running", value=True)
    until(site, "ags", "status", 25)


@pytest.mark.parametrize(
    ("fault", "value", "percent"), [("bmk_jump", 1.0, 100), ("bmk_jump", 0.9, 90), ("bmk_frozen", None, 50)]
)
def test_bmk_fault(site: Simulator, fault: str, value: float | None, percent: int) -> None:
    assert site.fault(fault, value)["bmk"]["percent"] == percent


def test_relay_faults(site: Simulator) -> None:
    site.fault("relay_write_fails")
    assert write_coil(site, on=True)[7:] == b"\x85\x04"
    site.fault("relay_write_fails", "ignored")
    assert write_coil(site, on=True)[7:] == b"\x05\x00\x00\xff\x00"
    assert site.state()["relay"]["coils"][0] is False
    site.clear("relay_write_fails")
    site.fault("relay_silent")
    with pytest.raises(TimeoutError):
        write_coil(site, on=True, patience=0.3)


def test_dead_board_keeps_its_coils(site: Simulator) -> None:
    write_coil(site, on=True)
    site.fault("relay_dead")
    # The hang-up may come before or after the request: then the connection ends or is reset.
    with contextlib.suppress(ConnectionError):
        assert write_coil(site, on=False) == b""
    assert site.state()["relay"]["coils"][0] is True


def test_relay_board_by_serial_line(site: Simulator) -> None:
    relay_link = site.link.parent / "relay"
    wait_until(relay_link.exists, 5, "the board's port is there")
    with ModbusSerialClient(str(relay_link), baudrate=9600, timeout=2, retries=0) as client:
        assert not client.write_coil(0, value=True, device_id=1).isError()
        assert client.read_coils(0, count=1, device_id=1).bits[0] is True
    assert site.state()["relay"]["coils"][0] is True
    site.fault("relay_dead")
    wait_until(lambda: not relay_link.is_symlink(), 5, "the board's port is gone")
    site.clear("relay_dead")
    wait_until(relay_link.exists, 5, "the board's port is back")


def test_guide_and_wrong_requests(site: Simulator) -> None:
    status, guide = site.ask("GET", "/")
    assert status == 200
    assert all(fault.name in guide for fault in declared())
    assert site.ask("POST", "/faults/goblins")[0] == 404
    assert site.ask("DELETE", "/faults/goblins")[0] == 404
    status, text = site.ask("POST", "/faults/ags_refuses", "five")
    assert status == 400
    assert "Expected `int" in text
    status, text = site.ask("POST", "/set", {"soc": 30})
    assert status == 400
    assert "<= 1.0" in text
    assert "state of charge, 0 to 1" in text
    assert site.ask("POST", "/set", {"sok": 0.3})[0] == 400
    assert site.state()["faults"] == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with Simulator(tmp_path) as simulator:
        link, port = simulator.link, simulator.modbus_port
        with socket.create_connection(("127.0.0.1", port), timeout=3):
            assert simulator.end(number) == 0
        assert not link.is_symlink()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))


def run(*arguments: str | Path, cwd: Path) -> tuple[int, str]:
    with Process([command("offgrid-simulator"), *arguments], cwd=cwd) as process:
        return process.wait(15), process.output


def test_wrong_config(tmp_path: Path) -> None:
    file = tmp_path / "simulator.yml"
    file.write_text("battery:\n  soc: 30\n")
    code, output = run("--config.check", cwd=tmp_path)
    assert code == 2
    assert "simulator.yml:2" in output
    assert "battery.soc" in output
    assert "30%" in output
    file.write_text("engine: {cool_down: 3m, tail: 2m}\n")
    code, output = run("--config.check", f"--config.file={file}", cwd=tmp_path)
    assert code == 2
    assert "cool_down" in output
    file.write_text("relay: {listen: nowhere}\n")
    code, output = run("--config.check", cwd=tmp_path)
    assert code == 2
    assert "relay.listen" in output


def test_config_and_speed_flags(tmp_path: Path) -> None:
    assert run("--config.check", cwd=tmp_path) == (0, "config ok\n")
    (tmp_path / "simulator.yml").write_text("battery: {soc: 30%}\nengine: {warm_up: 5s}\n")
    assert run("--config.check", cwd=tmp_path) == (0, "config ok\n")
    code, output = run("--config.check", "--config.file=absent.yml", cwd=tmp_path)
    assert code == 2
    assert "absent.yml" in output
    code, output = run("--config.check", "--speed=0", cwd=tmp_path)
    assert code == 2
    assert "--speed" in output


def test_address_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "simulator.yml").write_text(f"bus: {{link: {tmp_path / 'port'}}}\nrelay: {{listen: '{address}'}}\n")
        code, output = run(cwd=tmp_path)
    assert code == 1
    assert "address already in use" in output
    assert not (tmp_path / "port").is_symlink()
