"""The part of Prometheus' HTTP API that a dashboard uses."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple


class Series(NamedTuple):
    """The labels of a series, and its points: Unix time and value."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class PrometheusError(Exception):
    """Prometheus refuses a query, or does not answer."""


class Prometheus:
    """Asks a Prometheus.

    Args:
        url: its address, such as http://127.0.0.1:9090.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def now(self, expression: str, at: float) -> list[Series]:
        """Return the series of an expression at a time, each with one point."""
        found = self._ask("query", query=expression, time=f"{at:.3f}")
        return [Series(one["metric"], [(float(one["value"][0]), float(one["value"][1]))]) for one in found]

    def over(self, expression: str, begin: float, end: float, step: float) -> list[Series]:
        """Return the series of an expression over a range of time."""
        found = self._ask("query_range", query=expression, start=f"{begin:.3f}", end=f"{end:.3f}", step=f"{step:.3f}")
        return [Series(one["metric"], [(float(time), float(value)) for time, value in one["values"]]) for one in found]

    def _ask(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        data = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}", data, timeout=60) as answer:  # noqa: S310 - http(s)
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except urllib.error.HTTPError as error:
            raise PrometheusError(f"{parameters['query']}: {error.read().decode(errors='replace')}") from error
        except (OSError, KeyError, ValueError) as error:
            raise PrometheusError(f"{self._url}: {error}") from error
