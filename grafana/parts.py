"""Parts of the dashboards: selectors, queries, panels and the common frame.

This module follows the rules of Grafana's dashboard linter for all dashboards: a data source variable instead of
`__inputs`, so that the same file can be imported and provisioned; `job` and `instance` in every selector; on every
panel a description, and a unit or value mappings. A gap in the data is a gap on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import common as commons
from grafana_foundation_sdk.builders import dashboard as boards
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common, dashboard

DATA_SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
OURS = '{__name__=~"magnum_exporter_build_info|generator_actuator_build_info"}'

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE = "green", "yellow", "orange", "red", "blue", "purple"
FAINT = "rgba(128, 128, 128, 0.15)"

Meanings = Mapping[int, tuple[str, str]]


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the legend of its series; `dashed` for thresholds."""

    expression: str
    legend: str
    dashed: bool = False


@dataclass(frozen=True)
class Row:
    """A row title and its panels."""

    title: str
    panels: Sequence[timeseries.Panel | statetimeline.Panel | stat.Panel]


def pick(metric: str, **labels: str) -> str:
    """Return a selector for the selected site; a label's value may begin with =~, !~ or !=."""
    written = []
    for name, value in {**labels, "job": "=~$job", "instance": "=~$instance", "site": "=~$site"}.items():
        operator = value[:2] if value[:2] in {"=~", "!~", "!="} else "="
        written.append(f'{name}{operator}"{value.removeprefix(operator)}"')
    return f"{metric}{{{', '.join(written)}}}"


def per_second(counter: str, **labels: str) -> str:
    """Return a counter's rate per second."""
    return f"rate({pick(counter, **labels)}[$__rate_interval])"


def in_range(counter: str, **labels: str) -> str:
    """Return a counter's increase in the time range shown, while Prometheus can read its program."""
    return f"(increase({pick(counter, **labels)}[$__range]) and on (job, instance) {pick('up')} == 1)"


def numbered(metric: str, label: str, meanings: Meanings) -> str:
    """Return one series for a set of 0/1 state series: the number that `meanings` gives to the state that is 1."""
    states = (f"({pick(metric, **{label: name})} == 1) * {number}" for number, (name, _) in meanings.items())
    return f"max without ({label}) ({' or '.join(states)})"


def states(*named: tuple[str, str]) -> Meanings:
    """Return the meanings of 0, 1, 2 and so on: each a name and a colour."""
    return dict(enumerate(named))


NO_OR_YES = states(("no", FAINT), ("yes", BLUE))
TROUBLE = states(("no", FAINT), ("yes", RED))
SILENT_OR_NOT = states(("silent", RED), ("answers", GREEN))

Panel = TypeVar("Panel", timeseries.Panel, statetimeline.Panel, stat.Panel)


def _panel(panel: Panel, title: str, description: str, queries: Sequence[Query], *, now: bool = False) -> Panel:
    panel = panel.title(title).description(description).datasource(DATA_SOURCE)
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(DATA_SOURCE)
        target = target.expr(query.expression).legend_format(query.legend)
        panel = panel.with_target(target.instant() if now else target.range())
    return panel


def _mapped(meanings: Meanings) -> list[dashboard.ValueMapping]:
    results = {
        str(number): dashboard.ValueMappingResult(text=text, color=colour, index=index)
        for index, (number, (text, colour)) in enumerate(meanings.items())
    }
    return [dashboard.ValueMap(options=results)]


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    lowest: float | None = None,
    highest: float | None = None,
) -> timeseries.Panel:
    """Return a panel of curves over time; without a value there is no line."""
    panel = _panel(timeseries.Panel(), title, description, queries).span(width).height(8).unit(unit)
    panel = panel.span_nulls(span_nulls=False).line_width(1).fill_opacity(8)
    panel = panel.show_points(common.VisibilityMode.AUTO)
    panel = panel.legend(
        commons.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
    panel = panel.tooltip(commons.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if lowest is not None:
        panel = panel.min(lowest)
    if highest is not None:
        panel = panel.max(highest)
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        if query.dashed:
            panel = panel.override_by_query(
                letter,
                [
                    dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
                    dashboard.DynamicConfigValue("custom.fillOpacity", 0),
                ],
            )
    return panel


def timeline(
    title: str, description: str, meanings: Meanings, *queries: Query, width: int = 24, height: int = 5
) -> statetimeline.Panel:
    """Return a panel with a band for each series, coloured by meaning; without a value there is no band."""
    panel = _panel(statetimeline.Panel(), title, description, queries).span(width).height(height)
    panel = panel.mappings(_mapped(meanings))
    panel = panel.span_nulls(span_nulls=False).merge_values(merge_values=True).fill_opacity(80).row_height(0.8)
    panel = panel.show_value(common.VisibilityMode.AUTO)
    return panel.legend(commons.VizLegendOptions().show_legend(show_legend=False))


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 4,
    meanings: Meanings | None = None,
    decimals: int | None = None,
    named: bool = False,
) -> stat.Panel:
    """Return a panel with the present value in large type; `named` shows the series' names instead of values.

    It asks for the value at this moment alone. The last of a range would be shown for ever when the programs are dead.
    """
    panel = _panel(stat.Panel(), title, description, queries, now=True).span(width).height(4).unit(unit)
    panel = panel.no_value("no data")
    panel = panel.reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.color_mode(common.BigValueColorMode.VALUE).graph_mode(common.BigValueGraphMode.NONE)
    panel = panel.thresholds(
        boards.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(color="text", value=None)])
    )
    if meanings:
        panel = panel.mappings(_mapped(meanings))
    if decimals is not None:
        panel = panel.decimals(decimals)
    if named:
        panel = panel.text_mode(common.BigValueTextMode.NAME)
    return panel


def _variable(name: str, label: str, query: str, every: str) -> boards.QueryVariable:
    return (
        boards.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(every)
        .current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _annotation(name: str, expression: str, title: str, text: str, colour: str) -> boards.AnnotationQuery:
    return (
        boards.AnnotationQuery()
        .name(name)
        .datasource(DATA_SOURCE)
        .enable(enable=True)
        .hide(hide=False)
        .icon_color(colour)
        .expr(expression)
        .title_format(title)
        .text_format(text)
        .step("15s")
    )


def board(uid: str, title: str, description: str, *rows: Row) -> dashboard.Dashboard:
    """Return a dashboard: variables, links to the other dashboards, alerts and runs as annotations, and the rows."""
    frame = (
        boards.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["offgrid"])
        .readonly()
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(boards.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("site", "Site", f"label_values({OURS}, site)", ".*"))
        .with_variable(_variable("job", "Job", f"label_values({OURS}, job)", ".+"))
        .with_variable(_variable("instance", "Instance", f"label_values({OURS}, instance)", ".+"))
        .annotation(
            _annotation(
                "Alerts",
                'ALERTS{alertstate="firing", severity!="none", site=~"$site"}',
                "{{alertname}}",
                "{{instance}} {{device}}",
                RED,
            )
        )
        .annotation(
            _annotation(
                "Contact closed", f"{pick('generator_relay_commanded')} == 1", "Contact closed", "{{instance}}", ORANGE
            )
        )
        .link(
            boards.DashboardLink("Off-grid")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["offgrid"])
            .keep_time(keep_time=True)
            .include_vars(include_vars=True)
        )
    )
    identifier = 0
    for row in rows:
        identifier += 1
        frame = frame.with_row(boards.Row(row.title).id(identifier))
        for panel in row.panels:
            identifier += 1
            frame = frame.with_panel(panel.id(identifier))
    return frame.build()
