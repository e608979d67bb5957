"""The energy dashboard: hours, days and months by source, self-sufficiency, and what the generator ran for it."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana import parts, shared
from grafana.parts import CHARGE, GENERATOR, GRID, SUN, Query, Row, by_day, energy_by_day, so_far


def _own_share(sun: str, generator: str, grid: str) -> str:
    """Return which share of what came in was the sun's."""
    return f"{sun} / ({sun} + {generator} + {grid} > 0)"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    sun, generator, grid = (f"instance:{name}_watts" for name in ("solar", "generator", "grid"))
    return parts.board(
        "offgrid-energy",
        "Energy",
        "Energy by source in hours, days and months. Needs the recording rules of alerts/energy.yml.",
        Row(
            "Today",
            [
                *(
                    parts.number(
                        query.legend.capitalize(),
                        "Since midnight.",
                        "watth",
                        query,
                        decimals=1,
                        width=3,
                        since="now/d",
                    )
                    for query in shared.today()
                ),
                parts.number(
                    "From the sun",
                    "The sun's share of what came in since midnight; the rest is the generator's and the grid's.",
                    "percentunit",
                    Query(_own_share(so_far(sun), so_far(generator), so_far(grid)), "share"),
                    steps=[(None, parts.ATTENTION), (0.5, parts.GOOD)],
                    decimals=0,
                    width=3,
                    since="now/d",
                    absent="nothing came in, or no data",
                ),
                parts.number(
                    "Generator ran",
                    "How long the engine ran since midnight, whoever started it.",
                    "s",
                    Query(f"sum({parts.in_range('generator_engine_seconds_total')})", "engine"),
                    decimals=1,
                    width=3,
                    since="now/d",
                ),
            ],
        ),
        Row(
            "Hours and days",
            [
                parts.bars(
                    "By hour",
                    "Each whole hour of two days: above zero what came in, below it what went out.",
                    "watth",
                    *shared.energy("hour"),
                    each="1h",
                    since="48h",
                    width=24,
                ),
                parts.bars(
                    "By day",
                    "Each whole day of the last 31: above zero what came in, below it what went out.",
                    "watth",
                    *shared.energy("day"),
                    each="1d",
                    since="31d",
                    width=24,
                ),
                parts.bars(
                    "Sun's share by day",
                    "The sun's share of what came in on each day; the rest is the generator's and the grid's.",
                    "percentunit",
                    Query(_own_share(*map(energy_by_day, ("solar", "generator", "grid"))), "from the sun", colour=SUN),
                    each="1d",
                    since="31d",
                ),
                parts.bars(
                    "Generator by day",
                    "How long the engine ran on each day, whoever started it.",
                    parts.HOURS,
                    Query(parts.engine_hours_by_day(), "engine", colour=GENERATOR),
                    each="1d",
                    since="31d",
                ),
            ],
        ),
        Row(
            "Months",
            [
                parts.months(
                    "Energy that came in, by month",
                    "Calendar months of the last year; the present one up to yesterday.",
                    "watth",
                    Query(energy_by_day("solar"), "sun", colour=SUN),
                    Query(energy_by_day("generator"), "generator", colour=GENERATOR),
                    Query(energy_by_day("grid"), "grid", colour=GRID),
                ),
                parts.months(
                    "Energy that was used, by month",
                    "Calendar months of the last year: the load, and what went into the battery and came out of it.",
                    "watth",
                    Query(energy_by_day("load"), "load", colour=parts.LOAD),
                    Query(energy_by_day("battery_charge"), "into the battery", colour=CHARGE),
                    Query(energy_by_day("battery_discharge"), "from the battery", colour=parts.DISCHARGE),
                ),
                parts.months(
                    "Generator hours by month",
                    "How long the engine ran, whoever started it.",
                    parts.HOURS,
                    Query(parts.engine_hours_by_day(), "engine", colour=GENERATOR),
                ),
                parts.months(
                    "Generator runs by month",
                    "Runs that the actuator began.",
                    "none",
                    Query(by_day("generator_starts"), "runs", colour=GENERATOR),
                ),
            ],
        ),
        Row(
            "Power",
            [
                shared.power(width=24),
            ],
        ),
    )
