"""A Prometheus with data of any time: `promtool` writes blocks, `serving` answers queries about them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import Process, free_port, prometheus_tool, wait_until
from tests.support.loop import fetch

WHOLE = "--max-block-duration=336h"
"""Else promtool makes a block for each rule and two hours: thousands."""


def promtool(*arguments: str | Path, seconds: float = 1500) -> None:
    """Run promtool, which has to succeed."""
    done = subprocess.run(
        [prometheus_tool("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0, f"promtool {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"


@contextmanager
def serving(folder: Path, data: Path) -> Iterator[str]:
    """Run Prometheus on the data, without anything to scrape; yield its URL. `folder` takes its configuration."""
    config = folder / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    url = f"http://127.0.0.1:{(port := free_port())}"
    options = (
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    with Process([prometheus_tool("prometheus"), *options]):
        wait_until(lambda: fetch(f"{url}/-/ready")[0] == 200, 60, "Prometheus is ready")
        yield url
