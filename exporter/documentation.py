"""Writes METRICS.md from the fields' declarations: `python -m exporter.documentation`. A test compares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from exporter.collector import BATTERY, of_family
from exporter.fields import Confidence, Metric
from exporter.sources import FAMILIES

FILE = Path(__file__).parent / "METRICS.md"
_HEAD = """\
# Metrics

Generated from the declarations of the fields by `python -m exporter.documentation`; make changes there.

Every series except those of the battery has the label `device`, the source's name in the configuration. A series is
present only while its value is known and fresh. The last column shows how well the meaning is known: *proven* by
captures or the maker's own documents; *likely*, by two sources, or by one and inference; **unverified**, by one source
without a capture.
"""


def text() -> str:
    """Return the whole file."""
    parts = [_HEAD, *_section("battery", "State of charge", BATTERY)]
    for family in FAMILIES:
        metrics = (*of_family(family), *family.metrics)
        parts += _section(family.name, f"Sources of type `{family.name}`", metrics)
    return "\n".join(parts)


def _section(name: str, title: str, metrics: Iterable[Metric]) -> Iterator[str]:
    yield f"<a id={name}></a>\n\n## {title}\n"
    yield "| metric | labels | type | meaning | source | |\n|---|---|---|---|---|---|"
    for metric in {metric.name: metric for metric in metrics}.values():
        confidence = f"**{metric.confidence}**" if metric.confidence is Confidence.UNVERIFIED else metric.confidence
        cells = (
            f"`{metric.name}`",
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.kind,
            metric.help,
            metric.source or "the exporter",
            confidence if metric.source else "",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
