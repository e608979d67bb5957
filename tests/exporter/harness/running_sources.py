"""Runs a source as the exporter does and looks at the page that comes of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from exporter.collector import SiteCollector
from exporter.readings import Attempts, Reading
from exporter.site import Device, Site
from exporter.soc import Judge
from exporter.sources.base import Source
from exporter.sources.config import SourceConfig
from tests.support import wait_until
from tests.support.metrics_page import Samples, samples, value
from toolkit import config


class Watch:
    """A site whose sources publish from their threads."""

    def __init__(self, judged: Iterable[str] = ()) -> None:
        self.site = Site(Judge(judged), None)
        self.readings: list[tuple[str, Reading]] = []
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(SiteCollector(lambda: self.site))

    def publish(self, device: str, readings: Sequence[Reading], attempts: Attempts) -> None:
        with self._lock:
            self.readings += [(device, reading) for reading in readings]
            self.site.take(device, readings, attempts)

    def add(self, source: Source[Any]) -> Source[Any]:
        self.site.devices[source.name] = Device(source.family, source.stale_after)
        return source

    def scrape(self) -> str:
        with self._lock:
            return generate_latest(self._registry).decode()

    def page(self) -> Samples:
        return samples(self.scrape())

    def value(self, metric: str, device: str, **labels: str) -> float | None:
        return value(self.page(), metric, device=device, **labels)

    def until(self, metric: str, device: str, wanted: Callable[[float | None], bool], seconds: float = 10) -> None:
        wait_until(lambda: wanted(self.value(metric, device)), seconds, f"{metric} of {device}")


@contextmanager
def running(sources: Mapping[str, Mapping[str, Any]], *, judged: Iterable[str] = ()) -> Iterator[Watch]:
    """Run the sources of a configuration; each is ended, and must end."""
    watch = Watch(judged)
    started = []
    for name, options in sources.items():
        source = watch.add(options_of(options).open(name, watch.publish))
        source.start()
        started.append(source)
    try:
        yield watch
    finally:
        for source in started:
            source.stop()
        end = time.monotonic() + 15
        for source in started:
            source.join(max(0.1, end - time.monotonic()))
            assert source.ended, f"{source.name} does not end"


def options_of(options: Mapping[str, Any]) -> SourceConfig:
    from exporter.sources import AnySource  # noqa: PLC0415 - a union, decoded as the configuration file is

    return config.decode(dict(options), AnySource)  # type: ignore[arg-type]


def by_metric(reading: Reading) -> Mapping[str, float]:
    """Return a reading's samples without labels besides their own name; labelled ones as `name{a,b}`."""
    return {
        sample.metric + (f"{{{','.join(sample.labels)}}}" if sample.labels else ""): sample.value
        for sample in reading.samples
    }


def approximately(value: float | None, expected: float) -> bool:
    return value is not None and math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
