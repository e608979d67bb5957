"""deploy/locks: complete for every Python, with hashes, and without an index's address."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
BUILDS = frozenset({"hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"})
"""Packages that build ours, and that the programs do not import."""

PYTHONS = ("3.11", "3.12", "3.13")


def locked(*names: str, python: str) -> dict[str, str]:
    """Return the version of each package that these files install on a Python on Linux."""
    versions = {}
    for name in names:
        for line in (ROOT / "deploy" / "locks" / f"{name}.txt").read_text().splitlines():
            if found := re.fullmatch(r"([a-z0-9-]+)==([^ ;]+)(?: ; (.+))? \\", line):
                package, version, marker = found.groups()
                if applies(Marker(marker) if marker else None, python):
                    versions[package] = version
    return versions


def applies(marker: Marker | None, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    return marker is None or marker.evaluate(environment)


def missing(requirement: Requirement, versions: dict[str, str], python: str, seen: set[str]) -> list[str]:
    """Return what the requirement, and what it requires itself, does not find in the lock."""
    name = canonicalize_name(requirement.name)
    if name in seen or not applies(requirement.marker, python):
        return []
    seen.add(name)
    if name not in versions or not requirement.specifier.contains(versions[name], prereleases=True):
        return [f"{requirement} on Python {python}: got {versions.get(name, 'nothing')}"]
    try:
        installed, needs = metadata.version(name), metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # of an extra that is not installed here
        return []
    if installed != versions[name]:  # as with make test-lowest: another version may require something else
        return []
    return [line for need in needs for line in missing(Requirement(need), versions, python, seen)]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_the_lock_is_complete_on(extra: str | None, python: str) -> None:
    versions = locked("base", *([extra] if extra else []), python=python)
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *(EXTRAS[extra] if extra else []),
    ]
    seen: set[str] = set()
    gaps = [line for entry in wanted for line in missing(Requirement(entry), versions, python, seen)]
    assert not gaps, "run make lock"


def test_no_version_is_older_than_the_fixes_that_security_md_lists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    fixed = dict(re.findall(r"^\| `([a-z-]+)` \| \[GHSA-.* \| ([0-9.]+) \|$", text, re.MULTILINE))
    assert fixed.keys() == {"aiohttp", "idna", "pyyaml"}
    versions = locked("base", "mqtt", "gpio", python="3.11")
    direct = map(Requirement, PROJECT["project"]["dependencies"])
    lowest = {
        canonicalize_name(need.name): one.version for need in direct for one in need.specifier if one.operator == ">="
    }
    for package, version in fixed.items():
        for allowed in filter(None, (versions[package], lowest.get(package))):
            assert Version(allowed) >= Version(version), f"{package} {allowed} has a known vulnerability"
    named = (
        set(re.findall(r"`([a-z-]+)`", text.partition("\nSources: ")[2].partition("What only builds")[0]))
        | fixed.keys()
    )
    of_the_programs = {name for name in versions if name not in BUILDS}
    assert of_the_programs - named == set(), "look for its advisories, and name it in SECURITY.md"


def test_every_locked_package_has_hashes_and_no_address() -> None:
    for file in (ROOT / "deploy" / "locks").glob("*.txt"):
        head, *packages = re.split(r"^(?=[a-z])", file.read_text(), flags=re.MULTILINE)
        assert head.startswith("#")
        assert packages
        for package in packages:
            assert re.fullmatch(r"\S+==\S+( ; [^\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", package), package
