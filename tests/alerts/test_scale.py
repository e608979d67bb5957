"""Faster rules are the same rules: every duration changes, and nothing else does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import scale
from tests.support import ROOT, prometheus_tool

ALERTS = ROOT / "alerts"


@pytest.mark.parametrize(
    ("text", "factor", "expected"),
    [
        ("2m", 0.1, "12s"),
        ("1h30m", 0.1, "540s"),
        ("15s", 0.1, "1500ms"),
        ("0s", 0.1, "0s"),
        ("10s", 1e-9, "1ms"),
        ("50s", 1, "50s"),
        ("1d", 2, "172800s"),
    ],
)
def test_durations(text: str, factor: float, expected: str) -> None:
    assert scale.duration(text, factor) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_over_time(x[2m]) <= 0.25", "max_over_time(x[12s]) <= 0.25"),
        ("count_over_time(x_over_time(x[40s])[2m:10s]) >= 12", "count_over_time(x_over_time(x[4s])[12s:1s]) >= 12"),
        ("x offset 1m > 4 * 3600", "x offset 6s > 4 * 3600"),
        ("x offset -1m", "x offset -6s"),
        ('x{site="2m"} == 5', 'x{site="2m"} == 5'),
        ("rate(x[5m:])", "rate(x[30s:])"),
    ],
)
def test_expressions(text: str, expected: str) -> None:
    assert scale.expression(text, 0.1) == expected


def test_every_duration_is_scaled() -> None:
    for file in ("rules.yml", "people.yml", "energy.yml", "prometheus.yml", "alertmanager.yml"):
        document = yaml.safe_load((ALERTS / file).read_text())
        before = re.findall(r"\b\d+(?:ms|[smhd])\b", str(document))
        after = re.findall(r"\b\d+(?:ms|[smhd])\b", str(scale.scale(document, 0.01)))
        assert len(before) == len(after)
        assert before
        assert not [text for text in set(after) & set(before) if text != "0s"], file


def test_scaled_files_are_valid(tmp_path: Path) -> None:
    for file in ("rules.yml", "people.yml", "energy.yml", "prometheus.yml", "alertmanager.yml"):
        scale.main(["--factor", "0.1", str(ALERTS / file), str(tmp_path / file)])
    for tool, check, file in (
        ("promtool", ["check", "config"], "prometheus.yml"),
        ("amtool", ["check-config"], "alertmanager.yml"),
    ):
        result = subprocess.run(
            [prometheus_tool(tool), *check, file], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert result.returncode == 0, result.stdout + result.stderr
    assert "[12s]" in (tmp_path / "rules.yml").read_text()


def test_wrong_factor_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        scale.main(["--factor", "0", str(ALERTS / "rules.yml"), str(tmp_path / "out.yml")])
    assert exit_status.value.code == 2
    assert "--factor: got 0.0, expected a number above 0 such as 0.1" in capsys.readouterr().err
