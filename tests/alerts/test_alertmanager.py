"""The sample alertmanager.yml: valid, and each alert reaches its receivers."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.support import ROOT, prometheus_tool
from tests.support.alert_rules import RULE_FILES, alerts

CONFIG = ROOT / "alerts" / "alertmanager.yml"


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [prometheus_tool("amtool"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_amtool_accepts_the_configuration() -> None:
    result = amtool("check-config", str(CONFIG))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=BatterySocLow", "severity=none", "instance=a"], "generator"),
        (["alertname=BatterySocRecovered", "severity=none", "site=cabin"], "generator"),
        (["alertname=GeneratorHeartbeat", "severity=none"], "generator"),
        (["alertname=GeneratorInhibit", "severity=none", "reason=fuel"], "generator,people"),
        (["alertname=GeneratorInhibit", "severity=critical"], "generator,people"),
        (["alertname=GeneratorDied", "severity=critical"], "people"),
        (["alertname=BatteryEmptySoon", "severity=warning"], "people"),
        (["alertname=SomebodyElses"], "people"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_each_alert_reaches_its_receivers(labels: list[str], receivers: str) -> None:
    result = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}", *labels)
    assert result.returncode == 0, result.stdout + result.stderr


EVERY = {name: rule for file in RULE_FILES for name, rule in alerts(file).items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_each_alert_of_the_rules_has_a_receiver(name: str) -> None:
    severity = EVERY[name]["labels"]["severity"]
    receiver = "generator" if severity == "none" else "people"
    labels = [f"alertname={name}", f"severity={severity}", "instance=a"]
    result = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}", *labels)
    assert result.returncode == 0, result.stdout + result.stderr


def matched(matchers: list[str]) -> set[str]:
    """Return the alerts that a rule's matchers name."""
    (names,) = (matcher for matcher in matchers if matcher.startswith("alertname="))
    return set(names.split('"')[1].split("|"))


def test_inhibition_names_our_alerts_and_no_warning_mutes_a_critical_one() -> None:
    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        sources, targets = matched(rule["source_matchers"]), matched(rule["target_matchers"])
        assert sources | targets <= EVERY.keys()
        assert not sources & targets
        assert {EVERY[name]["labels"]["severity"] for name in sources | targets} <= {"critical", "warning", "info"}
        if any(EVERY[name]["labels"]["severity"] == "critical" for name in targets):
            assert all(EVERY[name]["labels"]["severity"] == "critical" for name in sources), rule


def test_actuator_route() -> None:
    config = yaml.safe_load(CONFIG.read_text())
    routes = [route for route in config["route"]["routes"] if route["receiver"] == "generator"]
    assert config["route"]["routes"][: len(routes)] == routes, "the actuator's routes come first"
    for route in routes:
        assert route["group_by"] == ["..."]
        assert route["group_wait"] == "0s"
        assert (route["group_interval"], route["repeat_interval"]) == ("1m", "50s")
    (receiver,) = (receiver for receiver in config["receivers"] if receiver["name"] == "generator")
    (webhook,) = receiver["webhook_configs"]
    assert webhook["send_resolved"] is True
    assert webhook["max_alerts"] == 0
