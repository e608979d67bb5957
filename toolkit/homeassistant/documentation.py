"""The tables of entities in the documentation, made from the declarations of the metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from toolkit.homeassistant.entities import Component, Described, entities
from toolkit.homeassistant.options import Form

_HEAD = "| metric | entity | kind | unit | classes | at first |\n|---|---|---|---|---|---|"


def table(metrics: Iterable[Described], prefix: str) -> Iterator[str]:
    """Yield the lines of a table with a row for each entity, or with the reason why a metric has none.

    Args:
        metrics: in their order; one that comes again is left out.
        prefix: what every metric of the device begins with.
    """
    yield _HEAD
    for metric in {metric.name: metric for metric in metrics}.values():
        if metric.options.not_shown:
            yield f"| `{metric.name}` | none: {metric.options.not_shown} | | | | |"
        for entity in entities(metric, prefix):
            yield _row(metric, entity)


def controls(components: Iterable[Component]) -> Iterator[str]:
    """Yield the lines of a table of controls."""
    yield "| control | kind | choices |\n|---|---|---|"
    for entity in components:
        yield f"| {entity['name']} | {entity['p']} | {', '.join(entity.get('options', ()))} |"


def section(text: str, name: str, lines: Iterable[str]) -> str:
    """Return a page with the part between the two comments of this name replaced."""
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([f"{before}{begin}\n", *lines, f"\n{end}{after}"])


def _row(metric: Described, entity: Component) -> str:
    of_each = {Form.EACH: metric.labels, Form.STATE: metric.labels[:-1], Form.LISTED: metric.labels[:-1]}
    each = "".join(f" *{label}*" for label in of_each.get(metric.options.form, ()))
    classes = (entity.get("device_class"), entity.get("state_class"))
    cells = (
        f"`{metric.name}`",
        f"{entity['name']}{each}",
        str(entity["p"]).replace("_", " "),
        entity.get("unit_of_measurement", ""),
        ", ".join(name for name in classes if name),
        "" if entity.get("enabled_by_default", True) else "disabled",
    )
    return "| " + " | ".join(cells) + " |"
