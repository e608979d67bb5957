"""The devices dashboard: whether the data is fresh, what is on the buses, and which versions run."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import Query, Row, per_second, pick

AGES = parts.of_families("last_success_timestamp_seconds")


def each_rate(suffix: str) -> str:
    """Return the rates per second of a counter that every family has."""
    return " or ".join(per_second(f"{family}_{suffix}") for family in parts.FAMILIES)


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
                    Query(parts.of_families("up"), "{{device}} {{site}}"),
                    width=12,
                    height=8,
                ),
                parts.timeline(
                    "Programs",
                    "Whether Prometheus can read the exporter and the actuator.",
                    parts.SILENT_OR_NOT,
                    Query(pick("up"), "{{job}} {{instance}}"),
                    width=12,
                    height=8,
                ),
                parts.levels(
                    "Age of the last reading",
                    "Time since the last reading of each device, now.",
                    "s",
                    Query(f"time() - ({AGES})", "{{device}} {{site}}"),
                    steps=[(None, parts.GOOD), (30, parts.ATTENTION), (60, parts.BAD)],
                    highest=120,
                    height=8,
                    decimals=1,
                ),
                parts.graph(
                    "Age of the last reading over time",
                    "A saw: the device answers. A slope: it is silent.",
                    "s",
                    Query(f"time() - ({AGES})", "{{device}}"),
                    lowest=0,
                    width=8,
                ),
                parts.graph(
                    "Reads",
                    "Attempts to read a device; failed attempts where there are any.",
                    "ops",
                    Query(each_rate("reads_total"), "{{device}}"),
                    Query(f"({each_rate('read_failures_total')}) > 0", "failed {{device}}"),
                    lowest=0,
                    width=8,
                ),
            ],
        ),
        Row(
            "Inverter",
            [
                shared.inverter_state(),
                parts.graph(
                    "AC volts",
                    "Output volts, and an estimate of the input volts: the frame has a peak-like value.",
                    "volt",
                    Query(pick("magnum_inverter_ac_output_volts"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_input_volts"), "input {{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "AC current",
                    "Output: the load. Input: from generator or shore power.",
                    "amp",
                    Query(pick("magnum_inverter_ac_output_amperes"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_input_amperes"), "input {{device}}"),
                ),
                parts.graph(
                    "AC power",
                    "Volts times amperes from the frames: apparent power. Peak: the highest in the last minute.",
                    "watt",
                    Query(pick("magnum_inverter_ac_output_watts"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_output_watts_peak"), "output peak {{device}}"),
                    Query(pick("magnum_inverter_ac_input_watts"), "input {{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Mean power",
                    "Computed from the energy counters, so it includes every peak between two scrapes.",
                    "watt",
                    Query(per_second("magnum_inverter_ac_output_joules_total"), "load {{device}}"),
                    Query(per_second("magnum_inverter_ac_input_joules_total"), "generator or grid {{device}}"),
                    Query(per_second("magnum_inverter_dc_charge_joules_total"), "into the battery {{device}}"),
                    Query(per_second("magnum_inverter_dc_discharge_joules_total"), "out of the battery {{device}}"),
                    lowest=0,
                ),
            ],
        ),
        Row(
            "AIMS",
            [
                parts.graph(
                    "AC volts",
                    "Input and output of an AIMS inverter.",
                    "volt",
                    Query(pick("aims_input_volts"), "input {{device}}"),
                    Query(pick("aims_output_volts"), "output {{device}}"),
                    lowest=0,
                    width=8,
                ),
                parts.graph(
                    "Load",
                    "As a share of its rating.",
                    "percentunit",
                    Query(pick("aims_load_ratio"), "{{device}}"),
                    lowest=0,
                    width=8,
                ),
                parts.occurred(
                    "Status",
                    "What it reports, but its type; one row for each flag that occurred; red: it fails or soon will.",
                    "aims_status",
                    "flag",
                    "{{device}} {{flag}}",
                    only="!=standby_type",
                    bad="failed|battery_low|shutdown_active",
                    none=("no flag", parts.FAINT),
                    width=8,
                    height=8,
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
                parts.occurred(
                    "Inverter faults",
                    "Whether each inverter reports a fault; one row for each fault that occurred.",
                    "magnum_inverter_fault",
                    "fault",
                    "{{device}} {{fault}}",
                    only="!=none",
                    colour=parts.BAD,
                    none=("no fault", parts.GOOD),
                    height=5,
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
                    parts.states(("rejected", parts.BAD), ("accepted", parts.GOOD)),
                    Query(pick("magnum_exporter_config_last_reload_successful"), "exporter {{instance}}"),
                    Query(pick("generator_actuator_config_last_reload_successful"), "actuator {{instance}}"),
                ),
            ],
        ),
    )
