"""The overview dashboard: the present state of the site."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import Query, Row, in_range, per_second, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-site",
        "Off-grid site",
        "Battery, AC and generator of an off-grid site, with the alerts for people.",
        Row(
            "Now",
            [
                parts.number(
                    "State of charge",
                    "The leading state of charge.",
                    "percentunit",
                    Query(pick("battery_soc_ratio"), "{{site}}"),
                    decimals=0,
                ),
                parts.number(
                    "Battery",
                    "Battery volts at the inverter.",
                    "volt",
                    Query(pick("magnum_inverter_dc_volts"), "{{device}}"),
                    decimals=1,
                ),
                parts.number(
                    "Battery current",
                    "Positive into the battery.",
                    "amp",
                    Query(pick("magnum_bmk_amperes"), "{{device}}"),
                    decimals=1,
                ),
                parts.number(
                    "Load",
                    "Volts times amperes at the inverter's output.",
                    "watt",
                    Query(pick("magnum_inverter_ac_output_watts"), "{{device}}"),
                ),
                parts.number(
                    "Engine",
                    "Confirmed by AC at the inverter's input, never by our own command. No value: unknown.",
                    "none",
                    Query(pick("generator_running"), "{{site}}"),
                    meanings=parts.states(("stopped", "text"), ("running", parts.GREEN)),
                ),
                parts.number(
                    "Oldest reading",
                    "Time since the last reading of the slowest device.",
                    "s",
                    Query(f"time() - min({pick('magnum_last_success_timestamp_seconds')})", "seconds"),
                    decimals=0,
                ),
            ],
        ),
        Row(
            "Battery",
            [
                shared.state_of_charge(),
                parts.graph(
                    "Battery volts",
                    "Measured by the inverter and by the battery monitor.",
                    "volt",
                    Query(pick("magnum_inverter_dc_volts"), "inverter {{device}}"),
                    Query(pick("magnum_bmk_volts"), "monitor {{device}}"),
                ),
                parts.graph(
                    "Battery current",
                    "Positive into the battery. The monitor measures the whole current, the inverter only its own.",
                    "amp",
                    Query(pick("magnum_bmk_amperes"), "monitor {{device}}"),
                    Query(pick("magnum_inverter_dc_amperes"), "inverter {{device}}"),
                ),
                parts.graph(
                    "Time to empty",
                    "From the leading state of charge, current and capacity. No line while the battery charges.",
                    "s",
                    Query(pick("battery_time_to_empty_seconds"), "{{site}}"),
                    lowest=0,
                ),
            ],
        ),
        Row(
            "Generator",
            [
                shared.contact_and_engine(),
                shared.phase(),
                shared.mode(),
                shared.path(),
                shared.inverter_state(),
                shared.ags_state(),
            ],
        ),
        Row(
            "AC",
            [
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
                    Query(per_second("magnum_inverter_ac_input_joules_total"), "generator or shore {{device}}"),
                    Query(per_second("magnum_inverter_dc_charge_joules_total"), "into the battery {{device}}"),
                    Query(per_second("magnum_inverter_dc_discharge_joules_total"), "out of the battery {{device}}"),
                    lowest=0,
                ),
                parts.number(
                    "Energy used",
                    "Energy used by the load in the time range shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_ac_output_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy from generator or shore",
                    "Energy at the AC input in the time range shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_ac_input_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy into the battery",
                    "Energy from the inverter's charger in the time range shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_dc_charge_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy out of the battery",
                    "Energy through the inverter in the time range shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_dc_discharge_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
            ],
        ),
    )
