"""A real Prometheus that has the fortnight: `with prometheus(folder, end) as url`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.grafana.harness import fortnight
from tests.support.alert_rules import ALERTS, RECORDING_FILE
from tests.support.prometheus_data import WHOLE, promtool, serving

EVENING = 18.5 * 3600


def last_evening(now: float) -> float:
    """Return the last 18:30 UTC on the 7th of a month: the fortnight, whose clock is that of UTC, is in two months."""
    evening = (now - EVENING) // fortnight.DAY * fortnight.DAY + EVENING
    while datetime.fromtimestamp(evening, UTC).day != 7:
        evening -= fortnight.DAY
    return evening


@contextmanager
def prometheus(folder: Path, end: float) -> Iterator[str]:
    """Write the fortnight and its recorded series into a Prometheus; yield its URL."""
    data = folder / "data"
    data.mkdir()
    openmetrics = folder / "openmetrics"
    openmetrics.mkdir()
    for file in fortnight.write(end, openmetrics):
        promtool("tsdb", "create-blocks-from", WHOLE, "openmetrics", file, data)
        file.unlink()
    begin = end - fortnight.DAYS * fortnight.DAY
    for number, groups in enumerate(_levels()):
        rules = folder / f"level{number}.yml"
        rules.write_text(yaml.safe_dump({"groups": groups}))
        recorded = folder / f"recorded{number}"  # in Prometheus' own folder, blocks would be merged meanwhile
        with serving(folder, data) as url:
            times = (f"--start={begin:.0f}", f"--end={end:.0f}", f"--output-dir={recorded}", f"--url={url}")
            promtool("tsdb", "create-blocks-from", WHOLE, "rules", *times, rules)
        for block in recorded.iterdir():
            block.rename(data / block.name)
    with serving(folder, data) as url:
        yield url


def _levels() -> list[list[dict[str, Any]]]:
    """Return the groups of recording rules in parts: the rules of one read only what those before it have recorded."""
    groups = yaml.safe_load((ALERTS / RECORDING_FILE).read_text())["groups"]
    level: dict[str, int] = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        level[rule["record"]] = 1 + max((level[name] for name in level if name in rule["expr"]), default=-1)
    return [
        [
            # The fortnight has a sample each minute: the powers every 15 s would be the same four times.
            {**group, "interval": max(group["interval"], "1m", key=_seconds), "rules": rules}
            for group in groups
            if (rules := [rule for rule in group["rules"] if level[rule["record"]] == number])
        ]
        for number in range(max(level.values()) + 1)
    ]


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]
