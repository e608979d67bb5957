"""The devices dashboard: whether the data is fresh, what is on the buses, and which versions run."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts
from grafana.parts import Query, Row, per_second, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-devices",
        "Devices and data",
        "Whether the data is fresh, what is on the buses, and which devices and program versions run.",
        Row(
            "Freshness",
            [
                parts.timeline(
                    "Devices",
                    "Whether a device answers. The values of a silent device disappear; no old value is shown.",
                    parts.SILENT_OR_NOT,
                    Query(pick("magnum_up"), "{{device}} {{site}}"),
                    width=12,
                ),
                parts.timeline(
                    "Programs",
                    "Whether Prometheus can read the exporter and the actuator.",
                    parts.SILENT_OR_NOT,
                    Query(pick("up"), "{{job}} {{instance}}"),
                    width=12,
                ),
                parts.graph(
                    "Age of the last reading",
                    "Time since the last reading of each device.",
                    "s",
                    Query(f"time() - {pick('magnum_last_success_timestamp_seconds')}", "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Reads",
                    "Attempts to read a device, and failed attempts.",
                    "ops",
                    Query(per_second("magnum_reads_total"), "{{device}}"),
                    Query(per_second("magnum_read_failures_total"), "failed {{device}}"),
                    lowest=0,
                ),
            ],
        ),
        Row(
            "Magnum bus",
            [
                parts.graph(
                    "Frames",
                    "Accepted frames by kind: which devices are on the bus, and how often they send.",
                    "ops",
                    Query(per_second("magnum_frames_total"), "{{device}} {{frame}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Discarded bytes",
                    "Bytes that formed no frame. A few come from the adapter. Many are a sign of bad wiring.",
                    "Bps",
                    Query(per_second("magnum_discarded_bytes_total"), "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Reconnects",
                    "How often the port was reopened within the last hour.",
                    "none",
                    Query(f"increase({pick('magnum_reconnects_total')}[1h])", "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Temperatures",
                    "Temperatures of the inverter's transformer and transistors, and at the AGS.",
                    "celsius",
                    Query(pick("magnum_inverter_transformer_celsius"), "transformer {{device}}"),
                    Query(pick("magnum_inverter_fet_celsius"), "transistors {{device}}"),
                    Query(pick("magnum_ags_celsius"), "AGS {{device}}"),
                ),
                parts.timeline(
                    "Inverter faults",
                    'Faults that each inverter reports, one row per fault. The row "none" means no fault.',
                    {1: ("yes", parts.ORANGE)},
                    Query(f"{pick('magnum_inverter_fault')} == 1", "{{device}} {{fault}}"),
                ),
            ],
        ),
        Row(
            "Versions",
            [
                parts.number(
                    "Inverter",
                    "Model, software revision, position in a stack, nominal volts.",
                    "none",
                    Query(
                        pick("magnum_inverter_info"),
                        "{{device}}: {{model}}, revision {{revision}}, {{stack_mode}}, {{nominal_volts}} V",
                    ),
                    width=12,
                    named=True,
                ),
                parts.number(
                    "Programs",
                    "Version and revision of each program.",
                    "none",
                    Query(pick("magnum_exporter_build_info"), "magnum-exporter {{version}} {{revision}}"),
                    Query(pick("generator_actuator_build_info"), "generator-actuator {{version}} {{revision}}"),
                    width=12,
                    named=True,
                ),
                parts.timeline(
                    "Configuration",
                    "Whether the last change of a configuration file was accepted.",
                    parts.states(("rejected", parts.RED), ("accepted", parts.GREEN)),
                    Query(pick("magnum_exporter_config_last_reload_successful"), "exporter {{instance}}"),
                    Query(pick("generator_actuator_config_last_reload_successful"), "actuator {{instance}}"),
                ),
            ],
        ),
    )
