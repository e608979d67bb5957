"""The registry that each program exposes: its own, with process, platform, garbage collector and build."""

from __future__ import annotations

import platform
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)


def new_registry(program: str, prefix: str, version: str) -> CollectorRegistry:
    """Return a fresh registry holding what every program says of itself.

    Args:
        program: the program's name, for the help text.
        prefix: what the program's own metric names begin with, as in `<prefix>_build_info`.
        version: the distribution's version.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library's own gap
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Gauge(
        f"{prefix}_build_info",
        f"Which {program} this is; always 1.",
        ["version", "revision", "python_version"],
        registry=registry,
    ).labels(version, revision(Path(__file__).resolve().parent.parent), platform.python_version()).set(1)
    return registry


def revision(tree: Path) -> str:
    """Return the commit that is checked out in the source tree we run from, or "unknown" when it is not a checkout."""
    git = tree / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text().strip()
        for line in (git / "packed-refs").read_text().splitlines():
            commit, _, packed = line.partition(" ")
            if packed == name:
                return commit
    except OSError:
        return "unknown"
    return "unknown"
