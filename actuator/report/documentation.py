"""Writes the actuator's part of docs/homeassistant-entities.md: `python -m actuator.report.documentation`.

A test compares them.
"""

from __future__ import annotations

from pathlib import Path

from actuator.report.homeassistant import PREFIX, TEXTS, controls
from actuator.report.metrics import ENTITIES
from toolkit.homeassistant import documentation
from toolkit.homeassistant.config import Mqtt
from toolkit.homeassistant.discovery import Topics

FILE = Path(__file__).parents[2] / "docs" / "homeassistant-entities.md"


def text() -> str:
    """Return the page with the generator's entities."""
    lines = [*documentation.table(ENTITIES.values(), PREFIX)]
    lines += (f"| | {each['name']} | {each['p']} | | | |" for each in TEXTS.values())
    page = documentation.section(FILE.read_text(encoding="utf-8"), "generator", lines)
    topics = Topics(Mqtt(url="mqtt://broker"), "actuator")
    return documentation.section(page, "controls", documentation.controls(controls(topics, longest=0.0).values()))


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
