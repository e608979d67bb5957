"""How the loop is deployed on loopback: ports, configuration files, and the commands of its programs."""

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
PROMETHEUS_FOLDER = ROOT / ".local" / "prometheus" / "usr" / "bin"

USUAL_PORTS = {
    "exporter": 10048,
    "actuator": 10049,
    "simulator": 10050,
    "relay": 5020,
    "prometheus": 9090,
    "alertmanager": 9093,
}


@dataclass(frozen=True)
class Program:
    """One program of the loop: its command, and the URL that answers 200 once it serves."""

    name: str
    command: tuple[str, ...]
    ready: str


@dataclass(frozen=True)
class Deployment:
    """The programs by name, in the order in which they start, and the port of each."""

    programs: Mapping[str, Program]
    ports: Mapping[str, int]

    def url(self, name: str, path: str = "/") -> str:
        """Return a URL of one program."""
        return f"http://127.0.0.1:{self.ports[name]}{path}"


@dataclass(frozen=True)
class Options:
    """What to deploy.

    Attributes:
        factor: multiplies the windows of the shipped rules and the timers around them.
        speed: how much faster battery, sun and load run than the clock.
        simulator: keys for `simulator.yml`, merged into the usual ones.
        actuator: keys for `actuator.yml`, merged into the usual ones.
        prometheus: whether Prometheus and Alertmanager run too.
        web_config: a `--web.config.file` for the actuator.
        password: of the user `alertmanager` in `web_config`, as which Prometheus and Alertmanager sign in.
    """

    factor: float = 0.1
    speed: float = 1.0
    simulator: Mapping[str, Any] = field(default_factory=dict)
    actuator: Mapping[str, Any] = field(default_factory=dict)
    prometheus: bool = True
    web_config: Path | None = None
    password: str = ""


def has_prometheus() -> bool:
    """Return whether Prometheus and Alertmanager are installed here."""
    return all((PROMETHEUS_FOLDER / name).exists() for name in ("prometheus", "alertmanager"))


def choose_ports(usual: Mapping[str, int] = USUAL_PORTS) -> dict[str, int]:
    """Return a free loopback port for each name: the usual one, or another when that is busy or 0."""
    with _ReservedPorts() as reserved:
        return {name: reserved.reserve(port) for name, port in usual.items()}


class _ReservedPorts:
    """Ports that stay bound while others are chosen, so that no port is chosen twice."""

    def __enter__(self) -> Self:
        self._sockets: list[socket.socket] = []
        return self

    def reserve(self, port: int) -> int:
        for candidate in (port, 0):
            held = socket.socket()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._sockets.append(held)
            try:
                held.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            chosen: int = held.getsockname()[1]
            return chosen
        raise OSError("no free port on loopback")

    def __exit__(self, *_: object) -> None:
        for held in self._sockets:
            held.close()


def prepare(folder: Path, options: Options, ports: Mapping[str, int]) -> Deployment:
    """Write every configuration file into a folder and return the programs that use them."""
    commands = Path(sys.executable).parent
    capacity = 400.0
    link = folder / "magnum"
    _write(
        folder / "simulator.yml",
        merged(
            {
                "speed": options.speed,
                "battery": {"capacity_ampere_hours": capacity},
                "bus": {"link": str(link)},
                "relay": {"listen": f"127.0.0.1:{ports['relay']}"},
                "http": {"listen": f"127.0.0.1:{ports['simulator']}"},
            },
            options.simulator,
        ),
    )
    # The exporter counts current over real time, so a battery that runs N times as fast looks N times as small to it.
    _write(
        folder / "exporter.yml",
        {
            "sources": {"main": {"type": "magnum", "port": str(link)}},
            "battery": {"capacity_ampere_hours": capacity / options.speed, "soc": {"sources": ["main"]}},
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
            options.actuator,
        ),
    )
    programs = [
        Program(
            "simulator",
            (str(commands / "offgrid-simulator"), f"--config.file={folder / 'simulator.yml'}"),
            f"http://127.0.0.1:{ports['simulator']}/state",
        ),
        Program(
            "exporter",
            (
                str(commands / "magnum-exporter"),
                f"--config.file={folder / 'exporter.yml'}",
                f"--web.listen-address=127.0.0.1:{ports['exporter']}",
            ),
            f"http://127.0.0.1:{ports['exporter']}/-/ready",
        ),
        Program(
            "actuator",
            (
                str(commands / "generator-actuator"),
                f"--config.file={folder / 'actuator.yml'}",
                f"--web.listen-address=127.0.0.1:{ports['actuator']}",
                *((f"--web.config.file={options.web_config}",) if options.web_config else ()),
            ),
            f"http://127.0.0.1:{ports['actuator']}/-/ready",
        ),
    ]
    if options.prometheus:
        programs += _alert_programs(folder, options, ports)
    return Deployment({program.name: program for program in programs}, dict(ports))


def _alert_programs(folder: Path, options: Options, ports: Mapping[str, int]) -> list[Program]:
    replacements = {
        "127.0.0.1:10048": f"127.0.0.1:{ports['exporter']}",
        "127.0.0.1:10049": f"127.0.0.1:{ports['actuator']}",
        "127.0.0.1:9090": f"127.0.0.1:{ports['prometheus']}",
        "127.0.0.1:9093": f"127.0.0.1:{ports['alertmanager']}",
    }
    shipped = ROOT / "alerts"
    prometheus = yaml.safe_load((shipped / "prometheus.yml").read_text(encoding="utf-8"))
    for name in ("prometheus.yml", "alertmanager.yml", *prometheus["rule_files"]):
        document = scale(yaml.safe_load((shipped / name).read_text(encoding="utf-8")), options.factor)
        _write(folder / name, _replace_all(document, replacements))
    shutil.copy(shipped / "people.tmpl", folder)
    if options.web_config:
        password = folder / "generator.password"
        password.write_text(options.password, encoding="utf-8")
        _add_credentials(folder, password)
    resend = max(1, round(60 * options.factor))
    return [
        Program(
            "alertmanager",
            (
                str(PROMETHEUS_FOLDER / "alertmanager"),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ),
            f"http://127.0.0.1:{ports['alertmanager']}/-/ready",
        ),
        Program(
            "prometheus",
            (
                str(PROMETHEUS_FOLDER / "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
                f"--rules.alert.resend-delay={resend}s",
                "--log.level=warn",
            ),
            f"http://127.0.0.1:{ports['prometheus']}/-/ready",
        ),
    ]


def _add_credentials(folder: Path, password: Path) -> None:
    """Give Prometheus and Alertmanager the credentials for the actuator."""
    credentials = {"basic_auth": {"username": "alertmanager", "password_file": str(password)}}
    document = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    for job in document["scrape_configs"]:
        if job["job_name"] == "generator-actuator":
            job.update(credentials)
    _write(folder / "prometheus.yml", document)
    document = yaml.safe_load((folder / "alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in document["receivers"]:
        if receiver["name"] == "generator":
            receiver["webhook_configs"][0]["http_config"] = credentials
    _write(folder / "alertmanager.yml", document)


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` updated with `more`; a mapping in both is merged in turn."""
    both = dict(base)
    for key, value in more.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def _replace_all(document: object, replacements: Mapping[str, str]) -> object:
    if isinstance(document, dict):
        return {key: _replace_all(value, replacements) for key, value in document.items()}
    if isinstance(document, list):
        return [_replace_all(item, replacements) for item in document]
    if isinstance(document, str):
        for old, new in replacements.items():
            document = document.replace(old, new)
    return document


def _write(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
