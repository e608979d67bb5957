"""The actuator as a process on loopback, with a synthetic board and a synthetic exporter's page."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import sqlite3
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.actuator.harness.modbus_board import Board, TcpBoard
from tests.actuator.harness.page_server import PageServer
from tests.support import Process, command, free_port, wait_until

FAST: dict[str, Any] = {
    "debounce": {"start": "1s", "stop": "1s", "emergency": "1s"},
    "alerts": {"heartbeat_timeout": "60s", "lease": "60s", "alert_grace": "60s"},
    "limits": {
        "max_run": "60s",
        "min_run": "1s",
        "min_off": "2s",
        "tail": "1s",
        "start_confirm": "30s",
        "stop_confirm": "20s",
    },
}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def payload(
    name: str, status: str = "firing", *, starts: str = "2026-01-01T00:00:00Z", **labels: str
) -> dict[str, Any]:
    """Return Alertmanager's webhook payload with one alert."""
    alert = {
        "status": status,
        "labels": {"alertname": name, "severity": "none", **labels},
        "annotations": {"summary": f"{name} for people"},
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"print-{name}-{'-'.join(labels.values())}",
    }
    return {
        "version": "4",
        "groupKey": "{}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "generator",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }


class Actuator:
    """One site: board, page, and the actuator, which can be started again and again."""

    def __init__(self, folder: Path, board: TcpBoard, page: PageServer, settings: Mapping[str, Any]) -> None:
        self.folder, self.served, self.page = folder, board, page
        self.board: Board = board.board
        self.port = free_port()
        self.config_file = folder / "actuator.yml"
        self.journal = folder / "journal.db"
        self.configure(settings)
        self.flags: list[str] = []

    def configure(self, settings: Mapping[str, Any]) -> None:
        base: dict[str, Any] = {
            "exporter": {"url": self.page.url, "interval": "200ms"},
            "relay": {"type": "modbus", "url": self.served.url},
            "journal": str(self.journal),
        }
        self.config_file.write_text(yaml.safe_dump(merged(merged(base, FAST), settings)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self, program: str | None = None, *, within: float = 15.0) -> Iterator[Process]:
        start = [command("generator-actuator")] if program is None else [sys.executable, "-c", program]
        flags = [f"--config.file={self.config_file}", f"--web.listen-address=127.0.0.1:{self.port}", *self.flags]
        with Process([*start, *flags]) as process:
            wait_until(lambda: self.ready() or process.popen.poll() is not None, within, "the actuator to be ready")
            yield process

    def ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/-/ready")[0] == 200
        return False

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            fallback = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, sent, dict(headers) if headers is not None else fallback)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, str]:
        return self.request("GET", path)

    def notify(self, name: str, status: str = "firing", **labels: str) -> int:
        return self.request("POST", "/api/v1/alerts", payload(name, status, **labels))[0]

    def beat_twice(self) -> None:
        """Two heartbeats: the alert path is trusted from then on."""
        for _ in range(2):
            assert self.notify("GeneratorHeartbeat") == 200
        assert self.status()["path"] == "alerts"

    def status(self) -> dict[str, Any]:
        code, text = self.get("/api/v1/status")
        assert code == 200, text
        document: dict[str, Any] = json.loads(text)
        return document

    def rows(self) -> list[dict[str, Any]]:
        code, text = self.get("/api/v1/journal")
        assert code == 200, text
        rows: list[dict[str, Any]] = json.loads(text)
        return rows

    def durable(self) -> dict[str, Any]:
        """Return what a running actuator has on the disk now, its times in monotonic seconds."""
        with contextlib.closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as database:
            (text,) = database.execute("SELECT saved FROM state").fetchone()
        durable: dict[str, Any] = json.loads(text.partition(" ")[2])["saved"]["durable"]
        return durable

    def metric(self, name: str, **labels: str) -> float | None:
        wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{wanted} "):
                return float(line.rpartition(" ")[2])
        return None

    def close_for_an_alert(self) -> None:
        """Bring the contact to close, the engine to run, and its run to be proven."""
        self.beat_twice()
        assert self.notify("BatterySocLow") == 200
        assert self.board.closed()
        self.page.engine(runs=True)
        wait_until(lambda: self.status()["phase"] == "running", 10, "the engine to be proven")


@contextlib.contextmanager
def site(folder: Path, settings: Mapping[str, Any] | None = None, *, timed: bool = False) -> Iterator[Actuator]:
    with TcpBoard(Board(timed=timed)) as board, PageServer() as page:
        yield Actuator(folder, board, page, settings or {})


def kill(process: Process) -> None:
    process.signal(signal.SIGKILL)
    process.wait(5)


def host_of(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
