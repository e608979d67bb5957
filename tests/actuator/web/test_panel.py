"""The panel in real Chromium: it says what is so, it obeys, and it never looks alive when it is not."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import Page, expect

from tests.actuator.harness.process import Actuator, site
from tests.support import wait_until
from tests.support.alertmanager import notification

pytestmark = pytest.mark.browser


def command(page: Page, button: str, yes: str) -> None:
    page.locator(button).click()
    expect(page.locator("#ask")).to_be_visible()
    page.locator("#yes", has_text=yes).click()


def fresh(it: Actuator) -> None:
    wait_until(lambda: it.status()["soc"] is not None, 10, "a fresh state of charge")


def test_off_then_running_then_connection_lost(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running() as process:
        fresh(it)
        it.beat_twice()
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#sentence")).to_contain_text("Off. Battery 50\u00a0%.")
        expect(page.locator("#sentence")).to_have_class("ok")
        expect(page.locator("#next")).to_have_text("Starts when the battery is at 25\u00a0%.")
        expect(page.locator("#contact .big")).to_have_text("Open")
        expect(page.locator("#auto")).to_have_attribute("aria-pressed", "true")
        it.page.soc = 0.184
        it.close_for_an_alert()
        expect(page.locator("#contact .big")).to_have_text("Closed")
        expect(page.locator("#engine .big")).to_have_text("Running")
        expect(page.locator("#sentence")).to_contain_text("Running to charge the battery.")
        expect(page.locator("#sentence")).to_have_class("running")
        expect(page).to_have_title("▶ Running to charge the battery. Battery 18.4\u00a0%. | Generator")
        expect(page.locator("#soc .big")).to_have_text("18.4\u00a0%")
        expect(page.locator("#rows")).to_contain_text("Contact closed, requested by a low battery")
        process.signal(signal.SIGKILL)
        expect(page.locator("#lost")).to_be_visible(timeout=15_000)
        expect(page.locator("#lost")).to_contain_text("Connection lost. The values below are from")
        expect(page.locator("#link")).to_have_text("connection lost")
        expect(page).to_have_title("Generator: connection lost")
        expect(page.get_by_role("button", name="On for…", exact=True)).to_be_disabled()
        expect(page.get_by_role("button", name="Off", exact=True)).to_be_enabled()
        command(page, "#off", "Off")
        expect(page.locator("#answer")).to_have_text(
            "No answer from the site. Stop NOT confirmed: use the remote or the generator's own switch."
        )
        picture("actuator-dead")
        page.set_viewport_size({"width": 390, "height": 600})
        page.locator("#rows").scroll_into_view_if_needed()
        expect(page.locator("#lost")).to_be_in_viewport()


def test_answer_to_on_while_locked_out_is_a_refusal_and_disappears(tmp_path: Path, page: Page) -> None:
    limits = {"max_run": "4h", "attempts": 1, "start_confirm": "2s"}
    with site(tmp_path, {"limits": limits}) as it, it.running():
        fresh(it)
        assert it.request("POST", "/api/v1/mode", {"mode": "on"})[0] == 200
        wait_until(lambda: it.status()["locked_out"], 20, "the lock-out")
        page.clock.install()
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        page.locator("#on").click()
        expect(page.locator("#then")).to_contain_text("Does not start now: locked out after a failed attempt")
        page.locator("#yes").click()
        expect(page.locator("#answer")).to_contain_text("Not started: locked out after a failed attempt")
        page.clock.fast_forward(31_000)
        expect(page.locator("#answer")).to_be_empty()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (502, "text/html", "The site answered with error 502. Stop NOT confirmed: "),
        (401, "text/plain", "Wrong user name or password. Stop NOT confirmed: "),
        (200, "text/html", "The answer of the site cannot be read. Stop NOT confirmed: "),
    ],
)
def test_failed_command_names_what_to_use_instead_without_raw_text(
    tmp_path: Path, page: Page, status: int, kind: str, words: str
) -> None:
    with site(tmp_path) as it, it.running():
        page.route("**/api/v1/mode", lambda route: route.fulfill(status=status, content_type=kind, body="<p>Oh</p>"))
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        command(page, "#off", "Off")
        expect(page.locator("#answer")).to_have_text(words + "use the remote or the generator's own switch.")


def test_it_comes_back_by_itself(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it:
        with it.running():
            page.goto(it.url)
            expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#link")).to_have_text("connection lost", timeout=15_000)
        with it.running():
            expect(page.locator("#link")).to_have_text("live", timeout=20_000)
            expect(page.locator("#lost")).to_be_hidden()


def test_the_operator_switches(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running():
        fresh(it)
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        page.locator("#on").click()
        expect(page.get_by_role("button", name="No, leave it")).to_be_focused()
        expect(page.locator("#then")).to_have_text(
            re.compile(
                r"Starts now\. Ends by (\w+, \w+ \d+ )?\d+:\d\d [AP]M at the latest\. Make sure that nobody works on it"
            )
        )
        picture("question")
        page.get_by_role("button", name="No, leave it").click()
        assert not it.board.closed()
        page.locator("#on").click()
        page.locator("#for").select_option(label="30 min")
        page.locator("#yes").click()
        expect(page.locator("#answer")).to_contain_text("Started: the contact is closed (confirmed). Ends by ")
        assert it.board.closed()
        expect(page.locator("#on")).to_have_attribute("aria-pressed", "true")
        command(page, "#off", "Off")
        expect(page.locator("#answer")).to_contain_text("Off: the contact is open (confirmed). ")
        assert not it.board.closed()
        expect(page.locator("#sentence")).to_contain_text("The operator chose Off.")
        command(page, "#auto", "Automatic")
        expect(page.locator("#auto")).to_have_attribute("aria-pressed", "true")


def test_what_blocks_and_what_is_faulty_is_shown(tmp_path: Path, page: Page) -> None:
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running():
        fresh(it)
        it.page.soc = 0.11
        it.beat_twice()
        fuel = notification("GeneratorInhibit", reason="fuel")
        fuel["alerts"][0]["annotations"]["summary"] = "The fuel tank is nearly empty."
        assert it.request("POST", "/api/v1/alerts", fuel)[0] == 200
        it.notify("BatterySocLow")
        page.goto(it.url)
        expect(page.locator("#why li").first).to_have_text("Blocked by an alert: The fuel tank is nearly empty")
        expect(page.locator("#headline")).to_contain_text("Blocked by an alert: The fuel tank is nearly empty. Battery")
        expect(page.locator("#remedy")).to_contain_text("Remove the cause: the block then ends by itself.")
        expect(page.locator("#resets")).to_contain_text('blocks the engine: "The fuel tank is nearly empty". Remove')
        page.locator("#on").click()
        expect(page.locator("#then")).to_have_text(
            "Does not start now: blocked by an alert: The fuel tank is nearly empty."
        )
        page.keyboard.press("Escape")
        expect(page.locator("#sentence")).to_have_class("act_now")
        it.board.refuses_writes = True
        it.board.set(0, closed=True)
        expect(page.locator("#contact .big")).to_have_text("Closed")
        expect(page.locator("#contact .under")).to_have_text("commanded open, but the board reads closed")
        expect(page.locator("#sentence")).to_contain_text("Relay fault: ")
        expect(page.locator("#faults")).to_contain_text("The relay: ")
        it.page.status = 500
        it.board.silent = True
        expect(page.locator("#contact .big")).to_have_text("Unknown")
        command(page, "#off", "Off")
        expect(page.locator("#answer")).to_contain_text("Stop NOT confirmed: use the remote", timeout=20_000)


def test_what_blocks_nothing_is_a_note(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running():
        fresh(it)
        it.beat_twice()
        it.notify("BatterySocRecovered")
        it.notify("BatterySocLow")
        page.goto(it.url)
        expect(page.locator("#notes")).to_contain_text("the stop wins")
        expect(page.locator("#why")).to_be_hidden()
        picture("note")


def test_each_reset_is_shown_while_there_is_something_to_reset(tmp_path: Path, page: Page) -> None:
    limits = {"max_run": "4h", "attempts": 1, "start_confirm": "2s"}
    with site(tmp_path, {"limits": limits, "alerts": {"lease": "15s"}}) as it:
        with it.running():
            pass
        it.journal.with_name("journal.db.sidecar").unlink()
        with it.running():
            fresh(it)
            page.goto(it.url)
            rows = page.locator("#resets li")
            expect(rows).to_have_text([re.compile("The journal was found torn.*Since .*Reset journal alarm")])
            assert it.request("POST", "/api/v1/mode", {"mode": "on"})[0] == 200
            expect(page.locator("#todo")).to_be_visible(timeout=20_000)
            for reason in ("fuel", "carbon_monoxide"):
                assert it.notify("GeneratorInhibit", reason=reason) == 200
            expect(rows).to_have_count(3)
            expect(rows.nth(1)).to_contain_text(re.compile(r"Last received at .* Can be reset at "))
            inhibits = page.get_by_role("button", name="Reset inhibit")
            expect(inhibits.nth(1)).to_be_disabled()
            command(page, "#todo", "Reset")
            expect(page.locator("#answer")).to_contain_text("The lock-out is reset. ")
            expect(page.locator("#todo")).to_be_hidden()
            command(page, 'button:text-is("Reset journal alarm")', "Reset")
            expect(rows).to_have_count(2)
            expect(inhibits.first).to_be_enabled(timeout=30_000)
            inhibits.first.click()
            expect(page.locator("#then")).to_contain_text("Check its cause on site first")
            page.locator("#yes").click()
            expect(rows).to_have_count(1)
            expect(page.locator("#why")).to_contain_text("Blocked by an alert")


def test_a_lock_out_is_red_in_the_first_card_the_title_and_the_icon(tmp_path: Path, page: Page) -> None:
    limits = {"max_run": "4h", "attempts": 1, "start_confirm": "2s"}
    with site(tmp_path, {"limits": limits}) as it, it.running():
        fresh(it)
        page.goto(it.url)
        expect(page.locator("#severity")).to_have_text("In order")
        calm = page.locator("#icon").get_attribute("href")
        it.page.soc = 0.06
        it.beat_twice()
        it.notify("BatterySocLow")
        expect(page.locator("#sentence")).to_have_class("act_now", timeout=20_000)
        expect(page.locator("#severity")).to_have_text("Act now")
        expect(page.locator("#headline")).to_have_text("Locked out: failed to start once. Battery 6\u00a0%.")
        expect(page.locator("#next")).to_have_text("This system does not start it until the lock-out is reset.")
        expect(page.locator("#remedy")).to_have_text(
            "Check the engine with its own switch off. Switch it on again; when nobody is at it, press Reset lock-out: "
            "it may start at once."
        )
        expect(page).to_have_title("!! Locked out: failed to start once. Battery 6\u00a0%. | Generator")
        icon = page.locator("#icon").get_attribute("href")
        assert icon is not None
        assert icon != calm
        assert "%23a3201f" in icon


def test_by_keyboard_and_by_name(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running():
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        for name in ("Automatic", "On for…", "Off"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_enabled()
        page.get_by_role("button", name="Off", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#ask")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#ask")).to_be_hidden()
        assert it.status()["mode"] == "auto"
        expect(page.locator("#announcement")).to_contain_text("Contact open.")


def test_a_narrow_screen_needs_no_sideways_scrolling(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running():
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_page_counts_by_itself_and_a_hidden_one_has_no_stream(tmp_path: Path, page: Page) -> None:
    streams: list[str] = []
    asked: list[str] = []
    page.on("request", lambda request: (streams if request.url.endswith("/events") else asked).append(request.url))
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running():
        fresh(it)
        it.close_for_an_alert()
        page.clock.install()
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#details")).to_contain_text("in 3 h 59 min")
        page.clock.fast_forward(20_000)
        expect(page.locator("#details")).to_contain_text(
            re.compile(r"Last heartbeat(\w+, \w+ \d+ )?\d+:\d\d [AP]M, [2-4]\d s ago")
        )
        expect(page.locator("#lost")).to_be_hidden()
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        tell = "document.dispatchEvent(new Event('visibilitychange'))"
        page.evaluate(hide % "true" + tell)
        known = len(streams)
        assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
        asked.clear()
        page.clock.run_for(301_000)
        expect(page).to_have_title(re.compile("Stopping"))
        assert len(streams) == known
        assert [url.partition("/api/v1/")[2] for url in asked] == ["status"]
        page.evaluate(hide % "false" + tell)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#off")).to_have_attribute("aria-pressed", "true")
        assert len(streams) == known + 1


def test_silent_stream_is_a_lost_connection(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running() as process:
        page.clock.install()
        page.goto(it.url)
        expect(page.locator("#link")).to_have_text("live")
        process.signal(signal.SIGSTOP)
        page.clock.run_for(60_000)
        expect(page.locator("#link")).to_have_text("connection lost")
        process.signal(signal.SIGCONT)
        page.clock.run_for(30_000)
        expect(page.locator("#link")).to_have_text("live")


def test_wrong_password_is_not_shown_as_a_lost_connection(
    tmp_path: Path, page: Page, picture: Callable[[str], None]
) -> None:
    with site(tmp_path) as it, it.running():
        page.route("**/api/v1/*", lambda route: route.fulfill(status=401, content_type="text/plain", body="No."))
        page.goto(it.url)
        expect(page.locator("#lost")).to_have_text(
            "Wrong user name or password: reload this page to sign in. Nothing is known.", timeout=15_000
        )
        picture("wrong-password")


def test_page_can_be_installed_as_an_app(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running():
        page.goto(it.url)
        found = page.context.new_cdp_session(page).send("Page.getAppManifest")
        assert found["errors"] == []
        assert found["url"] == f"{it.url}/manifest.webmanifest"
        assert '"/icon.svg"' in found["data"]
        assert page.evaluate(
            "() => { const it = new Image(); it.src = '/icon.svg'; return it.decode().then(() => it.width > 0); }"
        )
