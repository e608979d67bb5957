"""Write the dashboards' JSON: `python -m grafana.build`. With `--check`, only list the files that are out of date.

`dashboards/` is for provisioning. `import/` has the same for Grafana's page "Import dashboard", which asks for the data
source.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from grafana import battery, devices, energy, generator, site, solar
from grafana.parts import MINIMUM_GRAFANA

ROOT = Path(__file__).parent
FOLDER = ROOT / "dashboards"

PANEL_NAMES = {
    "barchart": "Bar chart",
    "bargauge": "Bar gauge",
    "gauge": "Gauge",
    "heatmap": "Heatmap",
    "stat": "Stat",
    "state-timeline": "State timeline",
    "table": "Table",
    "timeseries": "Time series",
}


def built() -> dict[str, str]:
    """Return the JSON text of each file by its path in this folder."""
    files = {}
    for board in (module.build() for module in (site, energy, battery, solar, generator, devices)):
        text = _encoded(board)
        files[f"dashboards/{board.uid}.json"] = text
        files[f"import/{board.uid}.json"] = _encoded(_importable(json.loads(text)))
    return files


def _encoded(board: dashboard.Dashboard | dict[str, Any]) -> str:
    return json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _importable(board: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard with the inputs that the import asks for, instead of the variable for the data source."""
    variables = board["templating"]["list"]
    board["templating"]["list"] = [variable for variable in variables if variable["type"] != "datasource"]
    panels = {panel["type"] for panel in board["panels"]} - {"row"}
    required = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": MINIMUM_GRAFANA},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": panel, "name": PANEL_NAMES[panel], "version": ""} for panel in sorted(panels)),
    ]
    asked = {
        "name": "DS_PROMETHEUS",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes the exporter and the actuator.",
        "type": "datasource",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
    }
    text = json.dumps({**board, "__inputs": [asked], "__requires": required})
    importable: dict[str, Any] = json.loads(text.replace("${datasource}", "${DS_PROMETHEUS}"))
    return importable


def main(argv: list[str] | None = None) -> int:
    """Write or check the files; return 1 when a checked file is out of date."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description="write the dashboards' JSON")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is out of date")
    check = parser.parse_args(argv).check
    different = []
    for name, text in built().items():
        file = ROOT / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            different.append(name)
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if check and different:
        sys.stderr.write(f"out of date: {', '.join(different)}; run python -m grafana.build\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
