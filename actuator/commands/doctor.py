"""`generator-actuator doctor`: ask every part of the chain, and report what is wrong and what mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from prometheus_client.parser import text_string_to_metric_families

from actuator import config as configuration
from actuator.commands import client
from actuator.commands.diagnosis import Samples, Site, diagnose, receivers
from actuator.config import Config
from actuator.config_warnings import warnings
from toolkit.config import ConfigError
from toolkit.findings import Finding

T = TypeVar("T")


def examine(config_file: Path, *, url: str, prometheus: str, alertmanager: str) -> tuple[Finding, ...]:
    """Return what every check has found.

    Args:
        config_file: the actuator's.
        url: of the actuator.
        prometheus: its URL.
        alertmanager: its URL.
    """
    config, errors = _config(config_file)

    def api(path: str) -> Callable[[], dict[str, Any]]:
        return lambda: dict(json.loads(client.fetch(prometheus, path))["data"])

    site = Site(
        config_errors=errors,
        config_warnings=() if config is None else tuple(warnings(config)),
        exposed=() if config is None else tuple(configuration.exposed(config)),
        heartbeat_timeout=None if config is None else float(config.alerts.heartbeat_timeout),
        status=_or_reason(lambda: dict(client.ask(url, "/api/v1/status"))),
        metrics=_or_reason(lambda: _samples(client.fetch(url, "/metrics", credentials=client.credentials(url)))),
        page="the configuration cannot be read" if config is None else _or_reason(lambda: _page(config)),
        targets=_or_reason(api("/api/v1/targets?state=active")),
        rules=_or_reason(api("/api/v1/rules?type=alert")),
        alertmanagers=_or_reason(api("/api/v1/alertmanagers")),
        receivers=_or_reason(lambda: receivers(_alertmanagers_file(alertmanager))),
    )
    return diagnose(site)


def _config(file: Path) -> tuple[Config | None, tuple[str, ...]]:
    from actuator import config_checks  # noqa: PLC0415 - it loads an HTTP client that other commands do without

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
    except (ValueError, KeyError, TypeError, AttributeError, OSError, yaml.YAMLError) as error:
        return f"its answer is not understood ({type(error).__name__}: {error})"


def _samples(page: bytes) -> Samples:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _page(config: Config) -> Samples:
    exporter = config.exporter
    password = "" if exporter.password_file is None else exporter.password_file.read_text().rstrip("\r\n")
    given = "" if exporter.username is None else f"{exporter.username}:{password}"
    return _samples(client.fetch(exporter.url, "", credentials=given))


def _alertmanagers_file(url: str) -> object:
    status = json.loads(client.fetch(url, "/api/v2/status"))
    return yaml.safe_load(status["config"]["original"])
