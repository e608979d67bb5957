"""The runbooks in real Chromium, as an owner's phone shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import ConsoleMessage, sync_playwright

from actuator.web import runbooks
from tests.actuator.harness.process import site

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("PANEL_SHOTS")
"""A folder: there some pages are kept as pictures, for people to look at."""


def test_every_page_fits_a_phone_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 360, "height": 740})
        problems: list[str] = []

        def note(message: ConsoleMessage) -> None:
            problems.append(message.text)

        page.on("console", note)
        links: set[str] = set()
        for name in runbooks.load():
            answer = page.goto(f"{it.url}/runbooks/{name}")
            assert answer is not None
            assert answer.status == 200
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, f"{name} is wider than a phone"
            links |= set(page.evaluate("[...document.links].map(link => link.href)"))
            if SHOTS and name in ("GeneratorDied", "MagnumInverterFault", "README"):
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                    page.screenshot(path=Path(SHOTS) / f"runbook-{name}-{scheme}.png")
        for link in sorted(links):
            target, _, anchor = link.partition("#")
            answer = page.goto(target)
            assert answer is not None
            assert answer.status == 200, link
            assert not anchor or page.locator(f"[id='{anchor}']").count() == 1, link
        chromium.close()
        assert problems == []
