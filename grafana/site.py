"""The first dashboard to look at: how the site is."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import Query, Row, in_range, per_second, pick


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-site",
        "Off-grid site",
        "Battery, AC and generator of an off-grid site, with the alerts that people get.",
        Row(
            "Now",
            [
                parts.number(
                    "State of charge",
                    "The one that leads.",
                    "percentunit",
                    Query(pick("battery_soc_ratio"), "{{site}}"),
                    decimals=0,
                ),
                parts.number(
                    "Battery",
                    "Volts at the inverter.",
                    "volt",
                    Query(pick("magnum_inverter_dc_volts"), "{{device}}"),
                    decimals=1,
                ),
                parts.number(
                    "Battery current",
                    "Into the battery is positive.",
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
                    "Proven by AC at the inverter's input, never by our own command. No value: nothing is known.",
                    "none",
                    Query(pick("generator_running"), "{{site}}"),
                    meanings=parts.states(("stopped", "text"), ("running", parts.GREEN)),
                ),
                parts.number(
                    "Oldest reading",
                    "How long ago the slowest device last answered.",
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
                    "As the inverter and the battery monitor measure it.",
                    "volt",
                    Query(pick("magnum_inverter_dc_volts"), "inverter {{device}}"),
                    Query(pick("magnum_bmk_volts"), "monitor {{device}}"),
                ),
                parts.graph(
                    "Battery current",
                    "Into the battery is positive. The monitor's shunt sees everything, the inverter only itself.",
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
                    "Output, and an estimate of the input: the frame gives a peak-like value.",
                    "volt",
                    Query(pick("magnum_inverter_ac_output_volts"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_input_volts"), "input {{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "AC current",
                    "Output is the load; input comes from generator or shore.",
                    "amp",
                    Query(pick("magnum_inverter_ac_output_amperes"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_input_amperes"), "input {{device}}"),
                ),
                parts.graph(
                    "AC power",
                    "Volts times amperes as the frames give them: apparent power. The peak is of the last minute.",
                    "watt",
                    Query(pick("magnum_inverter_ac_output_watts"), "output {{device}}"),
                    Query(pick("magnum_inverter_ac_output_watts_peak"), "output peak {{device}}"),
                    Query(pick("magnum_inverter_ac_input_watts"), "input {{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Mean power",
                    "From the energy counters, so no peak is missed between two readings.",
                    "watt",
                    Query(per_second("magnum_inverter_ac_output_joules_total"), "load {{device}}"),
                    Query(per_second("magnum_inverter_ac_input_joules_total"), "generator or shore {{device}}"),
                    Query(per_second("magnum_inverter_dc_charge_joules_total"), "into the battery {{device}}"),
                    Query(per_second("magnum_inverter_dc_discharge_joules_total"), "out of the battery {{device}}"),
                    lowest=0,
                ),
                parts.number(
                    "Energy used",
                    "By the load, in the time shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_ac_output_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy from generator or shore",
                    "At the AC input, in the time shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_ac_input_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy into the battery",
                    "By the inverter's charger, in the time shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_dc_charge_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
                parts.number(
                    "Energy out of the battery",
                    "Through the inverter, in the time shown.",
                    "watth",
                    Query(f"{in_range('magnum_inverter_dc_discharge_joules_total')} / 3600", "{{device}}"),
                    width=6,
                ),
            ],
        ),
    )
