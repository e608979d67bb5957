"""What Home Assistant shows of the site: its sources, its banks and the battery, from the metrics. No I/O.

Loaded only where the configuration has `mqtt:`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from exporter import NAME
from exporter.collector import BANKS, BATTERY, SiteCollector, of_family
from exporter.config import Config
from exporter.fields import Kind, Metric
from exporter.site import Site
from toolkit.homeassistant.discovery import PROGRAMS, Device, Program
from toolkit.homeassistant.entities import Described, Shown, shown, slug

SITE: Final = "site"
SOURCE, BANK = "source-", "bank-"
BANK_PREFIX: Final = "battery_bank_"

_Samples = dict[str, list[tuple[tuple[str, ...], float]]]


class _Group(NamedTuple):
    """A device of Home Assistant: its id, and the label that names it."""

    id: str
    label: str
    name: str


def owns(device: str) -> bool:
    """Return whether a device of this site is the exporter's."""
    return device == SITE or device.startswith((SOURCE, BANK))


def described(metric: Metric, label: str) -> Described:
    """Return a metric as Home Assistant's entities need it; `label` names its device."""
    labels = tuple(name for name in metric.labels if name != label)
    return Described(metric.name, metric.help, metric.kind is Kind.COUNTER, labels, metric.entity)


class Devices:
    """Makes the devices of a site.

    Args:
        site: returns the site; a reload replaces it.
        options: returns the configuration in force; a reload replaces it.
        title: the site's name for people.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        options: Callable[[], Config],
        title: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site, self._options, self._title = site, options, title
        self._collector = SiteCollector(site, clock)
        self._about: dict[tuple[str, str], dict[str, str]] = {}

    def now(self) -> tuple[Device, ...]:
        """Return all devices with their values."""
        samples = self._samples()
        site, title = self._site(), self._title
        whole = self._device(_Group(SITE, "", ""), title, "exporter", BATTERY, samples.get(("", ""), {}))
        devices = [whole]
        for name in site.banks:
            found = samples.get(("bank", name), {})
            # A source with several packs is a bank of its own name: its topic is the source's.
            topic = f"{slug(name)}-bank" if name in site.devices else _topic(name)
            via = f"{SOURCE}{slug(name)}" if name in site.devices else SITE
            group = _Group(f"{BANK}{slug(name)}", "bank", name)
            title_of_bank = f"{title} {name} bank" if name in site.devices else f"{title} {name}"
            devices.append(self._device(group, title_of_bank, topic, BANKS, found, via=via, prefix=BANK_PREFIX))
        bank_of = {pack: bank for bank, options in self._options().banks.items() for pack in options.packs}
        for name, device in site.devices.items():
            metrics = (*of_family(device.family), *device.family.metrics)
            found = samples.get(("device", name), {})
            via = f"{BANK}{slug(bank_of[name])}" if name in bank_of else SITE
            group = _Group(f"{SOURCE}{slug(name)}", "device", name)
            up = any(value == 1 for _, value in found.get(f"{device.family.name}_up", ()))
            devices.append(
                self._device(
                    group,
                    f"{title} {name}",
                    _topic(name),
                    metrics,
                    found,
                    via=via,
                    prefix=f"{device.family.name}_",
                    up=up,
                )
            )
        return tuple(devices)

    def _samples(self) -> dict[tuple[str, str], _Samples]:
        """Return the samples of the page by the label that names their device, and by metric."""
        found: dict[tuple[str, str], _Samples] = {}
        for family in self._collector.collect():
            for sample in family.samples:
                label = next((label for label in ("device", "bank") if label in sample.labels), "")
                labels = tuple(value for name, value in sample.labels.items() if name != label)
                of_metric = found.setdefault((label, sample.labels.get(label, "")), {})
                of_metric.setdefault(sample.name, []).append((labels, sample.value))
        return found

    def _device(
        self,
        group: _Group,
        title: str,
        topic: str,
        metrics: Iterable[Metric],
        samples: Mapping[str, list[tuple[tuple[str, ...], float]]],
        *,
        via: str = "",
        prefix: str = "",
        up: bool | None = None,
    ) -> Device:
        by_name = {metric.name: described(metric, group.label) for metric in metrics}
        # What a device has said of itself holds while it is silent.
        about = self._about.setdefault((group.id, prefix), {})
        entities: list[Shown] = []
        for name, values in samples.items():
            metric = by_name[name]
            entities += shown(metric, prefix, values, self._stale(group, name))
            for key, label in metric.options.device.items():
                about[key] = values[0][0][metric.labels.index(label)]
        return Device(
            id=group.id,
            topic=topic,
            name=title,
            via=via,
            about=dict(about),
            available=up,
            metrics=frozenset(by_name),
            shown=tuple(entities),
            depends_on=self._options(),
        )

    def _stale(self, group: _Group, metric: str) -> Callable[[], float]:
        """Return what returns the seconds after which a value of a metric is stale."""

        def seconds() -> float:
            device = self._site().devices.get(group.name) if group.label == "device" else None
            if device is None:
                return float(self._options().battery.soc.max_age)
            stale = (
                reading.stale_after
                for reading in device.readings.values()
                if any(sample.metric == metric for sample in reading.samples)
            )
            # Our own counters never become stale, and go with the device.
            return max((value for value in stale if math.isfinite(value)), default=device.stale_after)

        return seconds


def _topic(name: str) -> str:
    # No slug has a `-`.
    return f"{slug(name)}-source" if slug(name) in PROGRAMS else slug(name)


def program(version: str, url: str) -> Program:
    """Return the exporter as Home Assistant's documents name it."""
    return Program(name="exporter", distribution=NAME, version=version, url=url)
