"""`discover` on simulated buses, packs and ports: what it finds and prints, and that it writes nothing to a bus."""

from __future__ import annotations

import fcntl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import serial.serialposix

from exporter import cli, config
from exporter.discovery import configuration, probing
from exporter.discovery.found import Found, Source
from exporter.discovery.ports import Port
from exporter.sources.pylontech.frame import ANALOG_VALUES, parse
from exporter.tools.discover import host, search
from simulator.devices.bms_profiles import PROFILES, BmsReadings
from tests.exporter.harness import discovered_site
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.discovered_site import (
    LISTEN,
    PATIENCE,
    coils,
    in_text,
    magnum,
    megatec,
    pace,
    question,
    rtu,
    sending,
    swapped,
)
from tests.exporter.harness.magnum_port import MagnumPort
from tests.exporter.harness.modbus_servers import TcpDevice, from_registers
from tests.exporter.harness.serial_devices import SerialDevice
from tests.exporter.sources.test_classic import readme_2025
from tests.exporter.sources.test_vedirect import HISTORY, LIVE
from tests.support import ROOT, command, free_port, run_command
from tests.support.terminal import Terminal
from tests.toolkit.modbus.lines import crc
from toolkit.modbus import TcpAddress


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "exporter.yml"


class Searched:
    """What a search has found and shown, and the questions that it asked."""

    def __init__(
        self, file: Path, *names: str, probe: tuple[str, ...] = (), answer: str = "yes", seconds: float = 0.3
    ) -> None:
        self.lines: list[str] = []
        self.asked: list[str] = []

        def ask(question: str) -> str:
            self.asked.append(question)
            return answer

        self.found = search(
            [Port(name) for name in names],
            [],
            probe=probe,
            config_file=file,
            seconds=seconds,
            report=self.lines.append,
            ask=ask,
            patience=PATIENCE,
        )

    @property
    def only(self) -> Found:
        (one,) = self.found
        return one


def checked(found: list[Found], folder: Path) -> config.Config:
    """The printed configuration, accepted by the program itself."""
    file = folder / "printed.yml"
    file.write_text(configuration.render(configuration.sources(found, {})))
    assert cli.main(["--config.check", f"--config.file={file}"]) == 0
    return config.load(file)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (magnum(), "A Magnum network: MS4448PAE 5.1 parallel_master, remote control, battery monitor (BMK), generator"),
        (swapped(), "A Magnum network. A and B are swapped: swap the two data wires."),
        ((LIVE, HISTORY), "A battery monitor: Victron BMV-700, VE.Direct."),
        ((b"\x11\x22 anything",), "bytes that are neither a Magnum network nor VE.Direct"),
        (
            (vector("pylontech_1")["response_ascii"].replace("\\r", "\r").encode(),),
            "Not a Magnum network, but batteries of type pylontech. Address 2:",
        ),
    ],
)
def test_who_sends_is_recognised_and_nothing_is_written(file: Path, pieces: tuple[bytes, ...], text: str) -> None:
    with sending(*pieces) as device:
        searched = Searched(file, device.path, probe=(device.path,), seconds=LISTEN)
        assert text in searched.only.text
        # Also where a probe was named and would have been confirmed: what sends is never asked.
        assert (device.writes, searched.asked) == ([], [])
        if searched.only.sources:
            (source,) = checked(searched.found, file.parent).sources.values()
            assert source.line == device.path


def test_a_silent_port_is_left_alone_unless_it_is_named_and_confirmed(file: Path) -> None:
    with SerialDevice() as device:
        searched = Searched(file, device.path)
        assert searched.only.silent
        assert f"--probe {device.path}" in searched.only.remedy
        refused = Searched(file, device.path, probe=(device.path,), answer="no")
        assert refused.only.silent
        (question,) = refused.asked
        assert "generator or its relay" in question
        assert device.writes == []


def test_a_configured_port_and_one_that_is_held_are_not_opened(file: Path) -> None:
    with discovered_site.held() as held, SerialDevice() as configured, SerialDevice() as relay:
        file.write_text(f"sources: {{bms: {{type: pylontech, port: {configured.path}}}}}\n")
        file.with_name("actuator.yml").write_text(f"relay: {{type: serial, port: {relay.path}}}\n")
        ports = (held.path, configured.path, relay.path)
        texts = [one.text for one in Searched(file, *ports, probe=ports).found]
        assert texts[0].startswith("Skipped: held by process ")
        assert texts[1] == f"Skipped: the source bms in {file} has it."
        assert texts[2] == f"Skipped: the relay in {file.with_name('actuator.yml')} has it."
        assert held.writes == configured.writes == relay.writes == []


def test_a_port_that_is_locked_and_one_that_is_no_port(file: Path) -> None:
    no_port = file.with_name("text")
    no_port.touch()
    with SerialDevice() as device, serial.Serial(device.path, exclusive=True):
        texts = [one.text for one in Searched(file, device.path, str(no_port), "/dev/absent").found]
    assert "is in use by another program" in texts[0]
    assert "is no serial port" in texts[1]
    assert texts[2] == "Skipped: /dev/absent is not there; check that the adapter is plugged in."


# --- probing


@pytest.mark.parametrize(
    ("respond", "text", "options"),
    [
        (
            megatec,
            "AIMS inverter, or another device with the Megatec protocol, for a battery of 24 V.",
            {"type": "aims"},
        ),
        (
            pace(1, 2, 3),
            "3 packs (Pace), numbers 1, 2, 3",
            {"type": "pylontech", "dialect": "pace", "address": [1, 2, 3]},
        ),
        (
            in_text(("pylontech_1", question("pylontech", 2, b"\xff"))),
            "modules (Pylontech), address 2",
            {"type": "pylontech"},
        ),
    ],
    ids=["aims", "pace", "pylontech"],
)
def test_a_silent_port_that_is_probed(
    file: Path, respond: Callable[[bytes], bytes], text: str, options: dict[str, object]
) -> None:
    with SerialDevice(respond) as device:
        searched = Searched(file, device.path, probe=(device.path,))
        assert text in searched.only.text
        (source,) = searched.only.sources
        assert source.options == {**options, "port": device.path}
        checked(searched.found, file.parent)


def functions(device: SerialDevice) -> set[int]:
    """The Modbus functions that were sent."""
    return {sent[1] for sent in device.writes if len(sent) == 8 and crc(sent[:6]) == sent[6:]}


@pytest.mark.slow
def test_modbus_packs_on_a_line_are_found_with_their_numbers(file: Path) -> None:
    image = PROFILES["eg4-ll"].image(BmsReadings(52.8, 10.0, 0.8, 100.0, 20.0, 48, known=True), 1)
    answer = from_registers(image)
    with SerialDevice(rtu(lambda unit, request: answer(unit, request) if unit in (1, 2, 5) else None)) as device:
        searched = Searched(file, device.path, probe=(device.path,))
        numbers = [source.options.get("unit_id", 1) for source in searched.only.sources]
        assert ({source.options["profile"] for source in searched.only.sources}, numbers) == ({"eg4-ll"}, [1, 2, 5])
        assert list(checked(searched.found, file.parent).sources) == ["pack1", "pack2", "pack3"]
        assert functions(device) <= {3, 4}


@pytest.mark.slow
def test_a_relay_board_is_named_and_its_coil_is_only_read(file: Path) -> None:
    with SerialDevice(rtu(coils)) as device:
        searched = Searched(file, device.path, probe=(device.path,))
        assert "A Modbus board with coils, unit 1; its first coil reads off." in searched.only.text
        assert searched.only.relay.startswith("{type: modbus, url: ")
        assert functions(device) == {1, 3, 4}


@pytest.fixture(scope="module")
def everything_sent() -> bytes:
    """Every byte of a whole probe of a port on which nothing answers."""
    with SerialDevice() as device:
        assert probing.probe(device.path, patience=0.02).text == "Nothing answers."
        return b"\n".join(device.writes)


def test_no_probe_is_a_command(everything_sent: bytes) -> None:
    """LCUS boards take A0 CHANNEL STATE SUM, others FF CHANNEL STATE; Megatec switches off with S and T."""
    assert b"\xa0" not in everything_sent
    assert not any(bytes((0xFF, channel, 1)) in everything_sent for channel in range(1, 9))
    text = {word for word in everything_sent.split(b"\r") if word.isalnum()}
    assert {word.strip() for word in text} <= {b"Q1", b"QS"}
    frames = [word for word in everything_sent.split(b"\r") if b"~" in word]
    assert {parse(word).command for word in frames} == {ANALOG_VALUES}


@pytest.mark.parametrize("family", ["megatec", "modbus"])
def test_a_device_that_begins_to_send_during_the_probe_is_asked_no_more(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Magnum network that is switched on then: 10 packets in a second."""
    begun, over = threading.Event(), threading.Event()

    def respond(_received: bytes) -> bytes:
        begun.set()
        return b""

    if family == "modbus":
        for other in ("megatec", "text_batteries"):
            monkeypatch.setattr(probing._Prober, other, lambda _self: None)
    with SerialDevice(respond) as device:

        def talk() -> None:
            begun.wait(20)
            while not over.wait(0.1):
                device.send(b"\x40\x00\x01")

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            found = probing.probe(device.path)
        finally:
            begun.set()
            over.set()
            thread.join(5)
        assert "began to send" in found.text
        assert len(device.writes) == 1


def test_dtr_and_rts_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    real = fcntl.ioctl

    def ioctl(descriptor: int, request: int, argument: bytes = b"") -> bytes | int:
        if request in (serial.serialposix.TIOCMBIS, serial.serialposix.TIOCMBIC, serial.serialposix.TIOCMSET):
            moved.append(request)
        return real(descriptor, request, argument) if argument else real(descriptor, request)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    with SerialDevice() as device:
        probing.probe(device.path, patience=0.02)
        assert moved == []
        with serial.Serial(device.path):
            assert moved, "pyserial itself moves them"


# --- hosts


def asked(address: TcpAddress, file: Path) -> Found:
    (one,) = search([], [address], config_file=file, report=lambda _line: None, ask=lambda _question: "")
    return one


def test_a_classic_is_named_and_only_read(file: Path) -> None:
    name = {4209 + index: word for index, word in enumerate(int.from_bytes(b"CABIN\0\0\0"[at : at + 2], "little")
                                                            for at in range(0, 8, 2))}  # fmt: skip
    with TcpDevice(from_registers(readme_2025() | name)) as device:
        found = asked(TcpAddress("127.0.0.1", device.port), file)
        assert found.text.startswith('MidNite Classic 150 "CABIN"')
        assert {request[0] for _, request in device.asked} == {3}
        (source,) = checked([found], file.parent).sources.values()
        assert source.has_soc is None


def test_hosts_that_are_none(file: Path) -> None:
    assert "cannot be reached" in asked(TcpAddress("127.0.0.1", free_port()), file).text
    with TcpDevice(lambda _unit, request: bytes((request[0] | 0x80, 1))) as device:
        assert "answers no question" in asked(TcpAddress("127.0.0.1", device.port), file).text
    file.write_text(
        "sources:\n"
        "  sun: {type: classic, host: 192.0.2.7}\n"
        '  gx: {type: modbus, profile: victron-gx, url: "tcp://192.0.2.8:1502"}\n'
        "  broken: 1\n"
    )
    assert asked(host("192.0.2.7"), file).text == f"Skipped: the source sun in {file} has it."
    assert asked(host("192.0.2.8:1502"), file).text == f"Skipped: the source gx in {file} has it."


# --- as a person runs it


def test_the_command_prints_a_configuration_that_is_accepted(tmp_path: Path) -> None:
    port, over = MagnumPort(tmp_path / "bus"), threading.Event()
    port.plug()
    thread = port.repeat(magnum(), over)
    try:
        done = run_command(
            command("magnum-exporter"), "discover", port.name, f"--config.file={tmp_path / 'exporter.yml'}",
            "--seconds=3", cwd=ROOT,
        )  # fmt: skip
    finally:
        over.set()
        thread.join(10)
        port.unplug()
    assert done.returncode == 0, done.stderr
    assert "Listening for 3 s at 19200 baud; nothing is written" in done.stderr
    printed = tmp_path / "printed.yml"
    printed.write_text(done.stdout)
    assert "# MS4448PAE 5.1 parallel_master" in done.stdout
    assert run_command(command("magnum-exporter"), "--config.check", f"--config.file={printed}").returncode == 0


def test_a_probe_needs_a_terminal_and_the_word_yes(tmp_path: Path) -> None:
    with SerialDevice(megatec) as device:
        file = tmp_path / "exporter.yml"
        program = command("magnum-exporter")
        words = (program, "discover", device.path, "--probe", device.path, "--seconds=1", f"--config.file={file}")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "run it in a terminal" in done.stderr
        assert device.writes == []
        # The test's own process has the port open, as another program would.
        with Terminal(words) as terminal:
            assert "held by process" in terminal.expect("there is no configuration")
            assert terminal.wait() == 1
        assert device.writes == []


@pytest.mark.parametrize("text", ["nan", "inf", "0", "-1", "ten"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    done = run_command(command("magnum-exporter"), "discover", "/dev/absent", f"--seconds={text}")
    assert done.returncode == 2
    assert f'got "{text}", expected seconds' in done.stderr


def test_a_name_that_a_device_made_up_breaks_no_comment() -> None:
    source = Source(name="bms", options={"type": "modbus"}, about="a\nsources: {}\x1b[2J")
    assert "  # a\\nsources: {}\\x1b[2J\n  bms: {type: modbus}\n" in configuration.render([source])


@pytest.mark.slow
def test_the_page_shows_what_is_found_at_a_whole_site() -> None:
    shown = discovered_site.searched()
    # What sends, what is silent and not named, what another program has, and what is configured: nothing is written.
    assert [port for port, sent in shown.written.items() if sent] == ["/dev/ttyUSB3", "/dev/ttyUSB4"]
    page = discovered_site.PAGE.read_text(encoding="utf-8")
    assert page.startswith("# Finding the devices")
    assert discovered_site.render(page, shown) == page, "python -m tests.exporter.harness.discovered_site writes it"


def test_a_device_that_sends_while_the_person_thinks_is_not_asked(file: Path) -> None:
    with SerialDevice(lossy=True) as device:
        lines: list[str] = []
        over = threading.Event()

        def sends() -> None:
            while not over.wait(0.05):
                device.send(b"\x11")

        thread = threading.Thread(target=sends)

        def ask(_question: str) -> str:
            thread.start()
            return "yes"

        (found,) = search(
            [Port(device.path)],
            [],
            probe=[device.path],
            config_file=file,
            seconds=0.3,
            report=lines.append,
            ask=ask,
            patience=0.1,
        )
        over.set()
        thread.join(10)
        assert "bytes that are neither" in found.text
        assert device.writes == []
