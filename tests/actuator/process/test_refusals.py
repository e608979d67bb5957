"""What the whole process does not take as done, and does not go on without."""

from __future__ import annotations

import resource
import signal
import sqlite3
from pathlib import Path

from tests.actuator.harness.process import kill, no_room, site
from tests.support import wait_until
from tests.support.alertmanager import notification


def test_an_inhibit_is_503_until_it_is_saved(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            no_room(process, 0)
            assert [it.notify("GeneratorInhibit") for _ in range(3)] == [503] * 3
            assert it.notify("GeneratorInhibit", "resolved", site="elsewhere") == 503, "whatever the inhibit contains"
            assert it.notify("GeneratorHeartbeat") == 200, "a beat needs no disk"
            assert it.notify("BatterySocRecovered") == 200
            assert it.status()["inhibitors"] == ["inhibit_alert"], "it is obeyed all the same"
            no_room(process, resource.RLIM_INFINITY)
            wait_until(lambda: it.notify("GeneratorInhibit") == 200, 15, "the journal to take what waits")
            kill(process)
        with it.running():
            assert it.status()["inhibitors"] == ["inhibit_alert"]


def test_an_inhibit_only_in_the_sidecar_outlives_a_kill(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            blocker = sqlite3.connect(it.journal, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            assert [it.notify("GeneratorInhibit") for _ in range(2)] == [200] * 2
            assert it.notify("GeneratorInhibit", "resolved") == 503, "its end would be lost: torn keeps both halves'"
            kill(process)
            blocker.close()
        with it.running():
            assert "inhibit_alert" in it.status()["inhibitors"]


HANGING = """
import pathlib, sys, time
from actuator.cli import main
from actuator.relay import async_relay
from actuator.relay.modbus import Modbus
left = 5
def hanging(order):
    def do(self):
        global left
        if left and pathlib.Path("FLAG").exists():
            left -= 1
            async_relay.DEADLINE = 0.2  # from now on: what has not hung may take its time
            time.sleep(3600)
        return order(self)
    return do
for name in ("open_contact", "read_back", "disconnect"):
    setattr(Modbus, name, hanging(getattr(Modbus, name)))
sys.exit(main(sys.argv[1:]))
"""


def test_a_board_that_hangs_gets_one_last_try(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with site(tmp_path) as it, it.running(HANGING.replace("FLAG", str(flag))) as process:
        it.close_for_an_alert()
        flag.touch()
        assert process.wait(15) == 1
        assert "5 earlier attempts still hang" in process.output
        assert not it.board.closed(), "the last act has a thread of its own"
        assert "the contact is open" in process.output


def test_a_board_that_hangs_from_the_start_ends_the_program(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    with (
        site(tmp_path) as it,
        it.running(HANGING.replace("FLAG", str(flag)).replace("left = 5", "left = 999")) as process,
    ):
        assert process.wait(30) == 1
        assert "5 earlier attempts still hang" in process.output
        assert "Traceback" not in process.output


STANDING = """
import asyncio, pathlib, sys
from actuator.web import outcomes
from actuator.cli import main
from actuator.loop.runtime import Runtime
outcomes.TURN_TIMEOUT = 0.3
whole = Runtime.turn
async def turn(self):
    while pathlib.Path("FLAG").exists():
        pathlib.Path("FLAG.stands").touch()
        await asyncio.sleep(0.02)
    await whole(self)
Runtime.turn = turn
sys.exit(main(sys.argv[1:]))
"""


def test_a_command_that_waits_is_503_and_obeyed_later(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with site(tmp_path) as it, it.running(STANDING.replace("FLAG", str(flag))) as process:
        flag.touch()
        wait_until(flag.with_name("flag.stands").exists, 10, "a turn waits")
        code, answer = it.request("POST", "/api/v1/mode", {"mode": "off"})
        known = "Accepted, not known to be done: no turn has ended within 0.3 s. It is done with the next turn.\n"
        assert (code, answer) == (503, known)
        assert it.request("POST", "/api/v1/alerts", notification("GeneratorHeartbeat")) == (code, answer)
        assert it.status()["mode"] == "auto"
        flag.unlink()
        wait_until(lambda: it.status()["mode"] == "off", 5, "the order to be obeyed")
        process.signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_a_since_that_is_no_moment_is_400(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        for since in ("nan", "NaN", "inf", "-inf", "1e999"):
            code, answer = it.get(f"/api/v1/journal?since={since}")
            assert (code, f'Got since "{since}"' in answer) == (400, True), answer
        assert it.get("/api/v1/journal?since=1.5e9")[0] == 200
