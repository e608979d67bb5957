from __future__ import annotations

from pathlib import Path

from prometheus_client import Counter
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from toolkit import metrics


def test_the_registry_says_what_runs() -> None:
    registry = metrics.new_registry("magnum-exporter", "magnum_exporter", "0.1.0")
    Counter("things", "Things.", registry=registry).inc()
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    build = families["magnum_exporter_build_info"].samples[0]
    assert build.value == 1
    assert build.labels["version"] == "0.1.0"
    assert set(build.labels) == {"version", "revision", "python_version"}
    assert {"process_start_time_seconds", "python_info", "python_gc_collections", "things"} <= families.keys()
    assert not [name for name in families if name.endswith("_created")]


def test_registries_are_apart() -> None:
    assert metrics.new_registry("a", "a", "1") is not metrics.new_registry("a", "a", "1")


def test_the_revision_is_the_checked_out_commit(tmp_path: Path) -> None:
    assert metrics.revision(tmp_path) == "unknown"
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("0123abcd\n")
    assert metrics.revision(tmp_path) == "0123abcd"
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert metrics.revision(tmp_path) == "unknown"
    (git / "packed-refs").write_text("# pack-refs with: peeled\nffff refs/heads/other\n4567cdef refs/heads/main\n")
    assert metrics.revision(tmp_path) == "4567cdef"
    (git / "refs" / "heads" / "main").write_text("89abcdef\n")
    assert metrics.revision(tmp_path) == "89abcdef"
