"""What the loop is made of: its ports, its configuration files, and the commands of its parts."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from alerts.scale import scale

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = ROOT / ".local" / "prometheus" / "usr" / "bin"

USUAL_PORTS = {
    "exporter": 10048,
    "actuator": 10049,
    "simulator": 10050,
    "relay": 5020,
    "prometheus": 9090,
    "alertmanager": 9093,
}


@dataclass(frozen=True)
class Part:
    """One program of the loop: how it is started, and the URL that answers 200 once it serves."""

    name: str
    command: tuple[str, ...]
    ready: str


@dataclass(frozen=True)
class Layout:
    """The parts by name in the order of starting, and where each is reached."""

    parts: Mapping[str, Part]
    ports: Mapping[str, int]

    def url(self, name: str, path: str = "/") -> str:
        """Return a URL of one part."""
        return f"http://127.0.0.1:{self.ports[name]}{path}"


@dataclass(frozen=True)
class Plan:
    """What to lay out.

    Attributes:
        factor: what the windows of the shipped rules, and the timers around them, are multiplied by.
        speed: how much faster the battery lives.
        simulator: more of `simulator.yml`.
        actuator: more of `actuator.yml`; a mapping adds to a mapping that is there.
        prometheus: whether Prometheus and Alertmanager take part.
        web_config: a `--web.config.file` for the actuator.
        password: what Alertmanager sends as the user `alertmanager`.
    """

    factor: float = 0.1
    speed: float = 1.0
    simulator: Mapping[str, Any] = field(default_factory=dict)
    actuator: Mapping[str, Any] = field(default_factory=dict)
    prometheus: bool = True
    web_config: Path | None = None
    password: str = "loopback"  # noqa: S105 - the demo's actuator asks for none


def prometheus_found() -> bool:
    """Whether Prometheus and Alertmanager are there to be run."""
    return all((PROGRAMS / name).exists() for name in ("prometheus", "alertmanager"))


def choose_ports(usual: Mapping[str, int] = USUAL_PORTS) -> dict[str, int]:
    """Return a free loopback port for each name: the usual one, or any other when that is busy or 0."""
    with _Held() as held:
        return {name: held.take(port) for name, port in usual.items()}


class _Held:
    """Ports that are held while others are chosen, so that none is chosen twice."""

    def __enter__(self) -> Self:
        self._sockets: list[socket.socket] = []
        return self

    def take(self, port: int) -> int:
        for wanted in (port, 0):
            held = socket.socket()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._sockets.append(held)
            try:
                held.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            chosen: int = held.getsockname()[1]
            return chosen
        raise OSError("no free port on loopback")

    def __exit__(self, *_: object) -> None:
        for held in self._sockets:
            held.close()


def lay_out(folder: Path, plan: Plan, ports: Mapping[str, int]) -> Layout:
    """Write every configuration file into a folder and return the parts that use them."""
    commands = Path(sys.executable).parent
    capacity = 400.0
    link = folder / "magnum"
    _write(
        folder / "simulator.yml",
        merged(
            {
                "speed": plan.speed,
                "battery": {"capacity_ampere_hours": capacity},
                "bus": {"link": str(link)},
                "relay": {"listen": f"127.0.0.1:{ports['relay']}"},
                "http": {"listen": f"127.0.0.1:{ports['simulator']}"},
            },
            plan.simulator,
        ),
    )
    # A battery that lives N times as fast is, to whoever measures current and time, N times as small.
    _write(
        folder / "exporter.yml",
        {
            "sources": {"main": {"type": "magnum", "port": str(link)}},
            "battery": {"capacity_ampere_hours": capacity / plan.speed, "soc": {"sources": ["main"]}},
        },
    )
    _write(
        folder / "actuator.yml",
        merged(
            {
                "exporter": {"url": f"http://127.0.0.1:{ports['exporter']}/metrics", "interval": "1s"},
                "relay": {"type": "modbus", "url": f"tcp://127.0.0.1:{ports['relay']}", "unit_id": 1, "coil": 0},
                "journal": str(folder / "journal.db"),
            },
            plan.actuator,
        ),
    )
    parts = [
        Part(
            "simulator",
            (str(commands / "offgrid-simulator"), f"--config.file={folder / 'simulator.yml'}"),
            f"http://127.0.0.1:{ports['simulator']}/state",
        ),
        Part(
            "exporter",
            (
                str(commands / "magnum-exporter"),
                f"--config.file={folder / 'exporter.yml'}",
                f"--web.listen-address=127.0.0.1:{ports['exporter']}",
            ),
            f"http://127.0.0.1:{ports['exporter']}/-/ready",
        ),
        Part(
            "actuator",
            (
                str(commands / "generator-actuator"),
                f"--config.file={folder / 'actuator.yml'}",
                f"--web.listen-address=127.0.0.1:{ports['actuator']}",
                *((f"--web.config.file={plan.web_config}",) if plan.web_config else ()),
            ),
            f"http://127.0.0.1:{ports['actuator']}/-/ready",
        ),
    ]
    if plan.prometheus:
        parts += _alert_path(folder, plan, ports)
    return Layout({part.name: part for part in parts}, dict(ports))


def _alert_path(folder: Path, plan: Plan, ports: Mapping[str, int]) -> list[Part]:
    password = folder / "generator.password"
    password.write_text(plan.password, encoding="utf-8")
    places = {
        "127.0.0.1:10048": f"127.0.0.1:{ports['exporter']}",
        "127.0.0.1:10049": f"127.0.0.1:{ports['actuator']}",
        "127.0.0.1:9090": f"127.0.0.1:{ports['prometheus']}",
        "127.0.0.1:9093": f"127.0.0.1:{ports['alertmanager']}",
        "/etc/alertmanager/generator.password": str(password),
    }
    shipped = ROOT / "alerts"
    prometheus = yaml.safe_load((shipped / "prometheus.yml").read_text(encoding="utf-8"))
    for name in ("prometheus.yml", "alertmanager.yml", *prometheus["rule_files"]):
        document = scale(yaml.safe_load((shipped / name).read_text(encoding="utf-8")), plan.factor)
        _write(folder / name, _replaced(document, places))
    if plan.web_config:
        _let_in(folder / "prometheus.yml", password)
    resend = max(1, round(60 * plan.factor))
    return [
        Part(
            "alertmanager",
            (
                str(PROGRAMS / "alertmanager"),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ),
            f"http://127.0.0.1:{ports['alertmanager']}/-/ready",
        ),
        Part(
            "prometheus",
            (
                str(PROGRAMS / "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
                f"--rules.alert.resend-delay={resend}s",
                "--log.level=warn",
            ),
            f"http://127.0.0.1:{ports['prometheus']}/-/ready",
        ),
    ]


def _let_in(file: Path, password: Path) -> None:
    """Give Prometheus the credentials that the actuator's page asks for."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for job in document["scrape_configs"]:
        if job["job_name"] == "generator-actuator":
            job["basic_auth"] = {"username": "alertmanager", "password_file": str(password)}
    _write(file, document)


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return base with more laid over it, mapping by mapping."""
    both = dict(base)
    for key, value in more.items():
        known = both.get(key)
        both[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return both


def _replaced(document: object, places: Mapping[str, str]) -> object:
    if isinstance(document, dict):
        return {key: _replaced(value, places) for key, value in document.items()}
    if isinstance(document, list):
        return [_replaced(item, places) for item in document]
    if isinstance(document, str):
        for old, new in places.items():
            document = document.replace(old, new)
    return document


def _write(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")


def forget(folder: Path) -> None:
    """Remove a folder and all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
