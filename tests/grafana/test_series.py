"""What a panel's query makes of given series, by promtool: two sites at one address, and devices of each kind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from grafana.queries import list_queries
from tests.support import prometheus_tool

EXPORTER = 'job="magnum-exporter", instance="127.0.0.1:10048"'
CABIN, HOUSE = 'site="cabin"', 'site="house"'


class Case(NamedTuple):
    """Constant series, and what a panel's query makes of them after ten minutes."""

    dashboard: str
    panel: str
    given: Mapping[str, float]
    expected: Mapping[str, float]
    query: int = 0


def _mode(device: str, mode: str, value: int) -> dict[str, float]:
    return {f'vedirect_monitor_mode{{{EXPORTER}, device="{device}", mode="{mode}"}}': value}


CASES = {
    "a carbon monoxide block": Case(
        "Off-grid wall",
        "What is wrong now",
        {
            'ALERTS{alertname="GeneratorInhibit", alertstate="firing", severity="none", reason="carbon_monoxide"}': 1,
            'ALERTS{alertname="BatterySocLow", alertstate="firing", severity="none"}': 1,
            'ALERTS{alertname="DeviceSilent", alertstate="firing", severity="warning", device="shunt"}': 1,
            'ALERTS{alertname="DeviceSilent", alertstate="pending", severity="warning", device="classic"}': 1,
        },
        {
            'ALERTS{alertname="GeneratorInhibit", alertstate="firing", severity="none", reason="carbon_monoxide", '
            'device=" carbon_monoxide"}': 1,
            'ALERTS{alertname="DeviceSilent", alertstate="firing", severity="warning", device="shunt"}': 1,
        },
    ),
    "the energy of a dead site beside a living one at the same address": Case(
        "Solar",
        "Today",
        {
            f"up{{{EXPORTER}, {CABIN}}}": 0,
            f"up{{{EXPORTER}, {HOUSE}}}": 1,
            f"instance:solar_watts{{{EXPORTER}, {CABIN}}}": 6000,
            f"instance:solar_watts{{{EXPORTER}, {HOUSE}}}": 600,
        },
        {"{}": 110},  # eleven samples, one for each minute
    ),
    "cells of two sites, and of Pylontech's modules": Case(
        "Battery",
        "Cells: how far from the mean of their pack",
        {
            f'modbus_cell_volts{{{EXPORTER}, device="pack", cell="1", {CABIN}}}': 3.25,
            f'modbus_cell_volts{{{EXPORTER}, device="pack", cell="2", {CABIN}}}': 3.75,
            f'modbus_cell_volts{{{EXPORTER}, device="pack", cell="1", {HOUSE}}}': 3,
            f'pylontech_cell_volts{{{EXPORTER}, device="rack", module="2", cell="1", {HOUSE}}}': 3,
            f'pylontech_cell_volts{{{EXPORTER}, device="rack", module="2", cell="2", {HOUSE}}}': 2.75,
            f'pylontech_cell_volts{{{EXPORTER}, device="rack", module="3", cell="1", {HOUSE}}}': 3.5,
        },
        {
            f'{{{EXPORTER}, device="pack", cell="1", {CABIN}}}': 250,
            f'{{{EXPORTER}, device="pack", cell="2", {CABIN}}}': 250,
            f'{{{EXPORTER}, device="pack", cell="1", {HOUSE}}}': 0,
            f'{{{EXPORTER}, device="rack", module="2", cell="1", {HOUSE}}}': 125,
            f'{{{EXPORTER}, device="rack", module="2", cell="2", {HOUSE}}}': 125,
            f'{{{EXPORTER}, device="rack", module="3", cell="1", {HOUSE}}}': 0,
        },
    ),
    "a charger that a Victron monitor measures, and an alternator": Case(
        "Solar",
        "Power",
        {
            f'classic_battery_watts{{{EXPORTER}, device="classic"}}': 900,
            f'vedirect_source_watts{{{EXPORTER}, device="mppt"}}': 100,
            f'vedirect_source_watts{{{EXPORTER}, device="alternator"}}': 500,
            **_mode("mppt", "solar_charger", 1),
            **_mode("alternator", "solar_charger", 0),
            **_mode("alternator", "alternator", 1),
        },
        {
            f'classic_battery_watts{{{EXPORTER}, device="classic"}}': 900,
            f'vedirect_source_watts{{{EXPORTER}, device="mppt"}}': 100,
        },
    ),
    "a refused state of charge": Case(
        "Battery",
        "Sources",
        {
            f'battery_soc_source_ratio{{{EXPORTER}, source="shunt", {CABIN}}}': 1,
            f'battery_soc_source_ratio{{{EXPORTER}, source="house", {CABIN}}}': 0.5,
            f'battery_soc_refused{{{EXPORTER}, source="shunt", reason="jump", {CABIN}}}': 1,
            f'battery_soc_refused{{{EXPORTER}, source="shunt", reason="stale", {CABIN}}}': 0,
            f'battery_soc_refused{{{EXPORTER}, source="house", reason="jump", {CABIN}}}': 0,
            f'battery_soc_source_ratio{{{EXPORTER}, source="shunt", {HOUSE}}}': 0.25,
        },
        {f'{{{EXPORTER}, source="shunt", reason="jump", {CABIN}}}': 1},
        query=1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_panel_shows(case: Case, tmp_path: Path) -> None:
    queries = [one for one in list_queries() if (one.dashboard, one.panel) == (case.dashboard, case.panel)]
    series = [{"series": name, "values": f"{value}x10"} for name, value in case.given.items()]
    expected = [{"labels": labels, "value": value} for labels, value in case.expected.items()]
    shown = {"expr": queries[case.query].expression, "eval_time": "10m", "exp_samples": expected}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [shown]}
    file = tmp_path / "panel.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}))
    result = subprocess.run(
        [prometheus_tool("promtool"), "test", "rules", file], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
