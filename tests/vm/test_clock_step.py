"""A wall clock that is set hours forward and back on a real kernel, under an actuator at work."""

from __future__ import annotations

import json
import sys

import pytest

from tests.vm import stepping_clock as story
from tests.vm.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]

SLOW = 4.0
"""Seconds that an emulated processor may take over a page, a turn and an answer."""


def test_the_wall_clock_set_hours_forward_and_back_moves_no_deadline_debounce_lease_belief_or_budget(
    machine: Machine,
) -> None:
    told = machine.check(f"{sys.executable} -m tests.vm.stepping_clock", deadline_seconds=900)
    found = json.loads(told.splitlines()[-1])
    sys.stdout.write(json.dumps(found, indent=1))
    steps, running = found["steps"], found["running"]
    for seen in steps + running:
        assert abs(seen["moved"]) >= 6 * 3600 - 1, "the clock was set"
    assert {seen["clock_sane"] for seen in steps + running} == {True, False}, "believed, and seen to have gone back"

    for name, seconds in (
        ("lease", story.LEASE),
        ("heartbeat_timeout", story.HEARTBEAT_TIMEOUT),
        ("debounce", story.DEBOUNCE),
        ("min_off", story.MIN_OFF),
    ):
        assert seconds <= found[name] <= seconds + SLOW, name
    assert found["max_run"] == story.MAX_RUN
    assert 0.0 <= found["late"] <= SLOW, "it opened at its deadline"

    assert len(running) >= 3
    for seen in running:
        assert seen["deadline"] == found["deadline"]
        assert (seen["path"], seen["phase"]) == ("fallback", "running")
        assert seen["whole_budget"] == pytest.approx(story.BUDGET, abs=SLOW)
    assert [seen["whole_budget"] for seen in steps[:4]] == [story.BUDGET] * 4
    left = [seen["whole_budget"] for seen in steps[4:]]
    assert left == [left[0]] * 2
    assert left[0] == pytest.approx(story.BUDGET - story.MAX_RUN, abs=SLOW)
