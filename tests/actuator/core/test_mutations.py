"""The mutants of the core: the tool finds some in each module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_each_module_has_mutants() -> None:
    command = [sys.executable, "-m", "tests.actuator.harness.mutations", "--list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = {Path(path): int(count) for count, path in map(str.split, listed.splitlines())}
    modules = {path for path in Path("actuator/core").rglob("*.py") if path.name != "__init__.py"}
    assert modules
    assert [str(path) for path in sorted(modules) if not counts[path]] == []
