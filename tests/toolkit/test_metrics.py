from __future__ import annotations

from prometheus_client import Counter
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from toolkit import metrics
from toolkit.build import Build


def test_registry() -> None:
    registry = metrics.new_registry("magnum-exporter", "magnum_exporter", Build("0.1.0", "0123abcd"))
    Counter("things", "Things.", registry=registry).inc()
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    build = families["magnum_exporter_build_info"].samples[0]
    assert build.value == 1
    assert (build.labels["version"], build.labels["revision"]) == ("0.1.0", "0123abcd")
    assert set(build.labels) == {"version", "revision", "python_version"}
    assert {"process_start_time_seconds", "python_info", "python_gc_collections", "things"} <= families.keys()
    assert not [name for name in families if name.endswith("_created")]


def test_registries_are_separate() -> None:
    assert metrics.new_registry("a", "a", Build("1")) is not metrics.new_registry("a", "a", Build("1"))


def test_unknown_revision() -> None:
    page = generate_latest(metrics.new_registry("a", "a", Build("1"))).decode()
    assert 'a_build_info{python_version="' in page
    assert 'revision="unknown"' in page
