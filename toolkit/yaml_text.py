"""Values as YAML on one line, for configuration files that are written with comments."""

from __future__ import annotations

import yaml


def flow(value: object) -> str:
    """Return a value as YAML on one line, such as {type: magnum, port: /dev/ttyUSB0}."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
