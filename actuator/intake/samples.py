"""The samples of the exporter's page, by name. Pure."""

from __future__ import annotations

import math

from prometheus_client.parser import text_string_to_metric_families


class Samples:
    """The needed samples of a page, in its order."""

    def __init__(self, text: str, wanted: frozenset[str]) -> None:
        self._by_name: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in wanted:
                    self._by_name.setdefault(sample.name, []).append((sample.labels, sample.value))

    def first_device(self, *metrics: str) -> str | None:
        """Return the first device that has one of the metrics."""
        return next(iter(self.devices(*metrics)), None)

    def devices(self, *metrics: str) -> tuple[str, ...]:
        """Return every device that has one of the metrics."""
        found = (labels for metric in metrics for labels, _ in self._by_name.get(metric, ()) if "device" in labels)
        return tuple(dict.fromkeys(labels["device"] for labels in found))

    def value(
        self, metric: str, device: str | None = None, *, frame: str | None = None, bank: str | None = None
    ) -> float | None:
        """Return the finite value of a device, a frame or a bank; None when there is none or more than one."""
        found = {
            value
            for labels, value in self._by_name.get(metric, ())
            if (device is None or labels.get("device") == device)
            and labels.get("frame") == frame
            and labels.get("bank") == bank
        }
        value = found.pop() if len(found) == 1 else math.nan
        return value if math.isfinite(value) else None

    def states(self, metric: str, label: str, device: str | None = None) -> frozenset[str]:
        """Return the states whose value is 1, of the device or of all."""
        return frozenset(
            labels.get(label, "")
            for labels, value in self._by_name.get(metric, ())
            if (device is None or labels.get("device") == device) and value == 1
        )

    def entries(self, metric: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each sample, in the page's order."""
        return self._by_name.get(metric, [])
