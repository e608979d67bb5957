"""The state of the loop as its programs report it over HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from simulator.demo.deployment import Deployment

PATHS = ("waiting", "alerts", "fallback", "blind")


@dataclass(frozen=True)
class Observation:
    """One reading of every program. None: the program did not report it.

    Attributes:
        soc: the site's state of charge by the exporter, a ratio.
        amperes: battery current by the exporter, positive into the battery.
        ac_volts: volts at the inverter's AC input by the exporter.
        path: how the actuator decides: waiting, alerts, fallback or blind.
        contact: whether the actuator has read the contact back as closed.
        confirmed: whether the actuator has confirmed that the generator runs.
        sentence: the actuator's status sentence.
        firing: the names of the alerts that fire in Prometheus.
        engine: whether the simulated engine runs.
        closed: whether the simulated contact is really closed.
    """

    soc: float | None = None
    amperes: float | None = None
    ac_volts: float | None = None
    path: str | None = None
    contact: bool | None = None
    confirmed: bool | None = None
    sentence: str | None = None
    firing: frozenset[str] = frozenset()
    engine: bool | None = None
    closed: bool | None = None


class Observer:
    """Reads the state of a running loop."""

    def __init__(self, deployment: Deployment, session: aiohttp.ClientSession) -> None:
        self._deployment = deployment
        self._session = session

    async def answers(self, url: str) -> bool:
        """Return whether a URL answers 200."""
        try:
            async with self._session.get(url) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def observe(self) -> Observation:
        """Read every program now."""
        exporter, actuator, status, alerts, site = await asyncio.gather(
            self._page("exporter"),
            self._page("actuator"),
            self._json("actuator", "/api/v1/status"),
            self._json("prometheus", "/api/v1/alerts"),
            self._json("simulator", "/state"),
        )
        return Observation(
            soc=exporter.get("battery_soc_ratio"),
            amperes=exporter.get('magnum_bmk_amperes{device="main"}'),
            ac_volts=exporter.get('magnum_inverter_ac_input_volts{device="main"}'),
            path=next((path for path in PATHS if actuator.get(f'generator_path{{path="{path}"}}') == 1), None),
            contact=_as_bool(actuator.get("generator_relay_closed")),
            confirmed=_as_bool(actuator.get("generator_running")),
            sentence=status.get("sentence"),
            firing=frozenset(
                alert["labels"]["alertname"]
                for alert in alerts.get("data", {}).get("alerts", [])
                if alert["state"] == "firing"
            ),
            engine=site.get("engine", {}).get("running"),
            closed=site.get("contact"),
        )

    async def _page(self, program: str) -> dict[str, float]:
        text = await self._text(program, "/metrics")
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def _json(self, program: str, path: str) -> dict[str, Any]:
        text = await self._text(program, path)
        document: dict[str, Any] = json.loads(text) if text else {}
        return document

    async def _text(self, program: str, path: str) -> str:
        if program not in self._deployment.programs:
            return ""
        try:
            async with self._session.get(self._deployment.url(program, path)) as response:
                return await response.text() if response.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError):
            return ""


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else ""


def _as_bool(value: float | None) -> bool | None:
    return None if value is None else value == 1
