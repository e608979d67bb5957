"""The whole actuator with the kinds of relay that are not Modbus: a board that cannot be read back, and a GPIO line."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actuator.harness.lcus_board import LcusBoard
from tests.actuator.harness.measurements import pages
from tests.actuator.harness.process import Actuator, kill, run, site
from tests.support import wait_until

pytestmark = pytest.mark.slow  # they wait a lot

REPEATING = """
import sys
from actuator.loop import contact
from actuator.cli import main
contact.REPEAT = {seconds}
sys.exit(main(sys.argv[1:]))
"""
OFTEN, NEVER = REPEATING.format(seconds=0.3), REPEATING.format(seconds=1e9)
"""The actuator with another time after which an open contact that cannot be read back is commanded to open again."""


def with_relay(it: Actuator, relay: Mapping[str, object]) -> None:
    document = yaml.safe_load(it.config_file.read_text())
    document["relay"] = dict(relay)
    it.config_file.write_text(yaml.safe_dump(document))


@contextlib.contextmanager
def serial_site(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[tuple[Actuator, LcusBoard]]:
    with LcusBoard(folder / "relay") as board, site(folder, settings) as it:
        with_relay(it, {"type": "serial", "port": str(board.path)})
        yield it, board


def close_for_an_alert(it: Actuator, board: LcusBoard) -> None:
    it.beat_twice()
    assert it.notify("BatterySocLow") == 200
    wait_until(board.closed, 15, "the contact to close")
    it.page.engine(runs=True)
    wait_until(lambda: it.status()["phase"] == "running", 15, "the engine to be proven")


def test_a_board_without_read_back_is_trusted(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running(NEVER) as process:
        assert [order.hex() for order in board.sent] == ["a00100a1"] * len(board.sent) != []
        close_for_an_alert(it, board)
        contact = it.status()["contact"]
        assert contact["wanted"] is True
        assert contact["read_back"] is None, "what is not known is not shown"
        assert contact["can_read_back"] is False
        assert contact["relay"] == f"channel 1 of the LCUS board at {board.path}"
        assert any("position is assumed" in fault for fault in it.status()["faults"])
        assert it.metric("generator_relay_commanded") == 1
        assert it.metric("generator_relay_closed") is None
        assert it.metric("generator_running") == 1
        wait_until(lambda: time.time() - it.status()["since"] > 1.2, 15, "min run")
        assert it.notify("BatterySocRecovered") == 200
        wait_until(lambda: not board.closed(), 15, "the contact to open")
        assert it.metric("generator_relay_commanded") == 0
        assert it.metric("generator_relay_closed") is None
        it.page.engine(runs=False)
        wait_until(lambda: it.status()["phase"] == "off", 15, "the stop to be proven")
        kinds = [row["kind"] for row in it.rows()]
        assert kinds.count("contact_closed") == kinds.count("contact_opened") == 1
        assert "relay_fault" not in kinds
        opened, closed = bytes.fromhex("A0 01 00 A1"), bytes.fromhex("A0 01 01 A2")
        assert board.sent == [opened, opened, closed, opened], "a turn without news sends nothing"
        process.signal(signal.SIGTERM)
        assert process.wait(10) == 1, "not proven"
        assert "commanded to open, and cannot be read back" in process.output, "at the start"
        assert "the contact was commanded to open, and this board cannot be read back" in process.output
        assert "contact is open" not in process.output
        assert board.strays == b""


def test_a_board_on_the_port_of_a_source_works_and_is_warned_of(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board):
        exporter = it.config_file.with_name("exporter.yml")
        exporter.write_text(f"sources: {{aims: {{type: aims, port: {board.path}}}}}\n")
        with it.running() as process:
            assert f"the port of the source aims in {exporter}, expected a port of its own" in process.output
            assert board.sent, "it is commanded to open all the same"


def test_the_end_opens_a_board_that_cannot_be_read_back(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running() as process:
        close_for_an_alert(it, board)
        process.signal(signal.SIGTERM)
        assert process.wait(10) == 1
        assert not board.closed()
        assert "this board cannot be read back" in process.output


def test_an_end_without_the_port_reports_the_failure(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running() as process:
        close_for_an_alert(it, board)
        board.unplug()
        process.signal(signal.SIGTERM)
        assert process.wait(15) == 1
        assert "the contact could not be confirmed open" in process.output


def test_after_a_kill_release_opens_without_confirmation(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board):
        with it.running() as process:
            close_for_an_alert(it, board)
            kill(process)
        assert board.closed(), "the board latches"
        done = run("release", f"--config.file={it.config_file}")
        assert done.returncode == 3
        assert done.stderr == (
            f"channel 1 of the LCUS board at {board.path}: open command sent; this board cannot be read back.\n"
        )
        wait_until(lambda: not board.closed(), 15, "the contact to open")
        it.config_file.write_text("relay: {type: nonsense}\njournal: " + str(it.journal))
        board.close_by_hand()
        assert run("release", f"--config.file={it.config_file}").returncode == 3
        wait_until(lambda: not board.closed(), 15, "the last good relay, kept next to the journal, to open")


def test_a_start_opens_what_a_dead_predecessor_left_closed(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board):
        board.close_by_hand()
        it.page.soc = None
        with it.running(NEVER):
            wait_until(lambda: not board.closed(), 15, "the contact to open")


def test_a_board_that_missed_the_command_gets_it_again(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running(OFTEN):
        board.close_by_hand()
        wait_until(lambda: not board.closed(), 15, "the next turn's order")
        close_for_an_alert(it, board)
        orders = len(board.orders)
        turns = it.page.asked
        wait_until(lambda: it.page.asked > turns + 10, 15, "turns to pass")
        assert len(board.orders) == orders, "a closed contact is not commanded again"


def test_a_missing_port_is_noticed_while_the_contact_is_open(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running(OFTEN) as process:
        it.beat_twice()
        board.unplug()
        wait_until(lambda: "relay_fault" in it.status()["inhibitors"], 15, "the missing port to be noticed")
        assert "did not accept the command" in it.status()["contact"]["fault"]
        assert it.status()["reason"].startswith("The relay was switched off, but it cannot be read.")
        assert it.metric("generator_relay_closed") is None
        board.plug()
        wait_until(lambda: "relay_fault" not in it.status()["inhibitors"], 15, "the port to be found again")
        wait_until(lambda: not it.status()["inhibitors"], 15, "min off to pass")
        assert process.output.count("opening the contact failed") == 1
        close_for_an_alert(it, board)


def test_a_loose_plug_is_logged_once(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running(OFTEN) as process:
        for _ in range(3):
            board.unplug()
            wait_until(lambda: "relay_fault" in it.status()["inhibitors"], 15, "the missing port to be noticed")
            board.plug()
            wait_until(lambda: "relay_fault" not in it.status()["inhibitors"], 15, "the port to be found again")
        assert [row["kind"] for row in it.rows()].count("relay_fault") == 3
        assert process.output.count("msg=relay_fault") == process.output.count("msg=relay_recovered") == 1


def test_a_close_that_the_port_does_not_take_is_answered_503(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running():
        it.beat_twice()
        pages(it, 1)
        board.unplug()
        assert it.notify("BatterySocLow") == 503
        wait_until(lambda: "relay_fault" in it.status()["inhibitors"], 15, "the run to end as a fault of the relay")
        assert it.status()["run"] is None
        board.plug()
        wait_until(lambda: "relay_fault" not in it.status()["inhibitors"], 15, "the port to be found again")


def test_evidence_reveals_a_dead_board_behind_a_living_port(tmp_path: Path) -> None:
    with serial_site(tmp_path, {"limits": {"start_confirm": "2s"}}) as (it, board), it.running():
        it.beat_twice()
        board.dead = True
        assert it.notify("BatterySocLow") == 200, "the port has taken it; more cannot be known"
        wait_until(lambda: it.metric("generator_start_failures_total") == 1, 15, "the missing AC to count")
        assert it.metric("generator_relay_commanded") == 0


def test_a_second_actuator_on_the_same_board_is_refused(tmp_path: Path) -> None:
    with serial_site(tmp_path) as (it, board), it.running() as first:
        close_for_an_alert(it, board)
        second = run(f"--config.file={it.config_file}", "--web.listen-address=127.0.0.1:0")
        assert second.returncode == 1
        assert f"held by another controller (process {first.popen.pid})" in second.stderr
        assert board.closed(), "a refused controller sends nothing"


WITHOUT = """
import sys
sys.modules["gpiod"] = None
from actuator.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [["--config.check"], ["--web.listen-address=127.0.0.1:0"], ["release"]])
def test_a_gpio_relay_without_its_package_is_refused(tmp_path: Path, words: list[str]) -> None:
    with site(tmp_path) as it:
        with_relay(it, {"type": "gpio", "chip": "/dev/gpiochip0", "line": 17})
        done = run(*words, f"--config.file={it.config_file}", program=WITHOUT)
        assert done.returncode == (1 if words == ["release"] else 2)
        assert "actuator.yml:" in done.stderr
        assert "deploy/install gpio, in /usr/local/src/magnum-exporter" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_gpio_chip_that_is_not_there_is_a_fault_not_the_end(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with_relay(it, {"type": "gpio", "chip": f"{tmp_path}/gpiochip9", "line": 17, "active_low": True})
        with it.running() as process:
            wait_until(lambda: "relay_fault" in it.status()["inhibitors"], 15, "the fault of the missing chip")
            assert f"{tmp_path}/gpiochip9 cannot be opened" in it.status()["contact"]["fault"]
            assert it.metric("generator_relay_closed") is None
            process.signal(signal.SIGTERM)
            assert process.wait(15) == 1
            assert "could not be confirmed open" in process.output


def test_relays_lists_what_is_here() -> None:
    done = run("relays")
    assert done.returncode == 0
    assert "relay: {type: modbus" in done.stdout
    assert done.stderr == ""
