"""The panel's file, without a browser."""

from __future__ import annotations

import json
import re
from typing import get_args

from actuator.core.state import Cause
from actuator.web.guards import content_security_policy
from actuator.web.panel_page import FOLDER, html

PANEL = html()


def test_panel_has_what_does_not_block_a_manual_start() -> None:
    found = re.search(r"const ON_PASSES = (\[.*\]);", PANEL)
    assert found
    assert set(json.loads(found[1])) == {"mode_off", "no_evidence", "short_cycle", "back_off", "quiet_hours"}


def test_panel_has_words_for_each_cause_and_each_end() -> None:
    for name, known in (("CAUSES", get_args(Cause)), ("ENDS", ("max_run", "no_charge"))):
        found = re.search(rf"const {name} = (\{{.*\}});", PANEL)
        assert found
        words = json.loads(found[1])
        assert set(known) <= set(words)
        assert all(text[0].isupper() for text in words.values())


def test_panel_with_its_manifest_and_icon_weighs_less_than_60_kilobytes() -> None:
    assert sum(len(file.read_bytes()) for file in FOLDER.iterdir()) < 60_000


def test_policy_allows_manifest_and_icon_for_the_panel_alone() -> None:
    policy = content_security_policy(PANEL).split("; ")
    assert "manifest-src 'self'" in policy
    assert "img-src 'self' data:" in policy
    assert "manifest-src" not in content_security_policy("<style></style>")
    assert '<link rel="manifest" href="/manifest.webmanifest" crossorigin="use-credentials">' in PANEL


def test_manifest_names_an_icon_that_is_there() -> None:
    manifest = json.loads((FOLDER / "manifest.webmanifest").read_text(encoding="utf-8"))
    assert manifest["start_url"] == "/"
    assert [icon["src"].removeprefix("/") for icon in manifest["icons"]] == ["icon.svg", "icon.svg"]
    assert (FOLDER / "icon.svg").read_text(encoding="utf-8").startswith("<svg ")
