"""The card that `status` prints, from documents of synthetic worlds, and in a real terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from actuator import cli
from actuator.commands import status_text
from actuator.report import status
from actuator.report.snapshot import Snapshot
from actuator.site.values import SiteValues, SocSource
from tests.actuator.harness.process import Actuator, site
from tests.actuator.harness.situations import situation
from tests.actuator.report.test_status import running, snapshot, world
from tests.support import command, wait_until

FULL = SiteValues(
    sun=0.0,
    load=712.0,
    generator=3920.0,
    battery=2922.0,
    volts=50.3,
    amperes=58.1,
    sources=(SocSource(name="classic", soc=0.2, lead=True, trusted=True), SocSource(name="bms", refused="jump")),
    more_sources=3,
)
RUN: dict[str, Any] = {
    "number": 7, "cause": "alert", "began": 1_700_000_000.0, "ended": 1_700_007_200.0, "seconds": 7200.0,
    "confirmed": True, "soc_before": 0.24, "soc_after": 0.6, "ampere_hours": 121.7, "end": "demand_gone", "text": "",
}  # fmt: skip


def document(shown: Snapshot) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(status.document(status.status(shown, engine_today=5400.0)))
    return made


def rows(lines: list[str]) -> list[tuple[str, str]]:
    parts = (one.replace("\u00a0", " ").partition(": ") for one in lines)
    return [(name.strip(), text.strip()) for name, _, text in parts]


def test_a_run_with_all_that_is_known() -> None:
    shown = status_text.lines(document(snapshot(running(), site=FULL)), [RUN])
    assert shown[0].replace("\u00a0", " ") == "[running] Running to charge the battery. Battery 20 %."
    found = rows(shown[1:])
    assert ("Battery", "20 %, 50.3 V, 58.1 A in (starts at 25 %, stops at 60 %)") in found
    assert ("Site", "sun 0 W, load 712 W, generator 3920 W, battery 2922 W in") in found
    assert ("Source", "classic 20 %, trusted, and the one that counts") in found
    assert ("Source", "bms, not trusted: its value has jumped") in found
    assert ("Source", "and 3 more") in found
    assert ("Contact", "closed, confirmed") in found
    assert ("Alert", "BatterySocLow requests a start") in found
    assert any(name == "Hours" and text.startswith("today 1.5 h, since the last service 0.0 h") for name, text in found)
    assert shown[-1].split("  ")[0] == "7"
    assert all(name.rstrip(":").strip() for name in (line.split(":")[0] for line in shown[1:] if ":" in line))


def test_what_is_not_known_leaves_no_empty_line() -> None:
    of = world()
    of.bus_alive = False
    of.run(30)
    shown = status_text.lines(document(snapshot(of, read_back=None)))
    assert all(line.strip() and not line.endswith(": ") for line in shown)
    found = dict(rows(shown[1:]))
    assert found["Contact"] == "commanded open; the board does not answer"
    assert "Site" not in found


def test_thresholds_that_do_not_decide_are_named_only() -> None:
    off = situation(mode="off", reasons=("mode_off",))
    assert dict(rows(status_text.lines(document(off))))["Battery"].endswith("(thresholds: 25 % and 60 %)")


def test_a_request_is_confirmed_with_its_limit_and_what_blocks_it() -> None:
    shown = document(situation("starting", mode="on", causes=("manual",)))
    assert status_text.start_requested(shown, 7200.0) == "Start requested for 2 h (hard limit 4 h)."
    blocked = document(situation(mode="on", causes=("manual",), reasons=("locked_out", "quiet_hours")))
    assert status_text.start_requested(blocked, 900.0) == (
        "Start requested for 15 min (hard limit 4 h); blocked: locked out after 3 failed attempts, until the lock-out "
        "is reset."
    )


@pytest.mark.parametrize(("asked", "confirmed"), [([], "2 h"), (["--for", "90m"], "1 h 30 min")])
def test_mode_on_prints_first_what_was_requested(
    asked: list[str], confirmed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with site(tmp_path, {"limits": {"max_run": "4h"}}) as it, it.running():
        assert cli.main(["mode", "on", *asked, "--url", it.url]) == 0
        assert capsys.readouterr().out.split("\n")[0] == f"Start requested for {confirmed} (hard limit 4 h)."
        assert cli.main(["mode", "off", "--url", it.url]) == 0
        assert "Start requested" not in capsys.readouterr().out


def test_the_budget_and_a_service_that_is_overdue() -> None:
    shown = document(snapshot(running()))
    found = dict(rows(status_text.lines({**shown, "budget_remaining": 36_000.0, "reserve_remaining": 7200.0})[1:]))
    assert found["Budget"] == "10 h left of the daily budget; emergency reserve 2 h"
    found = dict(rows(status_text.lines({**shown, "service_due": -10_800.0})[1:]))
    assert found["Hours"].endswith(", service overdue by 3.0 h of running")


def terminal(it: Actuator, **env: str) -> str:
    """Return what `status` prints to a terminal."""
    leader, follower = pty.openpty()
    try:
        arguments: list[str | Path] = [command("generator-actuator"), "status", f"--url={it.url}"]
        answer = subprocess.run(arguments, stdout=follower, env=os.environ | env, timeout=30, check=False)
        assert answer.returncode == 0
        return os.read(leader, 65536).decode()
    finally:
        os.close(leader)
        os.close(follower)


def test_in_a_terminal_the_dot_has_the_colour_of_the_severity(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        wait_until(lambda: it.status()["headline"].startswith("Off."), 20, "the site is read")
        assert terminal(it).startswith("\x1b[1;32m●\x1b[0m Off. Battery 50\u00a0%. (ok)")
        assert terminal(it, NO_COLOR="1").startswith("● Off. Battery 50\u00a0%. (ok)")
