"""What a panel shows: the series of its queries, and each value as text and colour. It draws nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from grafana.palette import DARK, PANEL, TEXT_COLOUR
from grafana.prometheus import Prometheus, Series
from grafana.queries import substituted

Json = dict[str, Any]

COLUMN = 76  # pixels of a column, without the gap, at 1920
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class Range(NamedTuple):
    """A range of time, in seconds since 1970."""

    begin: float
    end: float


@dataclass
class Drawn:
    """A series as a panel shows it."""

    name: str
    query: str
    series: Series
    overrides: Json


def colour_of(name: str) -> str | tuple[float, float, float, float]:
    """Return a colour that matplotlib knows, of a name of Grafana's dark theme or of rgba(…)."""
    if name == "text":
        return TEXT_COLOUR
    if name.startswith("rgba"):
        red, green, blue, alpha = (float(part) for part in re.findall(r"[\d.]+", name))
        return red / 255, green / 255, blue / 255, alpha
    return DARK.get(name, name)


def over_panel(name: str) -> str:
    """Return the colour that a name has on a panel, without transparency."""
    colour = colour_of(name)
    if isinstance(colour, str):
        return colour
    base = [int(PANEL[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    mixed = (round(255 * (colour[3] * one + (1 - colour[3]) * under)) for one, under in zip(colour, base, strict=False))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _plain(value: float, decimals: int | None) -> str:
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 100 or value == round(value) else 1 if size >= 10 else 2
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _scaled(value: float, unit: str, decimals: int | None) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{_plain(value / factor, 2 if decimals is None else decimals)} {prefix}{unit}"
    return f"{_plain(value, decimals)} {unit}"


def _time_span(value: float, decimals: int | None) -> str:
    for seconds, name in ((86400, "days"), (3600, "hours"), (60, "mins")):
        if abs(value) >= seconds:
            return f"{_plain(value / seconds, 1 if decimals is None else decimals)} {name}"
    return f"{_plain(value, decimals)} s"


UNITS: dict[str, Callable[[float, int | None], str]] = {
    "none": _plain,
    "percentunit": lambda value, decimals: f"{_plain(value * 100, 0 if decimals is None else decimals)}%",
    "s": _time_span,
    "volt": lambda value, decimals: (
        _scaled(value, "V", decimals) if abs(value) >= 1 or value == 0 else f"{_plain(value * 1000, decimals or 0)} mV"
    ),
    "mvolt": lambda value, decimals: f"{_plain(value, decimals)} mV",
    "amp": lambda value, decimals: _scaled(value, "A", decimals),
    "suffix:h": lambda value, decimals: f"{_plain(value, decimals)} h",
    "watt": lambda value, decimals: _scaled(value, "W", decimals),
    "watth": lambda value, decimals: _scaled(value, "Wh", decimals),
    "amph": lambda value, decimals: _scaled(value, "Ah", decimals),
    "celsius": lambda value, decimals: f"{_plain(value, decimals)} °C",
    "ops": lambda value, decimals: f"{_plain(value, decimals)} ops/s",
    "Bps": lambda value, decimals: f"{_plain(value, decimals)} B/s",
}


def written(value: float, defaults: Json) -> tuple[str, str | None]:
    """Return a value as text, by its mapping or its unit, and its colour by mapping or threshold."""
    for mapping in defaults.get("mappings", ()):
        result = mapping["options"].get(f"{value:g}")
        if result:
            return result["text"], result.get("color")
    text = UNITS[defaults.get("unit", "none")](value, defaults.get("decimals"))
    colour = None
    for step in defaults.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return text, colour


def seconds(text: str) -> float:
    """Return the seconds of a duration such as 48h."""
    found = re.fullmatch(r"(\d+)([smhdwy])", text)
    if found is None:
        raise ValueError(f'got "{text}", expected a duration such as 48h')
    return int(found[1]) * SECONDS[found[2]]


class Source:
    """Answers the queries of one dashboard at one time."""

    def __init__(self, prometheus: Prometheus, board: Json, at: float, span: str) -> None:
        self._prometheus, self.at = prometheus, at
        self.range = Range(at - seconds(span), at)
        self.annotations = [
            (annotation, self._over(annotation["expr"], Range(at - 31 * 86400, at), 300))
            for annotation in board["annotations"]["list"]
        ]

    def range_of(self, panel: Json) -> Range:
        """Return the range of time that a panel shows: its own, or the dashboard's."""
        own = panel.get("timeFrom")
        if own == "now/d":
            return Range(self.at // 86400 * 86400, self.at)
        return Range(self.at - seconds(own), self.at) if own else self.range

    def ask(self, panel: Json) -> list[Drawn]:
        """Return the series of a panel in the order of its queries."""
        shown = self.range_of(panel)
        drawn = []
        for target in panel["targets"]:
            if target.get("instant"):
                found = self._prometheus.now(self._filled(target["expr"], shown, 60), self.at)
            else:
                least = seconds(panel["interval"]) if "interval" in panel else 60
                pixels = panel["gridPos"]["w"] * COLUMN
                step = max(least, math.ceil((shown.end - shown.begin) / pixels / 60) * 60)
                found = self._over(target["expr"], shown, step)
            overrides = _overrides(panel, target["refId"])
            for series in sorted(found, key=lambda one: sorted(one.labels.items())):
                name = _named(target["legendFormat"], series.labels) or panel["title"]
                drawn.append(Drawn(name, target["refId"], series, overrides))
        return drawn

    def _over(self, expression: str, shown: Range, step: float) -> list[Series]:
        begin = math.floor(shown.begin / step) * step
        return self._prometheus.over(self._filled(expression, shown, step), begin, shown.end, step)

    @staticmethod
    def _filled(expression: str, shown: Range, step: float) -> str:
        return substituted(
            expression, rate_interval=f"{max(240, 4 * step):.0f}s", range=f"{shown.end - shown.begin:.0f}s"
        )


def _named(legend: str, labels: Mapping[str, str]) -> str:
    return " ".join(re.sub(r"{{(\w+)}}", lambda label: labels.get(label[1], ""), legend).split())


def _overrides(panel: Json, letter: str) -> Json:
    found: Json = {}
    for override in panel["fieldConfig"].get("overrides", ()):
        if override["matcher"] == {"id": "byFrameRefID", "options": letter}:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found
