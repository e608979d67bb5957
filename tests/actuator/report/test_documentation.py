"""The settings and metrics that the pages list are those that are declared."""

from __future__ import annotations

from actuator.report import documentation


def test_the_reference_of_the_settings_is_generated() -> None:
    """To renew it: `python -m actuator.report.documentation`."""
    assert documentation.SETTINGS.read_text(encoding="utf-8") == documentation.settings()


def test_the_list_of_metrics_is_generated() -> None:
    """To renew it: `python -m actuator.report.documentation`."""
    assert documentation.METRICS.read_text(encoding="utf-8") == documentation.metrics()


def test_the_table_of_the_generators_entities_is_generated() -> None:
    """To renew it: `python -m actuator.report.documentation`."""
    assert documentation.ENTITIES_FILE.read_text(encoding="utf-8") == documentation.entities()
