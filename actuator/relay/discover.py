"""The relays that can be found on this machine, and the line of configuration for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hidraw
from serial.tools import list_ports

from actuator.relay import libgpiod
from actuator.relay.errors import RelayError
from actuator.relay.hid import Backend, Board, boards

_BY_ID = Path("/dev/serial/by-id")


def usb_boards(backend: Backend = hidraw) -> Iterator[str]:
    """Yield a paragraph for each USB relay board: what it is, the position of its contacts, how to configure it."""
    found = list(boards(backend))
    for path, channels in found:
        name = f"USB relay board with {channels} channel{'s' if channels > 1 else ''} at {os.fsdecode(path)}"
        try:
            board = Board(backend, path, channels)
        except RelayError as error:
            yield f"{name}: {error}"
            continue
        try:
            serial = board.serial()
            contacts = ", ".join(
                f"{channel} {'closed' if board.state(channel) else 'open'}" for channel in range(1, channels + 1)
            )
            readable = serial.isalnum()
            chosen = f", serial: {serial if readable else board.path}"
            if not readable and len(found) == 1:
                # The path changes at the next plug-in, and a single board needs no choice.
                chosen = ""
            yield (
                f"{name}, serial {serial or 'empty'}: {contacts}\n    relay: {{type: hid, channel: 1{chosen}}}"
                + ("" if readable or not chosen else "  # this path may change at the next plug-in")
            )
        except RelayError as error:
            yield f"{name}: {error}"
        finally:
            board.close()


def serial_ports() -> Iterator[str]:
    """Yield a paragraph for each serial port, where a board may be; nothing is sent to it."""
    names = {os.path.realpath(link): str(link) for link in _BY_ID.iterdir()} if _BY_ID.is_dir() else {}
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        path = names.get(port.device, port.device)
        yield (
            f"serial port {port.device}: {port.description}, for a Modbus RTU board, or an LCUS-1, which "
            "cannot be read back\n"
            f'    relay: {{type: modbus, url: "rtu://{path}?baudrate=9600", unit_id: 1, coil: 0}}\n'
            f"    relay: {{type: serial, port: {path}}}"
        )


def gpio_chips(folder: Path = Path("/dev"), open_chip: libgpiod.OpenChipAt | None = None) -> Iterator[str]:
    """Yield a paragraph for each GPIO chip: what it is, how to configure a relay on it; its lines are not touched."""
    for path in sorted(folder.glob("gpiochip*")):
        try:
            with (open_chip or libgpiod.load())(str(path)) as chip:
                info = chip.get_info()
        except (OSError, ValueError) as error:
            yield f"GPIO chip {path}: {error}"
            continue
        yield (
            f"GPIO chip {path}: {info.label}, lines 0 to {info.num_lines - 1}; their wiring cannot be detected\n"
            f"    relay: {{type: gpio, chip: {path}, line: LINE}}"
        )
