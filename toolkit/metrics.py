"""The metrics that every program has: process, platform, garbage collector and build."""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from toolkit.build import Build


def new_registry(program: str, prefix: str, build: Build) -> CollectorRegistry:
    """Return a fresh registry with the metrics that every program has.

    Args:
        program: the program's name, for the help text.
        prefix: the prefix of the program's metric names, as in `<prefix>_build_info`.
        build: its version and revision.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types here
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Gauge(
        f"{prefix}_build_info",
        f"Which {program} this is; always 1.",
        ["version", "revision", "python_version"],
        registry=registry,
    ).labels(build.version, build.revision or "unknown", platform.python_version()).set(1)
    return registry
