"""The shipped alert rules, read from their files."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support import ROOT

ALERTS = ROOT / "alerts"
RULE_FILES = ("rules.yml", "people.yml")
RECORDING_FILE = "energy.yml"

Rule = dict[str, Any]


def alerts(file: str) -> dict[str, Rule]:
    """Return the rules of a file by the name of their alert."""
    groups = yaml.safe_load((ALERTS / file).read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def recordings(file: str) -> dict[str, str]:
    """Return the expressions of a file of recording rules by the name of their series."""
    groups = yaml.safe_load((ALERTS / file).read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
