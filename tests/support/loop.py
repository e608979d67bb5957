"""The whole loop as processes: started, observed over HTTP, ended one by one."""

from __future__ import annotations

import base64
import contextlib
import json
import signal
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import bcrypt

from simulator.demo.deployment import USUAL_PORTS, Options, Program, merged, prepare
from tests.support import Process, free_port, wait_until
from tests.support.alertmanager import notification
from tests.support.http import request
from tests.support.metrics_page import samples_by_series

USER, PASSWORD = "alertmanager", "a password of the tests"

FACTOR = 0.05
"""A rule's window of 2 min lasts 6 s."""
WINDOW_SECONDS = 120 * FACTOR

SPEED = 100.0
"""Any faster, and the exporter would call the battery monitor, which reports whole percents, frozen."""

SIMULATOR: dict[str, Any] = {
    "speed": SPEED,
    "hour": 20.0,
    "battery": {"soc": "32%", "internal_ohms": 0.003},
    "charger": {"amperes": 115.0, "ac_transfer_delay": "1s"},
    "engine": {"watts": 9000.0, "start_delay": "1s", "warm_up": "1s", "cool_down": "1s", "tail": "2s"},
    "sun": {"peak_watts": 0.0},
    "load": [1000.0] * 24,
}
HEARTBEAT_TIMEOUT = 8.0
MIN_RUN = 6.0
ACTUATOR: dict[str, Any] = {
    "alerts": {"heartbeat_timeout": f"{HEARTBEAT_TIMEOUT:g}s", "lease": "60s", "alert_grace": "30s"},
    "emergency_volts": "none",
    "debounce": {"start": "3s", "stop": "3s", "emergency": "3s"},
    "exporter": {"interval": "500ms"},
    "limits": {
        "max_run": "10m",
        "min_run": f"{MIN_RUN:g}s",
        "min_off": "5s",
        "tail": "3s",
        "start_confirm": "30s",
        "stop_confirm": "20s",
    },
}


class Loop:
    """The programs by name; each ends, with its children, when the context does."""

    def __init__(
        self,
        folder: Path,
        *,
        prometheus: bool,
        simulator: Mapping[str, Any] | None = None,
        actuator: Mapping[str, Any] | None = None,
    ) -> None:
        web_config = folder / "web.yml"
        digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        web_config.write_text(f"basic_auth_users: {{{USER}: '{digest}'}}\n")
        options = Options(
            factor=FACTOR,
            speed=SPEED,
            simulator=merged(SIMULATOR, simulator or {}),
            actuator=merged(ACTUATOR, actuator or {}),
            prometheus=prometheus,
            web_config=web_config,
            password=PASSWORD,
        )
        self.deployment = prepare(folder, options, {name: free_port() for name in USUAL_PORTS})
        self.folder = folder
        self.processes: dict[str, Process] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            for name in self.deployment.programs:
                self.start(name)
            for program in self.deployment.programs.values():
                self._wait_ready(program)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, value, traceback)

    def start(self, name: str, *, env: Mapping[str, str] | None = None) -> Process:
        """Start a program (again)."""
        process = self._stack.enter_context(Process(self.deployment.programs[name].command, env=env, cwd=self.folder))
        self.processes[name] = process
        return process

    def restart(self, name: str, *, env: Mapping[str, str] | None = None) -> None:
        """Start a program again that has ended, and wait until it serves."""
        self.start(name, env=env)
        self._wait_ready(self.deployment.programs[name])

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a program and wait until it is gone."""
        if name == "simulator":
            # As the system does with an adapter that is gone: the number of its terminal is given to the next one, of
            # whatever test, and nobody must find that by the old name.
            (self.folder / "magnum").unlink()
        self.processes[name].signal(number)
        self.processes[name].wait(15)

    def _wait_ready(self, program: Program) -> None:
        def answers() -> bool:
            process = self.processes[program.name]
            assert process.popen.poll() is None, f"{program.name} ended:\n{process.output}"
            return fetch(program.ready)[0] == 200

        wait_until(answers, 30, f"{program.name} answers at {program.ready}")

    def metrics(self, program: str) -> dict[str, float]:
        """Return the samples of a program's page by series; empty without a page."""
        code, text = fetch(self.deployment.url(program, "/metrics"))
        return samples_by_series(text) if code == 200 else {}

    @property
    def site(self) -> dict[str, Any]:
        """The state of the simulator."""
        code, text = fetch(self.deployment.url("simulator", "/state"))
        assert code == 200, text
        state: dict[str, Any] = json.loads(text)
        return state

    def closed(self) -> bool:
        """Return whether the coil of the relay board is really on."""
        return bool(self.site["relay"]["coils"][0])

    @property
    def status(self) -> dict[str, Any]:
        """The status of the actuator."""
        code, text = fetch(self.deployment.url("actuator", "/api/v1/status"))
        assert code == 200, text
        status: dict[str, Any] = json.loads(text)
        return status

    @property
    def soc(self) -> float | None:
        """The site's state of charge on the exporter's page."""
        return self.metrics("exporter").get("battery_soc_ratio")

    @property
    def path(self) -> str | None:
        """The path by which the actuator decides."""
        page = self.metrics("actuator")
        return next(
            (
                path
                for path in ("waiting", "alerts", "fallback", "blind")
                if page.get(f'generator_path{{path="{path}"}}')
            ),
            None,
        )

    def change(self, **changes: object) -> None:
        """Change the simulated site."""
        code, text = fetch(self.deployment.url("simulator", "/set"), changes)
        assert code == 200, text

    def mode(self, mode: str, duration: str | None = None) -> None:
        """Command the actuator as its operator."""
        body = {"mode": mode} | ({"for": duration} if duration else {})
        code, text = fetch(self.deployment.url("actuator", "/api/v1/mode"), body)
        assert code == 200, text

    def notify(self, name: str, status: str, *, starts_at: str = "2026-01-01T00:00:00Z") -> None:
        """Send a notification of one alert, as Alertmanager would."""
        body = notification(name, status, starts=starts_at)
        code, text = fetch(self.deployment.url("actuator", "/api/v1/alerts"), body)
        assert code == 200, text

    def wait(self, happens: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for an event; when it does not happen, fail with the last state of everything."""
        try:
            wait_until(lambda: bool(happens()), seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; soc={self.soc} path={self.path} site={self.site}") from error


def fetch(url: str, body: object = None) -> tuple[int, str]:
    """Return status and text of an answer; (0, reason) without one. With a body it is a POST of JSON."""
    credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    try:
        return request("GET" if body is None else "POST", url, body, headers, deadline_seconds=5)
    except (OSError, HTTPException) as error:
        return 0, str(error)
