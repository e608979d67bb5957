"""Writes docs/reference-actuator.md, docs/metrics-actuator.md and the generator's part of homeassistant-entities.md.

    python -m actuator.report.documentation

All come from the declarations; a test compares them.
"""

from __future__ import annotations

from pathlib import Path

from actuator.config import Config
from actuator.report.homeassistant_entities import PREFIX, TEXTS, controls
from actuator.report.metrics import DESCRIBED, ENTITIES
from toolkit.config import reference
from toolkit.homeassistant import documentation
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import Topics

_DOCS = Path(__file__).parents[2] / "docs"
SETTINGS, METRICS = _DOCS / "reference-actuator.md", _DOCS / "metrics-actuator.md"
ENTITIES_FILE = _DOCS / "homeassistant-entities.md"
_SETTINGS_HEAD = """\
# Settings of actuator.yml

<!-- Generated from the declarations of the settings by python -m actuator.report.documentation: make changes there. -->

The file is `/etc/magnum-exporter/actuator.yml`. [The shipped one](../deploy/actuator.yml) shows the settings with their
defaults. `generator-actuator --config.check` checks it: it names the line of each mistake, what it got, and what it
expected. [Control rules](control.md) explains how the settings work together.
"""
_METRICS_HEAD = """\
# Metrics of the actuator

<!-- Generated from the declarations of the metrics by python -m actuator.report.documentation: make changes there. -->

The page is <http://127.0.0.1:10049/metrics>. A metric with a label has a series for each known value, 1 or 0.
"""


def settings() -> str:
    """Return the whole reference of `actuator.yml`."""
    return "\n".join([_SETTINGS_HEAD, *reference.page(Config)])


def metrics() -> str:
    """Return the whole list of metrics."""
    lines = [_METRICS_HEAD, "| metric | labels | type | meaning |", "|---|---|---|---|"]
    for family in DESCRIBED:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels: tuple[str, ...] = family._labelnames  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other name
        lines.append(
            f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {family.type} | {family.documentation} |"
        )
    return "\n".join([*lines, ""])


def entities() -> str:
    """Return the page of Home Assistant's entities with the generator's."""
    lines = [*documentation.table(ENTITIES.values(), PREFIX)]
    lines += (f"| | {each['name']} | {each['p']} | | | |" for each in TEXTS.values())
    page = documentation.section(ENTITIES_FILE.read_text(encoding="utf-8"), "generator", lines)
    topics = Topics(Mqtt(url="mqtt://broker"), "actuator")
    return documentation.section(page, "controls", documentation.controls(controls(topics, longest=0.0).values()))


if __name__ == "__main__":
    ENTITIES_FILE.write_text(entities(), encoding="utf-8")
    SETTINGS.write_text(settings(), encoding="utf-8")
    METRICS.write_text(metrics(), encoding="utf-8")
