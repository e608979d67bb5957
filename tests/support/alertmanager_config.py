"""The shipped alertmanager.yml with commented blocks in use, and Alertmanager running with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT, Process, free_port, prometheus_tool, wait_until
from tests.support.http import request

SHIPPED = ROOT / "alerts" / "alertmanager.yml"


def uncomment(text: str, *titles: str) -> str:
    """Return the configuration with the blocks in use whose `##` comments begin with these titles."""
    lines: list[str] = []
    found: set[str | None] = set()
    used = False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("## "):
            title = next((title for title in titles if stripped.startswith(f"## {title}")), None)
            found |= {title}
            used = title is not None or (used and lines[-1].strip().startswith("## "))
        elif not stripped.startswith("#"):
            used = False
        elif used:
            line = line.replace("# ", "", 1)  # noqa: PLW2901
        lines.append(line)
    assert found >= set(titles), f"no block for {set(titles) - found}"
    return "\n".join(lines) + "\n"


@contextmanager
def alertmanager(folder: Path, text: str) -> Iterator[str]:
    """Run Alertmanager with a configuration beside the shipped template, and yield its URL."""
    (folder / "alertmanager.yml").write_text(text)
    shutil.copy(ROOT / "alerts" / "people.tmpl", folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = (f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}")
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    with Process([prometheus_tool("alertmanager"), *arguments, *listen]) as process:

        def ready() -> bool:
            assert process.popen.poll() is None, process.output
            try:
                return request("GET", f"{url}/-/ready")[0] == 200
            except OSError:
                return False

        wait_until(ready, 60, "Alertmanager is ready")
        yield url


def send(url: str, *alerts: Mapping[str, Any]) -> None:
    """Give Alertmanager alerts, as Prometheus does."""
    code, text = request("POST", f"{url}/api/v2/alerts", list(alerts))
    assert code == 200, text
