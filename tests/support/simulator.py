"""The simulator as a process: free ports, a link of its own, and its HTTP API as methods.

with Simulator(tmp_path, speed=60, battery={"soc": 0.3}) as site:
    site.link, site.modbus_port
    site.fault("bmk_jump", 1.0); site.clear("bmk_jump"); site.set(soc=0.2)
    site.state()["battery"]["soc"]
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support import ROOT, Process, wait_until
from tests.support.http import request


class Simulator:
    """The simulator; keywords are sections of its configuration.

    Args:
        folder: holds the link and the file; two simulators need two folders.
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
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        self.process.__enter__()
        try:
            opened = wait_until(self._opened, 15, "the simulator logs every port")
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
        """Return every event of its log so far."""
        return [json.loads(line) for line in self.process.output.splitlines() if line.startswith("{")]

    def port_of(self, device: str) -> int:
        """Return the port on which a device answers Modbus TCP."""
        return next(int(event["port"]) for event in self.events() if event["msg"] == f"{device} on Modbus TCP")

    def _opened(self) -> dict[str, dict[str, Any]] | None:
        if self.process.popen.poll() is not None:
            raise AssertionError(f"the simulator ended; output:\n{self.process.output}")
        opened = {event["msg"]: event for event in self.events()}
        return opened if {"serial port", "relay board", "interface"} <= opened.keys() else None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return status and text of one request; `body` is sent as JSON."""
        return request(method, f"{self.url.rstrip('/')}{path}", body)

    def _change(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, text = self.ask(method, path, body)
        assert status == 200, f"{method} {path}: {status} {text}"
        answer: dict[str, Any] = json.loads(text)
        return answer

    def state(self) -> dict[str, Any]:
        """Return the whole state."""
        return self._change("GET", "/state")

    def fault(self, name: str, argument: object = None) -> dict[str, Any]:
        """Set a fault."""
        return self._change("POST", f"/faults/{name}", argument)

    def clear(self, name: str) -> dict[str, Any]:
        """Clear a fault."""
        return self._change("DELETE", f"/faults/{name}")

    def set(self, **changes: object) -> dict[str, Any]:
        """Change the site: soc, load, sun, fuel, hour, speed, charger, ags."""
        return self._change("POST", "/set", changes)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to end; return the exit status."""
        self.process.signal(number)
        return self.process.wait(10)
