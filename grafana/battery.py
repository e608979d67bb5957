"""Which state of charge leads, which is refused and why, and what the battery monitors say."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import GREEN, RED, TROUBLE, Query, Row, pick

SOURCES = pick("battery_soc_source_ratio")
SPREAD = f"max without (source) ({SOURCES}) - min without (source) ({SOURCES})"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-battery",
        "Battery",
        "The sources of the state of charge, judged side by side, and the battery monitors' own values.",
        Row(
            "State of charge",
            [
                shared.state_of_charge(),
                parts.graph(
                    "Sources",
                    "Each source's own state of charge, trusted or not.",
                    "percentunit",
                    Query(SOURCES, "{{source}} {{site}}"),
                    lowest=0,
                    highest=1,
                ),
                parts.timeline(
                    "Lead",
                    "The source whose state of charge is the battery's.",
                    parts.NO_OR_YES,
                    Query(pick("battery_soc_lead"), "{{source}} {{site}}"),
                    width=12,
                ),
                parts.timeline(
                    "Trust",
                    "Whether a source may lead.",
                    parts.states(("refused", RED), ("trusted", GREEN)),
                    Query(pick("battery_soc_trusted"), "{{source}} {{site}}"),
                    width=12,
                ),
                parts.timeline(
                    "Refused because",
                    "The reason for every source that is refused.",
                    TROUBLE,
                    Query(pick("battery_soc_refused"), "{{source}}: {{reason}} {{site}}"),
                    height=8,
                ),
                parts.graph(
                    "Spread",
                    "Highest minus lowest of the sources; zero with a single one.",
                    "percentunit",
                    Query(SPREAD, "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Age of the state of charge",
                    "How long ago the leading source last spoke.",
                    "s",
                    Query(f"time() - {pick('battery_soc_last_update_timestamp_seconds')}", "{{site}}"),
                    lowest=0,
                ),
            ],
        ),
        Row(
            "Battery monitor (BMK)",
            [
                parts.graph(
                    "Volts",
                    "Now, and the lowest and highest that the monitor remembers.",
                    "volt",
                    Query(pick("magnum_bmk_volts"), "{{device}}"),
                    Query(pick("magnum_bmk_min_volts"), "lowest {{device}}", dashed=True),
                    Query(pick("magnum_bmk_max_volts"), "highest {{device}}", dashed=True),
                ),
                parts.graph(
                    "Current", "Into the battery is positive.", "amp", Query(pick("magnum_bmk_amperes"), "{{device}}")
                ),
                parts.graph(
                    "Charge",
                    "Counted by the monitor: net since it was full, and since its trip counter was reset.",
                    "amph",
                    Query(pick("magnum_bmk_net_amphours"), "net {{device}}"),
                    Query(pick("magnum_bmk_trip_amphours"), "trip {{device}}"),
                ),
                parts.graph(
                    "Temperature",
                    "Of the battery, at the inverter's sensor.",
                    "celsius",
                    Query(pick("magnum_inverter_battery_celsius"), "{{device}}"),
                ),
            ],
        ),
    )
