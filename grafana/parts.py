"""Parts of the dashboards: selectors, queries, panels and the common frame.

This module follows the rules of Grafana's dashboard linter for all dashboards: a data source variable instead of
`__inputs`, so that the same file can be imported and provisioned; `job` and `instance` in every selector; on every
panel a description, and a unit or value mappings. A gap in the data is a gap on the screen.

The dashboards are made for Grafana's dark theme. Colours are Grafana's named ones: the light theme has its own shades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    gauge,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as commons
from grafana_foundation_sdk.builders import dashboard as boards
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import prometheus as queries_of

DATA_SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
OURS = '{__name__=~"magnum_exporter_build_info|generator_actuator_build_info"}'

MINIMUM_GRAFANA = "11.0.0"
PANEL = "http://127.0.0.1:10049"
ACTUATOR = "${actuator}"
"""The address at which people reach the actuator's panel and its runbooks: a variable of each dashboard."""

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE = "green", "yellow", "orange", "red", "blue", "purple"
FAINT = "rgba(128, 128, 128, 0.15)"
TEXT = "text"

# How good a value is. In both themes these differ from the background, and black or white text is readable on them.
GOOD, ATTENTION, BAD = "semi-dark-green", "dark-orange", "red"

# The flows of energy have the same colours everywhere.
SUN, GENERATOR, GRID, LOAD, CHARGE, DISCHARGE = "yellow", "orange", "purple", "blue", "semi-dark-green", "light-green"

# What forbids a run has no severity for people, but they must see it, and its reason (a label of the owner's rule).
ALERTS = (
    'label_join(ALERTS{alertstate="firing", alertname="GeneratorInhibit", site=~"$site"},'
    ' "device", " ", "device", "reason")'
    ' or ALERTS{alertstate="firing", severity!="none", alertname!="GeneratorInhibit", site=~"$site"}'
)

SUMMED = ("1h", "1d")
"""The intervals of bars."""
HOURS = "suffix:h"
"""The unit of hours on an axis: that of Grafana for seconds has marks such as 1.39 hours, and days from 24 h on."""

Meanings = Mapping[int, tuple[str, str]]
Steps = Sequence[tuple[float | None, str]]
"""From which value on a colour applies; None: from the lowest one on."""


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the legend of its series.

    `dashed` for thresholds, `shaded` down to zero, a colour where it has a meaning.
    """

    expression: str
    legend: str
    dashed: bool = False
    shaded: bool = False
    colour: str | None = None


@dataclass(frozen=True)
class Row:
    """A row title and its panels."""

    title: str
    panels: Sequence[AnyPanel]


AnyPanel = (
    barchart.Panel
    | bargauge.Panel
    | gauge.Panel
    | heatmap.Panel
    | stat.Panel
    | statetimeline.Panel
    | table.Panel
    | timeseries.Panel
)


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
    return while_up(f"increase({pick(counter, **labels)}[$__range])")


def while_up(expression: str) -> str:
    """Return an expression about the past, while Prometheus can read the program that it is about."""
    return f"({expression} and on (job, instance, site) {pick('up')} == 1)"


def first_of(*metrics: str, **labels: str) -> str:
    """Return the series of several metrics, such as the same quantity of several families of devices."""
    return " or ".join(pick(metric, **labels) for metric in metrics)


FAMILIES = ("magnum", "classic", "modbus", "aims", "vedirect", "pylontech")


def of_families(suffix: str) -> str:
    """Return the series that every family of devices has, such as `up`."""
    return first_of(*(f"{family}_{suffix}" for family in FAMILIES))


def by_hour(flow: str) -> str:
    """Return the energy of a flow in the hour that begins at each point, in Wh; whole hours only."""
    return f"sum(last_over_time({pick(f'instance:{flow}_joules:increase1h')}[10m] offset -1h)) / 3600"


def by_day(record: str) -> str:
    """Return what is recorded of the day that begins at each point; whole days only.

    After an outage at midnight it is that of the 24 hours before the outage.
    """
    return f"sum(last_over_time({pick(f'instance:{record}:increase1d')}[2h] offset -1d))"


def so_far(power: str, clamp: str = "") -> str:
    """Return the energy of a recorded power in the time range shown, in Wh; `clamp` such as "clamp_min({}, 0)"."""
    mean = f"avg_over_time({pick(power)}[1m])"
    summed = f"sum_over_time({clamp.format(mean) if clamp else mean}[$__range:1m])"
    return f"sum({while_up(summed)}) / 60"


def energy_by_day(flow: str) -> str:
    """Return the energy of a flow in the day that begins at each point, in Wh."""
    return f"{by_day(f'{flow}_joules')} / 3600"


def engine_hours_by_day() -> str:
    """Return for how many hours the engine ran in the day that begins at each point."""
    return f"{by_day('generator_engine_seconds')} / 3600"


def numbered(metric: str, label: str, meanings: Meanings) -> str:
    """Return one series for a set of 0/1 state series: the number that `meanings` gives to the state that is 1."""
    states = (f"({pick(metric, **{label: name})} == 1) * {number}" for number, (name, _) in meanings.items())
    return f"max without ({label}) ({' or '.join(states)})"


def states(*named: tuple[str, str]) -> Meanings:
    """Return the meanings of 0, 1, 2 and so on: each a name and a colour."""
    return dict(enumerate(named))


NO_OR_YES = states(("no", FAINT), ("yes", BLUE))
TROUBLE = states(("no", FAINT), ("yes", BAD))
SILENT_OR_NOT = states(("silent", BAD), ("answers", GOOD))

Panel = TypeVar(
    "Panel",
    barchart.Panel,
    bargauge.Panel,
    gauge.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)


def _panel(panel: Panel, title: str, description: str, queries: Sequence[Query], *, now: bool = False) -> Panel:
    panel = panel.title(title).description(description).datasource(DATA_SOURCE)
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(DATA_SOURCE)
        target = target.expr(query.expression).legend_format(query.legend)
        panel = panel.with_target(target.instant() if now else target.range())
        look = []
        if query.colour:
            look.append(dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": query.colour}))
        if query.dashed:
            look.append(dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}))
            look.append(dashboard.DynamicConfigValue("custom.fillOpacity", 0))
        if query.shaded:
            look.append(dashboard.DynamicConfigValue("custom.fillOpacity", 40))
        if look:
            panel = panel.override_by_query(letter, look)
    return panel


def _stepped(panel: Panel, steps: Steps) -> Panel:
    return panel.thresholds(
        boards.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(color=colour, value=value) for value, colour in steps])
    )


def _legend() -> commons.VizLegendOptions:
    return (
        commons.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )


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
    height: int = 8,
    lowest: float | None = None,
    highest: float | None = None,
    since: str | None = None,
    each: str | None = None,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return a panel of curves over time; without a value there is no line.

    `since`: a time range of its own; `each`: the least time between two points.
    """
    panel = _panel(timeseries.Panel(), title, description, queries).span(width).height(height).unit(unit)
    panel = panel.span_nulls(span_nulls=False).line_width(1).fill_opacity(60 if stacked else 8)
    panel = panel.show_points(common.VisibilityMode.NEVER if stacked else common.VisibilityMode.AUTO)
    panel = panel.legend(_legend())
    panel = panel.tooltip(commons.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if stacked:
        panel = panel.stacking(commons.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if lowest is not None:
        panel = panel.min(lowest)
    if highest is not None:
        panel = panel.max(highest)
    if since:
        panel = panel.time_from(since)
    if each:
        panel = panel.interval(each)
    return panel


def bars(
    title: str, description: str, unit: str, *queries: Query, each: str, since: str, width: int = 12, height: int = 8
) -> timeseries.Panel:
    """Return a panel of stacked bars, one for `each` hour or day of the range `since`."""
    panel = graph(title, description, unit, *queries, width=width, height=height, since=since, each=each, stacked=True)
    panel = panel.draw_style(common.GraphDrawStyle.BARS).bar_alignment(common.BarAlignment.AFTER)
    return panel.bar_width_factor(0.8).fill_opacity(85)


def months(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> barchart.Panel:
    """Return a panel of bars, one for each calendar month of a year: the sums of the queries' days.

    PromQL knows no calendar of the site, so Grafana adds up the days in the time zone of the browser.
    """
    panel = _panel(barchart.Panel(), title, description, queries).span(width).height(8).unit(unit)
    panel = panel.time_from("1y").interval("1d").max_data_points(400).no_value("no data")
    sums: dict[str, object] = {query.legend: {"aggregations": ["sum"], "operation": "aggregate"} for query in queries}
    for name, options in (
        ("joinByField", {"byField": "Time", "mode": "outer"}),
        ("formatTime", {"timeField": "Time", "outputFormat": "YYYY-MM", "useTimezone": True}),
        ("groupBy", {"fields": {"Time": {"aggregations": [], "operation": "groupby"}, **sums}}),
        ("organize", {"renameByName": {f"{query.legend} (sum)": query.legend for query in queries}}),
    ):
        panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val=name, options=options))
    for query in queries:
        if query.colour:
            colour = {"mode": "fixed", "fixedColor": query.colour}
            panel = panel.override_by_name(query.legend, [dashboard.DynamicConfigValue("color", colour)])
    panel = panel.x_field("Time").show_value(common.VisibilityMode.AUTO).group_width(0.8).bar_width(0.95)
    return panel.legend(_legend()).fill_opacity(85)


def cells(title: str, description: str, unit: str, *queries: Query, highest: float, height: int = 12) -> heatmap.Panel:
    """Return a heat map with a row for each series; the colours reach from 0 to `highest`."""
    panel = _panel(heatmap.Panel(), title, description, queries).span(24).height(height).unit(unit)
    panel = panel.calculate(calculate=False).cell_gap(0).no_value("no data")
    panel = panel.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmaps.HeatmapColorMode.SCHEME)
        .scheme("Inferno")
        .steps(64)
        .min(0)
        .max(highest)
    )
    panel = panel.cell_values(heatmap.CellValues().unit(unit).decimals(0))
    panel = panel.y_axis(heatmap.YAxisConfig().axis_placement(common.AxisPlacement.LEFT))
    return panel.show_legend().interval("5m")


def timeline(
    title: str,
    description: str,
    meanings: Meanings,
    *queries: Query,
    width: int = 24,
    height: int = 5,
    since: str | None = None,
) -> statetimeline.Panel:
    """Return a panel with a band for each series, coloured by meaning; without a value there is no band."""
    panel = _panel(statetimeline.Panel(), title, description, queries).span(width).height(height)
    panel = panel.mappings(_mapped(meanings))
    panel = panel.span_nulls(span_nulls=False).merge_values(merge_values=True).fill_opacity(80).row_height(0.8)
    panel = panel.show_value(common.VisibilityMode.AUTO)
    if since:
        panel = panel.time_from(since)
    return panel.legend(commons.VizLegendOptions().show_legend(show_legend=False))


def occurred(
    title: str,
    description: str,
    metric: str,
    label: str,
    legend: str,
    *,
    colour: str = BLUE,
    only: str = "=~.*",
    bad: str = "",
    none: tuple[str, str] | None = None,
    width: int = 24,
    height: int = 6,
) -> statetimeline.Panel:
    """Return a timeline of a set of 0/1 series with a row for each value of a label that occurred.

    Args:
        title: the panel's.
        description: the panel's.
        metric: the set of series.
        label: the label that differs within the set.
        legend: the legend of a row, with the label in it.
        colour: that of what occurred.
        only: the values that are shown, with their operator.
        bad: a regular expression of the values that are bad, whatever the colour of the others.
        none: the words and colour of a first row for when nothing occurred; without it the panel may be empty.
        width: the panel's, of 24 columns.
        height: the panel's, in rows.
    """
    selected = pick(metric, **{label: only})
    one = f"{selected} == 1"
    if bad:
        one = f"({pick(metric, **{label: f'=~{bad}'})} == 1) + 1 or {one}"
    meanings = {1: ("yes", colour), 2: ("yes", BAD)}
    queries = [Query(one, legend)]
    if none:
        meanings[0] = none
        any_of = legend.replace("{{" + label + "}}", "any")
        queries.insert(0, Query(f"max without ({label}) ({selected})", any_of))
    return timeline(title, description, meanings, *queries, width=width, height=height)


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 4,
    height: int = 4,
    meanings: Meanings | None = None,
    steps: Steps | None = None,
    decimals: int | None = None,
    named: bool = False,
    since: str | None = None,
    absent: str = "no data",
) -> stat.Panel:
    """Return a panel with the present value in large type; `named` shows the series' names instead of values.

    It asks for the value at this moment alone. The last of a range would be shown for ever when the programs are dead.
    A judged value has its colour as background: Grafana chooses the text on it, black or white, by contrast.
    """
    panel = _panel(stat.Panel(), title, description, queries, now=True).span(width).height(height).unit(unit)
    panel = panel.no_value(absent)
    panel = panel.reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"]))
    judged = meanings is not None or steps is not None
    mode = common.BigValueColorMode.BACKGROUND_SOLID if judged else common.BigValueColorMode.NONE
    panel = panel.color_mode(mode).graph_mode(common.BigValueGraphMode.NONE)
    panel = _stepped(panel, steps or [(None, FAINT if judged else TEXT)])
    if meanings:
        panel = panel.mappings(_mapped(meanings))
    if decimals is not None:
        panel = panel.decimals(decimals)
    if named:
        panel = panel.text_mode(common.BigValueTextMode.NAME)
    if since:
        panel = panel.time_from(since).hide_time_override(hide_time_override=True)
    return panel


def dial(title: str, description: str, unit: str, *queries: Query, width: int = 5, height: int = 8) -> gauge.Panel:
    """Return a gauge from 0 to 1 with the present value; one query at a time has a value, and its colour judges it."""
    panel = _panel(gauge.Panel(), title, description, queries, now=True).span(width).height(height).unit(unit)
    panel = panel.reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"])).no_value("no data")
    panel = panel.min(0).max(1).decimals(0).show_threshold_markers(show_threshold_markers=False)
    panel = panel.text(commons.VizTextDisplayOptions().value_size(60))
    return _stepped(panel, [(None, TEXT)])


def levels(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    height: int = 7,
    steps: Steps | None = None,
    lowest: float | None = 0,
    highest: float | None = None,
    since: str | None = None,
    decimals: int | None = None,
) -> bargauge.Panel:
    """Return a panel of horizontal bars, each with the present value of a series in text."""
    panel = _panel(bargauge.Panel(), title, description, queries, now=True).span(width).height(height).unit(unit)
    panel = panel.reduce_options(commons.ReduceDataOptions().calcs(["lastNotNull"])).no_value("no data")
    panel = panel.orientation(common.VizOrientation.HORIZONTAL).display_mode(common.BarGaugeDisplayMode.BASIC)
    panel = panel.value_mode(common.BarGaugeValueMode.TEXT).show_unfilled(show_unfilled=True)
    panel = _stepped(panel, steps or [(None, BLUE)])
    if lowest is not None:
        panel = panel.min(lowest)
    if highest is not None:
        panel = panel.max(highest)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if since:
        panel = panel.time_from(since).hide_time_override(hide_time_override=True)
    return panel


def alerts(title: str, description: str, words: Mapping[str, str], *, width: int = 7, height: int = 8) -> table.Panel:
    """Return a table of the alerts that fire now, in words, each with a link to its runbook."""
    panel = table.Panel().title(title).description(description).datasource(DATA_SOURCE).span(width).height(height)
    target = prometheus.Dataquery().ref_id("A").datasource(DATA_SOURCE).expr(ALERTS).legend_format("{{alertname}}")
    panel = panel.with_target(target.instant().format(queries_of.PromQueryFormat.TABLE)).unit("none")
    panel = panel.no_value("no alert fires, or no rules are loaded").cell_height(common.TableCellHeight.SM)
    kept = {"alertname": "What is wrong", "device": "Device, reason", "severity": "Severity"}
    panel = panel.with_transformation(
        dashboard.DataTransformerConfig(
            id_val="filterFieldsByName", options={"include": {"names": ["severity", "alertname", "device"]}}
        )
    )
    panel = panel.with_transformation(
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={"renameByName": kept, "indexByName": {"severity": 0, "alertname": 1, "device": 2}},
        )
    )
    results = {name: dashboard.ValueMappingResult(text=text, index=n) for n, (name, text) in enumerate(words.items())}
    link = {"title": "Runbook", "url": f"{ACTUATOR}/runbooks/${{__value.raw}}", "targetBlank": True}
    panel = panel.override_by_name(
        "What is wrong",
        [
            dashboard.DynamicConfigValue("mappings", [dashboard.ValueMap(options=results)]),
            dashboard.DynamicConfigValue("links", [link]),
            dashboard.DynamicConfigValue("custom.cellOptions", {"type": "auto", "wrapText": True}),
        ],
    )
    shown = {"critical": ("critical", BAD), "warning": ("warning", ATTENTION), "info": ("info", BLUE)}
    severities = {
        name: dashboard.ValueMappingResult(text=text, color=colour, index=n)
        for n, (name, (text, colour)) in enumerate({**shown, "none": ("blocked", BAD)}.items())
    }
    return panel.override_by_name(
        "Severity",
        [
            dashboard.DynamicConfigValue("mappings", [dashboard.ValueMap(options=severities)]),
            dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
            dashboard.DynamicConfigValue("custom.width", 80),
        ],
    ).override_by_name("Device, reason", [dashboard.DynamicConfigValue("custom.width", 120)])


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
        # With one site there is nothing to choose; `magnum-exporter assets --several-sites` shows the site.
        .hide(dashboard.VariableHide.HIDE_VARIABLE)
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


def _annotations() -> list[boards.AnnotationQuery]:
    """Return the events that every graph shows, from metrics alone; a span of time where it lasts."""
    faults = " or ".join(
        (
            f"{pick('magnum_inverter_fault', fault='!=none')} == 1",
            f"{pick('magnum_ags_state', state='=~fault.+|run_fault')} == 1",
            f"{pick('generator_lockout')} == 1",
        )
    )
    return [
        _annotation("Runs", f"{pick('generator_running')} == 1", "Generator runs", "{{site}}", GENERATOR),
        _annotation(
            "Commands", f"{pick('generator_mode', mode='!=auto')} == 1", "Mode set to {{mode}}", "{{site}}", BLUE
        ),
        _annotation(
            "Contact closed", f"{pick('generator_relay_commanded')} == 1", "Contact closed", "{{site}}", PURPLE
        ),
        _annotation("Faults", faults, "Fault", "{{device}} {{fault}}{{state}}", RED),
        _annotation(
            "Restarts",
            f"time() - {pick('process_start_time_seconds')} < 60",
            "{{job}} has started",
            "{{instance}}",
            "super-light-blue",
        ),
        _annotation(
            "Alerts",
            ALERTS,
            "{{alertname}}",
            "{{instance}} {{device}}",
            RED,
        ),
    ]


def _link(title: str, url: str, icon: str) -> boards.DashboardLink:
    link = boards.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url).icon(icon)
    return link.target_blank(target_blank=True)


def board(
    uid: str, title: str, description: str, *rows: Row, tags: Sequence[str] = (), since: str = "now-24h"
) -> dashboard.Dashboard:
    """Return a dashboard: variables, links, annotations and rows; a row without a title is only its panels."""
    frame = (
        boards.Dashboard(title)
        .uid(uid)
        .description(f"{description} For Grafana {MINIMUM_GRAFANA.removesuffix('.0')} or later.")
        .tags(["offgrid", *tags])
        .readonly()
        .timezone("browser")
        .time(since, "now")
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(boards.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("site", "Site", f"label_values({OURS}, site)", ".*"))
        .with_variable(_variable("job", "Job", f"label_values({OURS}, job)", ".+"))
        .with_variable(_variable("instance", "Instance", f"label_values({OURS}, instance)", ".+"))
        .with_variable(
            boards.TextBoxVariable("actuator")
            .label("Panel")
            .default_value(PANEL)
            .current(dashboard.VariableOption(selected=True, text=PANEL, value=PANEL))
            .hide(dashboard.VariableHide.HIDE_VARIABLE)
        )
        .link(
            boards.DashboardLink("Off-grid")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["offgrid"])
            .keep_time(keep_time=True)
            .include_vars(include_vars=True)
        )
        .link(_link("Panel", f"{ACTUATOR}/", "external link"))
        .link(_link("Runbooks", f"{ACTUATOR}/runbooks/README", "doc"))
    )
    identifier = 0
    summed: list[int] = []
    for row in rows:
        if row.title:
            identifier += 1
            frame = frame.with_row(boards.Row(row.title).id(identifier))
        for panel in row.panels:
            identifier += 1
            frame = frame.with_panel(panel.id(identifier))
            if panel.build().interval in SUMMED:
                summed.append(identifier)
    for annotation in _annotations():
        # A bar is a sum over its time: an event in it tells nothing.
        bars_excluded = boards.AnnotationPanelFilter().exclude(exclude=True).ids(summed)
        frame = frame.annotation(annotation.filter(bars_excluded) if summed else annotation)
    return frame.build()
