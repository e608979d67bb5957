"""The generator dashboard: why the generator runs, what blocks it, and how often it failed."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import TROUBLE, Query, Row, in_range, pick

FOR_PEOPLE = "locked_out|inhibit_alert|journal|relay_fault|no_evidence|ags_refuses"
"""What blocks a run until somebody sees to it; the rest ends by itself, or is a command of the owner."""


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
                    "Engine",
                    "Confirmed by AC at the inverter's input, never by our own command.",
                    "none",
                    Query(pick("generator_running"), "{{site}}"),
                    meanings=shared.ENGINE,
                    width=3,
                ),
                parts.number(
                    "Service due in",
                    "Running time until the next service, negative after it.",
                    "s",
                    Query(pick("generator_service_due_seconds"), "{{site}}"),
                    steps=[(None, parts.BAD), (0, parts.ATTENTION), (10 * 3600, parts.GOOD)],
                    decimals=1,
                    width=3,
                    absent="not counted, or no data",
                ),
                parts.number(
                    "Hour meter",
                    "For how long the engine has run in all, whoever started it, since the actuator counts.",
                    parts.HOURS,
                    Query(f"{pick('generator_engine_seconds_total')} / 3600", "{{site}}"),
                    decimals=1,
                    width=3,
                ),
                parts.number(
                    "Starts",
                    "Starts in the time range shown.",
                    "none",
                    Query(f"sum({in_range('generator_starts_total')})", "starts"),
                    decimals=0,
                    width=3,
                ),
                parts.number(
                    "Failed",
                    "Failed starts and failed stops in the time range shown.",
                    "none",
                    Query(f"sum({in_range('generator_start_failures_total')})", "starts"),
                    Query(f"sum({in_range('generator_stop_failures_total')})", "stops"),
                    decimals=0,
                    steps=[(None, parts.GOOD), (1, parts.BAD)],
                    width=3,
                ),
                parts.number(
                    "Failed attempts in a row",
                    "A good run resets it, and so does Reset lock-out on the panel.",
                    "none",
                    Query(pick("generator_attempts"), "{{site}}"),
                    decimals=0,
                    steps=[(None, parts.GOOD), (1, parts.BAD)],
                    width=3,
                ),
                parts.number(
                    "Locked out",
                    "The generator does not start until somebody presses Reset lock-out on the panel.",
                    "none",
                    Query(pick("generator_lockout"), "{{site}}"),
                    meanings=TROUBLE,
                    width=3,
                ),
                parts.number(
                    "Budget left",
                    "How long the contact may still be closed, counted over the last 24 hours.",
                    "s",
                    Query(pick("generator_budget_remaining_seconds"), "{{site}}"),
                    width=3,
                ),
            ],
        ),
        Row(
            "Decision",
            [
                shared.state_of_charge(width=24),
                parts.occurred(
                    "Requested by",
                    "What requested a run: one row for each cause that occurred.",
                    "generator_demand",
                    "cause",
                    "{{cause}} {{site}}",
                    none=("no", parts.FAINT),
                    width=12,
                ),
                parts.occurred(
                    "Blocked by",
                    "What blocked or ended a run: one row for each reason that occurred; red: see to it.",
                    "generator_inhibited",
                    "reason",
                    "{{reason}} {{site}}",
                    bad=FOR_PEOPLE,
                    none=("no", parts.FAINT),
                    width=12,
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
                    parts.HOURS,
                    Query(f"({pick('generator_run_deadline_timestamp_seconds')} - time()) / 3600", "{{site}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Run time in 24 hours",
                    "How long the contact was closed and the engine ran, whoever started it, in the last 24 hours, and "
                    "what remains of the budget.",
                    parts.HOURS,
                    Query(f"increase({pick('generator_engine_seconds_total')}[1d]) / 3600", "engine {{site}}"),
                    Query(f"increase({pick('generator_run_seconds_total')}[1d]) / 3600", "closed {{site}}"),
                    Query(f"{pick('generator_budget_remaining_seconds')} / 3600", "left {{site}}"),
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
            "Energy and hours",
            [
                parts.bars(
                    "Energy by day",
                    "What the inverter took from the generator on each whole day; apparent energy.",
                    "watth",
                    Query(parts.energy_by_day("generator"), "generator", colour=parts.GENERATOR),
                    each="1d",
                    since="31d",
                    width=8,
                ),
                parts.bars(
                    "Hours by day",
                    "How long the engine ran on each whole day, whoever started it.",
                    parts.HOURS,
                    Query(parts.engine_hours_by_day(), "engine", colour=parts.GENERATOR),
                    each="1d",
                    since="31d",
                    width=8,
                ),
                parts.bars(
                    "Runs by day",
                    "Runs that the actuator began on each whole day.",
                    "none",
                    Query(parts.by_day("generator_starts"), "runs", colour=parts.GENERATOR),
                    each="1d",
                    since="31d",
                    width=8,
                ),
                parts.graph(
                    "Generator at the inverter",
                    "Volts at the AC input, estimated.",
                    "volt",
                    Query(pick("magnum_inverter_ac_input_volts"), "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Power from the generator",
                    "Volts times amperes at the AC input: apparent power.",
                    "watt",
                    Query(pick("instance:generator_watts"), "generator {{site}}", colour=parts.GENERATOR),
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
