"""Writes METRICS.md and the exporter's part of docs/homeassistant-entities.md from the fields' declarations.

    python -m exporter.documentation

It also writes docs/reference-exporter.md, from the declarations of the options. A test compares all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exporter.collector import BANKS, BATTERY, of_family
from exporter.config import Config
from exporter.fields import Confidence, Metric
from exporter.homeassistant import BANK_PREFIX, described
from exporter.sources.classic import whizbang
from exporter.sources.families import FAMILIES
from exporter.sources.modbus import register_list
from exporter.sources.modbus.profiles import PROFILES, victron
from exporter.sources.plausibility import ANSWER, Check
from exporter.sources.pylontech.dialects import DIALECTS
from exporter.sources.vedirect import fields as vedirect
from toolkit.config import reference
from toolkit.homeassistant.documentation import section, table

FILE = Path(__file__).parent / "METRICS.md"
REFERENCE = Path(__file__).parent.parent / "docs" / "reference-exporter.md"
ENTITIES_FILE = Path(__file__).parents[1] / "docs" / "homeassistant-entities.md"
_HEAD = """\
# Metrics

Generated from the declarations of the fields by `python -m exporter.documentation`; make changes there.

Every series of a device has the label `device`, the source's name in the configuration. Those of a battery bank have
the label `bank`. A measured value is present only while it is known and fresh. Counters, `…_up` and
`…_last_success_timestamp_seconds` stay. The last column shows how well the meaning is known: *proven* by
captures or the maker's own documents; *likely*, by two sources, or by one and inference; **unverified**, by one source
without a capture.
"""

_REFERENCE_HEAD = """\
# Settings of exporter.yml

<!-- Generated from the declarations of the options by python -m exporter.documentation: make changes there. -->

The file is `/etc/magnum-exporter/exporter.yml`. [The shipped one](../deploy/exporter.yml) shows the settings with their
defaults. `magnum-exporter --config.check` checks it: it names the line of each mistake, what it got, and what it
expected.
"""


def text() -> str:
    """Return the whole METRICS.md."""
    parts = [_HEAD, *_section("battery", "State of charge", BATTERY), *_section("banks", "Battery banks", BANKS)]
    for family in FAMILIES:
        metrics = (*of_family(family), *family.metrics)
        parts += _section(family.name, f"Sources of type `{family.name}`", metrics)
    return "\n".join([*parts, *_checks()])


def entities_text() -> str:
    """Return the page of Home Assistant's entities with those of the exporter's metrics."""
    text = section(ENTITIES_FILE.read_text(encoding="utf-8"), "battery", _entities(BATTERY, "", ""))
    text = section(text, "banks", _entities(BANKS, "bank", BANK_PREFIX))
    for family in FAMILIES:
        metrics = (*of_family(family), *family.metrics)
        text = section(text, family.name, _entities(metrics, "device", f"{family.name}_"))
    return text


def _entities(metrics: Iterable[Metric], label: str, prefix: str) -> Iterator[str]:
    return table((described(metric, label) for metric in metrics), prefix)


def reference_text() -> str:
    """Return the whole reference of `exporter.yml`."""
    return "\n".join([_REFERENCE_HEAD, *reference.page(Config)])


def _checks() -> Iterator[str]:
    """Yield the section that says what each profile's values must agree with."""
    profiles: dict[str, Sequence[Check]] = {
        "`modbus`, profile `victron-gx`, a battery monitor behind it": victron.BATTERY.checks,
        **{f"`modbus`, profile `{name}`": profile.checks for name, profile in PROFILES.items()},
        "`modbus`, own list of registers": register_list.CHECKS,
        **{f"`pylontech`, dialect `{name}`": (ANSWER, *dialect.checks) for name, dialect in DIALECTS.items()},
        "`vedirect`": vedirect.CHECKS,
        "`classic`, Whizbang Jr": whizbang.CHECKS,
    }
    every = {check.reason: check for checks in profiles.values() for check in checks}
    yield "<a id=refused></a>\n\n## What is refused\n"
    yield "A reading that contradicts itself is refused, counted by reason, and logged once an hour with both values.\n"
    yield "| `reason` | what must hold | else refused |\n|---|---|---|"
    for check in every.values():
        yield f"| `{check.reason}` | {check.meaning} | {', '.join(check.refuses) or 'the whole reading'} |"
    yield "\n| type of source | reasons |\n|---|---|"
    for name, checks in profiles.items():
        yield f"| {name} | {', '.join(f'`{check.reason}`' for check in checks)} |"
    yield ""


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
    ENTITIES_FILE.write_text(entities_text(), encoding="utf-8")
    REFERENCE.write_text(reference_text(), encoding="utf-8")
