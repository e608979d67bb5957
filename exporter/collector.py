"""Turns the state of the site into metric families at each scrape. No I/O. Stale values are left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector

from exporter.fields import Kind, Metric
from exporter.site import Device, Site
from exporter.soc import Reason
from exporter.sources.base import Family
from toolkit.homeassistant.options import DIAGNOSTIC, PROBLEM, EntityOptions, Form

RATIO = Metric("battery_soc_ratio", "State of charge of the leading source; absent while no source is trusted.")
LAST_UPDATE = Metric(
    "battery_soc_last_update_timestamp_seconds",
    "Time of the leading source's last trusted state of charge.",
    entity=DIAGNOSTIC,
)
SOURCE_RATIO = Metric(
    "battery_soc_source_ratio",
    "State of charge of each source, trusted or not.",
    labels=("source",),
    entity=EntityOptions(device_class="battery", name="State of charge by"),
)
LEAD = Metric(
    "battery_soc_lead",
    "1 for the leading source.",
    labels=("source",),
    entity=EntityOptions(form=Form.LISTED, name="Leading source"),
)
TRUSTED = Metric(
    "battery_soc_trusted",
    "1 for each source that is trusted.",
    labels=("source",),
    entity=EntityOptions(name="Trusted:"),
)
REFUSED = Metric(
    "battery_soc_refused",
    "1 for the reason why a source is refused.",
    labels=("source", "reason"),
    entity=EntityOptions(form=Form.STATE, states=("none", *Reason), name="Reason against"),
)
SPREAD = Metric(
    "battery_soc_spread_ratio", "Highest minus lowest state of charge of the fresh sources; absent with fewer than two."
)
TO_EMPTY = Metric(
    "battery_time_to_empty_seconds",
    "Time until the battery is empty, by the leading state of charge, the present current and the capacity.",
    entity=EntityOptions(shown_in="h"),
)
IS_FULL = Metric(
    "battery_full",
    "1 while the battery is full: a charger floats, or the leading state of charge is 99 % or more and the current at "
    "most 2 % of the capacity; absent while neither can be judged.",
)
_BANK = ("bank",)
BANK_RATIO = Metric(
    "battery_bank_soc_ratio",
    "State of charge of a bank of packs in parallel, weighted by their capacities (equally where one is unknown); "
    "absent while a pack is missing, unless the configuration tolerates that.",
    labels=_BANK,
)
BANK_AMPERES = Metric("battery_bank_amperes", "Sum of the packs' currents, + into the bank.", labels=_BANK)
BANK_WATTS = Metric("battery_bank_watts", "Sum of the packs' powers, + into the bank.", labels=_BANK)
BANK_VOLTS = Metric("battery_bank_volts", "Mean of the packs' voltages.", labels=_BANK)
BANK_FULL = Metric("battery_bank_full_amphours", "Sum of the packs' capacities when full.", labels=_BANK)
BANK_LOWEST = Metric(
    "battery_bank_lowest_cell_volts",
    "Voltage of the bank's lowest cell, and its pack.",
    labels=("bank", "pack"),
    entity=EntityOptions(form=Form.SUM),
)
BANK_HIGHEST = Metric(
    "battery_bank_highest_cell_volts",
    "Voltage of the bank's highest cell, and its pack.",
    labels=("bank", "pack"),
    entity=EntityOptions(form=Form.SUM),
)
BANK_SPREAD = Metric(
    "battery_bank_cell_spread_volts", "Voltage of the bank's highest cell minus that of its lowest.", labels=_BANK
)
BANK_MISSING = Metric(
    "battery_bank_pack_missing",
    "1 for each pack of which nothing was received for the max_age of states of charge.",
    labels=("bank", "pack"),
    entity=EntityOptions(device_class=PROBLEM),
)
BANKS = (
    BANK_RATIO,
    BANK_AMPERES,
    BANK_WATTS,
    BANK_VOLTS,
    BANK_FULL,
    BANK_LOWEST,
    BANK_HIGHEST,
    BANK_SPREAD,
    BANK_MISSING,
)
BATTERY = (RATIO, LAST_UPDATE, SOURCE_RATIO, LEAD, TRUSTED, REFUSED, SPREAD, TO_EMPTY, IS_FULL)


def of_family(family: Family) -> tuple[Metric, Metric, Metric, Metric, Metric]:
    """Return the metrics that every family has: up, last success, reads, failures and refused readings."""
    return (
        Metric(
            f"{family.name}_up",
            "1 while readings are fresh.",
            entity=EntityOptions(not_shown="it is the availability of the device"),
        ),
        Metric(
            f"{family.name}_last_success_timestamp_seconds",
            "Time of the last successful reading of the device.",
            entity=DIAGNOSTIC,
        ),
        Metric(
            f"{family.name}_reads_total",
            "Attempts to read the device since the start, including failed ones.",
            Kind.COUNTER,
            entity=DIAGNOSTIC,
        ),
        Metric(
            f"{family.name}_read_failures_total",
            "Failed attempts to read the device since the start.",
            Kind.COUNTER,
            entity=DIAGNOSTIC,
        ),
        Metric(
            f"{family.name}_implausible_total",
            "Readings, or parts of them, that were refused because they contradict themselves, since the start.",
            Kind.COUNTER,
            ("reason",),
            entity=DIAGNOSTIC,
        ),
    )


class _Family:
    """A metric family under construction."""

    def __init__(self, metric: Metric, *labels: str) -> None:
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        self.family = kind(metric.name, metric.help, labels=[*labels, *metric.labels])

    def add(self, value: float | None, *labels: str) -> None:
        """Add a sample, unless its value is absent."""
        if value is not None:
            self.family.add_metric(labels, value)


def _filled(families: Iterable[_Family]) -> Iterator[MetricFamily]:
    return (family.family for family in families if family.family.samples)


class SiteCollector(Collector):
    """Collects the metrics of a site.

    Args:
        site: returns the site; called at each scrape, since a reload replaces it.
        clock: monotonic seconds.
    """

    def __init__(self, site: Callable[[], Site], clock: Callable[[], float] = time.monotonic) -> None:
        self._site = site
        self._clock = clock

    def describe(self) -> Iterable[MetricFamily]:
        """Return every metric of the site's devices without samples; the registry asks once, when it is registered."""
        families = [device.family for device in self._site().devices.values()]
        of_devices = [metric for family in families for metric in (*of_family(family), *family.metrics)]
        # Each by its whole name and once, which the registry needs to forget it: without its suffix, a counter may have
        # the name of a gauge.
        names = dict.fromkeys(metric.name for metric in (*BATTERY, *BANKS, *of_devices))
        yield from (MetricFamily(name, "", "unknown") for name in names)

    def collect(self) -> Iterable[MetricFamily]:
        """Return the families that have samples now."""
        site, now = self._site(), self._clock()
        yield from _battery(site, now)
        yield from _banks(site, now)
        families = {device.family.name: device.family for device in site.devices.values()}
        for family in families.values():
            devices = {
                name: device for name, device in sorted(site.devices.items()) if device.family.name == family.name
            }
            yield from _common(family, devices, now)
            yield from _measured(devices, now)


def _battery(site: Site, now: float) -> Iterator[MetricFamily]:
    verdict = site.verdict(now)
    ratio, last_update, source_ratio, lead, trusted, refused, spread, to_empty, full = families = [
        _Family(metric) for metric in BATTERY
    ]
    ratio.add(verdict.ratio)
    last_update.add(verdict.wall)
    spread.add(verdict.spread)
    to_empty.add(verdict.seconds_to_empty)
    full.add(verdict.full)
    for name, opinion in verdict.opinions.items():
        source_ratio.add(opinion.ratio, name)
        lead.add(name == verdict.lead, name)
        trusted.add(opinion.refused is None, name)
        for reason in Reason:
            refused.add(opinion.refused is reason, name, reason.value)
    return _filled(families)


def _banks(site: Site, now: float) -> Iterator[MetricFamily]:
    ratio, amperes, watts, volts, full, lowest, highest, spread, missing = families = [
        _Family(metric) for metric in BANKS
    ]
    for name, bank in sorted(site.banks.items()):
        state = bank.state(now)
        ratio.add(state.ratio, name)
        amperes.add(state.amperes, name)
        watts.add(state.watts, name)
        volts.add(state.volts, name)
        full.add(state.full, name)
        for pack, is_missing in state.missing.items():
            missing.add(is_missing, name, pack)
        if state.lowest is not None and state.highest is not None:
            lowest.add(state.lowest.volts, name, state.lowest.pack)
            highest.add(state.highest.volts, name, state.highest.pack)
            spread.add(state.highest.volts - state.lowest.volts, name)
    return _filled(families)


def _common(family: Family, devices: Mapping[str, Device], now: float) -> Iterator[MetricFamily]:
    up, last_success, reads, failures, implausible = families = [
        _Family(metric, "device") for metric in of_family(family)
    ]
    for name, device in devices.items():
        up.add(device.up(now), name)
        last_success.add(device.last.wall if device.last else None, name)
        reads.add(device.attempts.reads, name)
        failures.add(device.attempts.failures, name)
        for reason, count in device.attempts.implausible.items():
            implausible.add(count, name, reason)
    return _filled(families)


def _measured(devices: Mapping[str, Device], now: float) -> Iterator[MetricFamily]:
    metrics = {metric.name: metric for device in devices.values() for metric in device.family.metrics}
    families = {name: _Family(metric, "device") for name, metric in metrics.items()}
    for name, device in devices.items():
        values: dict[tuple[str, tuple[str, ...]], float] = {}
        for reading in device.fresh(now):
            # The newest reading comes first, and its value stays.
            new = {(metric, labels): value for metric, value, labels in reading.samples}
            values = new | values
        for (metric, labels), value in values.items():
            families[metric].add(value, name, *labels)
    return _filled(families.values())
