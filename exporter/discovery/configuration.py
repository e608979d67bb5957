"""Writes what was found as an `exporter.yml`. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from exporter.discovery.found import Found, Source
from toolkit.formatting import printable
from toolkit.replace import replace
from toolkit.yaml_text import flow

_WIDTH = 118


def sources(found: Iterable[Found], kept: Mapping[str, Mapping[str, Any]]) -> tuple[Source, ...]:
    """Return the sources of a configuration, each with a name of its own.

    Args:
        found: what was found now.
        kept: the sources of the present configuration, by name.
    """
    named = [Source(name=name, options=options, about="As configured before.") for name, options in kept.items()]
    taken = set(kept)
    for source in (source for one in found for source in one.sources):
        name, number = source.name, 1
        while name in taken:
            number += 1
            name = f"{source.name}{number}"
        taken.add(name)
        named.append(replace(source, name=name))
    return tuple(named)


def render(
    chosen: Iterable[Source], *, battery: Mapping[str, Any] | None = None, more: Mapping[str, Any] | None = None
) -> str:
    """Return the text of the file.

    Args:
        chosen: the sources, at least one.
        battery: `battery:`, if the owner has given it.
        more: other keys of the present configuration.
    """
    lines = [
        "# Configuration of magnum-exporter. Check it with: magnum-exporter --config.check",
        "# Every setting, with its default: deploy/exporter.yml",
        "",
        "sources:",
    ]
    for source in chosen:
        lines += textwrap.wrap(printable(source.about), _WIDTH, initial_indent="  # ", subsequent_indent="  # ")
        name = flow(source.name)
        lines.append(f"  {name}: {flow(dict(source.options))}")
    lines.append("")
    if battery:
        lines.append("battery:")
        lines += [f"  {key}: {flow(value)}" for key, value in battery.items()]
    else:
        lines.append("# Only you know your battery. Its capacity shows a frozen monitor, and gives the time to empty:")
        lines.append("# battery: {capacity_ampere_hours: 400}")
    lines += [f"{key}: {flow(value)}" for key, value in (more or {}).items()]
    return "\n".join(lines) + "\n"
