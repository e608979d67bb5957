"""Draw all dashboards of the simulated fortnight: `python -m tests.grafana.harness.pictures FOLDER`."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from grafana.build import FOLDER
from grafana.draw import draw, save
from grafana.prometheus import Prometheus
from tests.grafana.harness import backfill

# What a dashboard is best looked at over; the others are drawn over their own range.
RANGES = {"offgrid-battery": "14d", "offgrid-solar": "3d", "offgrid-generator": "7d", "offgrid-devices": "3d"}


def main() -> None:
    """Write a picture of each dashboard into a folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.grafana.harness.pictures", description=main.__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    end = backfill.last_evening(time.time())
    with tempfile.TemporaryDirectory() as data, backfill.prometheus(Path(data), end) as url:
        for file in sorted(FOLDER.glob("*.json")):
            board = json.loads(file.read_text(encoding="utf-8"))
            save(draw(board, Prometheus(url), end, RANGES.get(file.stem)), folder / f"{file.stem}.webp")


if __name__ == "__main__":
    main()
