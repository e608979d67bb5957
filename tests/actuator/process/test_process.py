"""The whole actuator as a process: what reaches the coil, what survives a death, and how it ends."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import random
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import bcrypt
import pytest

from actuator.commands import client, commission
from actuator.start.unix_signals import ENDING
from tests.actuator.harness.measurements import LATE, pages
from tests.actuator.harness.modbus_board import Board, RtuBoard, TcpBoard
from tests.actuator.harness.page_server import PageServer
from tests.actuator.harness.process import Actuator, kill, run, site
from tests.support import Process, command, free_port, wait_until
from tests.support.alertmanager import notification


def test_a_start_alert_closes_and_only_a_stop_alert_opens(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.page.soc = 0.22
        wait_until(lambda: it.status()["soc"] == pytest.approx(0.22), 5, "a fresh state of charge")
        assert it.notify("BatterySocLow") == 200
        assert not it.board.closed(), "the alert path is not trusted before two beats"
        it.close_for_an_alert()
        status = it.status()
        assert status["causes"] == ["alert"]
        assert status["contact"]["wanted"] is status["contact"]["read_back"] is True
        assert status["proof"] == "running"
        assert status["sentence"].startswith("Running to charge the battery. Battery 22\u00a0%. ")
        assert "Generator power confirmed " in status["sentence"]
        assert it.notify("BatterySocLow", "resolved") == 200
        wait_until(lambda: it.page.asked > 20 and it.status()["phase"] == "running", 10, "min run to pass")
        assert it.board.closed(), "resolved is never a stop"
        assert it.metric("generator_running") == 1
        wait_until(lambda: time.time() - it.status()["since"] > 1.2, 5, "min run")
        assert it.notify("BatterySocRecovered") == 200
        assert not it.board.closed()
        it.page.engine(runs=False)
        wait_until(lambda: it.status()["phase"] == "off", 10, "the stop to be proven")
        kinds = [row["kind"] for row in it.rows()]
        assert kinds.count("contact_closed") == kinds.count("contact_opened") == 1
        closed = next(row for row in it.rows() if row["kind"] == "contact_closed")
        assert closed["fields"]["cause"] == "alert"
        assert closed["fields"]["soc"] == pytest.approx(0.22)
        assert it.metric("generator_starts_total", cause="alert") == 1
        assert it.board.functions == {1, 5}
        assert {name.partition("=")[0] for name in it.page.names} == {"name%5B%5D"}


def test_what_is_refused_changes_nothing_and_is_counted(tmp_path: Path) -> None:
    with site(tmp_path, {"alerts": {"match": {"site": "cabin"}}}) as it, it.running():
        before = it.status()
        post = "/api/v1/alerts"
        assert it.request("POST", post, b"{not json")[0] == 400
        assert it.request("POST", post, {"version": "3", "alerts": []})[0] == 400
        assert it.request("POST", post, b"[]")[0] == 400
        assert it.request("POST", post, b" " * (1024 * 1024 + 1))[0] == 413
        assert it.request("POST", post, b"{}", {"Content-Type": "text/plain"})[0] == 415
        keys = json.dumps({"mode": "on", **{f"key {number}": number for number in range(90_000)}}).encode()
        assert it.request("POST", "/api/v1/mode", keys)[0] == 413, "16 KiB are enough for a command"
        assert it.request("POST", post, notification("SomethingElse", site="cabin"))[0] == 200
        assert it.request("POST", post, notification("BatterySocLow", site="boat"))[0] == 200
        assert it.request("GET", post)[0] == 405
        for order in (rb'{"mode":"on","for":"\ud800"}', rb'{"mode":"on","\ud800":1}', rb'{"mode":"\ud800"}'):
            assert it.request("POST", "/api/v1/mode", order, {"Content-Type": "application/json"})[0] == 400, order
        assert it.request("GET", "/api/v1/journal?since=%ed%a0%80")[0] == 400
        after = it.status()
        assert {key: after[key] for key in ("path", "phase", "causes")} == {
            key: before[key] for key in ("path", "phase", "causes")
        }
        for reason, count in (
            ("malformed", 3), ("too_large", 1), ("content_type", 1), ("unknown_alert", 1), ("other_site", 1),
            ("unauthenticated", 0),
        ):  # fmt: skip
            assert it.metric("generator_notifications_rejected_total", reason=reason) == count, reason
        assert it.notify("GeneratorHeartbeat", site="cabin") == 200
        assert it.metric("generator_notifications_total", status="firing") == 1
        assert not it.board.writes or all(value == 0 for _, _, value in it.board.writes)


def test_100_bad_alerts_are_refused_but_an_inhibit_before_them_blocks(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        body = {"version": "4", "alerts": [*notification("GeneratorInhibit")["alerts"], *[1] * 100_000]}
        code, text = it.request("POST", "/api/v1/alerts", body)
        assert (code, text[:60]) == (400, "Refused, except its inhibits: 100 alerts cannot be read: Exp")
        assert it.status()["inhibitors"] == ["inhibit_alert"]
        assert it.metric("generator_notifications_rejected_total", reason="malformed") == 1


def test_user_and_password_are_required(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users: {{am: '{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}'}}\n")
    with site(tmp_path) as it:
        it.flags = [f"--web.config.file={web}"]
        right = {
            "Authorization": f"Basic {base64.b64encode(b'am:secret').decode()}",
            "Content-Type": "application/json",
        }
        with Process(
            [command("generator-actuator"), f"--config.file={it.config_file}",
             f"--web.listen-address=127.0.0.1:{it.port}", *it.flags]
        ) as process:  # fmt: skip
            wait_until(lambda: "listening" in process.output, 15, "the actuator to listen")
            body = json.dumps(notification("GeneratorHeartbeat")).encode()
            assert it.request("POST", "/api/v1/alerts", body)[0] == 401
            assert it.request("POST", "/api/v1/mode", b'{"mode": "on"}')[0] == 401
            assert it.request("POST", "/api/v1/alerts", body, right)[0] == 200
            text = it.request("GET", "/metrics", headers=right)[1]
            assert 'generator_notifications_rejected_total{reason="unauthenticated"} 1.0' in text
            env = {"GENERATOR_ACTUATOR_USERNAME": "am", "GENERATOR_ACTUATOR_PASSWORD": "secret"}
            assert run("status", "--url", it.url).returncode == 1
            answer = run("status", "--url", it.url, env=env)
            assert answer.returncode == 0
            assert answer.stdout.startswith("[ok] ")
            netrc = tmp_path / "netrc"
            netrc.write_text("machine 127.0.0.1 login am password secret\n")
            netrc.chmod(0o600)
            assert run("status", "--url", it.url, env={"NETRC": str(netrc)}).returncode == 0


def test_every_signal_that_ends_a_process_and_can_be_caught_is_caught() -> None:
    named = {signal.Signals(number).name for number in ENDING if number in set(signal.Signals)}
    assert named >= {
        "SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGABRT",
        "SIGTRAP", "SIGIO", "SIGPWR", "SIGSYS", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX",
    }  # fmt: skip
    assert not named & {"SIGHUP", "SIGKILL", "SIGSTOP", "SIGCHLD", "SIGWINCH", "SIGSEGV"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGRTMIN])
def test_property_13_a_signal_ends_with_the_contact_open(tmp_path: Path, number: signal.Signals) -> None:
    with site(tmp_path) as it, it.running() as process:
        it.close_for_an_alert()
        process.signal(number)
        assert process.wait(10) == -number, "it says that it was stopped, and by what"
        assert not it.board.closed()
        assert "the contact is open" in process.output


BROKEN = """
import sys, time
from actuator.core import controller
from actuator.cli import main
whole = controller.step
def step(state, inputs, now):
    if any(command.action == "reset_lockout" for command in inputs.commands):
        raise RuntimeError("thrown inside the loop")
    return whole(state, inputs, now)
controller.step = step
sys.exit(main(sys.argv[1:]))
"""


def test_property_13_an_exception_in_the_loop_ends_with_the_contact_open(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(BROKEN) as process:
        it.close_for_an_alert()
        assert it.request("POST", "/api/v1/acknowledge", {})[0] == 503
        assert process.wait(10) == 1
        assert not it.board.closed()
        assert "thrown inside the loop" in process.output


UNWRITABLE = """
import sys
from actuator.cli import main
from actuator.journal import AsyncJournal
whole = AsyncJournal.write
async def write(self, rows, saved):
    if any("The actuator ends" in row.text for row in rows):
        raise OSError(24, "Too many open files")
    return await whole(self, rows, saved)
AsyncJournal.write = write
sys.exit(main(sys.argv[1:]))
"""


def test_a_last_row_that_cannot_be_written_does_not_spoil_the_end(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(UNWRITABLE) as process:
        it.close_for_an_alert()
        process.signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
        assert not it.board.closed()
        assert "the last row could not be written" in process.output


def test_property_13_the_exit_status_shows_a_board_that_was_not_opened(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running() as process:
        it.close_for_an_alert()
        it.board.deaf_to_writes = True
        process.signal(signal.SIGTERM)
        assert process.wait(25) == 1
        assert it.board.closed()
        assert "could not be confirmed open" in process.output


def test_killed_with_an_engine_that_has_stopped_it_stays_open(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"min_off": "30s"}}) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        it.page.engine(runs=False)
        moves = len(it.board.writes)
        with it.running():
            wait_until(lambda: any(row["kind"] == "resume_given_up" for row in it.rows()), 10, "the run to be given up")
            assert not it.board.closed()
            assert all(value == 0 for _, _, value in it.board.writes[moves:])


def test_max_run_and_min_off_bound_the_runs_of_an_endless_firing(tmp_path: Path) -> None:
    limits = {"max_run": "4s", "min_run": "1s", "min_off": "3s", "tail": "1s"}
    with site(tmp_path, {"limits": limits}) as it, it.running():
        it.page.soc = 0.2
        it.beat_twice()
        closed: list[tuple[float, bool]] = []

        def moved() -> bool:
            it.notify("BatterySocLow")
            is_closed = it.board.closed()
            it.page.engine(runs=is_closed)
            if not closed or closed[-1][1] is not is_closed:
                closed.append((time.monotonic(), is_closed))
            return len(closed) >= 5

        wait_until(moved, 60, "two whole runs")
        spans = [(end - start, was) for (start, was), (end, _) in itertools.pairwise(closed)]
        assert all(length <= 4.0 + LATE for length, was in spans if was), spans
        assert all(length >= 3.0 for length, was in spans[1:] if not was), spans


def test_a_relay_that_does_not_obey_is_503_and_opening_is_repeated(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.page.soc = 0.2
        it.beat_twice()
        pages(it, 1)
        it.board.refuses_writes = True
        assert it.notify("BatterySocLow") == 503
        wait_until(
            lambda: it.status()["inhibitors"] == ["relay_fault"] or it.status()["contact"]["fault"], 5, "a fault"
        )
        it.board.set(0, closed=True)
        wait_until(lambda: it.status()["phase"] == "unknown", 10, "unknown, never stopped")
        assert it.notify("GeneratorHeartbeat") == 503
        it.board.refuses_writes = False
        wait_until(lambda: not it.board.closed(), 5, "the opening that is tried for ever")
        wait_until(lambda: "relay_fault" not in it.status()["inhibitors"], 10, "three good read-backs")
        assert it.notify("GeneratorHeartbeat") == 200


def test_release_opens_while_the_service_runs_which_ends_its_run(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.close_for_an_alert()
        released = run("release", f"--config.file={it.config_file}")
        assert (released.returncode, "confirmed open" in released.stdout) == (0, True)
        assert not it.board.closed()
        wait_until(lambda: it.status()["contact"]["wanted"] is False, 10, "the run to end")
        assert not it.board.closed()


def test_release_reports_what_it_could_confirm(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.board.set(0, closed=True)
        released = run("release", f"--config.file={it.config_file}")
        assert (released.returncode, it.board.closed()) == (0, False)
        it.board.set(0, closed=True)
        it.board.welded = True
        released = run("release", f"--config.file={it.config_file}")
        assert released.returncode == 1
        assert "NOT opened: it still reads closed" in released.stderr
        it.config_file.write_text("nothing: of use")
        released = run("release", f"--config.file={it.config_file}", env={"STATE_DIRECTORY": str(tmp_path)})
        assert released.returncode == 1
        assert "names no relay" in released.stderr


def test_release_works_on_a_serial_line_that_the_server_holds(tmp_path: Path) -> None:
    with RtuBoard() as served, PageServer() as page:
        it = Actuator(tmp_path, served, page, {})  # type: ignore[arg-type] # the board's mind and its url are all it asks
        with it.running():
            it.close_for_an_alert()
            released = run("release", f"--config.file={it.config_file}")
            assert released.returncode == 0, released.stderr
            wait_until(lambda: it.status()["contact"]["wanted"] is False, 15, "the run to end")
            assert not it.board.closed()


def test_property_26_a_second_controller_is_refused_and_moves_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running() as process:
        it.close_for_an_alert()
        for _ in range(3):
            second = run(f"--config.file={it.config_file}", "--web.listen-address=127.0.0.1:0")
            assert second.returncode == 1
            assert "is held by another controller" in second.stderr
        own = tmp_path / "second"
        own.mkdir()
        other = Actuator(own, it.served, it.page, {})
        refused = run(f"--config.file={other.config_file}", "--web.listen-address=127.0.0.1:0")
        assert refused.returncode == 1
        assert "is held by another controller" in refused.stderr, "nor with a journal of its own"
        assert it.board.closed()
        assert it.status()["phase"] == "running"
        kill(process)
        with other.running():
            assert not it.board.closed(), "the lock has died with its holder"


def test_property_11_nothing_closes_before_the_configuration_is_valid(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        moves = len(it.board.writes)
        it.configure({"start_soc": "80%"})
        assert run(f"--config.file={it.config_file}", "--config.check").returncode == 2
        assert it.board.closed(), "a check opens nothing"
        refused = run(f"--config.file={it.config_file}")
        assert refused.returncode == 2
        assert "start_soc" in refused.stderr
        assert not it.board.closed(), "what a dead predecessor left closed opens all the same"
        assert {value for _, _, value in it.board.writes[moves:]} == {0}, "though there is a run to be taken up"
        it.configure({})
        with it.running():
            wait_until(it.board.closed, 10, "it to be taken up with a valid one")


def test_a_broken_file_opens_the_last_good_relay(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            process.signal(signal.SIGTERM)
            process.wait(10)
        it.board.set(0, closed=True)
        it.config_file.write_text(f"journal: {it.journal}\nrelay: [broken\n")
        assert run(f"--config.file={it.config_file}").returncode == 2
        assert not it.board.closed()


def test_another_address_needs_users_or_a_flag(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        refused = run(f"--config.file={it.config_file}", "--web.listen-address=0.0.0.0:0", "--config.check")
        assert refused.returncode == 2
        assert "basic_auth_users" in refused.stderr
        word = ("--web.listen-address=0.0.0.0:0", "--web.allow-anonymous", "--config.check")
        assert run(f"--config.file={it.config_file}", *word).returncode == 0


def test_a_port_that_is_taken_is_reported_and_the_contact_opened(tmp_path: Path) -> None:
    with site(tmp_path) as it, socket.create_server(("127.0.0.1", 0)) as taken:
        it.board.set(0, closed=True)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = run(f"--config.file={it.config_file}", f"--web.listen-address={address}")
        assert refused.returncode == 1
        assert f"cannot listen on {address}" in refused.stderr
        assert not it.board.closed()


def test_the_operator_commands(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        it.beat_twice()
        on = run("mode", "on", "--for", "20s", "--url", it.url)
        assert on.returncode == 0, on.stderr
        it.wait_until_closed()
        assert "Requested by the operator." in on.stdout
        assert it.status()["manual_until"] == pytest.approx(time.time() + 20, abs=3)
        too_long = run("mode", "on", "--for", "2h", "--url", it.url)
        assert (too_long.returncode, "limits.max_run" in too_long.stderr) == (1, True)
        off = run("mode", "off", "--url", it.url)
        assert off.returncode == 0
        assert not it.board.closed()
        assert it.status()["mode"] == "off"
        assert "The operator chose Off." in it.status()["reason"]
        assert "\nBlocked by: mode_off: switched off by the operator\n" in off.stdout
        assert run("acknowledge", "--url", it.url).returncode == 0
        assert run("mode", "auto", "--url", it.url).returncode == 0
        assert run("status", "--url", "http://127.0.0.1:1").returncode == 1


def test_mode_off_survives_a_kill(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            kill(process)
        with it.running():
            assert it.status()["mode"] == "off"


def test_a_torn_journal_starts_open_with_one_max_run_and_reports_it(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"daily_budget": "10m"}}) as it:
        with it.running() as process:
            it.close_for_an_alert()
            kill(process)
        it.journal.with_name("journal.db.sidecar").unlink()
        with it.running():
            assert not it.board.closed()
            status = it.status()
            assert status["torn"] is True
            assert status["budget_remaining"] <= 60
            assert it.metric("generator_journal_torn") == 1
            assert any("torn" in fault for fault in status["faults"])
            assert it.request("POST", "/api/v1/acknowledge")[0] == 200
            assert it.metric("generator_journal_torn") == 1, "its alarm has a reset of its own"
            assert it.request("POST", "/api/v1/reset", {"what": "journal"})[0] == 200
            assert it.metric("generator_journal_torn") == 0


def test_a_reload_is_whole_or_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.flags = ["--web.enable-lifecycle"]
        with it.running() as process:
            it.configure({"start_soc": "30%"})
            assert it.request("POST", "/-/reload")[0] == 200
            wait_until(lambda: it.metric("generator_start_soc_ratio") == 0.3, 5, "the new threshold")
            it.configure({"start_soc": "35%"})
            process.signal(signal.SIGHUP)
            wait_until(lambda: it.metric("generator_start_soc_ratio") == 0.35, 5, "the threshold after SIGHUP")
            it.configure({"start_soc": "99%"})
            code, text = it.request("POST", "/-/reload")
            assert (code, "start_soc" in text) == (500, True)
            assert it.metric("generator_start_soc_ratio") == 0.35
            assert it.metric("generator_actuator_config_last_reload_successful") == 0


def test_a_reload_changes_the_relay_only_while_the_old_one_is_open(tmp_path: Path) -> None:
    with site(tmp_path) as it, TcpBoard() as other:
        it.flags = ["--web.enable-lifecycle"]
        with it.running():
            it.close_for_an_alert()
            it.configure({"relay": {"url": other.url}})
            code, text = it.request("POST", "/-/reload")
            assert (code, "relay" in text) == (500, True)
            assert it.board.closed()
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            assert it.request("POST", "/-/reload")[0] == 200
            assert it.request("POST", "/api/v1/mode", {"mode": "auto"})[0] == 200
            assert [value for _, _, value in other.board.writes] == [0]
            wait_until(lambda: other.url in it.status()["contact"]["relay"], 5, "the new relay")


def _relay_is(it: Actuator, named: str) -> bool:
    return named in it.status()["contact"]["relay"]


def test_a_refused_relay_changes_nothing_and_two_may_share_a_line(tmp_path: Path) -> None:
    with site(tmp_path) as it, RtuBoard() as other:
        it.flags = ["--web.enable-lifecycle"]
        with it.running():
            it.configure({"relay": {"url": f"tcp://127.0.0.1:{free_port()}"}})
            code, text = it.request("POST", "/-/reload")
            assert (code, "no answer" in text) == (500, True)
            assert it.request("POST", "/api/v1/mode", {"mode": "on", "for": "30s"})[0] == 200
            it.wait_until_closed()
            assert it.request("POST", "/api/v1/mode", {"mode": "off"})[0] == 200
            for url, coil in ((it.served.url, 1), (other.url, 1), (other.url, 2)):
                it.configure({"relay": {"url": url, "coil": coil}})
                assert it.request("POST", "/-/reload")[0] == 200
                named = f"coil {coil} of"
                wait_until(partial(_relay_is, it, named), 5, "the new relay")
            assert it.request("POST", "/api/v1/mode", {"mode": "auto"})[0] == 200
            assert other.board.writes
            second = (command("generator-actuator"), f"--config.file={it.config_file}")
            with Process([*second, f"--web.listen-address=127.0.0.1:{free_port()}"]) as process:
                assert process.wait(15) == 1
                assert "held by another controller" in process.output


def test_a_lease_drops_the_contact_when_the_program_dies(tmp_path: Path) -> None:
    with site(tmp_path, {"relay": {"lease": "3s"}}, timed=True) as it:
        with it.running() as process:
            it.close_for_an_alert()
            first = time.monotonic()
            wait_until(lambda: time.monotonic() - first > 4.0 and it.board.closed(), 8, "the lease to be renewed")
            kill(process)
            killed = time.monotonic()
        wait_until(lambda: not it.board.closed(), 5, "the lease to run out")
        renewed, _, tenths = it.board.writes[-1]
        assert renewed + tenths / 10 - killed <= 3.0, "so the board was told, whenever this test sees it"


def test_pages_of_other_sites_may_notrun(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        order = b'{"mode": "on"}'
        json_type = {"Content-Type": "application/json"}
        for headers in (
            {"Origin": "http://evil.example", **json_type},
            {"Sec-Fetch-Site": "cross-site", **json_type},
            {"Origin": f"http://rebound.example:{it.port}", "Host": f"rebound.example:{it.port}", **json_type},
            {"Content-Type": "text/plain"},
        ):
            assert it.request("POST", "/api/v1/mode", order, headers)[0] in (403, 415), headers
        assert not it.board.closed()
        own = {"Origin": it.url, "Sec-Fetch-Site": "same-origin", **json_type}
        assert it.request("POST", "/api/v1/mode", order, own)[0] == 200
        it.wait_until_closed()


def test_events_are_sent_as_they_happen(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        connection = http.client.HTTPConnection("127.0.0.1", it.port, timeout=10)
        connection.request("GET", "/api/v1/events", headers={"Last-Event-ID": "0"})
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "text/event-stream"
        seen: set[str] = set()
        it.request("POST", "/api/v1/mode", {"mode": "off"})
        deadline = time.monotonic() + 10
        while {"started", "operator"} - seen and time.monotonic() < deadline:
            line = response.readline().decode().strip()
            if line.startswith("data: "):
                document = json.loads(line[6:])
                seen.add(document.get("kind") or document["mode"])
        assert {"started", "operator", "off"} <= seen | {"off"}
        connection.close()


def test_the_journal_comes_as_csv_and_since_a_moment(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running():
        assert it.get("/api/v1/journal?format=csv")[1].startswith("id,time,wall,sane,kind,level,text,fields\r\n1,")
        assert json.loads(it.get("/api/v1/journal?since=2100-01-01T00:00:00Z")[1]) == []
        assert it.get("/api/v1/journal?since=yesterday")[0] == 400
        ids = [row["id"] for row in it.rows()]
        assert [row["id"] for row in json.loads(it.get(f"/api/v1/journal?after={ids[0]}")[1])] == ids[1:]
        code, answer = it.get("/api/v1/journal?after=x")
        assert (code, answer) == (400, 'Got after "x", expected the number of a row.\n')
        assert it.get("/api/v1/journal?format=xml")[0] == 400


def test_a_since_without_a_zone_is_the_time_at_the_site(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running(env={"TZ": "XXX-10"}):
        begin = datetime.fromtimestamp(it.rows()[0]["wall"], timezone(timedelta(hours=10))).replace(tzinfo=None)
        for minutes, found in ((-1, True), (1, False)):
            since = (begin + timedelta(minutes=minutes)).isoformat()
            assert bool(json.loads(it.get(f"/api/v1/journal?since={since}")[1])) == found, since


def test_an_unwritable_journal_is_reported_and_the_mirror_used(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        (tmp_path / "blocked").write_text("a file where a folder should be")
        it.journal = tmp_path / "blocked" / "journal.db"
        it.configure({"mirror": str(tmp_path / "memory")})
        with it.running():
            assert it.metric("generator_journal_writable") == 0
            it.page.soc = 0.2
            it.close_for_an_alert()
            assert any("journal cannot be written" in fault for fault in it.status()["faults"])
            assert it.notify("GeneratorInhibit") == 200, "an inhibit is taken in once it is durable"
            assert not it.board.closed()


def test_an_unreachable_exporter_is_an_input_and_logged_once(tmp_path: Path) -> None:
    with site(tmp_path) as it, it.running() as process:
        it.page.status = 500
        wait_until(lambda: it.metric("generator_exporter_reachable") == 0, 5, "the page to be missed")
        it.page.status = 200
        wait_until(lambda: it.metric("generator_exporter_reachable") == 1, 5, "the page to be back")
        assert process.output.count("exporter's page cannot be read") == 1


def test_the_whole_folder_may_be_moved(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        with it.running() as process:
            it.close_for_an_alert()
            process.signal(signal.SIGTERM)
            process.wait(10)
        assert {path.name for path in tmp_path.iterdir()} == {
            "actuator.yml",
            "journal.db",
            "journal.db.history",
            "journal.db.sidecar",
        }
        shutil.copytree(tmp_path, tmp_path / "copy")


def test_a_board_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with PageServer() as page:
        port = free_port()
        with TcpBoard(port=port) as gone:
            """Of it there is only the address."""
        it = Actuator(tmp_path, gone, page, {})
        with it.running():
            assert it.metric("generator_phase", phase="unknown") == 1
            assert it.metric("generator_relay_closed") is None
            with TcpBoard(Board(), port=port) as board:
                board.board.set(0, closed=True)
                wait_until(lambda: not board.board.closed(), 10, "the contact to be opened")
                wait_until(lambda: it.metric("generator_phase", phase="off") == 1, 20, "the fault to clear")


def test_commission_measures_start_and_stop_and_proposes_limits(tmp_path: Path) -> None:
    with site(tmp_path, {"limits": {"max_run": "2m", "min_off": "1m"}}) as it, it.running():
        wait_until(lambda: it.status()["proof"] == "stopped", 10, "the proof that it stands still")
        lines: list[str] = []
        # The command line takes no run under a minute, which this test does not wait for.
        measurement = commission.Commission(partial(client.ask, it.url), lines.append, run=1.0)
        measurement.check()
        with ThreadPoolExecutor() as pool:
            trial = pool.submit(measurement.measure)
            wait_until(it.board.closed, 10, "the contact to close")
            it.page.engine(runs=True)
            wait_until(lambda: it.status()["mode"] == "off", 15, "the contact to open again")
            assert not it.board.closed()
            it.page.engine(runs=False)
            assert trial.result(20)
        shown = "\n".join(lines)
        assert "start_confirm: 10m" in shown
        assert "stop_confirm: 2m" in shown
        assert "tail: 1m" in shown
        assert it.status()["mode"] == "auto"
        kinds = [row["kind"] for row in it.rows()]
        assert {"engine_proven", "engine_stopped"} <= set(kinds)
        blocked = run("commission", "--yes", "--url", it.url)
        assert (blocked.returncode, "A start is blocked" in blocked.stderr) == (1, True)


def test_the_service_manager_is_notified(tmp_path: Path) -> None:
    with site(tmp_path) as it, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        words = [f"--config.file={it.config_file}", "--web.listen-address=127.0.0.1:0"]
        with Process(
            [command("generator-actuator"), *words], env={"NOTIFY_SOCKET": str(tmp_path / "notify")}
        ) as process:
            told: list[str] = []
            while told.count("WATCHDOG=1") < 2:
                told.append(manager.recv(200).decode())
            assert "READY=1" in told
            process.signal(signal.SIGTERM)
            while told[-1] != "STOPPING=1":
                told.append(manager.recv(200).decode())
            process.wait(10)


def test_one_journal_belongs_to_one_controller(tmp_path: Path) -> None:
    with site(tmp_path) as it, TcpBoard() as other, it.running():
        it.configure({"relay": {"url": other.url}})
        second = run(f"--config.file={it.config_file}", "--web.listen-address=127.0.0.1:0")
        assert second.returncode == 1
        assert "journal" in second.stderr
        assert "is held by another controller" in second.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_stopped_or_killed_at_any_moment_it_ends_or_starts_open(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    with site(tmp_path) as it:
        it.page.soc = 0.2
        for _ in range(4):
            number = chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
            moves = len(it.board.writes)
            with it.running() as process:
                assert it.board.writes[moves][2] == 0, "the first order is to open"
                moment = time.monotonic() + chance.uniform(0.0, 1.5)
                with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                    it.notify("GeneratorHeartbeat")
                    it.notify("GeneratorHeartbeat")
                    while time.monotonic() < moment:
                        it.notify(chance.choice(["BatterySocLow", "BatterySocRecovered", "GeneratorHeartbeat"]))
                        it.request("POST", "/api/v1/mode", {"mode": chance.choice(["on", "auto", "auto", "off"])})
                        it.page.engine(runs=it.board.closed())
                process.signal(number)
                assert process.wait(15) == -number
                if number != signal.SIGKILL:
                    assert not it.board.closed()
