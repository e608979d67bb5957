"""The curve and the runs on the panel, in real Chromium."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="make test-browser installs it")

from playwright.sync_api import Page, expect

from actuator.history import store
from actuator.history.recorder import PastRun, Sample
from tests.actuator.harness.process import in_time, site
from tests.support import wait_until

pytestmark = pytest.mark.browser

HOUR = 3600.0


LEVELS = ((30.0, 0.75), (21.0, 0.45), (20.0, 0.55), (7.0, 0.24), (5.0, 0.6), (0.0, 0.42))
"""Hours ago, and the state of charge then."""


def level(ago: float) -> float:
    (far, first), (near, last) = next(pair for pair in itertools.pairwise(LEVELS) if pair[1][0] <= ago)
    return first + (last - first) * (far - ago) / (far - near)


def fill(folder: Path, *, hours: int = 30, runs: int = 3) -> None:
    """Write a past: the battery sinks, is charged twice, and for three hours nothing is recorded."""
    now = time.time()
    samples = []
    for minute in range(hours * 60, 0, -2):
        ago = minute / 60
        if 14 < ago < 17:
            continue
        charging = 5 < ago < 7
        samples.append(
            Sample(
                wall=now - minute * 60,
                soc=round(level(ago), 3),
                volts=52.4 if charging else 50.1,
                amperes=61.3 if charging else -14.7,
                running=charging or 20 < ago < 21,
                closed=charging,
                engine_seconds=250 * HOUR + HOUR * max(0.0, min(1.0, 21 - ago)) + HOUR * max(0.0, min(2.0, 7 - ago)),
            )
        )
    past = [
        PastRun(
            number=number,
            cause="alert" if number == runs else "manual",
            began=now - 7 * HOUR - (runs - number) * 20 * HOUR,
            ended=now - 5 * HOUR - (runs - number) * 20 * HOUR,
            seconds=2 * HOUR,
            confirmed=True,
            soc_before=0.24,
            soc_after=0.601,
            ampere_hours=None if number == 1 else 121.7,
            end="start_failed" if number == 2 else "demand_gone",
            text="",
        )
        for number in range(1, runs + 1)
    ]
    store.write(store.path_of(folder / "journal.db"), samples, past)


def test_curve_has_the_gap_the_thresholds_and_the_runs(
    tmp_path: Path, page: Page, picture: Callable[[str], None]
) -> None:
    fill(tmp_path)
    with site(tmp_path) as it, it.running(in_time()):
        page.goto(it.url)
        expect(page.locator("#reading")).to_contain_text("Thresholds: 25\u00a0% and 60\u00a0%.")
        path = page.locator("#plot .soc").get_attribute("d") or ""
        assert path.count("M") == 2  # three hours without a sample are not joined
        expect(page.locator("#plot .limit")).to_have_count(2)
        expect(page.locator("#plot .charge")).to_have_count(1)
        assert page.locator("#plot .other").count() >= 11
        expect(page.locator("#legend")).to_have_text(re.compile("to charge the battery.*started by something else"))
        picture("curve")
        page.locator("#range7d").click()
        expect(page.locator("#range7d")).to_have_attribute("aria-pressed", "true")
        # Of seven midnights, one that is close to an edge has no name.
        expect(page.locator("#plot text", has_text=re.compile("Mon|Tue|Wed|Thu|Fri|Sat|Sun")).nth(5)).to_be_visible()
        expect(page.locator("#plot .manual")).to_have_count(2)
        expect(page.locator("#legend")).to_contain_text("by the operator")
        picture("curve-7d")


def test_hover_touch_and_keys_read_a_point(tmp_path: Path, page: Page, picture: Callable[[str], None]) -> None:
    fill(tmp_path)
    with site(tmp_path) as it, it.running(in_time()):
        page.goto(it.url)
        expect(page.locator("#plot .soc")).to_be_visible()
        expect(page.locator("#soc .big")).to_have_text("50\u00a0%")  # what stands above it is there
        box = page.locator("#plot").bounding_box()
        assert box is not None
        # Six hours ago, in the last run.
        across, down = box["x"] + 44 + (box["width"] - 54) * 18 / 24, box["y"] + 50
        read = re.compile(
            r"\d+:\d\d [AP]M: [\d.]+\u00a0%, 52\.4\u00a0V, 61\u00a0A in, generator requested by a low battery\."
        )
        page.mouse.move(across, down)
        expect(page.locator("#reading")).to_have_text(read)
        page.mouse.move(box["x"] + 20, box["y"] - 100)
        expect(page.locator("#reading")).to_contain_text("Lowest")
        page.touchscreen.tap(across, down)
        expect(page.locator("#reading")).to_have_text(read)
        page.locator("#plot").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#plot")).to_have_attribute("aria-valuetext", re.compile(r"%, 50\.1\u00a0V, 15\u00a0A out"))
        picture("reading")
        page.keyboard.press("Escape")
        expect(page.locator("#reading")).to_contain_text("Lowest")


def test_runs_are_a_table_in_plain_words(tmp_path: Path, page: Page) -> None:
    fill(tmp_path, hours=1)
    with site(tmp_path) as it, it.running(in_time()):
        page.goto(it.url)
        rows = page.locator("#runs tbody tr")
        expect(rows).to_have_count(3)
        words = ["2 h", "A low battery", "24\u00a0%\u00a0→\u00a060\u00a0%", "122\u00a0Ah"]
        time = re.compile(r"\d+:\d\d [AP]M")
        expect(rows.nth(0).locator("td")).to_have_text([time, *words, "No longer needed"])
        expect(rows.nth(1)).to_contain_text("The engine did not start")
        expect(rows.nth(2)).to_contain_text("?")


def test_a_page_without_history_shows_that_there_is_none(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as it, it.running(in_time()):
        store.path_of(tmp_path / "journal.db").unlink(missing_ok=True)
        page.goto(it.url)
        expect(page.locator("#runs")).to_contain_text("No run is recorded yet.")
        page.route("**/api/v1/history*", lambda route: route.abort())
        page.reload()
        expect(page.locator("#reading")).to_have_text(
            "The past cannot be read now. It is tried again in half a minute."
        )


def test_first_card_has_the_batterys_trend_and_the_time_to_the_start(tmp_path: Path, page: Page) -> None:
    now = time.time()
    sinking = [
        Sample(wall=now - ago, soc=0.5 + ago / 3600 * 0.05, volts=50.2, amperes=-22.4, running=False, closed=False)
        for ago in range(7200, 0, -60)
    ]
    store.write(store.path_of(tmp_path / "journal.db"), sinking, ())
    with site(tmp_path) as it, it.running(in_time()):
        it.page.more = [
            'battery_soc_lead{source="classic"} 1',
            'classic_whizbang_amperes{device="classic"} -22.4',
            'classic_battery_volts{device="classic"} 50.2',
        ]
        wait_until(lambda: it.status()["soc"] is not None, 10, "a fresh state of charge")
        it.beat_twice()
        page.goto(it.url)
        soc = page.locator("#soc")
        expect(soc.locator(".big")).to_have_text("50\u00a0%")
        expect(soc).to_contain_text(re.compile(r"↓ (4\.9|5\.[01])\u00a0% an hour · 50\.2\u00a0V · 22\u00a0A out"))
        expect(page.locator("#outlook")).to_have_text("At 25\u00a0%, where it starts, in about 5 h.")
        expect(page.locator("#todo")).to_be_hidden()
        expect(page.locator("#sentence > div > div")).to_have_count(3)
