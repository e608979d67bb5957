"""The runbooks as pages: made from their Markdown, in the actuator's package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts import render


def test_the_packaged_pages_are_those_of_the_markdown() -> None:
    packaged = json.loads(render.PACKAGED.read_text(encoding="utf-8"))
    assert packaged == render.render(), "run .venv/bin/python -m alerts.render"


def test_the_list_of_alerts_is_that_of_the_rules() -> None:
    assert render.LIST.read_text(encoding="utf-8") == render.alert_list(), "run .venv/bin/python -m alerts.render"


@pytest.mark.parametrize("page", sorted(render.RUNBOOKS.glob("[A-Z][a-z]*.md")), ids=lambda page: page.stem)
def test_a_page_begins_with_one_sentence_for_anybody(page: Path) -> None:
    sentence = render.first_sentence(page.read_text(encoding="utf-8"))
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert len(sentence) <= 140
    assert not set("`_[*|#") & set(sentence)
    assert not {"actuator", "exporter", "SOC", "contact", "relay", "AC", "DC", "journal"} & set(sentence.split())


def test_html_in_a_runbook_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Bad.md").write_text("# Bad\n\n<script>alert(1)</script> [x](javascript:alert(1))\n")
    (tmp_path / "README.md").write_text("# Runbooks\n\nAll.\n")
    monkeypatch.setattr(render, "RUNBOOKS", tmp_path)
    page = render.render()["Bad"]
    assert "<script" not in page
    assert "href" not in page
