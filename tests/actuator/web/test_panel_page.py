"""The panel's file, without a browser."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import get_args

from actuator.core.endings import End
from actuator.core.inhibitors import INHIBITORS
from actuator.core.state import Cause

PANEL = (resources.files("actuator.web") / "panel" / "index.html").read_text(encoding="utf-8")


def test_panel_knows_what_does_not_block_a_manual_start() -> None:
    found = re.search(r"const ON_PASSES = (\[.*\]);", PANEL)
    assert found
    passes = {reason for reason, rule in INHIBITORS.items() if "manual" in rule.exempt}
    assert set(json.loads(found[1])) == passes | {"mode_off"}


def test_panel_has_words_for_each_cause_and_each_end() -> None:
    for name, values in (("CAUSES", get_args(Cause)), ("ENDS", get_args(End))):
        block = PANEL.partition(f"const {name} = {{")[2].partition("};")[0]
        assert set(values) <= set(re.findall(r"(\w+): \"", block)), name
