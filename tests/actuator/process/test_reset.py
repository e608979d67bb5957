"""Resets are one by one: each clears what it names, and a firing inhibit is cleared by none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.actuator.harness.measurements import closings, inhibited, pages
from tests.actuator.harness.process import Actuator, run, site
from tests.support import wait_until

SHORT_LEASE: dict[str, Any] = {"alerts": {"lease": "4s"}}


def reset(it: Actuator, **body: object) -> tuple[int, str]:
    return it.request("POST", "/api/v1/reset", body)


def free(it: Actuator) -> None:
    """Wait until each inhibit may be reset."""
    wait_until(lambda: all(one["free_from"] is None for one in it.status()["resets"]), 15, "the lease to pass")


@pytest.mark.parametrize("path", ["/api/v1/reset", "/api/v1/acknowledge"])
def test_a_lock_out_reset_keeps_a_firing_inhibit(tmp_path: Path, path: str) -> None:
    limits = {"start_confirm": "1s", "attempts": 1, "min_off": "1s", "tail": "100ms"}
    with site(tmp_path, {"exporter": {"interval": "100ms"}, "limits": limits, **SHORT_LEASE}) as it, it.running():
        it.page.soc = 0.1
        it.beat_twice()
        wait_until(lambda: it.metric("generator_lockout") == 1, 30, "the lock-out")
        assert it.notify("GeneratorInhibit", reason="carbon_monoxide") == 200
        tried = len(closings(it))
        assert [one["what"] for one in it.status()["resets"]] == ["lockout", "inhibit"]
        assert it.request("POST", path, {"what": "lockout"})[0] == 200
        wait_until(lambda: inhibited(it) == ["inhibit_alert"], 10, "min off to pass")
        pages(it, 10)
        assert not it.board.closed()
        assert len(closings(it)) == tried
        assert it.metric("generator_attempts") == 0
        free(it)
        assert reset(it, what="inhibit")[0] == 200
        wait_until(it.board.closed, 10, "the emergency to be answered")


def test_an_inhibit_is_reset_by_name_or_fingerprint(tmp_path: Path) -> None:
    with site(tmp_path, SHORT_LEASE) as it, it.running():
        assert reset(it, what="inhibit") == (409, "Nothing is reset: no alert blocks the engine.\n")
        for reason in ("fuel", "carbon_monoxide"):
            assert it.notify("GeneratorInhibit", reason=reason) == 200
        code, text = reset(it, what="inhibit", name="GeneratorInhibit")
        fuel, monoxide = (one["fingerprint"] for one in it.status()["resets"])
        assert code == 409
        assert 'Nothing is reset: 2 alerts match name "GeneratorInhibit". Reset one by its fingerprint:\n' in text
        assert f"\n  {fuel}  GeneratorInhibit: GeneratorInhibit for people\n" in text
        assert monoxide in text
        code, text = reset(it, what="inhibit", fingerprint=fuel)
        assert (code, "is not reset: it was received" in text) == (409, True), text
        assert len(it.status()["resets"]) == 2
        free(it)
        assert reset(it, what="inhibit", fingerprint=fuel)[0] == 200
        assert [one["fingerprint"] for one in it.status()["resets"]] == [monoxide]
        code, text = reset(it, what="inhibit", fingerprint=fuel)
        assert (code, f'has fingerprint "{fuel}". There are:\n  {monoxide}  ' in text) == (409, True), text
        assert reset(it, what="inhibit", name="GeneratorInhibit")[0] == 200
        assert it.status()["inhibitors"] == []


WRONG: list[tuple[object, str]] = [
    ({}, 'Got what null, expected "lockout", "journal", "service" or "inhibit".'),
    ({"what": "engine"}, 'Got what "engine", expected "lockout", "journal", "service" or "inhibit".'),
    ({"what": ["lockout"]}, 'Got what ["lockout"], expected "lockout", "journal", "service" or "inhibit".'),
    ({"what": "lockout", "name": "x"}, 'Got "name", expected only "what".'),
    ({"what": "inhibit", "nam": "x"}, 'Got "nam", expected only "what", "name" and "fingerprint".'),
    ({"what": "inhibit", "name": 7}, "Got name 7, expected a text."),
    ({"what": "inhibit", "name": "x", "fingerprint": "y"}, 'Got both "name" and "fingerprint", expected one of them.'),
    ([], "Expected a JSON object."),
]


def test_an_unknown_reset_is_400_and_changes_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        assert it.notify("GeneratorInhibit") == 200
        for body, answer in WRONG:
            assert it.request("POST", "/api/v1/reset", body) == (400, f"{answer}\n")
        assert it.request("POST", "/api/v1/reset")[0] == 415
        assert it.status()["inhibitors"] == ["inhibit_alert"]


def test_on_the_command_line(tmp_path: Path) -> None:
    with site(tmp_path, SHORT_LEASE) as it:
        with it.running():
            pass
        it.journal.with_name("journal.db.sidecar").unlink()
        with it.running():
            for reason in ("fuel", "carbon_monoxide"):
                assert it.notify("GeneratorInhibit", reason=reason) == 200
            fingerprint = it.status()["resets"][1]["fingerprint"]
            shown = run("status", "--url", it.url).stdout
            assert "\n    Reset: reset journal: The journal was found torn" in shown
            assert f"\n    Reset: reset inhibit {fingerprint}: GeneratorInhibit blocks the engine" in shown
            several = run("reset", "inhibit", "GeneratorInhibit", "--url", it.url)
            assert (several.returncode, fingerprint in several.stderr) == (1, True)
            free(it)
            one = run("reset", "inhibit", fingerprint, "--url", it.url)
            assert one.returncode == 0, one.stderr
            assert [each["what"] for each in it.status()["resets"]] == ["journal", "inhibit"]
            assert run("reset", "inhibit", "--url", it.url).returncode == 0, "the only one needs no name"
            assert run("reset", "journal", "--url", it.url).returncode == 0
            assert run("reset", "lockout", "--url", it.url).returncode == 0
            assert it.status()["resets"] == []
            refused = run("reset", "lockout", "now", "--url", it.url)
            assert (refused.returncode, 'expected only "what"' in refused.stderr) == (1, True)
            assert run("reset", "engine", "--url", it.url).returncode == 2
