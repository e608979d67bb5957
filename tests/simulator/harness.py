"""A running simulator for any test: free ports, a link of its own, and its interface as three methods.

with Simulator(tmp_path, speed=60, battery={"soc": 0.3}) as site:
    site.link, site.modbus_port
    site.fault("bmk_jump", 1.0); site.clear("bmk_jump"); site.set(soc=0.2)
    site.state()["battery"]["soc"]
"""

from __future__ import annotations

import json
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support import Process, wait_until


class Simulator:
    """The program in a process of its own; keywords are parts of its configuration, and are merged into the file.

    Args:
        folder: where the link and the file go; two simulators need two folders.
        site: any top-level key of simulator.yml. Durations are written "30s"; `bus`, `relay` and `http` need no port.
    """

    def __init__(self, folder: Path, **site: Any) -> None:  # noqa: ANN401 - whatever YAML holds
        self.link = folder / "magnum"
        parts = {
            "bus": {"link": str(self.link)},
            "relay": {"listen": "127.0.0.1:0"},
            "http": {"listen": "127.0.0.1:0"},
        }
        for name, part in parts.items():
            site[name] = {**part, **site.get(name, {})}
        self.link = Path(site["bus"]["link"])
        file = folder / "simulator.yml"
        file.write_text(yaml.safe_dump(site))
        self.process = Process(
            [sys.executable, "-m", "simulator", f"--config.file={file}", "--log.format=json"],
            cwd=Path(__file__).resolve().parents[2],
        )

    def __enter__(self) -> Self:
        self.process.__enter__()
        try:
            opened = wait_until(self._opened, 15, "the simulator says what it has opened")
        except AssertionError as error:
            self.process.__exit__(type(error), error, error.__traceback__)
            raise
        self.modbus_port: int = opened["relay board"]["port"]
        self.url: str = opened["interface"]["url"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, value, traceback)

    def events(self) -> list[dict[str, Any]]:
        """Every event of its log so far."""
        return [json.loads(line) for line in self.process.output.splitlines() if line.startswith("{")]

    def _opened(self) -> dict[str, dict[str, Any]] | None:
        if self.process.popen.poll() is not None:
            raise AssertionError(f"the simulator ended; output:\n{self.process.output}")
        said = {event["msg"]: event for event in self.events()}
        return said if {"serial port", "relay board", "interface"} <= said.keys() else None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return status and text of one request; `body` goes as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url.rstrip('/')}{path}", data=data, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def _told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, text = self.ask(method, path, body)
        assert status == 200, f"{method} {path}: {status} {text}"
        answer: dict[str, Any] = json.loads(text)
        return answer

    def state(self) -> dict[str, Any]:
        """Everything that is so now."""
        return self._told("GET", "/state")

    def fault(self, name: str, argument: object = None) -> dict[str, Any]:
        """Make something go wrong."""
        return self._told("POST", f"/faults/{name}", argument)

    def clear(self, name: str) -> dict[str, Any]:
        """Make it well again."""
        return self._told("DELETE", f"/faults/{name}")

    def set(self, **changes: object) -> dict[str, Any]:
        """Change the site: soc, load, sun, fuel, hour, speed, charger, ags."""
        return self._told("POST", "/set", changes)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; return its exit status."""
        self.process.signal(number)
        return self.process.wait(10)
