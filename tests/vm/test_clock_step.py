"""A wall clock that is set on a real kernel, under an actuator at work."""

from __future__ import annotations

import json
import sys

import pytest

from tests.vm.guest import clock_steps as story
from tests.vm.harness.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

SLOW = 30.0
"""Seconds that an emulated processor of a busy machine may take over a page, a turn and an answer.

What a step of the clock moves, it moves by hours.
"""


def test_a_step_of_the_wall_clock_moves_no_deadline(machine: Machine) -> None:
    output = machine.check(f"{sys.executable} -m tests.vm.guest.clock_steps", deadline_seconds=1400)
    found = json.loads(output.splitlines()[-1])
    sys.stdout.write(json.dumps(found, indent=1))
    running = found["running"] + found["resumed"]
    seen = [*found["idle"], *running, *found["resting"]]
    assert all(abs(one["moved"]) >= 6 * 3600 - 1 for one in seen), "the clock was set"
    assert {one["clock_sane"] for one in seen} == {True, False}, "it was believed, and seen to have gone back"

    for name, seconds in (
        ("lease", story.LEASE),
        ("heartbeat_timeout", story.HEARTBEAT_TIMEOUT),
        ("debounce", story.DEBOUNCE),
        ("min_off", story.MIN_OFF),
    ):
        assert seconds <= found[name] <= seconds + SLOW, name
    assert found["max_run"] == pytest.approx(story.MAX_RUN)
    assert 0.0 <= found["opened"] - found["deadline"] <= SLOW, "it opened at its deadline"

    assert {one["deadline"] for one in running} == {found["deadline"]}, "also after a death with the clock set in it"
    assert {one["phase"] for one in running} == {"running"}
    assert [one["path"] for one in seen[:2]] == ["alerts"] * 2
    assert found["running"][0]["path"] == "fallback"
    for one in running:
        assert one["whole_budget"] == pytest.approx(story.BUDGET, abs=SLOW)
    assert {one["whole_budget"] for one in found["idle"]} == {story.BUDGET}
    (left,) = {one["whole_budget"] for one in found["resting"]}
    assert left == pytest.approx(story.BUDGET - story.MAX_RUN, abs=SLOW)
