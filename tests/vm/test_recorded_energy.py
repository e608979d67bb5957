"""A wall clock that is set on a real kernel, under Prometheus, which records energy."""

from __future__ import annotations

import json
import sys

import pytest

from tests.vm.guest import energy_over_clock_steps as energy
from tests.vm.harness.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

SLOW = 30.0
"""Seconds that an emulated processor of a busy machine may take over a scrape."""


def test_recorded_energy_over_steps_of_the_wall_clock(machine: Machine) -> None:
    """In seconds of the flow: what was recorded of an hour and a day, less what flowed while the clock showed them."""
    output = machine.check(f"{sys.executable} -m tests.vm.guest.energy_over_clock_steps", deadline_seconds=1200)
    measured = json.loads(output.splitlines()[-1])
    for after in ("steady", "back", "forward"):
        for one in measured[after]:
            flow, window = one["name"].removeprefix("instance:").split(":increase")
            rate = energy.RATES[flow].get(one["site"], 0.0)
            if not rate:
                assert one["value"] == pytest.approx(0.0, abs=1e-6), one
                continue
            error = (one["value"] - one["real"]) / rate
            print(f"{after:8}{one['name']:48}{one['site']:8}{error:+8.1f} s {one['value'] / one['real'] - 1:+8.2%}")
            summed = flow.startswith("battery_") or (flow, window) == ("solar_joules", "1h")
            few = 1000.0 if flow == "generator_starts" else 20.0 if window == "1h" else 86.0
            missing = energy.BACK if summed and after != "steady" else 0.0
            # A minute in which the clock was set counts as a whole one.
            parts = 60.0 * (["steady", "back", "forward"].index(after)) if summed else 0.0
            assert missing - few <= error <= missing + few + parts, (after, one)
    assert measured["refused"] > 0
    assert -energy.BACK - 1 <= measured["age"] <= -energy.BACK + energy.SCRAPE + SLOW
    assert measured["told"], "the alert for people has its reason"
    assert measured["taken_again"] < energy.FORWARD / 2, "long before the clock shows again what it has shown"
    print(f"{measured['refused']:.0f} samples refused; shown as present: {measured['age']:.0f} s old")
    print("\n".join(measured["log"]))
