"""Network UPS Tools' own upsd and upsmon, driven by the exporter: which machine shuts down, and after how long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exporter.harness.serial_devices import ByteServer
from tests.support import wait_until
from tests.support.exporter import Exporter
from tests.support.nut import Upsd, Upsmon
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

LOW_SECONDS = 60.0
"""How long the battery must be low until the exporter reports it."""

DEADTIME = 15.0
"""Seconds after which upsmon gives up a UPS that was on battery when it was last known; its default."""

POLL = 5.0
FINAL_DELAY = 5.0
HOST_SYNC = 15.0
"""upsmon's other defaults, in seconds."""


ON_UTILITY, ON_BATTERY, LOW = "00001000", "10001000", "11001000"
"""The status bits of a Megatec device."""


@contextmanager
def exporting(folder: Path, device: dict[str, Any], **nut: object) -> Iterator[Exporter]:
    (folder / "nut").mkdir()
    file = folder / "exporter.yml"
    document = {
        "sources": {"main": device},
        "battery": {"capacity_ampere_hours": 400},
        "nut": {"ups": "cabin", "socket_folder": str(folder / "nut"), **nut},
    }
    file.write_text(yaml.safe_dump(document))
    with Exporter(file) as exporter:
        yield exporter


def becomes(upsd: Upsd, status: str, deadline_seconds: float = 20) -> float:
    """Wait until upsc shows a status; return the seconds."""
    began = time.monotonic()
    wait_until(lambda: upsd.status() == status, deadline_seconds, f"upsc shows {status}")
    return time.monotonic() - began


def stays_on(upsmon: Upsmon, seconds: float) -> None:
    """Fail if the machine shuts down within so many seconds: nothing else tells that it will not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not upsmon.is_shut_down, upsmon.output
        time.sleep(0.2)


@contextmanager
def discharging(folder: Path, soc: float) -> Iterator[Simulator]:
    with Simulator(folder, battery={"soc": soc, "capacity_ampere_hours": 400}) as site:
        site.set(load=600, sun=0)
        yield site


def magnum(site: Simulator) -> dict[str, Any]:
    return {"type": "magnum", "port": str(site.link)}


@pytest.mark.longest
@pytest.mark.timeout(240)
def test_a_low_battery_shuts_down_each_machine_but_one_of_power_value_0(tmp_path: Path) -> None:
    with discharging(tmp_path, 0.17) as site, exporting(tmp_path, magnum(site)), Upsd(tmp_path / "nut") as upsd:
        becomes(upsd, "OL DISCHRG")
        with (
            Upsmon(upsd, tmp_path / "server") as server,
            Upsmon(upsd, tmp_path / "desktop", role="secondary") as desktop,
            Upsmon(upsd, tmp_path / "controller", role="secondary", power=0) as controller,
        ):
            wait_until(lambda: "Logged into UPS" in controller.output, 20, "all are logged in")
            site.set(soc=0.152)
            began = time.monotonic()
            low = becomes(upsd, "OB LB DISCHRG", LOW_SECONDS + 15)
            first = desktop.seconds_to_shutdown(began, 60)
            last = server.seconds_to_shutdown(began, 60)
            assert low >= LOW_SECONDS - 1
            assert last - low < POLL + HOST_SYNC + FINAL_DELAY + 5
            stays_on(controller, DEADTIME + 2 * POLL)
    print(f"low: OB LB after {low:.0f} s, secondary shut down after {first:.0f} s, primary after {last:.0f} s")


@pytest.mark.timeout(240)
def test_a_secondary_without_a_primary_shuts_down_by_itself(tmp_path: Path) -> None:
    with discharging(tmp_path, 0.14) as site, exporting(tmp_path, magnum(site)), Upsd(tmp_path / "nut") as upsd:
        becomes(upsd, "OL DISCHRG")
        with Upsmon(upsd, tmp_path / "desktop", role="secondary") as desktop:
            becomes(upsd, "OB LB DISCHRG", LOW_SECONDS + 15)
            seconds = desktop.seconds_to_shutdown(time.monotonic(), POLL + HOST_SYNC + FINAL_DELAY + 10)
    print(f"secondary alone: {seconds:.0f} s after OB LB")


@pytest.mark.parametrize("gone", ["killed", "monitor unplugged"])
@pytest.mark.timeout(240)
def test_nothing_shuts_down_when_the_exporter_or_its_device_is_gone(tmp_path: Path, gone: str) -> None:
    with (
        discharging(tmp_path, 0.5) as site,
        exporting(tmp_path, magnum(site)) as exporter,
        Upsd(tmp_path / "nut") as upsd,
    ):
        becomes(upsd, "OL DISCHRG")
        with Upsmon(upsd, tmp_path / "server") as server:
            wait_until(lambda: "Logged into UPS" in server.output, 20, "it is logged in")
            if gone == "killed":
                exporter.process.signal(signal.SIGKILL)
                seconds = becomes(upsd, "Error: Driver not connected", 5)
            else:
                site.fault("adapter_unplugged")
                seconds = becomes(upsd, "Error: Data stale", 75)
            wait_until(lambda: "Communications with UPS" in server.output, 20, "upsmon notices")
            stays_on(server, DEADTIME + 3 * POLL)
    print(f"{gone}: upsd knows after {seconds:.1f} s, no shutdown")


class Ups:
    """A Megatec device whose status bits a test sets; None: it does not answer."""

    def __init__(self) -> None:
        self.bits: str | None = ON_UTILITY
        self._received = b""

    def respond(self, data: bytes) -> bytes:
        *commands, self._received = (self._received + data).split(b"\r")
        return b"".join(map(self._answer, commands)) if self.bits is not None else b""

    def _answer(self, command: bytes) -> bytes:
        if command != b"Q1" or self.bits is None:
            return b"NAK\r"
        volts = "000.0" if self.bits[0] == "1" else "120.0"
        return f"({volts} 120.0 120.0 025 60.0 25.4 00.0 {self.bits}\r".encode()


@contextmanager
def aims(folder: Path) -> Iterator[tuple[Ups, Exporter, Upsd, Upsmon]]:
    ups = Ups()
    with ByteServer(ups.respond) as line:
        device = {"type": "aims", "port": line.url, "interval": "1s"}
        with exporting(folder, device, source="main") as exporter, Upsd(folder / "nut") as upsd:
            becomes(upsd, "OL")
            with Upsmon(upsd, folder / "server") as server:
                wait_until(lambda: "Logged into UPS" in server.output, 20, "it is logged in")
                yield ups, exporter, upsd, server


@pytest.mark.timeout(180)
def test_an_inverter_on_battery_shuts_nothing_down_until_it_is_low(tmp_path: Path) -> None:
    with aims(tmp_path) as (ups, _, upsd, server):
        ups.bits = ON_BATTERY
        on_battery = becomes(upsd, "OB DISCHRG")
        stays_on(server, 3 * POLL)
        ups.bits = LOW
        began = time.monotonic()
        low = becomes(upsd, "OB LB DISCHRG")
        done = server.seconds_to_shutdown(began, 60)
    print(f"aims: OB after {on_battery:.1f} s; low: OB LB after {low:.1f} s, shut down after {done:.0f} s")


def killed(_: Ups, exporter: Exporter) -> None:
    exporter.process.signal(signal.SIGKILL)


def silent(ups: Ups, _: Exporter) -> None:
    ups.bits = None


@pytest.mark.parametrize(("end", "shown"), [(killed, "Driver not connected"), (silent, "Data stale")])
@pytest.mark.timeout(180)
def test_a_ups_that_is_lost_on_battery_shuts_down_after_the_dead_time(
    tmp_path: Path, end: Callable[[Ups, Exporter], None], shown: str
) -> None:
    with aims(tmp_path) as (ups, exporter, upsd, server):
        ups.bits = ON_BATTERY
        becomes(upsd, "OB DISCHRG")
        wait_until(lambda: "on battery" in server.output, 20, "upsmon knows")
        began = time.monotonic()
        end(ups, exporter)
        becomes(upsd, f"Error: {shown}")
        seconds = server.seconds_to_shutdown(began, DEADTIME + 40)
        assert seconds >= DEADTIME
    print(f"on battery, then {end.__name__}: shut down after {seconds:.0f} s")
