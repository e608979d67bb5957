"""Which relays a start opens first: that of the configuration, and that of the sidecar."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from actuator.config import relay_only
from actuator.core.state import Durable
from actuator.journal import sidecar
from actuator.relay import GpioRelay, ModbusRelay
from actuator.start import known_relays as _known_relays
from actuator.start.known_relays import known_relays


def test_another_polarity_of_the_same_pin_is_no_other_relay(tmp_path: Path) -> None:
    """What opens it by the one closes it by the other, and the file is right."""
    file, journal = tmp_path / "actuator.yml", tmp_path / "journal.db"
    kept = GpioRelay(chip="/dev/gpiochip0", line=17)
    sidecar.write(journal, sidecar.sidecar(1, Durable(), kept))
    for line, relays in ((17, 1), (18, 2)):
        named = f"{{type: gpio, chip: /dev/gpiochip0, line: {line}, active_low: true}}"
        file.write_text(f"relay: {named}\njournal: {journal}\n")
        assert len(asyncio.run(known_relays(file))) == relays
    assert asyncio.run(known_relays(file))[1] == kept


@pytest.mark.parametrize(
    "written",
    [
        "{{type: serial, port: {}, channel: 2}}",
        "{{type: hid, serial: {}, channel: 2}}",
        "{{type: gpio, chip: {}, line: 17}}",
        "{{type: modbus, url: 'rtu://{}?baudrate=19200', coil: 2}}",
    ],
    ids=["serial", "hid", "gpio", "modbus"],
)
def test_a_device_and_a_link_to_it_are_one_relay(tmp_path: Path, written: str) -> None:
    file, journal, link = tmp_path / "actuator.yml", tmp_path / "journal.db", tmp_path / "by-id"
    file.write_text(f"relay: {written.format(tmp_path / 'first')}\n")
    kept = relay_only(file)
    assert kept is not None
    sidecar.write(journal, sidecar.sidecar(1, Durable(), kept))
    file.write_text(f"relay: {written.format(link)}\njournal: {journal}\n")
    named = relay_only(file)
    assert asyncio.run(known_relays(file)) == (named, kept), "the board is unplugged: nothing is known of the link"
    link.symlink_to("first")
    assert asyncio.run(known_relays(file)) == (named,)
    link.unlink()
    link.symlink_to("second")
    assert asyncio.run(known_relays(file)) == (named, kept), "another board has the link now"


def test_two_speeds_of_one_line_are_two_relays(tmp_path: Path) -> None:
    """Only one of them reaches the board, and nobody knows which."""
    file, journal = tmp_path / "actuator.yml", tmp_path / "journal.db"
    kept = ModbusRelay(url="rtu:///dev/ttyUSB3?baudrate=9600")
    sidecar.write(journal, sidecar.sidecar(1, Durable(), kept))
    file.write_text(f"relay: {{type: modbus, url: 'rtu:///dev/ttyUSB3?baudrate=19200'}}\njournal: {journal}\n")
    assert asyncio.run(known_relays(file))[1:] == (kept,)


def test_a_configuration_that_hangs_leaves_the_relay_of_the_sidecar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = GpioRelay(chip="/dev/gpiochip0", line=17)
    sidecar.write(tmp_path / "journal.db", sidecar.sidecar(1, Durable(), kept))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(_known_relays, "_CONFIG_SECONDS", 0.1)
    woken = threading.Event()
    monkeypatch.setattr(Path, "is_fifo", lambda _: woken.wait(30))
    try:
        assert asyncio.run(known_relays(tmp_path / "actuator.yml")) == (kept,)
    finally:
        woken.set()
