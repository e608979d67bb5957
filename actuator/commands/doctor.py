"""`generator-actuator doctor`: ask every part of the chain, and report what is wrong and what mends it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml
from prometheus_client.parser import text_string_to_metric_families

from actuator import config as configuration
from actuator.commands import client, upsmon
from actuator.commands.diagnosis import Answers, Samples, diagnose, receivers
from actuator.commands.flags import add_remote_flags
from actuator.config import Config, Role
from actuator.config_warnings import warnings
from toolkit import file_reader, findings
from toolkit.config import ConfigError, read_mapping
from toolkit.findings import Finding
from toolkit.flags import is_loopback
from toolkit.replace import replace

DESCRIPTION = (
    "Checks the whole chain, from the devices over Prometheus and Alertmanager to a person, and names "
    "what corrects each fault. Exit status 1: a fault was found."
)
EXAMPLE = "generator-actuator doctor"

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser this command's arguments."""
    add_remote_flags(parser)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="(default: %(default)s)")
    parser.add_argument("--alertmanager", default="http://127.0.0.1:9093", metavar="URL", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print a list of findings for scripts")


def run(arguments: argparse.Namespace) -> int:
    """Check the chain; return 1 when a fault was found."""
    found = examine(
        arguments.config_file,
        url=arguments.url,
        prometheus=arguments.prometheus,
        alertmanager=arguments.alertmanager,
    )
    sys.stdout.write(findings.report(found, for_scripts=arguments.json))
    return 1 if findings.count_wrong(found) else 0


def examine(config_file: Path, *, url: str, prometheus: str, alertmanager: str) -> tuple[Finding, ...]:
    """Return what every check has found.

    Args:
        config_file: the actuator's.
        url: of the actuator.
        prometheus: its URL.
        alertmanager: its URL.
    """
    from toolkit.webconfig.file_format import exposed  # noqa: PLC0415 - it loads what other commands do without

    config, errors = _config(config_file)
    web_config = config_file.with_name("actuator-web.yml")
    web = read_mapping(web_config).get("basic_auth_users")
    routing = _or_reason(lambda: _alertmanagers_file(alertmanager))

    def api(path: str) -> Callable[[], dict[str, Any]]:
        return lambda: dict(json.loads(client.fetch(prometheus, path))["data"])

    answers = Answers(
        config_errors=errors,
        status=_or_reason(lambda: dict(client.ask(url, "/api/v1/status"))),
        metrics=_or_reason(lambda: _samples(client.fetch(url, "/metrics", credentials=client.credentials(url)))),
        page="the configuration cannot be read" if config is None else _or_reason(lambda: _page(config)),
        targets=_or_reason(api("/api/v1/targets?state=active")),
        rules=_or_reason(api("/api/v1/rules?type=alert")),
        alertmanagers=_or_reason(api("/api/v1/alertmanagers")),
        receivers=routing if isinstance(routing, str) else _or_reason(lambda: receivers(routing)),
        route=routing.get("route") if isinstance(routing, dict) else None,
        thresholds=_or_reason(api("/api/v1/query?query=generator_start_soc_ratio")),
        clients=clients(routing, _or_reason(lambda: _prometheus_file(prometheus))),
        users=tuple(map(str, web)) if isinstance(web, dict) else (),
        exposed=tuple(exposed(web_config)),
        upsmon=upsmon.running() if is_loopback(urlsplit(url).hostname or "") else None,
    )
    return diagnose(answers if config is None else _with_file(answers, config, config_file))


def _with_file(answers: Answers, config: Config, path: Path) -> Answers:
    """Return the answers with what the actuator's file has."""
    alerts = config.alerts
    return replace(
        answers,
        config_warnings=tuple(warnings(config)),
        exposed=(*configuration.exposed(config, path), *answers.exposed),
        heartbeat_timeout=float(alerts.heartbeat_timeout),
        alerts=(alerts.start, alerts.stop, alerts.heartbeat, *alerts.inhibits),
        heartbeat=alerts.heartbeat,
        match=alerts.match,
        access=config.access,
        card=card(config.journal.parent),
    )


def card(folder: Path) -> tuple[str, str] | None:
    """Return why nothing can be written to a folder's disk, and what to do; None: it can, or that is not known."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        text = f"the disk of {folder} is mounted read-only, as a failing card is."
        return text, "Read why: dmesg. Copy what you need, and replace the card: a restart may make it unreadable."
    if not disk.f_bavail or (disk.f_files and not disk.f_favail):
        text = f"the disk of {folder} is full."
        return text, "Free some room: df -h; df -i; journalctl --vacuum-size=50M; apt-get clean"
    return None


def clients(alertmanager: object, prometheus: object) -> dict[Role, str]:
    """Return by role the user whom Alertmanager and Prometheus name when they ask the actuator.

    Args:
        alertmanager: its configuration, or why there is none.
        prometheus: the same.
    """
    found: dict[Role, str] = {}
    for receiver in _each(alertmanager, "receivers"):
        for webhook in _each(receiver, "webhook_configs"):
            here = "/api/v1/alerts" in str(webhook.get("url")) or receiver.get("name") == "generator"
            user = ((webhook.get("http_config") or {}).get("basic_auth") or {}).get("username")
            if here and user is not None:
                found["notify"] = str(user)
    for job in _each(prometheus, "scrape_configs"):
        user = (job.get("basic_auth") or {}).get("username")
        if job.get("job_name") == "generator-actuator" and user is not None:
            found["read"] = str(user)
    return found


def _each(document: object, key: str) -> list[dict[str, Any]]:
    given = document.get(key) if isinstance(document, dict) else None
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _config(file: Path) -> tuple[Config | None, tuple[str, ...]]:
    from actuator.commands import config_checks  # noqa: PLC0415 - it loads an HTTP client that other commands do without

    try:
        return configuration.load(file), tuple(map(str, config_checks.outside(file).errors))
    except ConfigError as error:
        return None, tuple(str(error).splitlines())


def _or_reason(ask: Callable[[], T]) -> T | str:
    """Return an answer, or why there is none."""
    try:
        return ask()
    except client.ClientError as error:
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError, yaml.YAMLError) as error:
        return f"its answer is not understood ({type(error).__name__}: {error})"


def _samples(page: bytes) -> Samples:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _page(config: Config) -> Samples:
    exporter, given = config.exporter, ""
    if exporter.password_file is not None:
        try:
            password = file_reader.read_text(exporter.password_file).rstrip("\r\n")
        except OSError as error:
            raise client.ClientError(f"exporter.password_file: {error.strerror}") from error
        given = f"{exporter.username}:{password}"
    return _samples(client.fetch(exporter.url, "", credentials=given))


def _alertmanagers_file(url: str) -> dict[str, Any]:
    status = json.loads(client.fetch(url, "/api/v2/status"))
    return dict(yaml.safe_load(status["config"]["original"]))


def _prometheus_file(url: str) -> dict[str, Any]:
    return dict(yaml.safe_load(json.loads(client.fetch(url, "/api/v1/status/config"))["data"]["yaml"]))
