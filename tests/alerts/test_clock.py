"""The rules in a Prometheus whose clock was set back: what it takes for the present is old."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from grafana.prometheus import Prometheus
from tests.support.alert_rules import alerts
from tests.support.prometheus_data import WHOLE, promtool, serving

pytestmark = pytest.mark.e2e

END = 1_800_000_000
SAMPLES = range(END - 3600, END + 1, 10)
RULES = {name: rule["expr"] for name, rule in alerts("rules.yml").items()}
FOR_PEOPLE = "PrometheusClockSetBack"
RULES[FOR_PEOPLE] = alerts("people.yml")[FOR_PEOPLE]["expr"]


@pytest.fixture(scope="module", params=[0.1, 0.9], ids=["low", "recovered"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """A Prometheus with an hour of a battery that is low or charged, and the alert that fires then."""
    folder = tmp_path_factory.mktemp("site")
    series: dict[str, Callable[[int], float]] = {
        "up": lambda _: 1.0,
        "battery_soc_ratio": lambda _: request.param,
        "battery_soc_last_update_timestamp_seconds": float,
        "generator_start_soc_ratio": lambda _: 0.25,
        "generator_stop_soc_ratio": lambda _: 0.6,
    }
    lines = [
        line
        for name, value in series.items()
        for line in (f"# TYPE {name} gauge", *(f"{name} {value(at)} {at}" for at in SAMPLES))
    ]
    file = folder / "site.om"
    file.write_text("\n".join([*lines, "# EOF\n"]))
    promtool("tsdb", "create-blocks-from", WHOLE, "openmetrics", file, folder / "data")
    with serving(folder, folder / "data") as url:
        yield Prometheus(url), "BatterySocLow" if request.param < 0.25 else "BatterySocRecovered"


def firing(prometheus: Prometheus, at: float) -> set[str]:
    return {name for name, expression in RULES.items() if prometheus.now(expression, at)}


def test_rules_fire_on_the_newest_samples(site: tuple[Prometheus, str]) -> None:
    prometheus, alert = site
    assert firing(prometheus, END) == {"GeneratorHeartbeat", alert}
    assert firing(prometheus, END - 55) == {"GeneratorHeartbeat", alert}, "a clock that was set back by seconds"


@pytest.mark.parametrize("back", [70, 1800])
def test_only_people_are_told_while_the_clock_is_behind_the_samples(site: tuple[Prometheus, str], back: float) -> None:
    assert firing(site[0], END - back) == {FOR_PEOPLE}


def test_no_rule_fires_days_behind_the_samples(site: tuple[Prometheus, str]) -> None:
    """There are no samples of that time either, as after a wrong year."""
    assert firing(site[0], END - 3 * 86400) == set()
