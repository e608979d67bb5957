"""The real Prometheus and Alertmanager between the exporter and the actuator, timers of seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.demo.deployment import has_prometheus
from tests.support.loop import HEARTBEAT_TIMEOUT, WINDOW_SECONDS, Loop, fetch

pytestmark = pytest.mark.e2e

PARTS = ("simulator", "exporter", "prometheus", "alertmanager")


@pytest.fixture(autouse=True)
def _prometheus_is_there() -> None:
    assert has_prometheus(), "no Prometheus in .local: run deploy/fetch-prometheus (make test does)"


def closed_by_alert(loop: Loop) -> None:
    """Let the battery fall to where the engine is wanted, and see the contact closed by the alert path."""
    loop.wait(lambda: loop.path == "alerts", 30, "two heartbeats make the path `alerts`")
    assert not loop.closed()
    loop.change(load=2200.0)
    loop.wait(lambda: (loop.soc or 1) <= 0.25, 30, "SOC falls to the start threshold")
    low = time.monotonic()
    loop.wait(loop.closed, WINDOW_SECONDS + 10, "the coil is on within one rule window + 10 s")
    took = time.monotonic() - low
    assert took >= WINDOW_SECONDS / 2, f"closed after {took:.1f} s: no rule can have seen a whole window"
    loop.change(load=1000.0)
    page = loop.metrics("actuator")
    assert page['generator_demand{cause="alert"}'] == 1
    loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 1, 30, "the engine is proven to run")


@pytest.mark.longest
@pytest.mark.parametrize("stop", [0.35, pytest.param(0.65, marks=pytest.mark.slow)])
def test_prometheus_killed_with_the_contact_closed(tmp_path: Path, stop: float) -> None:
    with Loop(tmp_path, prometheus=True, actuator={"stop_soc": f"{stop:.0%}"}) as loop:
        closed_by_alert(loop)
        loop.kill("prometheus")
        killed = time.monotonic()
        loop.wait(lambda: loop.path == "fallback", HEARTBEAT_TIMEOUT + 20, "the path is `fallback`")
        assert loop.closed(), "losing Prometheus moved the contact"
        assert time.monotonic() - killed >= HEARTBEAT_TIMEOUT / 2
        loop.wait(lambda: (loop.soc or 0) >= stop, 90, "the engine charges the battery")
        assert loop.closed()
        loop.wait(lambda: not loop.closed(), 20, "SOC over the stop threshold opens the contact without alerts")
        loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 0, 30, "the stop is proven")


@pytest.mark.slow
def test_recovery_by_alertmanager(tmp_path: Path) -> None:
    patient = {"debounce": {"stop": "100s"}}
    with Loop(tmp_path, prometheus=True, actuator=patient) as loop:
        closed_by_alert(loop)
        loop.wait(lambda: (loop.soc or 0) >= 0.60, 90, "the engine charges the battery")
        loop.wait(lambda: not loop.closed(), WINDOW_SECONDS + 20, "BatterySocRecovered opens the contact")
        page = loop.metrics("actuator")
        assert page['generator_starts_total{cause="alert"}'] == 1
        assert page["generator_start_failures_total"] == 0


@pytest.mark.slow
def test_inhibit_outlives_prometheus(tmp_path: Path) -> None:
    with Loop(tmp_path, prometheus=True, actuator={"alerts": {"lease": "12s"}}) as loop:
        loop.wait(lambda: loop.path == "alerts", 30, "two heartbeats make the path `alerts`")
        labels = {"alertname": "GeneratorInhibit", "severity": "none", "reason": "carbon_monoxide"}
        ends = datetime.now(UTC) + timedelta(seconds=30)
        alert = {"labels": labels, "annotations": {"summary": "CO"}, "endsAt": ends.isoformat()}
        code, text = fetch(loop.deployment.url("alertmanager", "/api/v2/alerts"), [alert])
        assert code == 200, text
        loop.wait(lambda: loop.status["inhibitors"] == ["inhibit_alert"], 20, "Alertmanager sends the inhibit")
        (shown,) = loop.status["resets"]
        loop.wait(
            lambda: loop.status["resets"][0]["received"] >= shown["received"] + 12,
            30,
            "it is repeated within the lease",
        )
        reset = loop.deployment.url("actuator", "/api/v1/reset")
        assert fetch(reset, {"what": "inhibit", "name": "GeneratorInhibit"})[0] == 409
        loop.kill("prometheus")
        loop.wait(lambda: loop.path == "fallback", HEARTBEAT_TIMEOUT + 20, "the path is `fallback`")
        loop.wait(lambda: "It has resolved" in loop.status["resets"][0]["text"], 60, "Alertmanager ends the alert")
        loop.wait(lambda: loop.status["resets"][0]["free_from"] is None, 30, "the lease passes")
        assert loop.status["inhibitors"] == ["inhibit_alert"], "an alert that ends without heartbeats has not recovered"
        assert fetch(reset, {"what": "lockout"})[0] == 200
        assert loop.status["inhibitors"] == ["inhibit_alert"]
        assert fetch(reset, {"what": "inhibit", "name": "GeneratorInhibit"})[0] == 200
        assert loop.status["inhibitors"] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_each_program_killed_in_turn(part: str, tmp_path: Path) -> None:
    with Loop(tmp_path, prometheus=True) as loop:
        closed_by_alert(loop)
        loop.change(charger=False)
        loop.kill(part)
        if part == "simulator":
            loop.wait(
                lambda: "generator_running" not in loop.metrics("actuator"), 60, "no evidence, no claim that it runs"
            )
            assert loop.metrics("actuator")["generator_start_failures_total"] == 0
            loop.restart(part)
            assert not loop.closed(), "the board comes back open"
        elif part == "exporter":
            loop.wait(lambda: "generator_running" not in loop.metrics("actuator"), 60, "no evidence, no claim")
            assert loop.closed(), "evidence that is absent is no evidence against"
            loop.restart(part)
            loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 1, 30, "proven again")
            assert loop.closed()
        else:
            loop.wait(lambda: loop.path == "fallback", HEARTBEAT_TIMEOUT + 20, "the path is `fallback`")
            assert loop.closed()
            loop.restart(part)
            loop.wait(lambda: loop.path == "alerts", 60, "two beats bring the path back to `alerts`")
            assert loop.closed(), "coming back moved the contact"


@pytest.mark.slow
def test_killed_actuator_resumes_a_run_once(tmp_path: Path) -> None:
    slow_to_stop = {"engine": {"tail": "30s"}}
    long_off = {"limits": {"min_off": "30s", "tail": "35s"}}
    with Loop(tmp_path, prometheus=True, simulator=slow_to_stop, actuator=long_off) as loop:
        closed_by_alert(loop)
        loop.change(charger=False)
        deadline = loop.metrics("actuator")["generator_run_deadline_timestamp_seconds"]

        loop.kill("actuator")
        assert loop.closed(), "this board latches: only a new process opens it"
        loop.restart("actuator")
        loop.wait(loop.closed, 20, "the run, whose engine is still proven, resumes")
        resumed = loop.metrics("actuator")["generator_run_deadline_timestamp_seconds"]
        assert resumed <= deadline + 2, "a restart lengthened the run"

        loop.kill("actuator")
        loop.restart("actuator")
        assert not loop.closed(), "opened first of all"
        loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 0, 60, "the engine stops")
        assert not loop.closed(), "resumed twice"
