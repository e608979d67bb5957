from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import CustomBuildHook
from tests.support import ROOT


def git(tree: Path, *arguments: str) -> str:
    identity = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ran = subprocess.run(
        ["git", *arguments], cwd=tree, env=os.environ | identity, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what a wheel is built from, outside any checkout."""
    copy = tmp_path / "tree"
    copy.mkdir()
    for name in (".gitignore", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("actuator", "alerts", "exporter", "grafana", "simulator", "toolkit"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def version(tree: Path, target: Path) -> str:
    """Build a wheel, unpack it, and return what its `--version` prints."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)], cwd=tree, check=True)
    (wheel,) = target.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(target / "site")
    ran = subprocess.run(
        [sys.executable, "-c", "from exporter.cli import main; main()", "--version"],
        cwd=target,
        env=os.environ | {"PYTHONPATH": str(target / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.partition(" (")[0]


def test_wheel_has_its_revision(tree: Path, tmp_path: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message=x")
    commit = git(tree, "rev-parse", "HEAD")
    assert version(tree, tmp_path / "out") == f"magnum-exporter, version 0.1.0, revision {commit}"
    assert git(tree, "status", "--porcelain") == ""


def test_wheel_from_sdist_in_another_checkout(tree: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "tree/LICENSE")
    git(tmp_path, "commit", "--quiet", "--message=x")
    assert version(tree, tmp_path / "out") == "magnum-exporter, version 0.1.0"


def test_wheel_without_git(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tree, "init", "--quiet")
    monkeypatch.setenv("PATH", "")
    assert version(tree, tmp_path / "out") == "magnum-exporter, version 0.1.0"


def test_editable_installation_has_no_revision(tree: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message=x")
    hook = CustomBuildHook(str(tree), {}, None, None, str(tree / "dist"), "wheel")  # type: ignore[arg-type]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for kind in ("standard", "editable"):
        found[kind] = {"extra_metadata": {}, "force_include": {}}
        hook.initialize(kind, found[kind])
    assert found["standard"]["extra_metadata"]
    assert not found["editable"]["extra_metadata"]
