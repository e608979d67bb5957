"""Write the dashboards' JSON: `python -m grafana.build`. With `--check`, only list the files that are out of date."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import battery, devices, generator, site

FOLDER = Path(__file__).parent / "dashboards"


def built() -> dict[str, str]:
    """Return the JSON text of each dashboard by file name."""
    boards = [module.build() for module in (site, generator, battery, devices)]
    return {
        f"{board.uid}.json": json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
        for board in boards
    }


def main(argv: list[str] | None = None) -> int:
    """Write or check the files; return 1 when a checked file is out of date."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description="write the dashboards' JSON")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is out of date")
    check = parser.parse_args(argv).check
    different = []
    for name, text in built().items():
        file = FOLDER / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            different.append(name)
            if not check:
                file.write_text(text, encoding="utf-8")
    if check and different:
        sys.stderr.write(f"out of date: {', '.join(different)}; run python -m grafana.build\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
