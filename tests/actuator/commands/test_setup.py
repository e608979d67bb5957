"""`generator-actuator setup` at a terminal, as a person runs it; the real program then starts with the mode off."""

from __future__ import annotations

import json
import os
import pwd
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from actuator import config as configuration
from actuator.commands import set_mode_off
from actuator.commands.set_mode_off import NotOffError
from actuator.commands.setup import relays
from actuator.journal import last_relay
from actuator.loop.clock import Clock
from actuator.relay.lock import Lock
from actuator.start.known_relays import DEFAULT_JOURNAL
from tests.actuator.harness.process import kill, site
from tests.actuator.relay.test_hid import FakeBoard, FakeUsb
from tests.support import command, free_port
from tests.support.terminal import Terminal


@contextmanager
def setting_up(folder: Path, url: str | None = None) -> Iterator[Terminal]:
    """The command in a folder that is its own: file and journal are there."""
    file, url = folder / "actuator.yml", url or f"http://127.0.0.1:{free_port()}"
    words = (command("generator-actuator"), "setup", f"--config.file={file}", f"--url={url}")
    with Terminal(words, cwd=folder, env={"STATE_DIRECTORY": str(folder)}) as terminal:
        yield terminal


def chosen(terminal: Terminal) -> None:
    """Choose the first contact: that of the present file, or a Modbus TCP board, whose address is asked for."""
    offered = terminal.expect("Number [1]:")
    terminal.type("")
    if "1  a Modbus TCP board" in offered:
        terminal.answer("Its address on the network, such as 192.168.1.30:", "192.0.2.7")


def answered(terminal: Terminal, relay: str) -> None:
    """Answer every question up to the writing."""
    chosen(terminal)
    terminal.answer("The relay as it is written in the file [", relay)
    terminal.answer("Start the engine at or under this state of charge [25%]:", "30%")
    terminal.answer("Stop it at or over this one [60%]:", "80%")
    terminal.answer("Start it in quiet hours too at or under this one [12%]:")
    terminal.answer("Max Gen Run Time at the remote, after which the AGS blocks itself [12h]:")
    terminal.answer("Longest run [4h]:", "3h")
    terminal.answer("Quiet hours, such as 21:00-06:00, or none [none]:", "22:00 - 07:30")


def test_a_site_that_was_set_up_starts_with_the_mode_off(tmp_path: Path) -> None:
    with site(tmp_path) as actuator:
        actuator.config_file.unlink()
        with setting_up(tmp_path) as terminal:
            answered(terminal, f'{{type: modbus, url: "{actuator.served.url}"}}')
            terminal.answer(f"Write {actuator.config_file}? Type yes, or Enter for no:", "yes")
            shown = terminal.expect("generator-actuator mode auto")
            assert "The mode is off: nothing starts the engine." in shown
            assert terminal.wait() == 0
        assert actuator.board.writes == [], "no contact was moved"
        config = configuration.load(actuator.config_file)
        assert (config.start_soc, config.stop_soc, config.emergency_soc) == (0.3, 0.8, 0.12)
        assert float(config.limits.max_run) == 3 * 3600
        assert config.quiet_hours is not None
        assert (str(config.quiet_hours.from_), str(config.quiet_hours.to)) == ("22:00", "07:30")
        with actuator.running():
            assert actuator.status()["mode"] == "off"
            assert "The operator switched off" in actuator.rows()[0]["text"]


def test_without_it_a_fresh_site_is_automatic(tmp_path: Path) -> None:
    """What the set-up prevents."""
    with site(tmp_path) as actuator, actuator.running():
        assert actuator.status()["mode"] == "auto"


def test_wrong_answers_are_asked_for_again(tmp_path: Path) -> None:
    with setting_up(tmp_path) as terminal:
        terminal.answer("Number [1]:", "9")
        terminal.expect('got "9", expected a number from 1 to')
        terminal.answer("Number [1]:", "1")
        terminal.answer("Its address on the network, such as 192.168.1.30: ", "")
        terminal.expect('got "", expected an answer such as 192.168.1.30')
        terminal.answer("Its address on the network", "tcp://192.0.2.7")
        terminal.expect('got "tcp://192.0.2.7", expected an answer such as 192.168.1.30')
        terminal.answer("Its address on the network", "192.0.2.7")
        terminal.answer(
            'The relay as it is written in the file [{type: modbus, url: "tcp://192.0.2.7", unit_id: 1, coil: 0}]:',
            "{type: hidd}",
        )
        terminal.expect('did you mean "hid"?')
        terminal.answer("The relay as it is written in the file [", "{type: simulated}")
        terminal.answer("Start the engine at or under", "30")
        terminal.expect("write 30%")
        terminal.answer("Start the engine at or under", "30%")
        terminal.answer("Stop it at or over", "31%")
        terminal.expect("at least 5 points more")
        terminal.answer("Stop it at or over")
        for question in ("Start it in quiet hours too", "Max Gen Run Time", "Longest run"):
            terminal.answer(question)
        for wrong in ("21-6", "21:00", "night"):
            terminal.answer("Quiet hours, such as 21:00-06:00, or none [none]:", wrong)
            terminal.expect(f'got "{wrong}", expected two times such as 21:00-06:00, or none\n')
        terminal.answer("Quiet hours, such as", "21:00-21:00")
        terminal.expect("less than 24 quiet hours")
        terminal.type("\x03")
        terminal.expect("Cancelled.")
        assert terminal.wait() == 1
    assert not (tmp_path / "actuator.yml").exists()


def test_an_existing_file_is_replaced_only_after_a_yes_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "actuator.yml"
    before = (
        "# my notes\n"
        'exporter: {url: "http://127.0.0.1:1/metrics"}\n'
        "relay: {type: simulated}\n"
        f"journal: {tmp_path / 'own.db'}\n"
        "exercise: {every: 14d}\n"
    )
    file.write_text(before)
    for answer, written in (("", False), ("yes", True)):
        with setting_up(tmp_path) as terminal:
            terminal.answer("as configured: {type: simulated}")
            answered(terminal, "")
            terminal.answer(f"{file} exists. Replace it? The present one is kept beside it.", answer)
            assert terminal.wait() == (0 if written else 1)
        assert (file.read_text() == before) is not written
    config = configuration.load(file)
    assert config.journal == tmp_path / "own.db"
    assert config.exercise is not None
    assert (tmp_path / "actuator.yml.old").read_text() == before


def test_quiet_hours_may_be_typed_as_they_stand_in_the_file(tmp_path: Path) -> None:
    file = existing(tmp_path, str(tmp_path / "own.db"))
    file.write_text(f"{file.read_text()}quiet_hours: {{prepare: true}}\n")
    with setting_up(tmp_path) as terminal:
        terminal.answer("Number [1]:")
        for _ in range(6):
            terminal.answer("]:")
        terminal.answer("Quiet hours, such as 21:00-06:00, or none [21:00-06:00]:", '"22:00"-"07:30"')
        terminal.answer("Replace it?", "yes")
        assert terminal.wait() == 0
    hours = configuration.load(file).quiet_hours
    assert hours is not None
    assert (str(hours.from_), str(hours.to), hours.prepare) == ("22:00", "07:30", True)


def test_an_actuator_that_runs_is_switched_off(tmp_path: Path) -> None:
    with site(tmp_path) as actuator, actuator.running():
        config = configuration.load(actuator.config_file)
        with pytest.raises(NotOffError, match="an actuator runs on"):
            set_mode_off.set_mode_off(config.journal, config.relay, Clock().moment())
        assert actuator.status()["mode"] == "auto"
        with setting_up(tmp_path, actuator.url) as terminal:
            terminal.answer("Number [1]:")
            for _ in range(7):
                terminal.answer("]:")
            terminal.answer("Replace it?", "yes")
            terminal.expect("The actuator runs, with its former file: systemctl reload generator-actuator")
            assert terminal.wait() == 0
        assert actuator.status()["mode"] == "off"


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server that is no actuator, and answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}"
        finally:
            served.shutdown()
            thread.join(5)


@contextmanager
def in_use(journal: Path) -> Iterator[None]:
    """Let an actuator run on a journal, as its lock shows."""
    lock = Lock()
    lock.acquire(f"journal {journal.resolve()}")
    try:
        yield
    finally:
        lock.release()


def existing(folder: Path, journal: str) -> Path:
    file = folder / "actuator.yml"
    file.write_text(
        f'exporter: {{url: "http://127.0.0.1:1/metrics"}}\nrelay: {{type: simulated}}\njournal: {journal}\n'
    )
    return file


def test_another_server_is_no_proof_that_the_mode_is_off(tmp_path: Path) -> None:
    """Nothing runs on this journal, so it is written; what answers at the address is not asked."""
    with answering(b"{}") as url, setting_up(tmp_path, url) as terminal:
        answered(terminal, "{type: simulated}")
        terminal.answer("Write ", "yes")
        terminal.expect("The mode is off")
        assert terminal.wait() == 0
    assert mode(tmp_path / DEFAULT_JOURNAL.name) == "off"


def test_a_running_actuator_not_in_mode_off_leaves_the_file_unchanged(tmp_path: Path) -> None:
    journal = tmp_path / "own.db"
    file = existing(tmp_path, str(journal))
    before = file.read_text()
    with in_use(journal), answering(b"{}") as url, setting_up(tmp_path, url) as terminal:
        answered(terminal, "")
        terminal.answer("Replace it?", "yes")
        terminal.expect("The mode could NOT be put to off")
        terminal.expect("is not that actuator: name its address with --url")
        assert terminal.wait() == 1
    assert file.read_text() == before


def test_another_actuator_in_mode_off_leaves_the_file_unchanged(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with site(tmp_path) as actuator, site(tmp_path / "other") as other, actuator.running(), other.running():
        before = actuator.config_file.read_text()
        with setting_up(tmp_path, other.url) as terminal:
            terminal.answer("Number [1]:")
            for _ in range(7):
                terminal.answer("]:")
            terminal.answer("Replace it?", "yes")
            terminal.expect("The mode could NOT be put to off")
            terminal.expect(f"{actuator.journal} still has the mode auto. If the actuator there is another one")
            terminal.expect("give that one its mode back")
            assert terminal.wait() == 1
        assert (actuator.status()["mode"], other.status()["mode"]) == ("auto", "off")
        assert actuator.config_file.read_text() == before


def test_without_its_web_file_the_present_file_is_not_replaced(tmp_path: Path) -> None:
    file = existing(tmp_path, str(tmp_path / "own.db"))
    before = file.read_text()
    (tmp_path / "actuator-web.yml").symlink_to(tmp_path / "gone.yml")
    with setting_up(tmp_path) as terminal:
        answered(terminal, "")
        terminal.answer("Replace it?", "yes")
        terminal.expect("actuator-web.yml is a link")
        assert terminal.wait() == 1
    assert file.read_text() == before
    assert not (tmp_path / "gone.yml").exists()


def test_a_server_that_never_answers_keeps_the_file_from_being_written(tmp_path: Path) -> None:
    journal = tmp_path / "own.db"
    file = existing(tmp_path, str(journal))
    before = file.read_text()
    with in_use(journal), socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        with setting_up(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}") as terminal:
            answered(terminal, "")
            terminal.answer("Replace it?", "yes")
            asked, _ = silent.accept()
            with asked:
                terminal.type("\x03")
                terminal.expect("Cancelled.")
                assert terminal.wait() == 1
    assert file.read_text() == before


def test_a_relative_journal_is_refused_with_what_to_write(tmp_path: Path) -> None:
    """The service has another folder of work: off would be in another journal."""
    file = existing(tmp_path, "journal.db")
    before = file.read_text()
    with setting_up(tmp_path) as terminal:
        answered(terminal, "")
        terminal.answer("Replace it?", "yes")
        terminal.expect(f"write journal: {tmp_path / 'journal.db'}")
        assert terminal.wait() == 1
    assert file.read_text() == before
    assert not (tmp_path / "journal.db").exists()


def mode(journal: Path) -> str:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        (text,) = database.execute("SELECT saved FROM state").fetchone()
    return str(json.loads(text.partition(" ")[2])["saved"]["durable"]["mode"])


def test_a_journal_of_an_earlier_site_keeps_its_runs_and_its_relay(tmp_path: Path) -> None:
    with site(tmp_path) as actuator:
        with actuator.running() as process:
            actuator.close_for_an_alert()
            kill(process)
        assert actuator.board.closed(), "a contact that was left closed"
        before, relay = actuator.durable(), last_relay(actuator.journal)
        other = yaml.safe_load(actuator.config_file.read_text()) | {"relay": {"type": "simulated"}}
        actuator.config_file.write_text(yaml.safe_dump(other))
        assert before["runs"] == 1
        set_mode_off.as_service_user(actuator.config_file.read_text())
        after = actuator.durable()
        assert (before["mode"], after["mode"]) == ("auto", "off")
        assert (after["runs"], after["engine_seconds"]) == (1, before["engine_seconds"])
        assert last_relay(actuator.journal) == relay is not None
        with actuator.running():
            assert not actuator.board.closed(), "the start opens the former relay"
            assert actuator.status()["mode"] == "off"


def test_the_journal_is_written_as_the_user_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_mode_off, "SERVICE_USER", pwd.getpwuid(os.geteuid()).pw_name)
    state = tmp_path / "state"
    page = 'exporter: {url: "http://127.0.0.1:1/metrics"}'
    text = f"{page}\nrelay: {{type: simulated}}\njournal: {state / 'journal.db'}\n"
    set_mode_off.as_service_user(text)
    assert {path.stat().st_mode & 0o077 for path in state.iterdir()} == {0}
    with pytest.raises(NotOffError, match="simulatd"):
        set_mode_off.as_service_user(text.replace("simulated", "simulatd"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(NotOffError, match="no-python"):
        set_mode_off.as_service_user(text)


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    words = [str(command("generator-actuator")), "setup", f"--config.file={tmp_path / 'actuator.yml'}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, [*tmp_path.iterdir()]) == (2, [])
    assert "run it in a terminal" in done.stderr


def test_each_channel_of_each_board_is_offered_and_none_is_moved() -> None:
    usb = FakeUsb(FakeBoard(b"/dev/hidraw0"), FakeBoard(b"/dev/hidraw1", serial=b"OTHER"))
    usb.boards[1].bits = 0b10
    offered = [*relays({"type": "simulated"}, set(), usb)]
    shown = [(contact.label, contact.relay("")) for contact in offered]
    assert shown[0] == ("as configured: {type: simulated}", "{type: simulated}")
    assert shown[1] == ("USB relay board BITFT, channel 1, now open", "{type: hid, channel: 1, serial: BITFT}")
    assert shown[4] == ("USB relay board OTHER, channel 2, now closed", "{type: hid, channel: 2, serial: OTHER}")
    assert (usb.boards[0].bits, usb.boards[1].bits, usb.opened) == (0, 0b10, 0)
