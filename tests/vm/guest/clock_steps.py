"""In the guest: an actuator at work from its first heartbeat over a death to its second run, while the wall clock
jumps by hours.

Prints one JSON document with what was measured, in seconds of the monotonic clock, which no step moves.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from actuator.loop import clock
from tests.actuator.harness.process import Actuator, kill, site
from tests.support import wait_until

# Two steps of the clock, of some 5 s each, fit into each span several times, on a busy machine too.
HEARTBEAT_TIMEOUT, LEASE, DEBOUNCE, MAX_RUN, MIN_OFF, BUDGET = 60, 40, 40, 150, 40, 600
SETTINGS = {
    "exporter": {"interval": "1s"},
    "debounce": dict.fromkeys(("start", "stop", "emergency"), f"{DEBOUNCE}s"),
    "alerts": {"heartbeat_timeout": f"{HEARTBEAT_TIMEOUT}s", "lease": f"{LEASE}s"},
    "limits": {"max_run": f"{MAX_RUN}s", "min_off": f"{MIN_OFF}s", "daily_budget": f"{BUDGET}s"},
}
LONG = 300.0
"""Seconds for anything to happen on an emulated processor."""


def step(hours: float) -> float:
    """Set the wall clock as a person would, call it synchronised as a time service would, return by how much it moved.

    adjtimex(2): ADJ_MAXERROR, ADJ_ESTERROR and ADJ_STATUS, all to zero.
    """
    before = time.time() - time.monotonic()
    time.clock_settime(time.CLOCK_REALTIME, time.time() + hours * 3600)
    ctypes.CDLL(None).adjtimex(ctypes.byref(clock._Timex(modes=0x1C)))
    return time.time() - time.monotonic() - before


def stepped(it: Actuator, hours: int) -> dict[str, Any]:
    """Step the clock, let the actuator take several turns, and return what it holds then."""
    moved, pages = step(hours), it.page.asked
    wait_until(lambda: it.page.asked >= pages + 3, LONG, "three more pages to be read")
    status, durable = it.status(), it.durable()
    run = durable["run"]
    used = time.monotonic() - run["closed_at"] if run else 0.0
    return {
        "moved": moved,
        "clock_sane": status["clock_sane"],
        "path": status["path"],
        "phase": status["phase"],
        "deadline": run and run["deadline"],
        "whole_budget": status["budget_remaining"] + used,
    }


def before_and_in_a_run(it: Actuator) -> dict[str, Any]:
    """Return what was measured of a belief, a heartbeat and a debounce, and of a run as it begins."""
    it.page.soc = 0.9
    wait_until(lambda: it.status()["soc"], LONG, "a state of charge")
    beat = time.monotonic()
    it.beat_twice()
    believed = time.monotonic()
    assert it.notify("BatterySocLow") == 200
    assert it.status()["notes"], "a start alert that the page contradicts is believed, and a note shows it"
    steps = [stepped(it, 6), stepped(it, -12)]
    wait_until(lambda: not it.status()["notes"], LONG, "the belief to lapse with its lease")
    lapsed = time.monotonic()
    wait_until(lambda: it.status()["path"] != "alerts", LONG, "the alert path to be given up")
    silent = time.monotonic()
    it.page.soc = 0.2
    low = time.monotonic()
    steps += [stepped(it, 12), stepped(it, -6)]
    wait_until(it.board.closed, LONG, "the contact to close for a low battery")
    it.page.engine(runs=True)
    wait_until(lambda: it.status()["phase"] == "running", LONG, "the engine to be proven")
    closed, run = moves(it)[0], it.durable()["run"]
    return {
        "lease": lapsed - believed,
        "heartbeat_timeout": silent - beat,
        "debounce": closed - low,
        "max_run": run["deadline"] - run["closed_at"],
        "deadline": run["deadline"],
        "idle": steps,
        "running": [stepped(it, 6)],
    }


def to_the_next_run(it: Actuator) -> dict[str, Any]:
    """Return what was measured of the same run to its end, and of the rest after it."""
    wait_until(it.board.closed, LONG, "the run to be taken up again")
    running = [stepped(it, 6), stepped(it, -6)]
    wait_until(lambda: not it.board.closed(), LONG, "the contact to open at the deadline")
    it.page.engine(runs=False)
    stopped_at = wait_until(lambda: it.durable()["stopped_at"], LONG, "the stop to be proven")
    resting = [stepped(it, -6), stepped(it, 12)]
    wait_until(it.board.closed, LONG, "the next run")
    opened, again = moves(it)[-2:]
    return {"opened": opened, "min_off": again - stopped_at, "resumed": running, "resting": resting}


def moves(it: Actuator) -> list[float]:
    """Return when the contact moved."""
    writes = pairwise((at, value != 0) for at, _, value in it.board.writes)
    return [at for (_, before), (at, closed) in writes if closed != before]


def main() -> None:
    """Tell the story, with a death in its middle, and print what was measured."""
    with tempfile.TemporaryDirectory() as folder, site(Path(folder), SETTINGS) as it:
        with it.running(within=LONG) as process:
            found = before_and_in_a_run(it)
            kill(process)
        found["dead"] = step(-12)
        with it.running(within=LONG):
            found |= to_the_next_run(it)
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
