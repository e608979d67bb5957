"""All queries of the dashboards, ready to send to Prometheus: `list_queries()` or `python -m grafana.queries`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import NamedTuple

from grafana.build import FOLDER

# Values for Grafana's variables, longest name first.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$instance": ".+",
    "$site": ".*",
    "$job": ".+",
}


class PanelQuery(NamedTuple):
    """One query of a panel: the titles of dashboard and panel, and the expression without variables.

    `now`: it asks for the present value alone, not for a range of time.
    """

    dashboard: str
    panel: str
    expression: str
    now: bool


def substituted(expression: str, **durations: str) -> str:
    """Return an expression with Grafana's variables replaced; `durations` may set `rate_interval` and `range`."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, durations.get(variable.removeprefix("$__"), value))
    return expression


def list_queries(**durations: str) -> Iterator[PanelQuery]:
    """Yield the queries of all panels in all committed dashboards."""
    for file in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                expression = substituted(target["expr"], **durations)
                yield PanelQuery(dashboard["title"], panel["title"], expression, target["instant"])


if __name__ == "__main__":
    for query in list_queries():
        sys.stdout.write(f"{query.dashboard} | {query.panel} | {query.expression}\n")
