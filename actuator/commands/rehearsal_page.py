"""One page with the curves of a rehearsal: no script, nothing from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from actuator.commands.rehearsal import Outcome

WIDTH: Final = 1000
HEIGHT: Final = 160

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.5rem 0 0.3rem; font-weight: 600; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.3rem 0.8rem; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
svg { width: 100%; height: auto; border: 1px solid #8884; }
polyline { fill: none; stroke: currentColor; stroke-width: 1; vector-effect: non-scaling-stroke; }
rect { fill: #d97706; opacity: 0.35; } line { stroke: #8886; } text { font-size: 11px; fill: currentColor; }"""


def page(title: str, rows: Sequence[Sequence[str]], outcomes: Mapping[str, Outcome], sentences: Sequence[str]) -> str:
    """Return the page.

    Args:
        title: what was rehearsed.
        rows: of the table, its header first.
        outcomes: by name, each with its curve.
        sentences: what to know about the numbers; those that begin with "- " are a list.
    """
    header, *body = rows
    begin = min(outcome.curve[0][0] for outcome in outcomes.values())
    end = max(outcome.curve[-1][0] for outcome in outcomes.values())
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Rehearsal</title>\n<style>\n{_STYLE}\n</style>",
        f"<h1>Rehearsal of {escape(title)}</h1>\n<div><table>",
        _row("th", header),
        *(_row("td", row) for row in body),
        "</table></div>",
        *(_figure(name, outcome, begin, end) for name, outcome in outcomes.items()),
        "<p>The line is the state of charge, from 0 % to 100 %; the engine runs where it is shaded.</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in sentences if not sentence.startswith("- ")),
        "<ul>",
        *(f"<li>{escape(sentence[2:])}</li>" for sentence in sentences if sentence.startswith("- ")),
        "</ul>\n</html>\n",
    ]
    return "\n".join(parts)


def _row(cell: str, texts: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>"


def _figure(name: str, outcome: Outcome, begin: float, end: float) -> str:
    def x(at: float) -> float:
        return round((at - begin) / (end - begin) * WIDTH, 1)

    def y(soc: float) -> float:
        return round((1 - soc) * HEIGHT, 1)

    points = " ".join(f"{x(at)},{y(soc)}" for at, soc in outcome.curve)
    runs = "".join(
        f'<rect x="{x(run.begin)}" y="0" width="{max(0.5, x(run.end) - x(run.begin)):g}" height="{HEIGHT}"/>'
        for run in outcome.runs
    )
    grid = "".join(
        f'<line x1="0" x2="{WIDTH}" y1="{y(soc)}" y2="{y(soc)}"/>'
        f'<text x="{WIDTH - 4}" y="{y(soc) - 3}" text-anchor="end">{soc:.0%}</text>'
        for soc in (0.25, 0.5, 0.75)
    )
    label = f"State of charge, {name}: {len(outcome.runs)} starts, lowest {outcome.lowest:.0%}"
    return (
        f"<h2>{escape(name)}</h2>\n"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'{grid}{runs}<polyline points="{points}"/></svg>'
    )
