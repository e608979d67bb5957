"""The battery dashboard: banks, packs and cells, the states of charge with their judgement, and the monitors."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import BAD, GOOD, Query, Row, first_of, pick
from grafana.shared import pack

SOURCES = pick("battery_soc_source_ratio")
REFUSED = f"{SOURCES} * on (source, job, instance, site) group_right () ({pick('battery_soc_refused')} == 1)"
SPREAD = f"max without (source) ({SOURCES}) - min without (source) ({SOURCES})"

SOC_OF_DAY = f"{pick('battery_soc_ratio')}[1d] offset -1d"


def _from_mean(cells: str) -> str:
    """Return how far each cell's volts are from the mean of its pack, in mV."""
    of_pack = "(device, module, job, instance, site)"
    return f"abs(({cells}) - on {of_pack} group_left () avg by {of_pack} ({cells})) * 1000"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-battery",
        "Battery",
        "Banks, packs and cells, the sources of the state of charge with their judgement, and the battery monitors.",
        Row(
            "State of charge",
            [
                shared.state_of_charge(),
                parts.graph(
                    "Sources",
                    "Each source's own state of charge, trusted or not. Shaded: refused, and why.",
                    "percentunit",
                    Query(SOURCES, "{{source}} {{site}}"),
                    Query(REFUSED, "{{source}} refused: {{reason}} {{site}}", shaded=True, colour=BAD),
                    lowest=0,
                    highest=1,
                ),
                parts.timeline(
                    "Trust",
                    "Whether a source may lead.",
                    parts.states(("refused", BAD), ("trusted", GOOD)),
                    Query(pick("battery_soc_trusted"), "{{source}} {{site}}"),
                    width=12,
                ),
                parts.timeline(
                    "Lead",
                    "The source whose state of charge is used.",
                    parts.NO_OR_YES,
                    Query(pick("battery_soc_lead"), "{{source}} {{site}}"),
                    width=12,
                ),
                parts.occurred(
                    "Refused, by reason",
                    "Why a source is refused; one row for each reason that occurred.",
                    "battery_soc_refused",
                    "reason",
                    "{{source}}: {{reason}} {{site}}",
                    colour=BAD,
                    none=("no", parts.FAINT),
                    width=12,
                    height=8,
                ),
                parts.graph(
                    "Lowest and highest by day",
                    "Of each of the last 31 days; today's so far. A battery that is never full ages, and so does one "
                    "that is often empty.",
                    "percentunit",
                    Query(f"min_over_time({SOC_OF_DAY})", "lowest {{site}}", colour=BAD),
                    Query(f"max_over_time({SOC_OF_DAY})", "highest {{site}}", colour=GOOD),
                    lowest=0,
                    highest=1,
                    since="31d",
                    each="1d",
                ),
                parts.graph(
                    "Spread",
                    "Highest minus lowest state of charge of all sources. Zero with a single source.",
                    "percentunit",
                    Query(SPREAD, "{{site}}"),
                    lowest=0,
                    height=6,
                ),
                parts.graph(
                    "Age of the state of charge",
                    "Time since the last reading of the leading source.",
                    "s",
                    Query(f"time() - {pick('battery_soc_last_update_timestamp_seconds')}", "{{site}}"),
                    lowest=0,
                    height=6,
                ),
            ],
        ),
        Row(
            "Bank",
            [
                parts.number(
                    "State of charge",
                    "Of each bank of packs in parallel, weighted by their capacities.",
                    "percentunit",
                    Query(pick("battery_bank_soc_ratio"), "{{bank}}"),
                    decimals=0,
                ),
                parts.number(
                    "Power",
                    "Of each bank, positive into it.",
                    "watt",
                    Query(pick("battery_bank_watts"), "{{bank}}"),
                    decimals=1,
                ),
                parts.number(
                    "Volts",
                    "The mean of the packs.",
                    "volt",
                    Query(pick("battery_bank_volts"), "{{bank}}"),
                    decimals=2,
                ),
                parts.number(
                    "Capacity",
                    "The sum of the packs' capacities when full, as the packs report them.",
                    "amph",
                    Query(pick("battery_bank_full_amphours"), "{{bank}}"),
                    decimals=0,
                ),
                parts.number(
                    "Cell spread",
                    "Highest minus lowest cell of each bank. More than 100 mV at rest: a cell is weak, or unbalanced.",
                    "volt",
                    Query(pick("battery_bank_cell_spread_volts"), "{{bank}}"),
                    steps=[(None, GOOD), (0.05, parts.ATTENTION), (0.1, BAD)],
                    decimals=0,
                ),
                parts.number(
                    "Packs that are missing",
                    "Packs of which nothing was received.",
                    "none",
                    Query(f"sum without (pack) ({pick('battery_bank_pack_missing')})", "{{bank}}"),
                    steps=[(None, GOOD), (1, BAD)],
                ),
            ],
        ),
        Row(
            "Packs",
            [
                parts.levels(
                    "State of charge",
                    "Of each pack, as it reports it.",
                    "percentunit",
                    Query(pack("soc_ratio"), "{{device}} {{module}}"),
                    highest=1,
                    decimals=0,
                ),
                parts.levels(
                    "Health",
                    "The capacity that is left, of that when new, as the pack reports it.",
                    "percentunit",
                    Query(pack("soh_ratio"), "{{device}} {{module}}"),
                    steps=[(None, BAD), (0.7, parts.ATTENTION), (0.85, GOOD)],
                    highest=1,
                    decimals=0,
                ),
                parts.number(
                    "Cycles",
                    "Charge cycles since each battery was new.",
                    "none",
                    Query(
                        first_of("modbus_cycles_total", "pylontech_cycles_total", "vedirect_cycles_total"),
                        "{{device}} {{module}}",
                    ),
                    width=8,
                    height=7,
                    decimals=0,
                ),
                parts.graph(
                    "Current of each pack",
                    "Positive into the pack. Packs in parallel share it: one that takes much less has a bad contact.",
                    "amp",
                    Query(pack("battery_amperes"), "{{device}} {{module}}"),
                ),
                parts.graph(
                    "Temperatures",
                    "At each sensor of the packs and monitors, and at the inverter's and chargers' battery sensor.",
                    "celsius",
                    Query(first_of("modbus_celsius", "pylontech_celsius"), "{{device}} {{module}} {{sensor}}"),
                    Query(
                        first_of("magnum_inverter_battery_celsius", "classic_battery_celsius"),
                        "{{device}} battery sensor",
                    ),
                ),
            ],
        ),
        Row(
            "Cells",
            [
                parts.cells(
                    "Cells: how far from the mean of their pack",
                    "Dark: at the mean. Bright: far above or below it. A row that is bright when the battery is low or "
                    "full is a weak or unbalanced cell.",
                    "mvolt",
                    Query(_from_mean(pack("cell_volts")), "{{device}} {{module}} cell {{cell}} {{site}}"),
                    highest=40,
                ),
                parts.graph(
                    "Cell spread",
                    "Highest minus lowest cell of each bank.",
                    "volt",
                    Query(pick("battery_bank_cell_spread_volts"), "{{bank}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Lowest and highest cell",
                    "Of each bank, with the pack that has it.",
                    "volt",
                    Query(pick("battery_bank_lowest_cell_volts"), "lowest {{bank}}: {{pack}}"),
                    Query(pick("battery_bank_highest_cell_volts"), "highest {{bank}}: {{pack}}"),
                ),
            ],
        ),
        Row(
            "Monitors",
            [
                parts.graph(
                    "Volts",
                    "By each monitor and the inverter; dashed: the lowest and highest that a BMK has stored.",
                    "volt",
                    Query(pick("magnum_bmk_volts"), "BMK {{device}}"),
                    Query(pick("vedirect_battery_volts"), "{{device}}"),
                    Query(pick("magnum_inverter_dc_volts"), "inverter {{device}}"),
                    Query(pick("magnum_bmk_min_volts"), "lowest {{device}}", dashed=True),
                    Query(pick("magnum_bmk_max_volts"), "highest {{device}}", dashed=True),
                ),
                parts.graph(
                    "Current",
                    "Positive into the battery. The monitors measure the whole current, the inverter only its own.",
                    "amp",
                    Query(pick("magnum_bmk_amperes"), "BMK {{device}}"),
                    Query(pick("vedirect_battery_amperes"), "{{device}}"),
                    Query(pick("magnum_inverter_dc_amperes"), "inverter {{device}}"),
                ),
                parts.graph(
                    "Charge",
                    "Counted by the BMK: net since the battery was full, and since the trip counter was reset.",
                    "amph",
                    Query(pick("magnum_bmk_net_amphours"), "net {{device}}"),
                    Query(pick("magnum_bmk_trip_amphours"), "trip {{device}}"),
                ),
                parts.graph(
                    "Time to empty",
                    "From the leading state of charge, current and capacity. No line while the battery charges.",
                    parts.HOURS,
                    Query(f"{pick('battery_time_to_empty_seconds')} / 3600", "{{site}}"),
                    lowest=0,
                    highest=72,
                ),
                parts.number(
                    "Full",
                    "Whether the battery is full: a charger floats, or it takes hardly any current at 99 %.",
                    "none",
                    Query(pick("battery_full"), "{{site}}"),
                    meanings=parts.states(("not full", parts.FAINT), ("full", GOOD)),
                    width=6,
                ),
                parts.number(
                    "Since it was full",
                    "By a Victron monitor. Lead needs it every two weeks, and so does a monitor that counts.",
                    "s",
                    Query(pick("vedirect_since_full_seconds"), "{{device}}"),
                    steps=[(None, GOOD), (14 * 86400, parts.ATTENTION)],
                    decimals=1,
                    width=6,
                ),
                shared.charge_stage(width=12),
            ],
        ),
    )
