"""Exporter, actuator and site alone: notifications made by hand, signals, and the bounds of a run."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loop import MIN_RUN, Loop

pytestmark = pytest.mark.e2e


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with Loop(tmp_path, prometheus=False, simulator={"battery": {"soc": "22%"}}) as running:
        yield running


def beat_twice(loop: Loop) -> None:
    loop.notify("GeneratorHeartbeat", "firing")
    loop.notify("GeneratorHeartbeat", "firing")
    loop.wait(lambda: loop.path == "alerts", 10, "two heartbeats make the path `alerts`")


def test_only_recovered_stops_a_run(loop: Loop) -> None:
    beat_twice(loop)
    loop.notify("BatterySocLow", "firing")
    loop.wait(loop.closed, 5, "a start alert closes the contact")
    loop.change(charger=False)
    loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 1, 20, "the engine is proven")

    loop.notify("BatterySocLow", "resolved")
    loop.notify("GeneratorHeartbeat", "resolved")
    seconds = loop.metrics("actuator")["generator_run_seconds_total"]
    loop.wait(
        lambda: loop.metrics("actuator")["generator_run_seconds_total"] > seconds + MIN_RUN, 20, "the run goes on"
    )
    assert loop.closed(), "`resolved` opened the contact"

    loop.notify("BatterySocRecovered", "firing")
    loop.wait(lambda: not loop.closed(), 5, "recovered, after min run, opens the contact")


def test_min_run_delays_a_recovery(loop: Loop) -> None:
    beat_twice(loop)
    loop.notify("BatterySocLow", "firing")
    loop.wait(loop.closed, 5, "a start alert closes the contact")
    closed = time.monotonic()
    loop.notify("BatterySocRecovered", "firing")
    loop.wait(lambda: not loop.closed(), MIN_RUN + 5, "the contact opens")
    assert time.monotonic() - closed >= MIN_RUN - 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_opens_the_contact(loop: Loop, number: signal.Signals) -> None:
    loop.mode("on", "5m")
    loop.wait(loop.closed, 10, "the operator's run closes the contact")
    actuator = loop.processes["actuator"]
    actuator.signal(number)
    actuator.wait(10)
    assert not loop.closed(), actuator.output


def test_exception_opens_the_contact(loop: Loop, tmp_path: Path) -> None:
    loop.kill("actuator", signal.SIGTERM)
    hook = tmp_path / "hook"
    hook.mkdir()
    trigger = tmp_path / "throw"
    (hook / "sitecustomize.py").write_text(THROWING.format(trigger=str(trigger)))
    loop.restart("actuator", env={"PYTHONPATH": str(hook)})
    loop.mode("on", "5m")
    loop.wait(loop.closed, 15, "the operator's run closes the contact")
    trigger.touch()
    actuator = loop.processes["actuator"]
    assert actuator.wait(15) != 0, actuator.output
    assert "thrown by the test" in actuator.output
    assert not loop.closed(), actuator.output


# Wraps the decision in the child, so that it throws once a file is there.
THROWING = """
import importlib.util, pathlib, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "actuator.core.controller":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            step = module.step
            def throwing(*args, **kwargs):
                if pathlib.Path({trigger!r}).exists():
                    raise RuntimeError("thrown by the test")
                return step(*args, **kwargs)
            module.step = throwing
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_endless_alert_ends_at_max_run(tmp_path: Path) -> None:
    limits = {"limits": {"max_run": "20s", "min_off": "8s"}, "alerts": {"heartbeat_timeout": "60s"}}
    site = {"battery": {"soc": "22%"}}
    with Loop(tmp_path, prometheus=False, simulator=site, actuator=limits) as loop:
        loop.change(charger=False)
        beat_twice(loop)
        # Each move of the contact comes after one reading and before the end of the next one.
        moves: list[tuple[float, float, bool]] = [(0.0, 0.0, False)]
        read_at = time.monotonic()
        beaten = 0.0

        def watch() -> bool:
            nonlocal beaten, read_at
            if time.monotonic() - beaten > 2:
                beaten = time.monotonic()
                loop.notify("GeneratorHeartbeat", "firing")
                loop.notify("BatterySocLow", "firing")
            before, read_at = read_at, time.monotonic()
            now_closed = loop.closed()
            if now_closed != moves[-1][2]:
                moves.append((before, time.monotonic(), now_closed))
            return len(moves) >= 6

        loop.wait(watch, 150, "closed, open, closed, open, closed")
        pairs = list(itertools.pairwise(moves[1:]))
        at_least = [after - latest for (_, latest, closed), (after, _, _) in pairs if closed]
        at_most = [latest - after for (after, _, closed), (_, latest, _) in pairs if not closed]
        assert max(at_least) <= 21, f"closed for {at_least}"
        assert min(at_most) >= 8, f"open for {at_most}"
