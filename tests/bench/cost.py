"""What the exporter costs, beside pymagnum in the same run: `python -m tests.bench.cost`, part of `make bench`.

One bus of ten packets a second, played from a capture onto a pseudo-terminal. CPU time and wake-ups are those of all
threads, from /proc/PID/task/*/schedstat and .../status (voluntary_ctxt_switches). Exit 1 when a limit is exceeded.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.exporter.harness import captures
from tests.exporter.harness.magnum_port import MagnumPort
from tests.exporter.harness.serial_devices import SerialDevice
from tests.exporter.sources.test_vedirect import HISTORY, LIVE
from tests.support import Process, wait_until
from tests.support.exporter import Exporter
from tests.support.mosquitto import Mosquitto
from tests.support.simulator import Simulator

PACKETS_A_SECOND = 10
SETTLE_SECONDS = 5.0
_PYMAGNUM = """\
import contextlib, sys, time
from magnum.magnum import Magnum
bus = Magnum(device=sys.argv[1], packets=5)
due = time.monotonic()
while True:
    with contextlib.suppress(ConnectionError):  # nothing came within 250 ms: this machine was busy
        bus.getDevices()
    due = max(due + 1, time.monotonic())
    time.sleep(due - time.monotonic())
"""
_AS_INSTALLED = """\
import sys
for name in ("colorama", "greenlet", "rich"):
    sys.modules[name] = None
from exporter.cli import main
sys.exit(main())
"""
"""The exporter without packages that only a development environment has: structlog loads them where they are, 4 MB."""


class Cost(NamedTuple):
    """CPU in percent of a core, wake-ups a second, resident memory in MB."""

    cpu: float
    wakes: float
    memory: float


LIMITS = {"exporter, a scrape every 5 s": Cost(0.6, 20, 42)}


def _used(process: int) -> tuple[float, int]:
    """Return the CPU seconds and the wake-ups of all threads so far."""
    seconds, wakes = 0.0, 0
    for task in Path(f"/proc/{process}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        lines = (task / "status").read_text().splitlines()
        wakes += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return seconds, wakes


def _measure(process: int, seconds: float, scrape: Callable[[], object] | None) -> Cost:
    time.sleep(SETTLE_SECONDS)
    begin = time.monotonic()
    before = _used(process)
    while (now := time.monotonic()) < begin + seconds:
        if scrape:
            scrape()
        time.sleep(max(0.0, min(now + 5.0, begin + seconds) - time.monotonic()))
    took = time.monotonic() - begin
    cpu, wakes = (after - earlier for earlier, after in zip(before, _used(process), strict=True))
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return Cost(100 * cpu / took, wakes / took, resident / 1024)


@contextlib.contextmanager
def _bus(folder: Path) -> Iterator[Path]:
    """Play a capture at ten packets a second, over and over; yields the port."""
    port = MagnumPort(folder / "bus")
    port.plug()
    end = threading.Event()
    packets = itertools.cycle(line.data for line in captures.lines(captures.INVERTING))

    def play() -> None:
        due = time.monotonic()
        while not end.wait(max(0.0, due - time.monotonic())):
            os.write(port.master, next(packets))
            due += 1 / PACKETS_A_SECOND

    # Held open: without a reader for a moment, as between two polls of pymagnum, a pseudo-terminal hangs up.
    held = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield port.name
    finally:
        end.set()
        thread.join()
        os.close(held)
        port.unplug()


def _exporter(folder: Path, sources: dict[str, Any], seconds: float, *, scraped: bool, mqtt: bool = False) -> Cost:
    file = folder / "exporter.yml"
    with contextlib.ExitStack() as stack:
        options = {"mqtt": {"url": stack.enter_context(Mosquitto(folder)).url}} if mqtt else {}
        file.write_text(yaml.safe_dump({"sources": sources, **options}))
        exporter = stack.enter_context(Exporter(file, program=[sys.executable, "-c", _AS_INSTALLED]))

        def all_up() -> bool:
            page = exporter.page()
            return all(
                any(labels == (("device", name),) and value == 1 for (metric, labels), value in page.items()
                    if metric.endswith("_up"))
                for name in sources
            )  # fmt: skip

        wait_until(all_up, 60, "every device is up")
        return _measure(exporter.process.popen.pid, seconds, exporter.get if scraped else None)


def _one_bus(seconds: float, *, scraped: bool, mqtt: bool = False) -> Cost:
    with tempfile.TemporaryDirectory() as name, _bus(Path(name)) as port:
        sources = {"main": {"type": "magnum", "port": str(port)}}
        return _exporter(Path(name), sources, seconds, scraped=scraped, mqtt=mqtt)


def _pymagnum(seconds: float) -> Cost:
    # It waits for the machine to have been up for MAGNUM_DELAY seconds.
    with (
        tempfile.TemporaryDirectory() as name,
        _bus(Path(name)) as port,
        Process([sys.executable, "-c", _PYMAGNUM, str(port)], env={"MAGNUM_DELAY": "0"}) as process,
    ):
        return _measure(process.popen.pid, seconds, None)


def _full_site(seconds: float, *, mqtt: bool = False) -> Cost:
    """A Magnum bus, a Classic, three packs (JK-BMS on serial lines), a SmartShunt and an AIMS, scraped every 5 s."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(_bus(folder))
        sources: dict[str, Any] = {"main": {"type": "magnum", "port": str(port)}}
        for number in (1, 2, 3):
            at = folder / f"site{number}"
            at.mkdir()
            options: dict[str, Any] = {"bms": {"profile": "jk-bms", "link": str(at / "bms"), "baud": 115200}}
            if number == 1:
                options |= {"classic": {"listen": "127.0.0.1:0"}, "aims": {"link": str(at / "aims")}}
            site = stack.enter_context(Simulator(at, **options))
            url = f"rtu://{at / 'bms'}?baudrate=115200"
            sources[f"pack{number}"] = {"type": "modbus", "profile": "jk-bms", "url": url}
            if number == 1:
                listening = next(event["port"] for event in site.events() if event["msg"] == "classic on Modbus TCP")
                sources["classic"] = {"type": "classic", "host": "127.0.0.1", "port": listening}
                sources["aims"] = {"type": "aims", "port": str(at / "aims")}
        shunt = stack.enter_context(SerialDevice())
        sources["shunt"] = {"type": "vedirect", "port": shunt.path}
        end = threading.Event()

        def send() -> None:
            while not end.wait(1.0):
                shunt.send(LIVE)
                shunt.send(HISTORY)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            return _exporter(folder, sources, seconds, scraped=True, mqtt=mqtt)
        finally:
            end.set()
            thread.join()


def main() -> int:
    """Measure in turns, print the medians as a table, and compare them with the limits."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--runs", type=int, default=5, help="of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run (default: %(default)s)")
    arguments = parser.parse_args()
    programs: dict[str, Callable[[float], Cost]] = {
        "exporter, no scrape": lambda seconds: _one_bus(seconds, scraped=False),
        "exporter, a scrape every 5 s": lambda seconds: _one_bus(seconds, scraped=True),
        "pymagnum, polled every second": _pymagnum,
        "exporter, a scrape, MQTT": lambda seconds: _one_bus(seconds, scraped=True, mqtt=True),
        "exporter, a full site": _full_site,
        "exporter, a full site, MQTT": lambda seconds: _full_site(seconds, mqtt=True),
    }
    if importlib.util.find_spec("magnum") is None:
        print("pymagnum is not installed, so it is not compared")
        del programs["pymagnum, polled every second"]
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(arguments.runs):
        for name, program in programs.items():
            costs[name].append(program(arguments.seconds))
    medians = {name: Cost(*map(statistics.median, zip(*each, strict=True))) for name, each in costs.items()}
    print(f"{'':32} % of a core  wake-ups/s  memory MB   (medians of {arguments.runs} x {arguments.seconds:g} s)")
    for name, cost in medians.items():
        print(f"{name:32} {cost.cpu:11.2f}  {cost.wakes:10.1f}  {cost.memory:9.1f}")
    exceeded = [
        f"{name}: got {value:.2f} {what}, expected at most {limit:g}"
        for name, limits in LIMITS.items()
        for value, limit, what in zip(medians[name], limits, ("% of a core", "wake-ups/s", "MB"), strict=True)
        if value > limit
    ]
    print("\n".join(exceeded or ["within the limits"]))
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
