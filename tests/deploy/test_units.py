"""deploy/systemd: how much a program that has been taken over could still do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_exposure_is_under_2(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout
    assert float(found[1]) < 2.0, done.stdout


def test_a_stop_of_the_actuator_keeps_its_shared_memory() -> None:
    """The journal's spare is there: `RemoveIPC=yes` removes what the user has in /dev/shm."""
    unit = (ROOT / "deploy" / "systemd" / "generator-actuator.service").read_text()
    assert "RemoveIPC=no" in unit.splitlines()
