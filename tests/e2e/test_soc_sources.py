"""The real exporter on a simulated site whose devices report wrong, no or unchanging values, or do not answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import Process, wait_until, waited_for_processor
from tests.support.exporter import Exporter
from tests.support.loop import Loop, fetch
from tests.support.metrics_page import Samples, value
from tests.support.simulator import Simulator

CAPACITY = 400.0
POLL_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""From the beginning of a poll to its numbers on the page, at most: a JK asked block by block takes half of it."""

PAGE_SECONDS = 0.05
NOTE_SECONDS = 0.25
"""What two pages and the next look at them take, at most."""

FAMILIES = {"main": "magnum", "classic": "classic", "bms": "modbus", "aims": "aims"}


def classic(site: Simulator, interval: str = "500ms") -> dict[str, Any]:
    return {"type": "classic", "host": "127.0.0.1", "port": site.port_of("classic"), "interval": interval}


def magnum(site: Simulator) -> dict[str, Any]:
    return {"type": "magnum", "port": str(site.link)}


@contextmanager
def exporting(folder: Path, sources: Mapping[str, Mapping[str, Any]], *judged: str) -> Iterator[Exporter]:
    soc = {"soc": {"sources": list(judged)}} if judged else {}
    config = folder / "exporter.yml"
    config.write_text(yaml.safe_dump({"sources": sources, "battery": {"capacity_ampere_hours": CAPACITY, **soc}}))
    with Exporter(config) as exporter:
        wait_until(lambda: exporter.get("/-/ready")[0] == 200, 20, "the exporter serves")
        yield exporter


@pytest.mark.parametrize("seconds", [3.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_climb_from_85_to_100_at_2_amperes(tmp_path: Path, seconds: float) -> None:
    battery = {"soc": 0.85, "capacity_ampere_hours": CAPACITY}
    with Simulator(tmp_path, battery=battery, classic={"listen": "127.0.0.1:0"}) as site:
        site.set(load=0, sun=75)
        wait_until(lambda: 1 < site.state()["battery"]["amperes"] < 3, 10, "2 A flow")
        with exporting(tmp_path, {"main": magnum(site), "classic": classic(site)}, "main", "classic") as exporter:

            def led(source: str) -> bool:
                return exporter.value("battery_soc_lead", source=source) == 1

            wait_until(lambda: led("main") and exporter.value("battery_soc_trusted", source="classic") == 1, 15, "main")
            began = time.monotonic()
            seen = []

            def full_for_a_while() -> bool:
                site.fault("bmk_jump", min(1.0, 0.85 + 0.15 * (time.monotonic() - began) / seconds))
                page = exporter.page()
                seen.append(page)
                return [value(page, "battery_soc_source_ratio", source="main") for page in seen[-20:]] == [1.0] * 20

            wait_until(full_for_a_while, seconds + 20, "twenty pages on which the monitor reports 100 %")
            assert 1 < site.state()["battery"]["amperes"] < 3
        for page in seen:
            monitor = value(page, "battery_soc_source_ratio", source="main")
            assert monitor is not None
            if monitor >= 0.88:
                assert value(page, "battery_soc_refused", source="main", reason="jump") == 1
                assert value(page, "battery_soc_lead", source="classic") == 1
            ratio = value(page, "battery_soc_ratio")
            assert ratio is not None, "a trusted source is always there"
            assert ratio < 0.88
        spread = value(seen[-1], "battery_soc_spread_ratio")
        assert spread is not None
        assert spread >= 0.10


@pytest.mark.parametrize("profile", ["jk-bms", "victron-gx"])
def test_unknown_soc_is_never_0(tmp_path: Path, profile: str) -> None:
    parts = {
        "classic": {"listen": "127.0.0.1:0", "whizbang": False},
        "bms": {"profile": profile, "listen": "127.0.0.1:0"},
    }
    with Simulator(tmp_path, battery={"soc": 0.6}, **parts) as site:
        site.fault("bms_unknown")
        bms = {"type": "modbus", "profile": profile, "url": f"tcp://127.0.0.1:{site.port_of('bms')}"}
        sources = {"classic": classic(site), "bms": {**bms, "interval": "500ms"}}
        with exporting(tmp_path, sources, "classic", "bms") as exporter:
            pages: list[Samples] = []

            def read_often() -> bool:
                pages.append(exporter.page())
                reads = (value(pages[-1], f"{FAMILIES[name]}_reads_total", device=name) for name in sources)
                return all((count or 0) >= 5 for count in reads)

            wait_until(read_often, 20, "five reads of each")
        assert value(pages[-1], "classic_up", device="classic") == value(pages[-1], "modbus_up", device="bms") == 1
        assert value(pages[-1], "modbus_battery_volts", device="bms") is not None
        assert not {name for page in pages for name, _ in page if "soc" in name and name.endswith("_ratio")}
        for name in sources:
            assert value(pages[-1], "battery_soc_refused", source=name, reason="absent") == 1


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("classic_silent", 5.0),
        ("aims_silent", 5.0),
        pytest.param("classic_silent", 60.0, marks=pytest.mark.slow),
        pytest.param("bms_slow", 60.0, marks=pytest.mark.slow),
    ],
)
def test_blocked_source_does_not_delay_others(tmp_path: Path, fault: str, seconds: float) -> None:
    with Simulator(
        tmp_path,
        classic={"listen": "127.0.0.1:0"},
        bms={"profile": "jk-bms", "link": str(tmp_path / "bms"), "baud": 115200},
        aims={"link": str(tmp_path / "aims")},
    ) as site:
        wait_until(lambda: (tmp_path / "aims").exists() and (tmp_path / "bms").exists(), 10, "the serial ports")
        period = f"{POLL_SECONDS:g}s"
        sources = {
            "main": magnum(site),
            "classic": classic(site, period),
            "bms": {
                "type": "modbus",
                "profile": "jk-bms",
                "url": f"rtu://{tmp_path / 'bms'}?baudrate=115200",
                "interval": period,
            },
            "aims": {"type": "aims", "port": str(tmp_path / "aims"), "interval": period},
        }
        with exporting(tmp_path, sources) as exporter:

            def up(name: str) -> bool:
                return exporter.value(f"{FAMILIES[name]}_up", device=name) == 1

            wait_until(lambda: all(map(up, sources)), 20, "all devices")
            site.fault(fault, *([10.0] if fault.endswith("slow") else []))
            blocked = fault.partition("_")[0]
            others = sources.keys() - {blocked}
            starvation = Starvation(exporter.process, site.process)
            end = time.monotonic() + seconds
            slowest, oldest = 0.0, dict.fromkeys(others, 0.0)

            def blocked_for_so_long() -> bool:
                nonlocal slowest
                # A stall of the whole machine, which no process can see, comes once, not twice in a row.
                slowest = max(slowest, min(_seconds_of_a_page(exporter) for _ in range(2)))
                page, now = exporter.page(), time.time()
                starvation.note(now)
                for name in others:
                    last = value(page, f"{FAMILIES[name]}_last_success_timestamp_seconds", device=name)
                    assert last is not None
                    oldest[name] = max(oldest[name], now - last - starvation.since(last))
                return time.monotonic() > end

            wait_until(blocked_for_so_long, seconds + 60, "the time is over")
            print(f"{fault} for {seconds:g} s: slowest page {1000 * slowest:.1f} ms, oldest {oldest}")
            assert slowest < PAGE_SECONDS
            assert max(oldest.values()) < POLL_SECONDS + ANSWER_SECONDS, oldest
            assert not up(blocked)


class Starvation:
    """How long processes waited for a processor that other programs had; on an idle machine that is next to nothing."""

    def __init__(self, *processes: Process) -> None:
        self._processes = [os.getpid(), *(process.popen.pid for process in processes)]
        self._stalled = 0.0
        self._notes = [(0.0, self._waited())]

    def note(self, now: float) -> None:
        """Take the time in which they waited until `now`, Unix seconds.

        What comes late between two notes, which are tenths of a second apart, is a stall of the whole machine.
        """
        if len(self._notes) > 1:
            self._stalled += max(0.0, now - self._notes[-1][0] - NOTE_SECONDS)
        self._notes.append((now, self._waited()))

    def since(self, then: float) -> float:
        """Return the seconds that they waited from the last note before `then` to the last one of all."""
        return self._notes[-1][1] - next(waited for at, waited in reversed(self._notes) if at <= then)

    def _waited(self) -> float:
        return self._stalled + sum(waited_for_processor(process, threads=True) for process in self._processes)


def _seconds_of_a_page(exporter: Exporter) -> float:
    """Return how long a page takes, without the time in which other programs had the processors."""

    def waited() -> float:
        return sum(waited_for_processor(process) for process in (exporter.process.popen.pid, os.getpid()))

    before = waited()
    began = time.perf_counter()
    assert exporter.get()[0] == 200
    seconds = time.perf_counter() - began
    return seconds - (waited() - before)


@pytest.mark.longest
@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_sources_refused_is_blind(tmp_path: Path) -> None:
    with Loop(tmp_path, prometheus=True, simulator={"battery": {"soc": "80%"}}) as loop:
        loop.wait(lambda: loop.path == "alerts", 60, "beats come")
        assert fetch(loop.deployment.url("simulator", "/faults/bmk_soc_stuck"), True)[0] == 200
        refused = 'battery_soc_refused{reason="frozen",source="main"}'
        loop.wait(lambda: loop.metrics("exporter").get(refused) == 1, 60, "the monitor is refused as frozen")
        assert loop.soc is None
        began = time.monotonic()
        loop.wait(lambda: loop.path == "fallback", 60, "the heartbeat stops")
        beat = loop.metrics("actuator")["generator_heartbeat_timestamp_seconds"]
        loop.wait(lambda: loop.path == "blind", 400, "the state of charge is lost for five minutes")
        print(f"blind {time.monotonic() - began:.0f} s after the refusal")
        assert loop.metrics("actuator")["generator_heartbeat_timestamp_seconds"] == pytest.approx(beat, abs=0.1)
        assert not loop.closed()
