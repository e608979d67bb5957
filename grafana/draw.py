"""Draw dashboards as Grafana shows them, from their JSON and a Prometheus, where no Grafana is at hand.

    python -m grafana.draw --prometheus http://127.0.0.1:9090 --out pictures [--at UNIX_TIME] [FILE ...]

It is a check of layout, units, thresholds, value mappings and colours; not of Grafana. Needs the extra `pictures`.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Wedge
from PIL import Image

from grafana.build import FOLDER
from grafana.palette import BACKGROUND, DARK, PANEL, SECONDARY, TEXT_COLOUR, contrasting
from grafana.panels import Drawn, Json, Range, Source, over_panel, written
from grafana.prometheus import Prometheus

ROW, GAP = 30, 8  # pixels of Grafana's grid at 1920: 24 columns; a row and the gap below it
WIDTH, HEADER = 1920, 46
CLASSIC = ("green", "yellow", "blue", "orange", "red", "light-blue", "purple", "semi-dark-green", "dark-yellow")


def _split(points: Sequence[tuple[float, float]], step: float) -> Iterator[list[tuple[float, float]]]:
    """Yield the parts of a series between its gaps."""
    part: list[tuple[float, float]] = []
    for point in points:
        if part and point[0] - part[-1][0] > step * 1.5:
            yield part
            part = []
        part.append(point)
    if part:
        yield part


def _step(drawn: Sequence[Drawn]) -> float:
    gaps = [
        after[0] - before[0]
        for one in drawn
        for before, after in zip(one.series.points, one.series.points[1:], strict=False)
    ]
    return min(gaps, default=60.0)


def _colours(drawn: Sequence[Drawn]) -> list[str]:
    """Return a colour for each series: its own, or the next one of Grafana's classic palette."""
    free = iter(CLASSIC * 20)
    return [one.overrides["color"]["fixedColor"] if "color" in one.overrides else next(free) for one in drawn]


class Canvas:
    """A figure in pixels, with the origin at the upper left corner."""

    def __init__(self, height: int) -> None:
        self.width, self.height = WIDTH, height
        self.figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor=BACKGROUND)
        FigureCanvasAgg(self.figure)
        self.base = self.figure.add_axes((0, 0, 1, 1))
        self.base.set_xlim(0, WIDTH)
        self.base.set_ylim(height, 0)
        self.base.axis("off")

    def box(self, x: float, y: float, w: float, h: float, colour: str) -> None:
        """Draw a box with round corners."""
        self.base.add_patch(
            FancyBboxPatch((x + 2, y + 2), w - 4, h - 4, boxstyle="round,pad=2", linewidth=0, facecolor=colour)
        )

    def text(self, x: float, y: float, words: str, size: float, colour: str = TEXT_COLOUR, **more: Any) -> None:  # noqa: ANN401 - matplotlib's
        """Write at a place; `size` in pixels."""
        self.base.text(x, y, words, fontsize=size * 0.72, color=colour, **{"va": "center", **more})

    def axes(self, x: float, y: float, w: float, h: float) -> Axes:
        """Return axes in a box."""
        axes = self.figure.add_axes((x / WIDTH, 1 - (y + h) / self.height, w / WIDTH, h / self.height))
        axes.set_facecolor(PANEL)
        axes.tick_params(colors=SECONDARY, labelsize=8, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.grid(visible=True, color="#2c3235", linewidth=0.6)
        axes.set_axisbelow(True)
        return axes


Place = tuple[float, float, float, float]


def _fitted(words: str, width: float, height: float, largest: float = 60) -> float:
    """Return the size in pixels at which words fit in a box."""
    wide = max(1.0, sum(0.62 if unicodedata.east_asian_width(letter) in "NaNH" else 1.0 for letter in words) * 0.94)
    return max(9.0, min(largest, height, width / wide))


def draw_number(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], _: Source) -> None:
    """Draw a stat panel: the values in large type, each on the colour that judges it."""
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    options = panel["options"]
    if not drawn:
        words = defaults["noValue"]
        canvas.text(x + w / 2, y + h / 2, words, _fitted(words, w - 20, 24), SECONDARY, ha="center")
        return
    each = h / len(drawn)
    for number, one in enumerate(drawn):
        top = y + number * each
        text, colour = written(one.series.points[-1][1], defaults | {"decimals": defaults.get("decimals")})
        words = one.name if options.get("textMode") == "name" else text
        front = TEXT_COLOUR
        if options["colorMode"] == "background_solid" and colour:
            back = over_panel(colour)
            canvas.box(x, top, w, each - (2 if len(drawn) > 1 else 0), back)
            front = contrasting(back)
        if len(drawn) > 1 and options.get("textMode") != "name":
            canvas.text(x + 12, top + each / 2, one.name, min(18, each / 2), front)
            canvas.text(x + w - 12, top + each / 2, words, _fitted(words, w / 2, each - 8, 34), front, ha="right")
        else:
            size = _fitted(words, w - 30, each - 12, 24 if options.get("textMode") == "name" else 56)
            canvas.text(x + w / 2, top + each / 2, words, size, front, ha="center", weight="bold")


def draw_gauge(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], _: Source) -> None:
    """Draw a gauge: an arc of three quarters, filled up to the value."""
    x, y, w, h = place
    if not drawn:
        canvas.text(x + w / 2, y + h / 2, panel["fieldConfig"]["defaults"]["noValue"], 24, SECONDARY, ha="center")
        return
    one = drawn[0]
    value = one.series.points[-1][1]
    colour = over_panel(one.overrides.get("color", {}).get("fixedColor", "text"))
    centre, radius = (x + w / 2, y + h * 0.56), min(w, h) * 0.5
    for begin, end, shade in ((0.0, 1.0, "#2c3235"), (0.0, value, colour)):
        canvas.base.add_patch(
            Wedge(centre, radius, 150 + 240 * begin, 150 + 240 * end, width=radius * 0.26, facecolor=shade, linewidth=0)
        )
    text = written(value, panel["fieldConfig"]["defaults"])[0]
    canvas.text(centre[0], centre[1] - 2, text, radius * 0.5, colour, ha="center", weight="bold")


def draw_levels(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], _: Source) -> None:
    """Draw a bar gauge: a horizontal bar for each series, with its name and value."""
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    if not drawn:
        canvas.text(x + w / 2, y + h / 2, defaults["noValue"], 24, SECONDARY, ha="center")
        return
    most = defaults.get("max") or max((one.series.points[-1][1] for one in drawn), default=1) or 1
    each = min(h / len(drawn), 62)
    left = max(len(one.name) for one in drawn) * 8.4 + 20
    for number, one in enumerate(drawn):
        top = y + number * each
        value = one.series.points[-1][1]
        text, judged = written(value, defaults)
        colour = one.overrides.get("color", {}).get("fixedColor") or judged or "blue"
        canvas.text(x + 8, top + each / 2, one.name, 14)
        canvas.box(x + left, top + 4, w - left - 116, each - 8, "#22252b")
        share = min(1.0, max(0.0, value / most))
        if share > 0.005:
            canvas.box(x + left, top + 4, max(6.0, (w - left - 116) * share), each - 8, over_panel(colour))
        canvas.text(x + w - 8, top + each / 2, text, min(20, each * 0.6), ha="right")


def draw_table(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], _: Source) -> None:
    """Draw the table of alerts: severity, the sentence, and the device or reason."""
    x, y, w, h = place
    if not drawn:
        canvas.text(x + w / 2, y + h / 2, panel["fieldConfig"]["defaults"]["noValue"], 16, SECONDARY, ha="center")
        return
    mapped: dict[str, Json] = {}
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "mappings":
                mapped[override["matcher"]["options"]] = one["value"][0]["options"]
    row = 0.0
    for one in drawn:
        labels = one.series.labels
        result = mapped["Severity"][labels["severity"]]
        lines = _wrapped(mapped["What is wrong"][labels["alertname"]]["text"], int((w - 220) / 7.9))
        tall = 12 + 19 * len(lines)
        back = over_panel(result["color"])
        canvas.box(x + 2, y + row + 2, 78, tall - 2, back)
        canvas.text(x + 41, y + row + tall / 2, result["text"], 13, contrasting(back), ha="center")
        for number, line in enumerate(lines):
            canvas.text(x + 90, y + row + 15 + 19 * number, line, 14, DARK["light-blue"])
        canvas.text(x + w - 8, y + row + tall / 2, labels.get("device", ""), 14, ha="right")
        row += tall + 4


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _legend(canvas: Canvas, place: Place, entries: Sequence[tuple[str, str]]) -> float:
    """Draw a legend below a graph; return its height."""
    x, y, w, h = place
    width, lines = 0.0, 1
    positions = []
    for name, colour in entries:
        long = 30 + len(name) * 7.2
        if width + long > w and width > 0:
            width, lines = 0.0, lines + 1
        positions.append((width, lines, name, colour))
        width += long
    shown = min(lines, max(1, int(h * 0.3 / 18)))
    for left, line, name, colour in positions:
        if line <= shown:
            middle = y + h - 18 * (shown - line) - 9
            canvas.base.plot([x + left + 2, x + left + 14], [middle, middle], color=over_panel(colour), linewidth=3)
            canvas.text(x + left + 20, middle, name, 12.5, SECONDARY)
    return 18 * shown + 4


def _time_axis(axes: Axes, shown: Range, width: float) -> None:
    axes.set_xlim(shown.begin, shown.end)
    span = shown.end - shown.begin
    steps = (3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 2592000)
    every = next((step for step in steps if span / step * (100 if span > 90000 else 60) <= width), steps[-1])
    ticks = [tick for tick in _marks(shown, every) if shown.begin <= tick <= shown.end]
    pattern = "%H:%M" if span <= 86400 * 1.01 else "%d/%m %H:%M" if every < 86400 else "%d/%m"
    axes.set_xticks(ticks, [datetime.fromtimestamp(tick, UTC).strftime(pattern) for tick in ticks])


def _marks(shown: Range, every: float) -> Iterator[float]:
    mark = math.ceil(shown.begin / every) * every
    while mark <= shown.end:
        yield mark
        mark += every


def _annotated(axes: Axes, source: Source, shown: Range, identifier: int) -> None:
    """Shade what lasts and mark what happens, as Grafana draws annotations."""
    for annotation, found in source.annotations:
        colour = over_panel(annotation["iconColor"])
        if identifier in annotation.get("filter", {}).get("ids", ()):
            continue
        for series in found:
            for part in _split(series.points, 300):
                begin, end = part[0][0], part[-1][0]
                if end < shown.begin or begin > shown.end:
                    continue
                if annotation["name"] == "Runs":
                    axes.axvspan(begin, max(end, begin + 120), color=colour, alpha=0.16, linewidth=0)
                elif annotation["name"] != "Contact closed":
                    axes.axvline(begin, color=colour, linewidth=0.8, linestyle=(0, (3, 3)), alpha=0.8)
                    axes.plot(
                        [begin],
                        [0],
                        marker="^",
                        color=colour,
                        markersize=5,
                        clip_on=False,
                        transform=axes.get_xaxis_transform(),
                    )


def draw_graph(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], source: Source) -> None:
    """Draw a time series panel: lines, stacked areas, or stacked bars."""
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    shown = source.range_of(panel)
    colours = _colours(drawn)
    low = _legend(canvas, (x, y, w, h), [(one.name, colour) for one, colour in zip(drawn, colours, strict=True)])
    axes = canvas.axes(x + 58, y + 4, w - 66, h - low - 26)
    step = _step(drawn)
    bars = custom.get("drawStyle") == "bars"
    if custom.get("stacking", {}).get("mode") == "normal":
        _stacked(axes, drawn, colours, custom, step, bars=bars)
    else:
        for one, colour in zip(drawn, colours, strict=True):
            dashed = "custom.lineStyle" in one.overrides
            for part in _split(one.series.points, step):
                times, values = zip(*part, strict=True)
                axes.plot(
                    times,
                    values,
                    color=over_panel(colour),
                    linewidth=1.2,
                    linestyle="--" if dashed else "-",
                    marker="o" if len(part) == 1 else None,
                    markersize=2,
                )
                shade = one.overrides.get("custom.fillOpacity", 8 if len(drawn) <= 3 else 0)
                if shade and defaults.get("min") == 0:
                    axes.fill_between(times, values, color=over_panel(colour), alpha=shade / 100, linewidth=0)
    if not any(value for one in drawn for _, value in one.series.points):
        axes.set_ylim(0, 1)
    elif "min" in defaults or "max" in defaults:
        axes.set_ylim(bottom=defaults.get("min"), top=defaults.get("max"))
    _annotated(axes, source, shown, panel["id"])
    _time_axis(axes, shown, w)
    _value_axis(axes, defaults)
    if not drawn:
        axes.text(0.5, 0.5, "No data", color=SECONDARY, fontsize=14, ha="center", transform=axes.transAxes)


def _value_axis(axes: Axes, defaults: Json) -> None:
    axes.locator_params(axis="y", nbins=5)
    unit = {key: value for key, value in defaults.items() if key in {"unit", "decimals"}}
    axes.yaxis.set_major_formatter(lambda value, _: written(value, unit)[0])


def _stacked(
    axes: Axes, drawn: Sequence[Drawn], colours: Sequence[str], custom: Json, step: float, *, bars: bool
) -> None:
    """Draw series upon each other: positive ones upwards, negative ones downwards."""
    times = sorted({time for one in drawn for time, _ in one.series.points})
    tops = {True: dict.fromkeys(times, 0.0), False: dict.fromkeys(times, 0.0)}
    opacity = custom.get("fillOpacity", 60) / 100
    for one, colour in zip(drawn, colours, strict=True):
        values = dict(one.series.points)
        upwards = sum(values.values()) >= 0
        bottom = [tops[upwards][time] for time in times]
        height = [values.get(time, 0.0) for time in times]
        top = [below + value for below, value in zip(bottom, height, strict=True)]
        if bars:
            axes.bar(
                times, height, width=step * 0.8, bottom=bottom, align="edge", color=over_panel(colour), alpha=opacity
            )
        else:
            axes.fill_between(times, bottom, top, color=over_panel(colour), alpha=opacity, linewidth=0)
        tops[upwards] = dict(zip(times, top, strict=True))
    axes.axhline(0, color=SECONDARY, linewidth=0.8)


def draw_timeline(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], source: Source) -> None:
    """Draw a state timeline: a band for each series, coloured and named by the value mappings."""
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    shown = source.range_of(panel)
    left = min(w * 0.35, max((len(one.name) for one in drawn), default=4) * 6.7 + 14)
    axes = canvas.axes(x + left, y + 4, w - left - 8, h - 26)
    axes.grid(visible=False)
    step = _step(drawn)
    for number, one in enumerate(drawn):
        for part in _split(one.series.points, step):
            begin, value = part[0]
            for moment, other in [*part[1:], (part[-1][0] + step, math.nan)]:
                if other != value:
                    text, colour = written(value, defaults)
                    back = over_panel(colour or "blue")
                    axes.barh(number, moment - begin, left=begin, height=0.8, color=back, linewidth=0)
                    if (moment - begin) / (shown.end - shown.begin) * (w - left) > len(text) * 7 + 8:
                        axes.text(
                            (begin + moment) / 2,
                            number,
                            text,
                            color=contrasting(back),
                            fontsize=8,
                            ha="center",
                            va="center",
                            clip_on=True,
                        )
                    begin, value = moment, other
    axes.set_ylim(max(len(drawn), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(drawn)), [one.name for one in drawn])
    _time_axis(axes, shown, w)
    if not drawn:
        axes.text(0.5, 0.5, "No data", color=SECONDARY, fontsize=14, ha="center", transform=axes.transAxes)


def draw_cells(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], source: Source) -> None:
    """Draw a heat map with a row for each series."""
    x, y, w, h = place
    shown = source.range_of(panel)
    scale = panel["options"]["color"]
    drawn = sorted(
        drawn, key=lambda one: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", one.name)]
    )
    times = sorted({time for one in drawn for time, _ in one.series.points})
    rows = [[dict(one.series.points).get(time, math.nan) for time in times] for one in drawn]
    axes = canvas.axes(x + 100, y + 4, w - 108, h - 52)
    axes.grid(visible=False)
    norm = Normalize(scale["min"], scale["max"])
    colours = mpl.colormaps[scale["scheme"].lower()]
    axes.imshow(
        rows,
        aspect="auto",
        cmap=colours,
        norm=norm,
        interpolation="nearest",
        extent=(times[0], times[-1], len(drawn) - 0.5, -0.5),
    )
    axes.set_yticks(range(0, len(drawn), 4), [drawn[row].name for row in range(0, len(drawn), 4)])
    _time_axis(axes, shown, w)
    bar = canvas.axes(x + 100, y + h - 22, 300, 8)
    bar.imshow([list(range(64))], aspect="auto", cmap=colours)
    bar.set_xticks([])
    bar.set_yticks([])
    for place_of, value, side in ((x + 92, scale["min"], "right"), (x + 408, scale["max"], "left")):
        canvas.text(place_of, y + h - 18, f"{value:g} mV", 12, SECONDARY, ha=side)


def draw_months(canvas: Canvas, place: Place, panel: Json, drawn: Sequence[Drawn], _: Source) -> None:
    """Draw a bar chart of the sums by calendar month, as the panel's transformations make them."""
    x, y, w, h = place
    defaults = panel["fieldConfig"]["defaults"]
    named = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"].get("overrides", ())
    }
    colours = [named.get(one.name, "blue") for one in drawn]
    low = _legend(canvas, (x, y, w, h), [(one.name, colour) for one, colour in zip(drawn, colours, strict=True)])
    axes = canvas.axes(x + 58, y + 4, w - 66, h - low - 26)
    sums: list[dict[str, float]] = []
    for one in drawn:
        months: dict[str, float] = {}
        for moment, value in one.series.points:
            month = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m")
            months[month] = months.get(month, 0.0) + value
        sums.append(months)
    labels = sorted({month for months in sums for month in months})
    wide = 0.8 / max(1, len(drawn))
    for number, (months, colour) in enumerate(zip(sums, colours, strict=True)):
        places = [index - 0.4 + wide * number for index in range(len(labels))]
        heights = [months.get(month, 0.0) for month in labels]
        axes.bar(places, heights, width=wide * 0.95, align="edge", color=over_panel(colour), alpha=0.85)
        for left, height in zip(places, heights, strict=True):
            axes.text(
                left + wide / 2,
                height,
                written(height, defaults)[0],
                color=TEXT_COLOUR,
                fontsize=8,
                ha="center",
                va="bottom",
            )
    axes.set_xticks(range(len(labels)), labels)
    axes.margins(y=0.15)
    axes.grid(visible=False, axis="x")
    _value_axis(axes, defaults)


DRAWERS: Mapping[str, Callable[[Canvas, Place, Json, Sequence[Drawn], Source], None]] = {
    "stat": draw_number,
    "gauge": draw_gauge,
    "bargauge": draw_levels,
    "table": draw_table,
    "timeseries": draw_graph,
    "state-timeline": draw_timeline,
    "heatmap": draw_cells,
    "barchart": draw_months,
}


def draw(board: Json, prometheus: Prometheus, at: float, span: str | None = None) -> Figure:
    """Return the picture of a dashboard at a time, over a span such as 7d, or over its own."""
    source = Source(prometheus, board, at, span or board["time"]["from"].removeprefix("now-"))
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    canvas = Canvas(HEADER + rows * (ROW + GAP) + 12)
    canvas.text(18, HEADER / 2, board["title"], 22, weight="bold")
    moment = datetime.fromtimestamp(at, UTC)
    canvas.text(WIDTH - 18, HEADER / 2, f"{moment:%A %d %B, %H:%M}", 18, SECONDARY, ha="right")
    unit = (WIDTH - 24 + GAP) / 24
    for panel in board["panels"]:
        grid = panel["gridPos"]
        x, y = 12 + grid["x"] * unit, HEADER + grid["y"] * (ROW + GAP)
        w, h = grid["w"] * unit - GAP, grid["h"] * (ROW + GAP) - GAP
        if panel["type"] == "row":
            canvas.text(x + 6, y + h / 2, f"▾ {panel['title']}", 17, weight="bold")
            continue
        canvas.box(x, y, w, h, PANEL)
        drawn = source.ask(panel)
        own = (
            f"  {'today' if panel['timeFrom'] == 'now/d' else 'last ' + panel['timeFrom']}"
            if "timeFrom" in panel
            else ""
        )
        DRAWERS[panel["type"]](canvas, (x + 8, y + 30, w - 16, h - 36), panel, drawn, source)
        canvas.text(x + 12, y + 17, panel["title"], 15, weight="bold")
        if own and not panel.get("hideTimeOverride"):
            canvas.text(x + 14 + len(panel["title"]) * 9.8, y + 17, own, 12, SECONDARY)
    return canvas.figure


def save(figure: Figure, file: Path) -> None:
    """Write a picture as WebP."""
    canvas: Any = figure.canvas
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()), "raw", "RGBA", 0, 1)
    image = image.convert("RGB").resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
    image.save(file, "WEBP", quality=72, method=6)


def main(argv: list[str] | None = None) -> int:
    """Draw the dashboards that are named, or all; return 0."""
    parser = argparse.ArgumentParser(prog="python -m grafana.draw", description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", metavar="URL", default="http://127.0.0.1:9090")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True)
    parser.add_argument("--at", metavar="UNIX_TIME", type=float, default=None, help="default: now")
    parser.add_argument("--range", metavar="SPAN", default=None, help="such as 7d; default: each dashboard's own")
    parser.add_argument("files", metavar="FILE", type=Path, nargs="*", help="default: grafana/dashboards/*.json")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    prometheus = Prometheus(arguments.prometheus)
    at = time.time() if arguments.at is None else arguments.at
    for file in arguments.files or sorted(FOLDER.glob("*.json")):
        figure = draw(json.loads(file.read_text(encoding="utf-8")), prometheus, at, arguments.range)
        save(figure, arguments.out / f"{file.stem}.webp")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
