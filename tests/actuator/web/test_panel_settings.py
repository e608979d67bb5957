"""The settings on the panel, in real Chromium: what is in force and why, edits, profiles, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import Page, expect

from tests.actuator.harness.process import Actuator, in_time, site
from tests.support import wait_until

pytestmark = pytest.mark.browser

DASH = "\N{EN DASH}"

CONFIG = {
    "quiet_hours": {"from": "21:00", "to": "06:00", "prepare": True},
    "profiles": {"away": {"start_soc": "20%", "stop_soc": "90%", "exercise": {"every": "14d"}}},
}


def opened(page: Page, it: Actuator) -> None:
    page.goto(it.url)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#start_soc")).to_have_value("25")


def row(page: Page, name: str) -> list[str]:
    cells: list[str] = page.locator("#settings tbody tr", has_text=name).locator("td").all_text_contents()
    return cells


def saved(page: Page, button: str, words: str) -> None:
    page.locator(button).click()
    expect(page.locator("#then")).to_contain_text("The engine may start or stop at once.")
    page.locator("#yes").click()
    expect(page.locator("#saved")).to_contain_text(words)


def test_an_edit_a_profile_and_their_end(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    with site(tmp_path, CONFIG) as it, it.running(in_time()):
        opened(page, it)
        assert row(page, "Starts at") == ["25\u00a0%", DASH, DASH, "25\u00a0%"]
        page.locator("#save").click()
        expect(page.locator("#saved")).to_have_text("Nothing is changed: this is in force already.")
        page.locator("#start_soc").fill("30")
        page.locator("#to").fill("07:30")
        saved(page, "#save", "In force: starts at 30\u00a0%, stops at 60\u00a0%.")
        expect(page.locator("#clear")).to_be_visible()
        assert row(page, "Starts at") == ["25\u00a0%", DASH, "30%", "30\u00a0%"]
        assert row(page, "Quiet hours")[3] == "9:00 PM to 7:30 AM, charged before"
        expect(page.locator("#hours")).to_contain_text("9:00 PM to 7:30 AM")
        page.locator("#profile").select_option("away")
        saved(page, "#choose", "In force: starts at 30\u00a0%, stops at 90\u00a0%.")
        assert row(page, "Stops at") == ["60\u00a0%", "90\u00a0%", DASH, "90\u00a0%"]
        assert row(page, "Exercise")[3] == "every 14\u00a0d at 10:00 AM for 20 min"
        picture("settings")
        saved(page, "#clear", "In force: starts at 20\u00a0%, stops at 90\u00a0%.")
        expect(page.locator("#clear")).to_be_hidden()
        page.locator("#from").fill("")
        page.locator("#to").fill("")
        saved(page, "#save", "In force")
        wait_until(lambda: row(page, "Quiet hours")[3] == "none", 15, "there are no quiet hours")
        assert it.metric("generator_start_soc_ratio") == 0.2


def test_a_refused_edit_shows_the_files_words_and_changes_nothing(tmp_path: Path, page: Page) -> None:
    with site(tmp_path, CONFIG) as it, it.running():
        opened(page, it)
        page.locator("#start_soc").fill("70")
        saved(page, "#save", "start_soc: got 70 % with stop_soc 60 %, expected less than stop_soc")
        expect(page.locator("#saved")).to_contain_text("Nothing is changed.")
        expect(page.locator("#start_soc")).to_have_value("70")  # to be corrected
        assert it.metric("generator_commands_rejected_total", reason="malformed") == 1
        assert row(page, "Starts at")[3] == "25\u00a0%"
        page.route("**/api/v1/settings", lambda route: route.abort())
        saved(page, "#save", "No answer from the site. NOT confirmed: look at this page again before you rely on it.")


def test_the_service_is_reset_on_the_page(tmp_path: Path, page: Page) -> None:
    with site(tmp_path, {"service": {"every": "1s"}}) as it, it.running():
        it.close_for_an_alert()
        page.goto(it.url)
        expect(page.locator("#hours")).to_contain_text("Next serviceoverdue by", timeout=20_000)
        page.get_by_role("button", name="Reset service hours").click()
        page.locator("#yes").click()
        expect(page.locator("#answer")).to_have_text("The service is recorded.")
