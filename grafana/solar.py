"""The solar dashboard: what the sun delivers, what the chargers make of it, and why they rest."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import BLUE, SUN, Query, Row, first_of, pick


def _charger(quantity: str) -> str:
    return first_of(f"classic_{quantity}", f"magnum_pt100_{quantity}")


# As alerts/energy.yml counts it: a Victron monitor may measure a charger instead of a battery.
POWER = (
    f"{_charger('battery_watts')} or {pick('vedirect_source_watts')} and on (job, instance, site, device) "
    f"{pick('vedirect_monitor_mode', mode='solar_charger')} == 1"
)

BEST = f"max_over_time({pick('instance:solar_watts')}[$__range])"
LIFETIME = first_of("classic_energy_joules_total", "vedirect_source_joules_total")


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-solar",
        "Solar",
        "The solar chargers (MidNite Classic, Magnum PT-100, what a Victron monitor measures of others): power, volts, "
        "stages, temperatures and energy.",
        Row(
            "Now",
            [
                parts.number(
                    "Power",
                    "From each charger into battery and loads.",
                    "watt",
                    Query(POWER, "{{device}}"),
                    decimals=1,
                    width=3,
                ),
                parts.number(
                    "Today",
                    "Of each charger, since midnight.",
                    "watth",
                    Query(parts.so_far("instance:solar_watts"), "sun"),
                    decimals=1,
                    width=3,
                    since="now/d",
                ),
                parts.number(
                    "Best of today",
                    "The highest power since midnight.",
                    "watt",
                    Query(f"max({parts.while_up(BEST)})", "sun"),
                    decimals=1,
                    width=3,
                    since="now/d",
                ),
                parts.number(
                    "Lifetime",
                    "By the counter of each charger.",
                    "watth",
                    Query(f"({LIFETIME}) / 3600", "{{device}}"),
                    decimals=1,
                    width=3,
                ),
                parts.number(
                    "Array",
                    "Volts of the array.",
                    "volt",
                    Query(_charger("pv_volts"), "{{device}}"),
                    decimals=0,
                    width=3,
                ),
                parts.number(
                    "Battery",
                    "Volts at the charger.",
                    "volt",
                    Query(_charger("battery_volts"), "{{device}}"),
                    decimals=1,
                    width=3,
                ),
                parts.number(
                    "Stage",
                    "What the charger does. float: the battery is full.",
                    "none",
                    Query(parts.numbered("classic_charge_stage", "stage", shared.STAGES), "{{device}}"),
                    meanings=shared.STAGES,
                    width=3,
                ),
                parts.number(
                    "Charger",
                    "Temperature of the power transistors.",
                    "celsius",
                    Query(_charger("fet_celsius"), "{{device}}"),
                    steps=[(None, parts.GOOD), (70, parts.ATTENTION), (90, parts.BAD)],
                    decimals=0,
                    width=3,
                ),
            ],
        ),
        Row(
            "Power",
            [
                parts.graph(
                    "Power",
                    "From each charger into battery and loads.",
                    "watt",
                    Query(POWER, "{{device}}", colour=SUN),
                    width=24,
                    lowest=0,
                ),
                shared.charge_stage(),
                parts.graph(
                    "Array volts",
                    "High with no current: the charger rests, or the battery is full.",
                    "volt",
                    Query(_charger("pv_volts"), "{{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Current",
                    "Out of the charger, and out of the array.",
                    "amp",
                    Query(_charger("battery_amperes"), "into the battery {{device}}"),
                    Query(pick("classic_pv_amperes"), "from the array {{device}}"),
                    lowest=0,
                ),
                parts.graph(
                    "Battery volts at the charger",
                    "Dashed: the volts that the charger aims at, corrected for temperature.",
                    "volt",
                    Query(_charger("battery_volts"), "{{device}}"),
                    Query(_charger("target_volts"), "target {{device}}", dashed=True, colour=BLUE),
                ),
                parts.graph(
                    "Temperatures",
                    "Power transistors, board, and the battery at the charger's sensor.",
                    "celsius",
                    Query(_charger("fet_celsius"), "transistors {{device}}"),
                    Query(pick("classic_pcb_celsius"), "board {{device}}"),
                    Query(_charger("battery_celsius"), "battery {{device}}"),
                ),
                parts.occurred(
                    "Why it last rested",
                    "The reason that a Classic gives; it stays while the charger runs again. One row for each reason.",
                    "classic_resting_reason",
                    "reason",
                    "{{device}} {{reason}}",
                    height=5,
                ),
            ],
        ),
        Row(
            "Energy",
            [
                parts.bars(
                    "By day",
                    "Each whole day of the last 31, by the chargers' own counters.",
                    "watth",
                    Query(parts.energy_by_day("solar"), "sun", colour=SUN),
                    each="1d",
                    since="31d",
                ),
                parts.bars(
                    "By hour",
                    "Each whole hour of the last three days.",
                    "watth",
                    Query(parts.by_hour("solar"), "sun", colour=SUN),
                    each="1h",
                    since="72h",
                ),
            ],
        ),
    )
