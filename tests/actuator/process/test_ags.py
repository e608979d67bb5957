"""The AGS will not run the engine, or latches a fault: only its status byte shows it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from tests.actuator.harness.measurements import LATE, closings, end_of_run, inhibited, openings, pages
from tests.actuator.harness.process import site
from tests.support import wait_until


def test_an_ags_that_refuses_keeps_the_contact_open_and_is_named(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.page.soc, it.page.ags = 0.05, 1
        wait_until(lambda: inhibited(it) == ["ags_refuses"], 10, "a reading of the AGS")
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        wait_until(lambda: it.status()["causes"] == ["alert", "emergency"], 10, "alert and battery to want it")

        def shown(words: str) -> bool:
            return f'Its remote shows "{words}".' in it.status()["reason"]

        for code, words in (
            (4, "AC in"),
            (5, "quiet time"),
            (1, "off"),
            (9, "fault start test"),
        ):
            it.page.ags = code
            wait_until(partial(shown, words), 5, words)
            pages(it, 5)
            assert inhibited(it) == ["ags_refuses"]
            assert it.metric("generator_inhibited", reason="ags_refuses") == 1
            for reason in ("foreign_run", "ac_live", "quiet_hours", "mode_off"):
                assert it.metric("generator_inhibited", reason=reason) == 0
            assert not closings(it), words
            print(it.status()["sentence"])
        it.page.ags = 2
        wait_until(it.board.closed, 10, "a ready AGS to be asked")


def test_an_ags_fault_ends_the_attempt_and_counts(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"attempts": 2, "backoff": ["1s"], "min_off": "1s"}}) as it, it.running():
        it.page.soc = 0.22
        it.beat_twice()
        assert it.notify("BatterySocLow") == 200
        it.wait_until_closed()
        it.page.ags = 10
        faulted = time.monotonic()
        wait_until(lambda: not it.board.closed(), 10, "the release")
        assert openings(it)[-1] - faulted <= 3 * 0.2 + LATE, "three pages, not start_confirm"
        wait_until(lambda: it.metric("generator_attempts") == 1, 5, "the attempt to be counted")
        assert it.metric("generator_start_failures_total") == 1
        wait_until(lambda: inhibited(it) == ["ags_refuses"], 10, "back-off and min off to pass")
        pages(it, 5)
        assert len(closings(it)) == 1, "it is blocked for as long as the AGS reports that"
        assert 'Its remote shows "fault start temperature".' in it.status()["reason"]
        assert (
            it.status()["remedy"]
            == "Set Gen Control to OFF at the remote, check fuel, oil and starter battery, then set it to AUTO."
        )
        print(f"released after {openings(it)[-1] - faulted:.2f} s;", it.status()["sentence"])
        end = end_of_run(it)
        assert end["fields"]["reason"] == "ags_fault"
        assert "Reset it at the remote" in end["text"]
        it.page.ags = 2
        wait_until(it.board.closed, 10, "the next attempt, once somebody has reset it")
