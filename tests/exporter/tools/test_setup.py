"""`magnum-exporter setup` at a terminal, as a person runs it, with a simulated bus."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter import config
from exporter.tools.setup import check
from tests.exporter.harness import captures
from tests.exporter.harness.discovered_site import megatec
from tests.exporter.harness.magnum_port import MagnumPort
from tests.exporter.harness.modbus_servers import TcpDevice, from_registers
from tests.exporter.harness.serial_devices import Respond
from tests.exporter.sources.test_classic import readme_2025
from tests.support import command, run_command
from tests.support.terminal import Terminal


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Path]:
    """A Magnum network that no other program has open."""
    port, over = MagnumPort(tmp_path / "bus"), threading.Event()
    port.plug()
    thread = port.repeat([line.data for line in captures.lines(captures.INVERTING)], over)
    yield port.name
    over.set()
    thread.join(10)
    port.unplug()


@contextmanager
def setting_up(folder: Path, port: Path, *more: str) -> Iterator[Terminal]:
    file = folder / "exporter.yml"
    with Terminal(
        (command("magnum-exporter"), "setup", port, f"--config.file={file}", "--seconds=2", *more), cwd=folder
    ) as terminal:
        yield terminal


def test_a_site_is_found_named_and_written(tmp_path: Path, bus: Path) -> None:
    file = tmp_path / "exporter.yml"
    with TcpDevice(from_registers(readme_2025())) as classic, setting_up(tmp_path, bus) as terminal:
        terminal.answer("their addresses, such as 192.168.1.20, or none [none]:", f"127.0.0.1:{classic.port}")
        terminal.expect("Listening for 2 s at 19200 baud; nothing is written")
        terminal.answer("Name of MS4448PAE 5.1 parallel_master, remote control, battery", "my inverter")
        terminal.expect("expected letters, digits, - and _")
        terminal.answer("[main]:", "inverter")
        terminal.answer("Name of MidNite Classic 150", "inverter")
        terminal.answer("expected a name of its own")
        terminal.answer("Capacity of the whole battery in Ah", "-5")
        terminal.expect("expected ampere-hours such as 400, or none")
        terminal.answer("Capacity of the whole battery in Ah", "400")
        terminal.answer("Order of trust [classic, inverter]:", "inverter")
        terminal.answer(f"Write {file}? Type yes, or Enter for no:", "yes")
        terminal.expect("Next: generator-actuator setup")
        assert terminal.wait() == 0
    written = config.load(file)
    assert list(written.sources) == ["inverter", "classic"]
    assert written.battery.capacity_ampere_hours == 400
    assert written.battery.soc.sources == ("inverter",)
    web = file.with_name("exporter-web.yml")
    flags = ("--config.check", f"--config.file={file}", f"--web.config.file={web}")
    assert run_command(command("magnum-exporter"), *flags).returncode == 0


def test_what_was_configured_is_kept_and_a_device_can_be_left_out(tmp_path: Path, bus: Path) -> None:
    file = tmp_path / "exporter.yml"
    before = "sources: {sun: {type: classic, host: 192.0.2.7}}\nbattery: {capacity_ampere_hours: 200}\n"
    file.write_text(before)
    with setting_up(tmp_path, bus) as terminal:
        terminal.answer("or none [none]:")
        terminal.answer(f"{file} has sun. Which are there no more? Their names, or none [none]:", "moon")
        terminal.expect("got moon, expected some of: sun, or none")
        terminal.answer("or none [none]:")
        terminal.answer("[main]:", "-")
        terminal.answer("none: not known [200]:")
        terminal.answer(f"{file} exists. Replace it? The present one is kept beside it.")
        terminal.expect("Nothing was written.")
        assert terminal.wait() == 1
    assert file.read_text() == before
    with setting_up(tmp_path, bus) as terminal:
        for _ in range(5):
            terminal.answer("]:")
        terminal.answer("Replace it?", "yes")
        terminal.expect(f"The one before is {file}.old")
        assert terminal.wait() == 0
    assert list(config.load(file).sources) == ["sun", "main"]
    assert file.with_name("exporter.yml.old").read_text() == before


@contextmanager
def answering(respond: Respond) -> Iterator[Path]:
    """A port on which a device answers, and that no other program has open."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port, over = Path(os.ttyname(theirs)), threading.Event()
    os.close(theirs)

    def serve() -> None:
        while not over.wait(0.02):
            with contextlib.suppress(OSError):  # nobody has the port open
                if select.select([ours], [], [], 0.05)[0]:
                    os.write(ours, respond(os.read(ours, 256)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield port
    finally:
        over.set()
        thread.join(10)
        os.close(ours)


@pytest.mark.slow
def test_a_silent_port_is_asked_after_its_name_and_a_yes(tmp_path: Path) -> None:
    with answering(megatec) as port, setting_up(tmp_path, port) as terminal:
        terminal.answer("or none [none]:")
        terminal.answer("to ask it, or none [none]:", "/dev/ttyUSB77")
        terminal.expect(f'got "/dev/ttyUSB77", expected {port}, or none')
        terminal.answer("to ask it, or none [none]:", str(port))
        terminal.answer(f"Type yes to probe {port}:", "yes")
        terminal.answer(
            "Name of AIMS inverter, or another device with the Megatec protocol, for a battery of 24 V [aims]:"
        )
        terminal.answer("Capacity of the whole battery in Ah")
        terminal.answer(f"Write {tmp_path / 'exporter.yml'}?", "yes")
        terminal.expect("Next: generator-actuator setup")
        assert terminal.wait() == 0
    assert list(config.load(tmp_path / "exporter.yml").sources) == ["aims"]


def test_without_a_device_nothing_is_written(tmp_path: Path) -> None:
    with setting_up(tmp_path, tmp_path / "absent") as terminal:
        terminal.answer("or none [none]:")
        terminal.expect("No device was found, so no file is written.")
        assert terminal.wait() == 1
    assert [*tmp_path.iterdir()] == []


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    words = [str(command("magnum-exporter")), "setup", f"--config.file={tmp_path / 'exporter.yml'}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, [*tmp_path.iterdir()]) == (2, [])


def test_a_text_is_checked_together_with_the_actuators_file(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.with_name("actuator.yml").write_text(
        'exporter: {url: "http://127.0.0.1:10048/metrics"}\nrelay: {type: serial, port: /dev/ttyUSB3}\n'
    )
    assert check(file, "sources: {main: {type: magnum, port: /dev/ttyUSB0}}\n") == ""
    wrong = check(file, "sources: {main: {type: magnum, port: /dev/ttyUSB3}}\n")
    assert "the port of the relay" in wrong
    assert f"{file}:1" in wrong
