"""In the guest: a real Prometheus records energy with alerts/energy.yml, while the wall clock is set back, forward and
back again.

Two sites have even powers: one has an engine, which charges the battery, one has shore power and a battery that is
discharged. What they count goes by the monotonic clock, as in the exporter. Prometheus begins with a day of them.
Prints one JSON document: what was recorded, and what really flowed while the clock showed that hour or day.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.support import Process, free_port, prometheus_tool, wait_until
from tests.support.alert_rules import ALERTS, RECORDING_FILE, alerts
from tests.support.http import request
from tests.support.metrics_page import samples_by_series
from tests.vm.guest.clock_steps import LONG, step

HOUR, DAY = 3600.0, 86400.0
HISTORY = DAY + HOUR
STARTING = 110.0
"""Seconds in which Prometheus starts. The history lasts until then: samples are refused, and none is missing."""
BACK, FORWARD = -90.0, 1800.0
FRESH = 40.0
"""Seconds of samples after a step, before what was recorded is read."""
SCRAPE = 10

SITES = ("engine", "shore")
LOAD, AC_INPUT, SUN, VOLTS, AMPERES = 1000.0, 1500.0, 800.0, 50.0, 10.0
SECONDS_PER_START = 1000.0
RATES = {
    "load_joules": dict.fromkeys(SITES, LOAD),
    "ac_input_joules": dict.fromkeys(SITES, AC_INPUT),
    "generator_joules": {"engine": AC_INPUT},
    "grid_joules": {"shore": AC_INPUT},
    "solar_joules": dict.fromkeys(SITES, SUN),
    "battery_charge_joules": {"engine": VOLTS * AMPERES},
    "battery_discharge_joules": {"shore": VOLTS * AMPERES},
    "generator_engine_seconds": {"engine": 1.0},
    "generator_starts": dict.fromkeys(SITES, 1 / SECONDS_PER_START),
}
"""What flows at each site in a second; nothing where it is not named."""


def page(site: str, seconds: float) -> dict[str, float]:
    """Return what a site's programs serve when they have run for so long."""
    engine = site == "engine"
    return {
        "magnum_inverter_ac_output_watts": LOAD,
        "magnum_inverter_ac_output_joules_total": LOAD * seconds,
        "magnum_inverter_ac_input_watts": AC_INPUT,
        "magnum_inverter_ac_input_joules_total": AC_INPUT * seconds,
        "magnum_ags_running": float(engine),
        "magnum_bmk_volts": VOLTS,
        "magnum_bmk_amperes": AMPERES if engine else -AMPERES,
        "classic_battery_watts": SUN,
        "classic_energy_joules_total": SUN * seconds,
        "generator_engine_seconds_total": engine * seconds,
        "generator_starts_total": seconds // SECONDS_PER_START,
    }


def recorded(site: str) -> dict[str, float]:
    """Return what the rules record of a site's powers, and read again."""
    engine = site == "engine"
    return {
        "instance:solar_watts": SUN,
        "instance:battery_watts": VOLTS * AMPERES * (1 if engine else -1),
        "site:generator_running": float(engine),
    }


class Story:
    """The sites, what the clock has shown, and Prometheus. `folder` takes its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.started = time.monotonic()
        self.shown = [[time.time() - HISTORY, time.time()]]
        """What the clock has shown, from one step of it to the next."""

    def seconds(self) -> float:
        """Return for how long the sites have run."""
        return HISTORY + time.monotonic() - self.started

    def begin(self) -> None:
        """Set the clock to the time at which the sites have run for the history, whatever its writing has taken."""
        begin, _ = self.shown[0]
        step((begin + HISTORY - time.time()) / HOUR)
        self.started = time.monotonic()

    def set_clock(self, seconds: float) -> None:
        """Step the wall clock."""
        self.shown[-1][1] = time.time()
        step(seconds / HOUR)
        self.shown.append([time.time(), time.time()])

    def passed(self, until: float, window: float) -> float:
        """Return how many seconds really passed while the clock showed a time within the window."""
        self.shown[-1][1] = time.time()
        return sum(max(0.0, min(end, until) - max(begin, until - window)) for begin, end in self.shown)

    def write_history(self) -> None:
        """Write the day before into Prometheus' folder."""
        lines: dict[str, list[str]] = {}
        for seconds in range(0, int(HISTORY + STARTING), 3 * SCRAPE):
            for site in SITES:
                labels, at = f'job="{site}",site="{site}",instance="cabin"', self.shown[0][0] + seconds
                for name, value in (page(site, seconds) | recorded(site)).items():
                    lines.setdefault(name, []).append(f"{name}{{{labels}}} {value} {at:.3f}\n")
        file = self.folder / "history.om"
        with file.open("w", encoding="utf-8") as stream:
            for name, of_name in lines.items():
                kind = "counter" if name.endswith("_total") else "gauge"
                stream.write(f"# TYPE {name.removesuffix('_total')} {kind}\n")
                stream.writelines(of_name)
            stream.write("# EOF\n")
        command: list[str | Path] = [
            prometheus_tool("promtool"),
            "tsdb",
            "create-blocks-from",
            "--max-block-duration=336h",
            "openmetrics",
        ]
        with Process([*command, file, self.folder / "data"]) as promtool:
            assert promtool.wait(LONG) == 0, promtool.output

    @contextlib.contextmanager
    def pages(self) -> Iterator[str]:
        """Serve the page of each site, and yield their address."""
        story = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                samples = page(self.path.removeprefix("/"), story.seconds())
                self.send_response(200)
                self.end_headers()
                self.wfile.write("".join(f"{name} {value}\n" for name, value in samples.items()).encode())

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"127.0.0.1:{server.server_port}"
            server.shutdown()

    @contextlib.contextmanager
    def prometheus(self, target: str) -> Iterator[Process]:
        """Run Prometheus with the rules of energy, all evaluated as often as the powers are."""
        rules = yaml.safe_load((ALERTS / RECORDING_FILE).read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = "15s"
        jobs = [
            {
                "job_name": site,
                "metrics_path": f"/{site}",
                "static_configs": [{"targets": [target], "labels": {"site": site, "instance": "cabin"}}],
            }
            for site in SITES
        ]
        config = {"global": {"scrape_interval": f"{SCRAPE}s"}, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        for name, document in (("rules.yml", rules), ("prometheus.yml", config)):
            (self.folder / name).write_text(yaml.safe_dump(document), encoding="utf-8")
        options = (
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address={urllib.parse.urlsplit(self.url).netloc}",
        )
        with Process([prometheus_tool("prometheus"), *options]) as process:
            wait_until(self._ready, LONG, "Prometheus is ready")
            yield process

    def _ready(self) -> bool:
        try:
            return request("GET", f"{self.url}/-/ready")[0] == 200
        except OSError:
            return False

    def ask(self, expression: str) -> dict[str, float]:
        """Return the value of an expression now, by site."""
        query = urllib.parse.urlencode({"query": expression})
        status, text = request("GET", f"{self.url}/api/v1/query?{query}", deadline_seconds=LONG)
        assert status == 200, text
        return {one["metric"].get("site", ""): float(one["value"][1]) for one in json.loads(text)["data"]["result"]}

    def refused(self) -> float:
        """Return how many samples Prometheus has refused for their time."""
        counts = samples_by_series(request("GET", f"{self.url}/metrics", deadline_seconds=LONG)[1])
        reasons = ("duplicate_timestamp", "out_of_bounds", "out_of_order")
        return sum(counts[f"prometheus_target_scrapes_sample_{reason}_total"] for reason in reasons)

    def age(self) -> float:
        """Return how old the counter is that Prometheus gives for the present one, in seconds."""
        return self.seconds() - self.ask('magnum_inverter_ac_output_joules_total{site="engine"}')["engine"] / LOAD

    def found(self) -> list[dict[str, Any]]:
        """Return what is recorded of each energy once samples are fresh, and what flowed."""
        fresh = time.time() + FRESH
        last = "timestamp(instance:generator_starts:increase1d)"
        wait_until(lambda: self.ask(last).get("shore", 0.0) > fresh, LONG, "the rules are evaluated on fresh samples")
        found = []
        for name in sorted({rule["record"] for rule in self._rules() if ":increase1" in rule["record"]}):
            flow, window = name.removeprefix("instance:").split(":increase")
            times = self.ask(f"timestamp({name})")
            for site in SITES:
                value = self.ask(f"{name} @ {times[site]:.3f}")[site]
                passed = self.passed(times[site], HOUR if window == "1h" else DAY)
                found.append({"name": name, "site": site, "value": value, "real": RATES[flow].get(site, 0.0) * passed})
        return found

    def _rules(self) -> Iterator[dict[str, Any]]:
        for group in yaml.safe_load((self.folder / "rules.yml").read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def main() -> None:
    """Tell the story and print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        story.write_history()
        story.begin()
        measured: dict[str, Any] = {}
        with story.pages() as target:
            with story.prometheus(target) as process:
                assert time.monotonic() - story.started < STARTING, "Prometheus has started within the history"
                wait_until(lambda: time.monotonic() - story.started > STARTING, LONG, "samples are taken")
                measured["steady"] = story.found()
                highest, refused = time.time(), story.refused()
                story.set_clock(BACK)
                wait_until(lambda: story.refused() > refused, LONG, "samples are refused")
                measured["age"] = story.age()
                wait_until(lambda: time.time() > highest, LONG, "the clock shows again what it has shown")
                measured["refused"] = story.refused() - refused
                measured["back"] = story.found()
                story.set_clock(FORWARD)
                measured["forward"] = story.found()
                story.set_clock(-FORWARD)
                measured["told"] = story.ask(alerts("people.yml")["PrometheusClockSetBack"]["expr"])
                measured["log"] = [line for line in process.output.splitlines() if "level=warn" in line][-10:]
            # What docs/dashboards.md advises after a large step back.
            for name in ("wal", "chunks_head"):
                shutil.rmtree(story.folder / "data" / name)
            began = time.monotonic()
            with story.prometheus(target):
                wait_until(lambda: story.ask("present_over_time(up[30s])"), LONG, "samples are taken again")
                measured["taken_again"] = time.monotonic() - began
        sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
