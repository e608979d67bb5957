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
RULES |= {
    name: alerts("people.yml")[name]["expr"]
    for name in (FOR_PEOPLE, "GeneratorStarted", "GeneratorStopped", "SiteBackInOrder")
}
STARTED = END - 130
"""The generator."""
MENDED = END - 600
"""What was critical."""


@pytest.fixture(scope="module", params=[0.1, 0.9], ids=["low", "recovered"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """A Prometheus with an hour of a battery that is low or charged, and the alert that fires then."""
    folder = tmp_path_factory.mktemp("site")
    series: dict[str, Callable[[int], float | None]] = {
        "up": lambda _: 1.0,
        "generator_running": lambda at: float(at >= STARTED),
        'generator_severity{severity="act_now"}': lambda _: 0.0,
        'ALERTS{alertstate="firing",severity="critical"}': lambda at: 1.0 if at < MENDED else None,
        "battery_soc_ratio": lambda _: request.param,
        "battery_soc_last_update_timestamp_seconds": float,
        "generator_start_soc_ratio": lambda _: 0.25,
        "generator_stop_soc_ratio": lambda _: 0.6,
    }
    lines = [
        line
        for name, value in series.items()
        for line in (
            f"# TYPE {name.partition('{')[0]} gauge",
            *(f"{name} {value(at)} {at}" for at in SAMPLES if value(at) is not None),
        )
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
    assert firing(prometheus, END) == {"GeneratorHeartbeat", alert, "SiteBackInOrder"}
    seconds_ago = {"GeneratorHeartbeat", alert, "SiteBackInOrder", "GeneratorStarted"}
    assert firing(prometheus, END - 55) == seconds_ago, "a clock that was set back by seconds"


@pytest.mark.parametrize("back", [70, 1800])
def test_only_people_are_notified_while_the_clock_is_behind_the_samples(
    site: tuple[Prometheus, str], back: float
) -> None:
    assert firing(site[0], END - back) == {FOR_PEOPLE}


@pytest.mark.parametrize("days", [3, 300])
def test_people_are_notified_while_there_are_no_samples_of_that_time(site: tuple[Prometheus, str], days: int) -> None:
    assert firing(site[0], END - days * 86400) == {FOR_PEOPLE}
