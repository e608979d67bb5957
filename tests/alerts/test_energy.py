"""What is recorded of an hour, against what the exporter counted, while exporter and Prometheus are killed in it.

The rules run at a twentieth of their time: the "hour" lasts 180 s, and a scrape comes every half second.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from tests.support.loop import FACTOR, Loop, fetch

HOUR = 3600 * FACTOR
LOAD = 'magnum_inverter_ac_output_joules_total{device="main"}'
VOLTS, AMPERES = 'magnum_bmk_volts{device="main"}', 'magnum_bmk_amperes{device="main"}'


class Meter(threading.Thread):
    """Reads the exporter's page by itself and adds up what it counts, whatever Prometheus knows of it."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(daemon=True)
        self._loop, self._done = loop, threading.Event()
        self.readings: list[tuple[float, float, float]] = []  # time, joules of the load, watts into the battery

    def run(self) -> None:
        while not self._done.wait(0.2):
            page = self._loop.metrics("exporter")
            if LOAD in page and VOLTS in page:
                self.readings.append((time.time(), page[LOAD], page[VOLTS] * page[AMPERES]))

    def stop(self) -> None:
        self._done.set()
        self.join(10)

    def joules(self, end: float) -> tuple[float, float, float]:
        """Return of the hour up to a time: the load's joules, and the battery's as measured and with the outage."""
        load = measured = with_outage = 0.0
        for before, after in zip(self.readings, self.readings[1:], strict=False):
            seconds = after[0] - before[0]
            within = max(0.0, min(after[0], end) - max(before[0], end - HOUR))
            load += (after[1] - before[1] if after[1] >= before[1] else after[1]) * within / seconds
            taken = max(0.0, -after[2]) * within
            with_outage += taken
            measured += taken if seconds < 1.5 else 0.0
        return load, measured, with_outage


@pytest.mark.longest
@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_an_hour_in_which_exporter_and_prometheus_are_killed(tmp_path: Path) -> None:
    # A full battery: the engine does not run, and the house takes all its power from the battery.
    site = {"speed": 1.0, "hour": 22.0, "battery": {"soc": "90%"}}
    with Loop(tmp_path, prometheus=True, simulator=site) as loop:
        url = loop.deployment.url("prometheus", "").rstrip("/")

        def value(expression: str) -> float:
            answer = json.loads(fetch(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")[1])
            return float(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0.0

        loop.wait(lambda: LOAD in loop.metrics("exporter"), 30, "the exporter counts the load")
        meter = Meter(loop)
        meter.start()
        began = time.monotonic()
        loop.wait(lambda: time.monotonic() - began > HOUR * 0.4, HOUR, "part of the hour has passed")
        loop.kill("exporter")
        loop.restart("exporter")
        loop.wait(lambda: time.monotonic() - began > HOUR * 0.7, HOUR, "more of the hour has passed")
        loop.kill("prometheus")
        loop.restart("prometheus")
        loop.wait(lambda: time.monotonic() - began > HOUR * 1.1, HOUR, "the hour has passed")
        ends = value("timestamp(instance:load_joules:increase1h)")
        load = value(f"instance:load_joules:increase1h @ {ends}")
        # The rule multiplies by the 60 s of a minute, which are 3 s here.
        battery = FACTOR * value(f"instance:battery_discharge_joules:increase1h @ {ends}")
        meter.stop()
    counted, measured, with_outage = meter.joules(ends)
    print(f"load {load / counted - 1:+.3%}, battery {battery:.0f} J of {measured:.0f} J to {with_outage:.0f} J")
    assert load == pytest.approx(counted, rel=0.01)
    # A minute that was partly measured counts as a whole one.
    assert measured * 0.99 <= battery <= with_outage * 1.01
