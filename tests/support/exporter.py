"""The exporter as a process on a free port."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import Process, command, free_port
from tests.support.http import request
from tests.support.metrics_page import Samples, samples, value


class Exporter:
    """The exporter; leaving the context ends it. `program` is its command, by default the installed one."""

    def __init__(self, config: Path, *flags: str, program: Sequence[str | Path] = ()) -> None:
        self.port = free_port()
        self.process = Process(
            [
                *(program or [command("magnum-exporter")]),
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                *flags,
            ]
        )

    def __enter__(self) -> Self:
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, value, traceback)

    def get(self, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
        """Return status and text; (0, "") without an answer."""
        try:
            return request(method, f"http://127.0.0.1:{self.port}{path}", deadline_seconds=5)
        except (OSError, HTTPException):
            return 0, ""

    def page(self, query: str = "") -> Samples:
        """Return the samples of the page."""
        return samples(self.get(f"/metrics{query}")[1])

    def value(self, metric: str, **labels: str) -> float | None:
        """Return one sample, None when it is not on the page."""
        return value(self.page(), metric, **labels)
