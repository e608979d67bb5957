"""Rules and panels on real data: Prometheus scrapes the exporter and actuator of a simulated site during a run."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from grafana.queries import list_queries
from tests.support import command, run_command, wait_until
from tests.support.alert_rules import RULE_FILES, alerts
from tests.support.loop import PASSWORD, USER, Loop, fetch
from tests.support.promql import selectors

pytestmark = pytest.mark.e2e


class Prometheus:
    """The part of Prometheus' HTTP API that a dashboard uses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the data of an answer; fail when Prometheus calls it an error."""
        code, text = fetch(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(text) if text.startswith("{") else {}
        assert answer.get("status") == "success", f"{path} {parameters}: {code} {text}"
        return answer["data"]

    def value(self, expression: str) -> list[Any]:
        """Return the series of an expression at this moment."""
        result: list[Any] = self.ask("query", query=expression)["result"]
        return result

    def series(self, expression: str, start: float, end: float) -> int:
        """Return how many series a panel would draw."""
        data = self.ask("query_range", query=expression, start=f"{start:.3f}", end=f"{end:.3f}", step="500ms")
        return len(data["result"])


class Site(NamedTuple):
    """The running programs, Prometheus' API, and when they were started, in seconds since 1970."""

    loop: Loop
    folder: Path
    prometheus: Prometheus
    began: float


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a low battery, whose generator was started by the alerts and is confirmed to run."""
    folder: Path = tmp_path_factory.mktemp("site")
    began = time.time()
    with Loop(folder, prometheus=True) as loop:
        prometheus = Prometheus(loop.deployment.url("prometheus", ""))
        loop.wait(lambda: loop.path == "alerts", 30, "two heartbeats make the path `alerts`")
        loop.wait(loop.closed, 60, "the alerts close the contact")
        loop.wait(lambda: loop.metrics("actuator").get("generator_running") == 1, 30, "the engine is confirmed to run")
        # At the battery's real pace the monitor's counters repeat from packet to packet, as on a real bus.
        # Only then does the exporter accept them.
        loop.change(speed=1.0)
        seen = " and on () ".join(
            f"count_over_time({name}[10s]) >= 4"
            for name in (
                "magnum_bmk_net_amphours",
                "magnum_bmk_trip_amphours",
                "generator_run_deadline_timestamp_seconds",
            )
        )
        loop.wait(lambda: prometheus.ask("query", query=seen)["result"], 30, "Prometheus has seen the run")
        yield Site(loop, folder, prometheus, began)


def test_query_without_data_is_empty(site: Site) -> None:
    prometheus, began = site.prometheus, site.began
    assert prometheus.series("battery_soc", began, time.time()) == 0


def test_every_rule_evaluates(site: Site) -> None:
    prometheus = site.prometheus
    groups = prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {group["name"] for group in groups} >= {"generator", "battery", "engine", "devices"}
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


def test_every_series_of_a_rule_exists(site: Site) -> None:
    prometheus = site.prometheus
    expressions = [rule["expr"] for file in RULE_FILES for rule in alerts(file).values()]
    read = {str(selector).partition(" offset ")[0] for expression in expressions for selector in selectors(expression)}
    missing = {
        selector.partition("{")[0]
        for selector in read
        if not prometheus.ask("query", query=f"count_over_time({selector}[5m])")["result"]
    }
    missing.discard("ALERTS")  # that of severity critical, as the site has no problem
    # This site has one source of a state of charge, which cannot disagree, the Magnum bus alone, no mirror,
    # and no service.
    families = ("classic", "modbus", "aims", "vedirect", "pylontech")
    other_devices = {f"{family}_{suffix}" for family in families for suffix in ("up", "implausible_total")}
    other_devices |= {"magnum_implausible_total", "aims_status", "vedirect_alarm", "vedirect_alarm_reason"}
    cells = {"modbus_cell_volts", "pylontech_cell_volts", "battery_bank_cell_spread_volts"}
    not_here = {"battery_soc_spread_ratio", "generator_journal_mirrored", "generator_service_due_seconds"}
    assert missing == not_here | other_devices | cells


def test_only_the_generators_alerts_fire(site: Site) -> None:
    prometheus = site.prometheus
    firing = {
        alert["labels"]["alertname"] for alert in prometheus.ask("alerts")["alerts"] if alert["state"] == "firing"
    }
    assert "GeneratorHeartbeat" in firing
    expected = {"GeneratorHeartbeat", "BatterySocLow", "BatterySocRecovered", "BatteryEmptySoon", "GeneratorStarted"}
    assert firing <= expected


def test_the_doctor_finds_only_that_nobody_is_notified(site: Site) -> None:
    deployment = site.loop.deployment
    urls = (f"--{name}={deployment.url(name, '').rstrip('/')}" for name in ("prometheus", "alertmanager"))
    actuator = deployment.url("actuator", "").rstrip("/")
    file = f"--config.file={site.folder / 'actuator.yml'}"
    user = {"GENERATOR_ACTUATOR_USERNAME": USER, "GENERATOR_ACTUATOR_PASSWORD": PASSWORD}
    done = run_command(command("generator-actuator"), "doctor", file, f"--url={actuator}", *urls, "--json", env=user)
    found = json.loads(done.stdout)
    assert [one for one in found if one["state"] == "wrong" and one["check"] != "people"] == []
    assert {one["check"] for one in found if one["state"] == "well"} >= {"devices", "Prometheus", "rules", "heartbeat"}
    assert done.returncode == 1


def test_no_panel_is_empty_but_those_of_other_devices(site: Site) -> None:
    """The fortnight of `test_fortnight.py` has all devices; this site has the Magnum bus, and is minutes old."""
    prometheus, began = site.prometheus, site.began
    now = time.time()
    # No hour and no minute is whole yet, the battery does not charge yet, and the thresholds are known.
    not_yet = re.compile(r" offset -|:1m\]|deriv\(|unless on \(site\)")
    empty = {
        query
        for query in list_queries(rate_interval="5s", range="1m")
        if not not_yet.search(query.expression) and not prometheus.series(query.expression, began, now)
    }
    others = re.compile(r"\b(classic|modbus|aims|vedirect|pylontech|magnum_pt100|battery_bank|instance:solar)_")
    # Nothing is wrong on this site, no reading fails, nothing blocks its run, and no service is counted.
    not_here = {"ALERTS", "battery_soc_refused", "magnum_inverter_fault", "generator_inhibited"}
    not_here |= {"generator_service_due_seconds", "generator_stop_soc_ratio", "magnum_read_failures_total"}
    unexpected = [
        f"{query.dashboard}: {query.panel}: {query.expression}"
        for query in empty
        for read in [{str(selector.name) for selector in selectors(query.expression)} - {"up"}]
        if not read & not_here and not all(others.match(name) for name in read)
    ]
    assert unexpected == []
    assert len(empty) < 60


def test_dead_programs_leave_no_number(site: Site) -> None:
    """The last test of this module: it ends both programs."""
    loop, prometheus = site.loop, site.prometheus
    # An alert about dead programs fires rightly.
    asked = [
        query
        for query in list_queries(rate_interval="5s", range="1h")
        if query.now and "ALERTS" not in query.expression
    ]
    present = [query for query in asked if prometheus.value(query.expression)]
    shown_now = {f"{query.dashboard}: {query.panel}" for query in present}
    assert shown_now >= {
        *("Off-grid wall: Site", "Off-grid wall: Generator", "Generator: Starts", "Generator: Engine"),
        *("Devices and data: Age of the last reading", "Devices and data: Inverter"),
    }
    loop.kill("exporter")
    loop.kill("actuator")

    def shown() -> list[str]:
        return [f"{query.dashboard}: {query.panel}" for query in present if prometheus.value(query.expression)]

    wait_until(lambda: not shown(), 60, f"no panel shows a number, of {shown()}")
