"""Real Chromium for the tests of the pages, pictures of each state, and axe-core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = Path(os.environ.get("PANEL_SHOTS", ".local/panel"))
"""There each state is kept as a picture, for people to look at."""

LOOKS: Final[tuple[tuple[int, Literal["light", "dark"]], ...]] = (
    (390, "light"),
    (1280, "dark"),
    (1280, "light"),
    (390, "dark"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="make test-browser installs it")
    playwright.expect.set_options(timeout=20_000)
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page of 1280 px; at its end nothing may have failed in its script or against its policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 1100}, has_touch=True)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    yield opened
    context.close()
    assert problems == []


@pytest.fixture
def picture(page: Page) -> Callable[[str], None]:
    """Return what keeps pictures of a state, and asserts that axe-core finds nothing and that nothing is too wide."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make test-browser installs it").Axe()

    def take(name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        for number, (width, scheme) in enumerate(LOOKS):
            page.set_viewport_size({"width": width, "height": 844 if width < 600 else 1100})
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if number < 2:  # both colour schemes, both widths
                found = axe.run(page)
                assert found.violations_count == 0, found.generate_report()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 1100})

    return take
