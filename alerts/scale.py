"""Multiply every duration in a rule file, `prometheus.yml` or `alertmanager.yml` by a factor; change nothing else.

For demonstrations and tests, which cannot wait for windows of minutes. Scale all files by the same factor, and also
Prometheus' option `--rules.alert.resend-delay` (default 1m).

    python -m alerts.scale --factor 0.1 alerts/rules.yml scaled.yml
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import yaml

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
PART = re.compile(r"(\d+)(ms|[smhdw])")
WHOLE = re.compile(r"(?:\d+(?:ms|[smhdw]))+")

# The parts of an expression that hold durations: range selectors, subqueries and offsets.
IN_EXPRESSION = re.compile(r"\[[^]]*\]|\boffset\s+-?\S+")

# The keys that hold a duration, in rule files, prometheus.yml and alertmanager.yml.
SETTINGS = frozenset(
    {
        "evaluation_interval",
        "for",
        "group_interval",
        "group_wait",
        "interval",
        "keep_firing_for",
        "query_offset",
        "repeat_interval",
        "resolve_timeout",
        "scrape_interval",
        "scrape_timeout",
    }
)


def duration(text: str, factor: float) -> str:
    """Return a Prometheus duration ("1h30m") times `factor`, in s or ms; at least 1 ms unless it was zero."""
    old = sum(int(number) * MILLISECONDS[unit] for number, unit in PART.findall(text))
    new = max(round(old * factor), 1 if old else 0)
    return f"{new}ms" if new % 1000 else f"{new // 1000}s"


def expression(text: str, factor: float) -> str:
    """Return a PromQL expression with its ranges and offsets times `factor`; thresholds in seconds do not change."""

    def scaled(selector: re.Match[str]) -> str:
        return WHOLE.sub(lambda found: duration(found[0], factor), selector[0])

    return IN_EXPRESSION.sub(scaled, text)


def scale(document: object, factor: float) -> object:
    """Return a parsed configuration with all its durations times `factor`."""
    if isinstance(document, list):
        return [scale(item, factor) for item in document]
    if not isinstance(document, dict):
        return document
    result: dict[object, object] = {}
    for key, value in document.items():
        if key == "expr" and isinstance(value, str):
            result[key] = expression(value, factor)
        elif key in SETTINGS and isinstance(value, str):
            result[key] = duration(value, factor)
        else:
            result[key] = scale(value, factor)
    return result


def main(argv: list[str] | None = None) -> int:
    """Read IN, write OUT and return 0."""
    parser = argparse.ArgumentParser(prog="python -m alerts.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--factor", type=float, required=True, help="0.1 is ten times as fast")
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("output", type=Path, metavar="OUT")
    arguments = parser.parse_args(argv)
    if not arguments.factor > 0:
        parser.error(f"--factor: got {arguments.factor}, expected a number above 0 such as 0.1")
    document = yaml.safe_load(arguments.input.read_text(encoding="utf-8"))
    scaled = scale(document, arguments.factor)
    arguments.output.write_text(
        yaml.safe_dump(scaled, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
