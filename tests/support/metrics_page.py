"""The samples of a `/metrics` page."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Samples = Mapping[tuple[str, Labels], float]
"""From metric name and sorted labels to the value."""


def samples(text: str) -> Samples:
    """Return the samples of a page."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(page: Samples, metric: str, **labels: str) -> float | None:
    """Return one sample, None when it is not on the page."""
    return page.get((metric, tuple(sorted(labels.items()))))


def samples_by_series(text: str) -> dict[str, float]:
    """Return the samples of a page by series as a page writes it: `name{label="value"}`, labels sorted."""
    return {
        name + ("{" + ",".join(f'{label}="{text}"' for label, text in labels) + "}" if labels else ""): value
        for (name, labels), value in samples(text).items()
    }
