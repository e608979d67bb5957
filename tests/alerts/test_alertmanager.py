"""The sample alertmanager.yml: valid, and each alert reaches its receivers."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.support import ROOT, prometheus_tool

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
    assert "inhibit_rules" not in config
