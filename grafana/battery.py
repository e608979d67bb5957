"""The battery dashboard: which state of charge leads, which is refused and why, and the monitors' values."""

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
        "The sources of the state of charge with their judgement, and the battery monitors' own values.",
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
                    "The source whose state of charge is used.",
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
                    "Refused, by reason",
                    "Why a source is refused.",
                    TROUBLE,
                    Query(pick("battery_soc_refused"), "{{source}}: {{reason}} {{site}}"),
                    height=8,
                ),
                parts.graph(
                    "Spread",
                    "Highest minus lowest state of charge of all sources. Zero with a single source.",
                    "percentunit",
                    Query(SPREAD, "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Age of the state of charge",
                    "Time since the last reading of the leading source.",
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
                    "Present volts, and the lowest and highest that the monitor has stored.",
                    "volt",
                    Query(pick("magnum_bmk_volts"), "{{device}}"),
                    Query(pick("magnum_bmk_min_volts"), "lowest {{device}}", dashed=True),
                    Query(pick("magnum_bmk_max_volts"), "highest {{device}}", dashed=True),
                ),
                parts.graph(
                    "Current", "Positive into the battery.", "amp", Query(pick("magnum_bmk_amperes"), "{{device}}")
                ),
                parts.graph(
                    "Charge",
                    "Counted by the monitor: net since the battery was full, and since the trip counter was reset.",
                    "amph",
                    Query(pick("magnum_bmk_net_amphours"), "net {{device}}"),
                    Query(pick("magnum_bmk_trip_amphours"), "trip {{device}}"),
                ),
                parts.graph(
                    "Temperature",
                    "Battery temperature at the inverter's sensor.",
                    "celsius",
                    Query(pick("magnum_inverter_battery_celsius"), "{{device}}"),
                ),
            ],
        ),
    )
