"""A simulated fortnight with everything and a fault a day, in a real Prometheus: no panel is empty."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator

import pytest

from actuator.report.metrics import Counts, GeneratorCollector
from exporter.collector import BANKS, BATTERY, of_family
from exporter.sources.families import FAMILIES
from grafana.prometheus import Prometheus
from grafana.queries import list_queries
from tests.grafana.harness import backfill, fortnight
from tests.support.alert_rules import alerts
from tests.support.metrics_contract import METRICS, TARGET_LABELS, VALUES

OF_EVERY_PROGRAM = {"up", "process_start_time_seconds", "ALERTS"} | {
    f"{program}_{suffix}"
    for program in ("magnum_exporter", "generator_actuator")
    for suffix in ("build_info", "config_last_reload_successful")
}


@pytest.fixture(scope="module")
def sampled() -> dict[str, set[frozenset[tuple[str, str]]]]:
    """The labels of all series of the fortnight's days, by metric: each hour one scrape."""
    found: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for _, page in itertools.islice(fortnight.scrapes(1.7e9), 0, 2 * fortnight.DAY // fortnight.STEP, 60):
        for name, labels in page:
            found.setdefault(name, set()).add(frozenset(labels))
    return found


def test_every_metric_is_one_of_the_programs(sampled: dict[str, set[frozenset[tuple[str, str]]]]) -> None:
    """The names and labels are those that exporter and actuator declare."""
    declared = {metric.name: set(metric.labels) for metric in (*BATTERY, *BANKS)}
    for family in FAMILIES:
        for metric in (*of_family(family), *family.metrics):
            declared[metric.name] = {"device", *metric.labels}
    for described in GeneratorCollector(lambda: None, Counts()).describe():
        name = f"{described.name}_total" if described.type == "counter" else described.name
        declared[name] = set(METRICS[name])
    for name, series in sampled.items():
        for labels in series:
            own = {label for label, _ in labels} - TARGET_LABELS
            if name in OF_EVERY_PROGRAM:
                assert own <= METRICS[name] | {"device"}, name
            else:
                assert own == declared[name], name


def test_every_label_value_is_a_known_one(sampled: dict[str, set[frozenset[tuple[str, str]]]]) -> None:
    for name, series in sampled.items():
        for label, value in (pair for labels in series for pair in labels):
            if label in VALUES and name != "classic_resting_reason":
                assert value in VALUES[label], (name, label, value)


def test_each_day_has_a_fault_and_its_alert() -> None:
    assert [fault.day for fault in fortnight.FAULTS] == list(range(1, fortnight.DAYS + 1))
    rules = alerts("people.yml")
    for fault in fortnight.FAULTS:
        assert rules[fault.alert]["labels"]["severity"] == fault.severity


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, float]]:
    """A Prometheus with the fortnight and what the recording rules make of it, and the fortnight's end."""
    end = backfill.last_evening(time.time())
    with backfill.prometheus(tmp_path_factory.mktemp("fortnight"), end) as url:
        yield Prometheus(url), end


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_query_of_every_panel_has_data(site: tuple[Prometheus, float]) -> None:
    prometheus, end = site
    begin = end - fortnight.DAYS * fortnight.DAY
    empty = [
        f"{query.dashboard}: {query.panel}: {query.expression}"
        for query in list_queries(rate_interval="4m", range="18h")
        if not prometheus.over(query.expression, begin, end, 3600 if "1h" in query.expression else 300)
    ]
    assert empty == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_number_has_a_value_in_the_evening(site: tuple[Prometheus, float]) -> None:
    """Of the battery's gauge one query has the value; the evening is sunless, so the battery does not charge."""
    prometheus, end = site
    empty = {
        f"{query.dashboard}: {query.panel}"
        for query in list_queries(range="18h")
        if query.now and not prometheus.now(query.expression, end)
    }
    assert {panel for panel in empty if not re.search(r"Battery$|Full in$", panel)} == set()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_recorded_energy_is_what_flowed(site: tuple[Prometheus, float]) -> None:
    """The oracle adds up the powers that the fortnight was made of, minute by minute."""
    prometheus, end = site
    noon = (end - 2 * fortnight.DAY) // fortnight.DAY * fortnight.DAY
    sums = dict.fromkeys(("magnum_inverter_ac_output_watts", "classic_battery_watts"), 0.0)
    for now, page in fortnight.scrapes(end):
        if noon - fortnight.DAY < now <= noon:
            for (name, _), value in page.items():
                if name in sums:
                    sums[name] += value * fortnight.STEP
    for flow, name in (("load", "magnum_inverter_ac_output_watts"), ("solar", "classic_battery_watts")):
        (recorded,) = prometheus.now(f"instance:{flow}_joules:increase1d", noon + 60)
        assert recorded.points[0][1] == pytest.approx(sums[name], rel=0.02), flow
