"""The rules: well formed, in line with the contract and with their unit tests in alerts/tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import prometheus_tool
from tests.support.alert_rules import ALERTS, RECORDING_FILE, RULE_FILES, alerts, recordings
from tests.support.promql import broken_promises, selectors

FOR_THE_ACTUATOR = {"BatterySocLow", "BatterySocRecovered", "GeneratorHeartbeat"}

# promtool has no samples that are later than now: test_clock.py has them.
NO_UNIT_TEST = {"PrometheusClockSetBack"}

EVERY = {name: rule for file in RULE_FILES for name, rule in alerts(file).items()}


def promtool(*arguments: str | Path, cwd: Path = ALERTS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [prometheus_tool("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=110
    )


@pytest.mark.parametrize("file", [*RULE_FILES, RECORDING_FILE, "inhibit.example.yml"])
def test_promtool_accepts_the_rules(file: str) -> None:
    result = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert result.returncode == 0, result.stdout + result.stderr


# These look at many hours: they take promtool half a minute.
UNIT_TESTS = [
    pytest.param(
        path, id=path.stem, marks=[pytest.mark.slow] if path.stem in {"people", "energy", "energy_by_day"} else []
    )
    for path in sorted((ALERTS / "tests").glob("*.yml"))
]


@pytest.mark.parametrize("file", UNIT_TESTS)
def test_rules_pass_their_unit_tests(file: Path) -> None:
    result = promtool("test", "rules", file)
    assert result.returncode == 0, result.stdout + result.stderr


def test_sample_configuration_is_valid() -> None:
    result = promtool("check", "config", "prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 rules found" in result.stdout


def test_every_alert_fires_in_a_test() -> None:
    fired = {
        case["alertname"]
        for file in (ALERTS / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case.get("exp_alerts")
    }
    assert fired == set(EVERY) - NO_UNIT_TEST


def test_recorded_series_are_tested_and_in_the_contract() -> None:
    rules = recordings(RECORDING_FILE)
    tested = "".join(file.read_text() for file in (ALERTS / "tests").glob("energy*.yml"))
    assert [name for name in rules if name not in tested and not any(name in text for text in rules.values())] == []
    assert [broken for text in (*rules, *rules.values()) for broken in broken_promises(text)] == []


def test_every_alert_has_a_runbook() -> None:
    pages = {page.stem for page in (ALERTS / "runbooks").glob("*.md")}
    assert pages == {*EVERY, "GeneratorInhibit", "README"}


@pytest.mark.parametrize("page", sorted((ALERTS / "runbooks").glob("*.md")), ids=lambda page: page.stem)
def test_runbook_sections_and_links(page: Path) -> None:
    text = page.read_text()
    if page.stem != "README":
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["What it means", "What to check", "What to do", "How to make it safe"]
    for file, anchor in re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", text):
        assert "/" not in file, f"{file}: the actuator serves the runbooks alone"
        target = (page.parent / file).read_text()
        anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", target, re.MULTILINE)}
        assert not anchor or anchor in anchors, f"{page.name}: {file}#{anchor}"


@pytest.mark.parametrize("name", EVERY)
def test_an_alert_has_texts_and_a_runbook(name: str) -> None:
    rule = EVERY[name]
    annotations = rule["annotations"]
    assert annotations["runbook_url"] == f"http://127.0.0.1:10049/runbooks/{name}"
    assert (ALERTS / "runbooks" / f"{name}.md").read_text().startswith(f"# {name}\n")
    assert "$value" not in str(rule["labels"]), "a value in a label makes a new alert of every evaluation"
    if name in FOR_THE_ACTUATOR:
        assert rule["labels"]["severity"] == "none"
        assert set(annotations) == {"summary", "description", "runbook_url"}
    else:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(annotations) == {"headline", "remedy", "runbook_url"}


def texts_for_people() -> dict[str, str]:
    """Return what each test of the rules expects of the headline and the remedy, as Prometheus fills them in."""
    return {
        f"{case['alertname']} {kind} {number}": alert["exp_annotations"][kind]
        for file in (ALERTS / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        for number, alert in enumerate(case.get("exp_alerts", []))
        for kind in ("headline", "remedy")
        if kind in alert["exp_annotations"]
    } | {f"{name} {kind}": EVERY[name]["annotations"][kind] for name in NO_UNIT_TEST for kind in ("headline", "remedy")}


@pytest.mark.parametrize("text", texts_for_people().values(), ids=texts_for_people())
def test_a_text_for_people_suffices_alone(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")
    assert len(text) <= 330, "a lock screen shows no more"
    machine = re.search(r"://|:\d{2,5}\b|localhost|\d+\.\d+\.\d+|\w_\w|<no value>|\{\{", text)
    assert machine is None, f"{machine[0]} is for machines: {text}"
    assert not re.search(r"\d +(?:%|h|min|V|A|°C)\b|\d(?:%|h|min|s|V|A)\b", text), "a no-break space before the unit"
    foreign = re.search(r"\b(?:SOC|state of charge|runbook|(?<!-)actuator|scrape|instance|metric)\b", text)
    assert foreign is None, f"an owner does not know {foreign[0]}: {text}"


def test_a_headline_is_one_short_sentence() -> None:
    for where, text in texts_for_people().items():
        if " headline " in where:
            assert len(text) <= 100, where
            assert text.count(". ") == 0, where


@pytest.mark.parametrize("name", EVERY)
def test_an_alert_reads_only_metrics_of_the_contract(name: str) -> None:
    assert list(broken_promises(EVERY[name]["expr"])) == []


def test_contract_check_can_fail() -> None:
    assert list(broken_promises("battery_soc")) == ["battery_soc{}: no metric of this name"]
    assert list(broken_promises('rate(magnum_up{state="off"}[5m])')) == [
        'magnum_up{state="off"}: magnum_up has no label state'
    ]
    assert list(broken_promises('generator_path{path=~"alerts|fall.*|remote"}')) == [
        'generator_path{path=~"alerts|fall.*|remote"}: no value of path matches remote'
    ]


@pytest.mark.parametrize("name", sorted(FOR_THE_ACTUATOR))
def test_actuator_alerts_end_with_their_cause(name: str) -> None:
    expression = EVERY[name]["expr"]
    assert all(f"{selector.name}[" in expression for selector in selectors(expression)), (
        "an instant selector looks back five minutes when Prometheus was down; a range says how far"
    )
    assert "keep_firing_for" not in EVERY[name]


MUTATIONS = [
    (
        "the newest value instead of the window's highest",
        "max_over_time(battery_soc_ratio",
        "last_over_time(battery_soc_ratio",
    ),
    (
        "the newest value instead of the window's lowest",
        "min_over_time(battery_soc_ratio",
        "last_over_time(battery_soc_ratio",
    ),
    ("a shorter window for low", "max_over_time(battery_soc_ratio[2m])", "max_over_time(battery_soc_ratio[1m])"),
    ("a longer window for low", "max_over_time(battery_soc_ratio[2m])", "max_over_time(battery_soc_ratio[4m])"),
    ("a shorter window for recovered", "min_over_time(battery_soc_ratio[2m])", "min_over_time(battery_soc_ratio[1m])"),
    ("a longer window for recovered", "min_over_time(battery_soc_ratio[2m])", "min_over_time(battery_soc_ratio[4m])"),
    ("a reading that stands still for longer", "timestamp_seconds[2m]", "timestamp_seconds[4m]"),
    ("a reading that may not stand still", "timestamp_seconds[2m]", "timestamp_seconds[30s]"),
    ("a longer time without holes", "[2m:10s]", "[4m:10s]"),
    ("under instead of at or under", "<= on", "< on"),
    ("over instead of at or over", ">= on", "> on"),
    (
        "thresholds of every site",
        " max by (site) (last_over_time(generator_start",
        " max (last_over_time(generator_start",
    ),
    (
        "the lowest of several start thresholds",
        "max by (site) (last_over_time(generator_start",
        "min by (site) (last_over_time(generator_start",
    ),
    (
        "the lowest of several stop thresholds",
        "max by (site) (last_over_time(generator_stop",
        "min by (site) (last_over_time(generator_stop",
    ),
    (
        "start thresholds only while the actuator answers",
        "(generator_start_soc_ratio[5m])",
        "(generator_start_soc_ratio[20s])",
    ),
    (
        "stop thresholds only while the actuator answers",
        "(generator_stop_soc_ratio[5m])",
        "(generator_stop_soc_ratio[20s])",
    ),
    ("start thresholds of an actuator long gone", "(generator_start_soc_ratio[5m])", "(generator_start_soc_ratio[1h])"),
    ("stop thresholds of an actuator long gone", "(generator_stop_soc_ratio[5m])", "(generator_stop_soc_ratio[1h])"),
    ("a window with holes", ">= 12", ">= 1"),
    (
        "a window that bears no failed scrape",
        "present_over_time(battery_soc_ratio[40s])",
        "present_over_time(battery_soc_ratio[20s])",
    ),
    (
        "a heartbeat that bears no failed scrape",
        "last_over_time(battery_soc_ratio[40s])",
        "last_over_time(battery_soc_ratio[20s])",
    ),
    (
        "a heartbeat that outlives the state of charge",
        "last_over_time(battery_soc_ratio[40s])",
        "last_over_time(battery_soc_ratio[5m])",
    ),
    (
        "a reading that does not change",
        "changes(battery_soc_last_update_timestamp_seconds[2m]) > 0",
        "changes(battery_soc_last_update_timestamp_seconds[2m]) >= 0",
    ),
    (
        "clocks compared",
        "changes(battery_soc_last_update_timestamp_seconds[2m]) > 0",
        "time() - battery_soc_last_update_timestamp_seconds < 60",
    ),
    ("a heartbeat for any site", "and on (site)", "and on ()"),
    ("severity that others inhibit", "severity: none", "severity: warning"),
]


@pytest.mark.slow  # promtool for each of them
@pytest.mark.parametrize(("old", "new"), [pytest.param(old, new, id=what) for what, old, new in MUTATIONS])
def test_rule_tests_notice_a_change(old: str, new: str, tmp_path: Path) -> None:
    rules = (ALERTS / "rules.yml").read_text()
    assert old in rules
    mutated = rules.replace(old, new)
    (tmp_path / "rules.yml").write_text(mutated)
    assert promtool("check", "rules", "rules.yml", cwd=tmp_path).returncode == 0
    (tmp_path / "tests").mkdir()
    for file in (ALERTS / "tests").glob("*.yml"):
        if file.stem != "people" and not file.stem.startswith("energy"):
            (tmp_path / "tests" / file.name).write_text(file.read_text())
    result = promtool("test", "rules", *sorted((tmp_path / "tests").iterdir()), cwd=tmp_path)
    assert result.returncode != 0, f"no test fails when {re.escape(old)} becomes {new}"
