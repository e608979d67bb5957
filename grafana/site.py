"""The wall: one page, without scrolling at 1920 by 1080, for a screen that hangs on a wall, and for a phone."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from alerts.render import RUNBOOKS, first_sentence
from grafana import parts, shared
from grafana.parts import ATTENTION, BAD, GOOD, TEXT, AnyPanel, Query, Row, pick

SOC = pick("battery_soc_ratio")
START = f"on (site) group_left () max by (site) ({pick('generator_start_soc_ratio')})"
STOP = f"on (site) group_left () max by (site) ({pick('generator_stop_soc_ratio')})"
LAST_RUN = f"max_over_time(timestamp({pick('generator_running')} == 1)[7d:1m])"


def alerts_in_words() -> dict[str, str]:
    """Return the sentence that the runbook of each alert begins with, by the alert's name."""
    pages = sorted(RUNBOOKS.glob("*.md"))
    return {page.stem: first_sentence(page.read_text(encoding="utf-8")) for page in pages if page.stem != "README"}


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    return parts.board(
        "offgrid-site",
        "Off-grid wall",
        "An off-grid site at a glance: battery, power, energy of today, generator, and what is wrong now.",
        Row("", [_at(*place, panel) for place, panel in _panels()]),
    )


def _at(x: int, y: int, panel: AnyPanel) -> AnyPanel:
    size = panel.build().grid_pos or dashboard.GridPos()
    return panel.grid_pos(dashboard.GridPos(h=size.h, w=size.w, x=x, y=y))


def _panels() -> list[tuple[tuple[int, int], AnyPanel]]:
    """Return each panel with its place: columns of 24, rows of about 38 pixels."""
    return [
        (
            (0, 0),
            parts.dial(
                "Battery",
                "The leading state of charge. Red: at or below the threshold at which the generator starts. Green: at "
                "or above the one at which it stops. Both are the actuator's own.",
                "percentunit",
                Query(f"{SOC} <= {START}", "{{site}}", colour=BAD),
                Query(f"({SOC} > {START}) < {STOP}", "{{site}}", colour=ATTENTION),
                Query(f"{SOC} >= {STOP}", "{{site}}", colour=GOOD),
                Query(f"{SOC} unless on (site) {pick('generator_start_soc_ratio')}", "{{site}}", colour=TEXT),
            ),
        ),
        (
            (5, 0),
            parts.number(
                "Site",
                "How serious the state is, as the actuator judges it. Its panel has the words and what to do.",
                "none",
                Query(
                    parts.numbered("generator_severity", "severity", shared.SEVERITIES),
                    "{{site}}",
                ),
                meanings=shared.SEVERITY_WORDS,
                width=5,
            ),
        ),
        (
            (10, 0),
            parts.number(
                "Empty in",
                "Time until the battery is empty at the present load.",
                "s",
                Query(pick("battery_time_to_empty_seconds"), "{{site}}"),
                steps=[(None, BAD), (4 * 3600, ATTENTION), (12 * 3600, GOOD)],
                decimals=1,
                absent="charging, or no data",
            ),
        ),
        (
            (14, 0),
            parts.number(
                "Since the last run",
                "Time since the generator last ran, whoever started it; at most seven days.",
                "s",
                Query(
                    f"time() - {parts.while_up(LAST_RUN)}",
                    "{{site}}",
                ),
                decimals=1,
                absent="none in 7 days, or no data",
            ),
        ),
        (
            (18, 0),
            parts.alerts(
                "What is wrong now",
                "The alerts for people that fire now, and what forbids a run. A click opens the runbook.",
                alerts_in_words(),
                width=6,
            ),
        ),
        (
            (5, 4),
            parts.number(
                "Generator",
                "Confirmed by AC at the inverter's input, never by our own command.",
                "none",
                Query(pick("generator_running"), "{{site}}"),
                meanings=shared.ENGINE,
                width=3,
            ),
        ),
        (
            (8, 4),
            parts.number(
                "Volts",
                "The battery's volts: of its banks, else of a monitor, else of the inverter.",
                "volt",
                Query(shared.battery_volts(), "{{site}}"),
                decimals=1,
                width=2,
            ),
        ),
        (
            (10, 4),
            parts.number(
                "Full in",
                "Time until the battery is full, if it goes on as in the last half hour.",
                "s",
                Query(f"(1 - {SOC}) / (deriv({SOC}[30m]) > 0.01 / 3600)", "{{site}}"),
                decimals=1,
                absent="not charging, or no data",
            ),
        ),
        (
            (14, 4),
            parts.number(
                "Next run in",
                "Time until the battery is at the start threshold, at the present load.",
                "s",
                Query(f"{pick('battery_time_to_empty_seconds')} * ({SOC} - {START}) / {SOC} > 0", "{{site}}"),
                decimals=1,
                absent="charging, running, or no data",
            ),
        ),
        ((0, 8), shared.state_of_charge(width=10, since="48h")),
        (
            (10, 8),
            parts.levels(
                "Power now",
                "The present power of each flow. The load and the inverter's AC input are apparent power.",
                "watt",
                *shared.power_now(),
                width=5,
                height=8,
                decimals=1,
            ),
        ),
        ((15, 8), shared.power(width=9)),
        (
            (0, 16),
            parts.levels(
                "Today",
                "The energy of each flow since midnight.",
                "watth",
                *shared.today(),
                since="now/d",
                decimals=1,
            ),
        ),
        (
            (8, 16),
            parts.bars(
                "Days",
                "The energy of each whole day: above zero what came in, below it what went out.",
                "watth",
                *shared.energy("day"),
                each="1d",
                since="8d",
                width=8,
                height=7,
            ),
        ),
        ((16, 16), shared.contact_and_engine(width=8, height=7, since="48h")),
    ]
