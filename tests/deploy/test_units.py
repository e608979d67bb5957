"""deploy/systemd: how much a program that has been taken over could still do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT, run_command
from toolkit.webconfig import WebConfig

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


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_and_its_drop_ins_are_valid(tmp_path: Path, unit: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"/opt/magnum-exporter/bin/\S+", "/bin/true", unit.read_text()))
    drop_ins = unit.with_name(f"{unit.name}.d")
    if drop_ins.is_dir():
        shutil.copytree(drop_ins, tmp_path / drop_ins.name)
    done = run_command("systemd-analyze", "verify", "--man=no", copy, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line] == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_does_not_start_before_its_file_was_written(unit: Path) -> None:
    text = unit.read_text()
    named = set(re.findall(r"--(?:web\.)?config\.file=(\S+)", text))
    (main,) = (path for path in named if "-web" not in path)
    conditions = re.findall(r"^ConditionPathExists=(\S+)$", text, re.MULTILINE)
    # The actuator starts later without its file too: the journal knows the relay that may be closed.
    sidecar = "/var/lib/generator-actuator/journal.db.sidecar"
    assert conditions == ([f"|{main}", f"|{sidecar}"] if "actuator" in unit.stem else [main])
    for path in named:
        (shipped,) = (ROOT / "deploy").rglob(Path(path).name)
        assert shipped.is_file()


@pytest.mark.parametrize("file", sorted((ROOT / "deploy" / "web").glob("*.yml")), ids=lambda file: file.stem)
def test_the_shipped_web_configuration_has_neither_users_nor_tls(file: Path) -> None:
    loaded = WebConfig.load(file)
    assert not loaded.has_users
    assert loaded.ssl_context() is None


def test_a_stop_of_the_actuator_keeps_its_shared_memory() -> None:
    """The journal's spare is there: `RemoveIPC=yes` removes what the user has in /dev/shm."""
    unit = (ROOT / "deploy" / "systemd" / "generator-actuator.service").read_text()
    assert "RemoveIPC=no" in unit.splitlines()
