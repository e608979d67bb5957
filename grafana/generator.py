"""The generator dashboard: why the generator runs, what blocks it, and how often it failed."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import TROUBLE, Query, Row, in_range, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-generator",
        "Generator",
        "The actuator's decision and its reasons: requests, blocks, contact, evidence and path.",
        Row(
            "Now",
            [
                parts.number(
                    "Starts",
                    "Starts in the time range shown.",
                    "none",
                    Query(f"sum({in_range('generator_starts_total')})", "starts"),
                    decimals=0,
                ),
                parts.number(
                    "Failed starts",
                    "Failed starts in the time range shown.",
                    "none",
                    Query(f"sum({in_range('generator_start_failures_total')})", "failed"),
                    decimals=0,
                ),
                parts.number(
                    "Failed stops",
                    "Failed stops in the time range shown.",
                    "none",
                    Query(f"sum({in_range('generator_stop_failures_total')})", "failed"),
                    decimals=0,
                ),
                parts.number(
                    "Failed attempts in a row",
                    "A good run resets it, and so does Reset lock-out on the panel.",
                    "none",
                    Query(pick("generator_attempts"), "{{site}}"),
                    decimals=0,
                ),
                parts.number(
                    "Locked out",
                    "The generator does not start until somebody presses Reset lock-out on the panel.",
                    "none",
                    Query(pick("generator_lockout"), "{{site}}"),
                    meanings=TROUBLE,
                ),
                parts.number(
                    "Budget left",
                    "How long the contact may still be closed, counted over the last 24 hours.",
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
                    "Requested by",
                    "Each cause that can request a run, and when it did.",
                    parts.NO_OR_YES,
                    Query(pick("generator_demand"), "{{cause}} {{site}}"),
                    height=6,
                ),
                parts.timeline(
                    "Blocked by",
                    "Each reason that can block or end a run, and when it did.",
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
                    "The contact opens at this deadline at the latest. No line: no run.",
                    "s",
                    Query(f"{pick('generator_run_deadline_timestamp_seconds')} - time()", "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Run time in 24 hours",
                    "How long the contact was closed and the engine ran, whoever started it, in the last 24 hours, and "
                    "what remains of the budget.",
                    "s",
                    Query(f"increase({pick('generator_engine_seconds_total')}[1d])", "engine {{site}}"),
                    Query(f"increase({pick('generator_run_seconds_total')}[1d])", "closed {{site}}"),
                    Query(pick("generator_budget_remaining_seconds"), "left {{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Starts by cause",
                    "Starts within the last hour.",
                    "none",
                    Query(f"increase({pick('generator_starts_total')}[1h])", "{{cause}} {{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Failures",
                    "Failed starts, failed stops and relay errors within the last hour.",
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
                    "Time since the last heartbeat. After the heartbeat timeout the actuator decides by itself.",
                    "s",
                    Query(f"time() - {pick('generator_heartbeat_timestamp_seconds')}", "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Notifications",
                    "Alerts accepted by status, and rejected by reason, within the last 5 minutes.",
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
