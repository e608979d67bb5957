"""Why the generator runs, why it does not, and how often it failed."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import TROUBLE, Query, Row, in_range, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-generator",
        "Generator",
        "What the actuator decides and on what grounds: demand, inhibitors, the contact, the proof, the path.",
        Row(
            "Now",
            [
                parts.number(
                    "Starts",
                    "In the time shown.",
                    "none",
                    Query(f"sum({in_range('generator_starts_total')})", "starts"),
                    decimals=0,
                ),
                parts.number(
                    "Failed starts",
                    "In the time shown.",
                    "none",
                    Query(f"sum({in_range('generator_start_failures_total')})", "failed"),
                    decimals=0,
                ),
                parts.number(
                    "Failed stops",
                    "In the time shown.",
                    "none",
                    Query(f"sum({in_range('generator_stop_failures_total')})", "failed"),
                    decimals=0,
                ),
                parts.number(
                    "Failed attempts in a row",
                    "Reset by a good run or by an acknowledgement.",
                    "none",
                    Query(pick("generator_attempts"), "{{site}}"),
                    decimals=0,
                ),
                parts.number(
                    "Locked out",
                    "Starts nothing until it is acknowledged.",
                    "none",
                    Query(pick("generator_lockout"), "{{site}}"),
                    meanings=TROUBLE,
                ),
                parts.number(
                    "Budget left",
                    "How long the contact may still be closed in this sliding day.",
                    "s",
                    Query(pick("generator_budget_remaining_seconds"), "{{site}}"),
                ),
            ],
        ),
        Row(
            "Decision",
            [
                shared.state_of_charge(width=24),
                parts.timeline(
                    "Demand",
                    "Every cause that could want the engine, and when it did.",
                    parts.NO_OR_YES,
                    Query(pick("generator_demand"), "{{cause}} {{site}}"),
                    height=6,
                ),
                parts.timeline(
                    "Inhibitors",
                    "Everything that can forbid a run or end one, and when it did.",
                    TROUBLE,
                    Query(pick("generator_inhibited"), "{{reason}} {{site}}"),
                    height=9,
                ),
                shared.contact_and_engine(),
                shared.phase(),
                shared.mode(),
                shared.path(),
                shared.ags_state(),
            ],
        ),
        Row(
            "Runs",
            [
                parts.graph(
                    "Time to the run's deadline",
                    "However long the causes hold, the contact opens no later than this. No line: no run.",
                    "s",
                    Query(f"{pick('generator_run_deadline_timestamp_seconds')} - time()", "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Run time in a day",
                    "How long the contact was closed in the 24 hours before, and what is left of the budget.",
                    "s",
                    Query(f"increase({pick('generator_run_seconds_total')}[1d])", "closed {{site}}"),
                    Query(pick("generator_budget_remaining_seconds"), "left {{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Starts by cause",
                    "In the hour before.",
                    "none",
                    Query(f"increase({pick('generator_starts_total')}[1h])", "{{cause}} {{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Failures",
                    "Starts and stops that failed, and relay errors, in the hour before.",
                    "none",
                    Query(f"increase({pick('generator_start_failures_total')}[1h])", "starts {{site}}"),
                    Query(f"increase({pick('generator_stop_failures_total')}[1h])", "stops {{site}}"),
                    Query(f"increase({pick('generator_relay_errors_total')}[1h])", "relay {{site}}"),
                    lowest=0,
                ),
            ],
        ),
        Row(
            "Alert path",
            [
                parts.graph(
                    "Age of the last heartbeat",
                    "Beyond the heartbeat's timeout the actuator decides by itself.",
                    "s",
                    Query(f"time() - {pick('generator_heartbeat_timestamp_seconds')}", "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Notifications",
                    "Alerts taken in, by status, in the five minutes before.",
                    "none",
                    Query(f"increase({pick('generator_notifications_total')}[5m])", "{{status}} {{site}}"),
                    Query(
                        f"increase({pick('generator_notifications_rejected_total')}[5m])",
                        "rejected: {{reason}} {{site}}",
                    ),
                    lowest=0,
                ),
            ],
        ),
    )
