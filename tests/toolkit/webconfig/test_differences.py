"""Prometheus' programs and ours on the same web configuration files. docs/web-configuration.md has the differences."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from toolkit.config import ConfigError
from toolkit.webconfig import WebConfig

BLOCKS = [
    (text, verdict.strip())
    for block in (Path(__file__).parent / "differences.txt").read_text().split("\n\n")
    for text, _, verdict in [block.rpartition("=> ")]
]
PROMTOOL = shutil.which("promtool", path=f"{ROOT / '.local/prometheus/usr/bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def files(tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each block as a file, beside the certificates that it names."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.crt", "a.key", "b.crt", "ca.crt"):
        shutil.copy(certificates / name, name)
    paths = []
    for number, (text, _) in enumerate(BLOCKS):
        paths.append(Path(f"{number:03}.yml"))
        paths[-1].write_text(text)
    return paths


def accepted_here(file: Path) -> bool:
    try:
        WebConfig.load(file)
    except ConfigError:
        return False
    return True


def verdict(*, here: bool, there: bool) -> str:
    if here == there:
        return "both accept" if here else "both refuse"
    return "only there refused" if here else "only here refused"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: deploy/fetch-prometheus")
def test_each_file_is_judged_as_by_prometheus_or_the_difference_is_known(files: list[Path]) -> None:
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "check", "web-config", *files], capture_output=True, text=True, timeout=60, check=False
    )
    there = dict(re.findall(r"^(\d{3}\.yml) (SUCCESS|FAILED)", checked.stdout + checked.stderr, re.MULTILINE))
    assert len(there) == len(files), checked.stderr
    got = {
        text: verdict(here=accepted_here(file), there=there[str(file)] == "SUCCESS")
        for file, (text, _) in zip(files, BLOCKS, strict=True)
    }
    assert got == {text: expected.partition(":")[0] for text, expected in BLOCKS}


def test_each_difference_is_explained() -> None:
    page = (ROOT / "docs" / "web-configuration.md").read_text()
    explained = set(re.findall(r"^\| (.+?) \|", page.replace("`", ""), re.MULTILINE))
    assert {expected.partition(": ")[2] for _, expected in BLOCKS} - {""} <= explained
