"""What can be seen of the loop from outside at one moment: the pages of its parts, read over HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from simulator.demo.layout import Layout

PATHS = ("waiting", "alerts", "fallback", "blind")


@dataclass(frozen=True)
class Scene:
    """One look at everything. None: that part does not say.

    Attributes:
        soc: the leading state of charge on the exporter's page, a ratio.
        amperes: of the battery, positive into it, as on the exporter's page.
        ac_volts: at the inverter's AC input, as on the exporter's page.
        path: how the actuator decides: waiting, alerts, fallback or blind.
        contact: the contact as the relay's read-back says, on the actuator's page.
        proven: whether the actuator holds it for proven that the engine runs.
        sentence: the actuator's own words for what is going on.
        firing: the alerts that fire in Prometheus.
        engine: whether the simulated engine turns.
        closed: whether the simulated contact is closed, in truth.
    """

    soc: float | None = None
    amperes: float | None = None
    ac_volts: float | None = None
    path: str | None = None
    contact: bool | None = None
    proven: bool | None = None
    sentence: str | None = None
    firing: frozenset[str] = frozenset()
    engine: bool | None = None
    closed: bool | None = None


class Lookout:
    """Looks at a running loop."""

    def __init__(self, layout: Layout, session: aiohttp.ClientSession) -> None:
        self._layout = layout
        self._session = session

    async def answers(self, url: str) -> bool:
        """Return whether a URL answers 200."""
        try:
            async with self._session.get(url) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def look(self) -> Scene:
        """Return what is to be seen now."""
        exporter, actuator, status, alerts, site = await asyncio.gather(
            self._page("exporter"),
            self._page("actuator"),
            self._json("actuator", "/api/v1/status"),
            self._json("prometheus", "/api/v1/alerts"),
            self._json("simulator", "/state"),
        )
        return Scene(
            soc=exporter.get("battery_soc_ratio"),
            amperes=exporter.get('magnum_bmk_amperes{device="main"}'),
            ac_volts=exporter.get('magnum_inverter_ac_input_volts{device="main"}'),
            path=next((path for path in PATHS if actuator.get(f'generator_path{{path="{path}"}}') == 1), None),
            contact=_truth(actuator.get("generator_relay_closed")),
            proven=_truth(actuator.get("generator_running")),
            sentence=status.get("sentence"),
            firing=frozenset(
                alert["labels"]["alertname"]
                for alert in alerts.get("data", {}).get("alerts", [])
                if alert["state"] == "firing"
            ),
            engine=site.get("engine", {}).get("running"),
            closed=site.get("contact"),
        )

    async def _page(self, part: str) -> dict[str, float]:
        text = await self._text(part, "/metrics")
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def _json(self, part: str, path: str) -> dict[str, Any]:
        text = await self._text(part, path)
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    async def _text(self, part: str, path: str) -> str:
        if part not in self._layout.parts:
            return ""
        try:
            async with self._session.get(self._layout.url(part, path)) as response:
                return await response.text() if response.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError):
            return ""


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else ""


def _truth(value: float | None) -> bool | None:
    return None if value is None else value == 1
