"""The actuator as a process on loopback, with a synthetic board and a synthetic exporter's page."""

from __future__ import annotations

import base64
import contextlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from actuator.journal import mirror
from simulator.demo.deployment import merged
from tests.actuator.harness.modbus_board import Board, TcpBoard
from tests.actuator.harness.page_server import PageServer
from tests.support import Process, command, free_port, run_command, wait_until
from tests.support.alertmanager import notification
from tests.support.http import request
from tests.support.metrics_page import samples, value

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
        "short_cycle": ["1s"],
    },
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
        self.scheme = "http"
        self.authorization: dict[str, str] = {}

    def configure(self, settings: Mapping[str, Any]) -> None:
        base: dict[str, Any] = {
            "exporter": {"url": self.page.url, "interval": "200ms"},
            "relay": {"type": "modbus", "url": self.served.url},
            "journal": str(self.journal),
        }
        self.config_file.write_text(yaml.safe_dump(merged(merged(base, FAST), settings)))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def use_tls(self) -> None:
        """Serve with TLS from the next start on."""
        new = ("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        files = ("-subj", "/CN=127.0.0.1", "-keyout", self.folder / "tls.key", "-out", self.folder / "tls.crt")
        assert run_command(*new, *files).returncode == 0
        web = self.folder / "web.yml"
        web.write_text("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n")
        self.flags.append(f"--web.config.file={web}")
        self.scheme = "https"

    def use_password(self) -> None:
        """Serve the user "owner" alone from the next start on; every request of this site has the password."""
        written = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
        web = self.folder / "web.yml"
        web.write_text(f"basic_auth_users: {{owner: '{written}'}}\n")
        self.flags.append(f"--web.config.file={web}")
        self.authorization = {"Authorization": "Basic " + base64.b64encode(b"owner:right").decode()}

    @contextlib.contextmanager
    def running(
        self,
        program: str | None = None,
        *,
        within: float = 60.0,
        env: Mapping[str, str] | None = None,
        ready: int = 200,
    ) -> Iterator[Process]:
        """Run the actuator; it is ready when /-/ready answers so, with users 401."""
        flags = [f"--config.file={self.config_file}", f"--web.listen-address=127.0.0.1:{self.port}", *self.flags]
        with Process([*starting(program), *flags], env=env) as process:
            wait_until(
                lambda: self.ready(ready) or process.popen.poll() is not None, within, "the actuator to be ready"
            )
            yield process

    def ready(self, status: int = 200) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/-/ready")[0] == status
        return False

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        if headers is None and body is not None:
            headers = {"Content-Type": "application/json"}
        return request(method, f"{self.url}{path}", body, {**(headers or {}), **self.authorization})

    def get(self, path: str) -> tuple[int, str]:
        return self.request("GET", path)

    def request_within(self, seconds: float, path: str) -> tuple[int, str]:
        """Ask for a page, and give up after so many seconds."""
        return request("GET", f"{self.url}{path}", deadline_seconds=seconds)

    def notify(self, name: str, status: str = "firing", **labels: str) -> int:
        return self.request("POST", "/api/v1/alerts", notification(name, status, **labels))[0]

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
        return value(samples(self.get("/metrics")[1]), name, **labels)

    def wait_until_closed(self) -> None:
        """Wait for the contact: what requests the engine is answered before the first page has been read."""
        wait_until(self.board.closed, 10, "the contact to close, once the page has been read")

    def close_for_an_alert(self) -> None:
        """Bring the contact to close, the engine to run, and its run to be proven."""
        self.beat_twice()
        assert self.notify("BatterySocLow") == 200
        self.wait_until_closed()
        self.page.engine(runs=True)
        wait_until(lambda: self.status()["phase"] == "running", 10, "the engine to be proven")

    def lose_shared_memory(self) -> None:
        """Remove the spare of the journal's mirror, as a reboot does."""
        for spare in mirror.paths_of(mirror.spare_folder(), self.journal):
            spare.unlink(missing_ok=True)


@contextlib.contextmanager
def site(folder: Path, settings: Mapping[str, Any] | None = None, *, timed: bool = False) -> Iterator[Actuator]:
    with TcpBoard(Board(timed=timed)) as board, PageServer() as page:
        actuator = Actuator(folder, board, page, settings or {})
        try:
            yield actuator
        finally:
            actuator.lose_shared_memory()


def run(
    *arguments: str, program: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `generator-actuator`, or a Python program in its place, to its end."""
    return run_command(*starting(program), *arguments, env=env)


def in_time(more: str = "", *, known: bool = True) -> str:
    """Return the program of an actuator, with more lines in it, whose clock is known to be right, or is not."""
    return f"""
import sys
from actuator.loop import clock
clock.Clock.__init__.__defaults__ = (lambda: {known},)
{more}
from actuator.cli import main
sys.exit(main(sys.argv[1:]))
"""


def starting(program: str | None) -> list[str | Path]:
    """Return the command that starts the actuator, or a Python program in its place."""
    return [command("generator-actuator")] if program is None else [sys.executable, "-c", program]


def kill(process: Process) -> None:
    process.signal(signal.SIGKILL)
    process.wait(5)


def host_of(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc


def no_room(process: Process, size: int) -> None:
    """Let the process write no file beyond this size, as on a full disk."""
    _, most = resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (size, most))
