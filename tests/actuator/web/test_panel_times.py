"""Times on the panel: in the site's zone, in the reader's format, and marked when they may be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import Browser, Page, expect

from tests.actuator.harness.process import in_time, site

pytestmark = pytest.mark.browser


def test_times_are_those_at_the_site_in_the_format_of_the_reader(tmp_path: Path, browser: Browser) -> None:
    settings = {"quiet_hours": {"from": "21:00", "to": "06:00"}}
    with site(tmp_path, settings) as it, it.running(in_time(), env={"TZ": "Asia/Kolkata"}):
        for locale, quiet in (("de-DE", "21:00 to 06:00"), ("en-US", "9:00 PM to 6:00 AM")):
            context = browser.new_context(locale=locale, timezone_id="America/Denver")
            page = context.new_page()
            page.goto(it.url)
            expect(page.locator("#times")).to_have_text("Times are those at the site (Asia/Kolkata). ")
            expect(page.locator("#hours")).to_contain_text(quiet)
            expect(page.locator("#rows td").first).to_have_text(re.compile(r"\d:\d\d"))
            time = page.evaluate("document.querySelector('#rows td').textContent")
            here = page.evaluate(
                "at => new Date(at * 1000).toLocaleTimeString([], {timeStyle: 'short', timeZone: 'Asia/Kolkata'})",
                it.rows()[-1]["wall"],
            )
            assert time == here
            context.close()


def test_a_clock_that_may_be_wrong_is_marked_and_explained(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running(in_time(known=False)):
        page.goto(it.url)
        expect(page.locator("#rows td").first).to_have_text(re.compile(r"M \?$"))
        expect(page.locator("#doubt")).to_have_text(
            "? The site's clock was not known to be right then: the time may be wrong."
        )
        expect(page.locator("#times")).to_contain_text("The site's clock is not known to be right.")
    with site(tmp_path) as it, it.running(in_time()):
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#times")).to_be_empty()
