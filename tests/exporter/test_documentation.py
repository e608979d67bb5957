"""METRICS.md and the reference of the options are what the declarations say."""

from __future__ import annotations

from exporter import documentation
from exporter.fields import Confidence
from exporter.sources.families import FAMILIES


def test_metrics_md_is_generated() -> None:
    """To renew it: `python -m exporter.documentation`."""
    assert documentation.FILE.read_text(encoding="utf-8") == documentation.text()


def test_the_reference_of_the_options_is_generated() -> None:
    """To renew it: `python -m exporter.documentation`."""
    assert documentation.REFERENCE.read_text(encoding="utf-8") == documentation.reference_text()


def test_every_metric_has_help() -> None:
    for family in FAMILIES:
        for metric in family.metrics:
            assert metric.help.endswith("."), metric
            assert metric.name.startswith(family.name + "_"), metric


def test_uncaptured_metrics_are_marked() -> None:
    magnum = {metric.name: metric for metric in FAMILIES[0].metrics}
    assert magnum["magnum_acld_watts"].confidence is Confidence.UNVERIFIED
    assert "unverified" in magnum["magnum_acld_watts"].help
    assert "| **unverified** |" in documentation.text()
