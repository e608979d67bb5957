"""The sources against the simulated site: what it is, is on the page, and its devices' lies are not believed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import pytest

from tests.exporter.harness.running_sources import Watch, running
from tests.support import wait_until
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Path]]:
    folder = tmp_path_factory.mktemp("site")
    with Simulator(
        folder,
        hour=11.0,
        celsius=-15.0,
        battery={"soc": 0.42},
        classic={"listen": "127.0.0.1:0"},
        bms={"profile": "jk-bms", "link": str(folder / "bms"), "baud": 115200, "echo": True},
        aims={"link": str(folder / "aims")},
    ) as simulator:
        wait_until(lambda: (folder / "aims").exists() and (folder / "bms").exists(), 10, "the serial ports")
        yield simulator, folder


@pytest.fixture
def site(whole: tuple[Simulator, Path]) -> Iterator[Simulator]:
    simulator, _ = whole
    yield simulator
    for fault in simulator.state()["faults"]:
        simulator.clear(fault)


@pytest.fixture
def folder(whole: tuple[Simulator, Path]) -> Path:
    return whole[1]


def sources(site: Simulator, folder: Path) -> dict[str, dict[str, Any]]:
    return {
        "classic": {"type": "classic", "host": "127.0.0.1", "port": site.port_of("classic"), "interval": "500ms"},
        "bms": {
            "type": "modbus",
            "profile": "jk-bms",
            "url": f"rtu://{folder}/bms?baudrate=115200",
            "interval": "500ms",
        },
        "aims": {"type": "aims", "port": f"{folder}/aims", "interval": "500ms"},
    }


def all_up(watch: Watch) -> bool:
    return all(watch.value(f"{family}_up", device) == 1 for family, device in FAMILIES)


FAMILIES = (("classic", "classic"), ("modbus", "bms"), ("aims", "aims"))


def test_all_devices_together(site: Simulator, folder: Path) -> None:
    with running(sources(site, folder), judged=["classic", "bms"]) as watch:
        wait_until(lambda: all_up(watch), 15, "all devices")
        volts = pytest.approx(site.state()["battery"]["volts"], abs=0.3)
        soc = pytest.approx(0.42, abs=0.011)
        for metric, device, expected in (
            ("classic_battery_volts", "classic", volts),
            ("modbus_battery_volts", "bms", volts),
            ("aims_battery_volts", "aims", volts),
            ("classic_whizbang_soc_ratio", "classic", soc),
            ("modbus_soc_ratio", "bms", soc),
            ("classic_battery_celsius", "classic", -15),
            ("classic_whizbang_shunt_celsius", "classic", -15),
        ):
            watch.until(metric, device, partial(eq, expected), 5)
        wait_until(lambda: watch.value("modbus_celsius", "bms", sensor="1") == -15, 5, "a cell's temperature")
        wait_until(lambda: watch.page().get(("battery_soc_ratio", ())) == soc, 5, "the leading SOC")
        devices = site.state()["devices"]
        assert devices["classic"]["other_requests"] == devices["bms"]["other_requests"] == 0
        assert devices["classic"]["most_connections"] == 1
        assert set(devices["aims"]["commands"]) <= {"Q1", "F"}


@pytest.mark.parametrize(
    "lie",
    [
        "dead",
        "frozen",
        *(pytest.param(lie, marks=pytest.mark.slow) for lie in ("silent", "exception", "short", "wrong_function")),
    ],
)
def test_faulty_classic_goes_and_comes_back(site: Simulator, folder: Path, lie: str) -> None:
    with running(sources(site, folder)) as watch:
        wait_until(lambda: all_up(watch), 15, "all devices")
        site.fault(f"classic_{lie}")
        watch.until("classic_up", "classic", lambda value: value == 0, 10)
        assert watch.value("classic_battery_volts", "classic") is None
        assert watch.value("classic_whizbang_soc_ratio", "classic") is None
        wait_until(lambda: watch.value("modbus_up", "bms") == watch.value("aims_up", "aims") == 1, 5, "the others")
        site.clear(f"classic_{lie}")
        watch.until("classic_up", "classic", lambda value: value == 1, 15)


@pytest.mark.parametrize(("device", "family"), [("bms", "modbus"), ("aims", "aims")])
@pytest.mark.parametrize("lie", ["dead", "silent", pytest.param("slow", marks=pytest.mark.slow)])
def test_missing_serial_line(site: Simulator, folder: Path, device: str, family: str, lie: str) -> None:
    with running(sources(site, folder)) as watch:
        wait_until(lambda: all_up(watch), 15, "all devices")
        site.fault(f"{device}_{lie}")
        watch.until(f"{family}_up", device, lambda value: value == 0, 10)
        watch.until("classic_up", "classic", lambda value: value == 1, 5)
        site.clear(f"{device}_{lie}")
        watch.until(f"{family}_up", device, lambda value: value == 1, 30)


def test_unknown_soc_is_absent(site: Simulator, folder: Path) -> None:
    with running(sources(site, folder), judged=["classic", "bms"]) as watch:
        wait_until(lambda: all_up(watch), 15, "all devices")
        site.fault("classic_unknown")
        site.fault("bms_unknown")
        wait_until(lambda: watch.value("classic_whizbang_soc_ratio", "classic") is None, 5, "no Whizbang")
        wait_until(lambda: watch.value("modbus_soc_ratio", "bms") is None, 5, "a JK that reports 0")
        wait_until(lambda: ("battery_soc_ratio", ()) not in watch.page(), 15, "no state of charge")
        wait_until(lambda: all_up(watch), 15, "all devices")
        assert watch.page()["battery_soc_refused", (("reason", "absent"), ("source", "bms"))] == 1
        assert watch.page()["battery_soc_refused", (("reason", "absent"), ("source", "classic"))] == 1


@pytest.mark.parametrize("profile", ["victron-gx", "pace", "seplos-v3", "renogy", "eg4-ll", "daly"])
def test_every_bms_over_tcp(tmp_path: Path, profile: str) -> None:
    bms = {"profile": profile, "listen": "127.0.0.1:0"}
    with Simulator(tmp_path, battery={"soc": 0.42}, bms=bms) as site:
        options = {"type": "modbus", "profile": profile, "url": f"tcp://127.0.0.1:{site.port_of('bms')}"}
        with running({"bms": {**options, "interval": "200ms"}}, judged=["bms"]) as watch:
            watch.until("modbus_up", "bms", lambda value: value == 1)
            battery = site.state()["battery"]
            assert watch.value("modbus_battery_volts", "bms") == pytest.approx(battery["volts"], abs=0.3)
            assert watch.value("modbus_battery_amperes", "bms") == pytest.approx(battery["amperes"], abs=2)
            assert watch.value("modbus_soc_ratio", "bms") == pytest.approx(0.42, abs=0.011)
            site.fault("bms_unknown")
            wait_until(lambda: watch.value("modbus_soc_ratio", "bms") is None, 5, "it does not know")
            wait_until(lambda: ("battery_soc_ratio", ()) not in watch.page(), 15, "no state of charge")
            watch.until("modbus_up", "bms", lambda value: value == 1)


def test_lost_victron_battery_is_down(tmp_path: Path) -> None:
    bms = {"profile": "victron-gx", "listen": "127.0.0.1:0"}
    with Simulator(tmp_path, battery={"soc": 0.42}, bms=bms) as site:
        options = {"type": "modbus", "profile": "victron-gx", "unit_id": 225, "interval": "200ms"}
        with running({"bms": {**options, "url": f"tcp://127.0.0.1:{site.port_of('bms')}"}}) as watch:
            watch.until("modbus_up", "bms", lambda value: value == 1)
            assert watch.value("modbus_soc_ratio", "bms") == pytest.approx(0.42, abs=0.011)
            site.fault("bms_unknown")
            watch.until("modbus_up", "bms", lambda value: value == 0)
            assert watch.value("modbus_soc_ratio", "bms") is None


@pytest.mark.parametrize("form", ["nak", "(nak", "ack", "echo", "truncated"])
def test_aims_without_data_is_absent(site: Simulator, folder: Path, form: str) -> None:
    with running({"aims": sources(site, folder)["aims"]}) as watch:
        watch.until("aims_up", "aims", lambda value: value == 1)
        site.fault("aims_reply", form)
        watch.until("aims_up", "aims", lambda value: value == 0)
        assert watch.value("aims_input_volts", "aims") is None


@pytest.mark.parametrize("form", ["dashes", "nul", "padded"])
def test_aims_reply_forms(site: Simulator, folder: Path, form: str) -> None:
    site.fault("aims_reply", form)
    with running({"aims": sources(site, folder)["aims"]}) as watch:
        watch.until("aims_up", "aims", lambda value: value == 1)
        assert watch.value("aims_output_volts", "aims") == 120
        assert (watch.value("aims_input_volts", "aims") is None) == (form == "dashes")


def test_aims_in_the_other_dialect(tmp_path: Path) -> None:
    link = tmp_path / "aims"
    with Simulator(tmp_path, aims={"link": str(link), "dialect": "QS"}):
        wait_until(link.exists, 10, "the serial port")
        with running({"aims": {"type": "aims", "port": str(link), "interval": "500ms"}}) as watch:
            watch.until("aims_up", "aims", lambda value: value == 1)
            assert watch.value("aims_output_volts", "aims") == 120


def test_third_party_client_reads_the_classic(site: Simulator) -> None:
    mbpoll = shutil.which("mbpoll")
    if mbpoll is None:
        pytest.skip("mbpoll is not installed (Debian: mbpoll)")
    port = str(site.port_of("classic"))
    done = subprocess.run(
        [mbpoll, "-m", "tcp", "-a", "10", "-p", port, "-t", "4", "-r", "4373", "-c", "1", "-1", "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    register = next(line for line in done.stdout.splitlines() if line.startswith("[4373]"))
    assert int(register.split()[1]) in {41, 42}
