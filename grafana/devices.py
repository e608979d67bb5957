"""Whether the numbers on the other dashboards can be believed: devices, buses, programs."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts
from grafana.parts import Query, Row, per_second, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-devices",
        "Devices and data",
        "How fresh the data is, what is on the buses, which devices and programs these are.",
        Row(
            "Freshness",
            [
                parts.timeline(
                    "Devices",
                    "Whether a device answers. A silent one loses its values at once; nothing old is shown.",
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
                    "How long ago a device last answered.",
                    "s",
                    Query(f"time() - {pick('magnum_last_success_timestamp_seconds')}", "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Reads",
                    "Attempts to read a device, and failed ones.",
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
                    "Accepted, by kind: who is on the bus, and how often it speaks.",
                    "ops",
                    Query(per_second("magnum_frames_total"), "{{device}} {{frame}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Discarded bytes",
                    "Bytes that made no frame. A little is what adapters add; a lot is wiring.",
                    "Bps",
                    Query(per_second("magnum_discarded_bytes_total"), "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Reconnects",
                    "How often the port was opened anew, in the hour before.",
                    "none",
                    Query(f"increase({pick('magnum_reconnects_total')}[1h])", "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Temperatures",
                    "Of the inverter's transformer and transistors, and at the AGS.",
                    "celsius",
                    Query(pick("magnum_inverter_transformer_celsius"), "transformer {{device}}"),
                    Query(pick("magnum_inverter_fet_celsius"), "transistors {{device}}"),
                    Query(pick("magnum_ags_celsius"), "AGS {{device}}"),
                ),
                parts.timeline(
                    "Inverter faults",
                    "What each inverter reports, a row for each fault that occurred; none is one of them.",
                    {1: ("yes", parts.ORANGE)},
                    Query(f"{pick('magnum_inverter_fault')} == 1", "{{device}} {{fault}}"),
                ),
            ],
        ),
        Row(
            "What is here",
            [
                parts.number(
                    "Inverter",
                    "Model, revision of its software, place in a stack, nominal volts.",
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
                    "Version and revision.",
                    "none",
                    Query(pick("magnum_exporter_build_info"), "magnum-exporter {{version}} {{revision}}"),
                    Query(pick("generator_actuator_build_info"), "generator-actuator {{version}} {{revision}}"),
                    width=12,
                    named=True,
                ),
                parts.timeline(
                    "Configuration in force",
                    "Whether the last change of a configuration file was taken.",
                    parts.states(("refused", parts.RED), ("taken", parts.GREEN)),
                    Query(pick("magnum_exporter_config_last_reload_successful"), "exporter {{instance}}"),
                    Query(pick("generator_actuator_config_last_reload_successful"), "actuator {{instance}}"),
                ),
            ],
        ),
    )
