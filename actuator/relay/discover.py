"""The relays that can be found on this machine, and the line of configuration for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hidraw
from serial.tools import list_ports

from actuator.relay import libgpiod
from toolkit import usb_relay
from toolkit.usb_relay import Backend

_BY_ID = Path("/dev/serial/by-id")


def usb_boards(backend: Backend = hidraw) -> Iterator[str]:
    """Yield a paragraph for each USB relay board: what it is, the position of its contacts, how to configure it."""
    found = list(usb_relay.found(backend))
    for board in found:
        if board.closed is None:
            yield f"{described(board)}: {board.fault}"
        else:
            yield f"{described(board)}\n    relay: {usb_relay.configured(board, alone=len(found) == 1)}"


def described(board: usb_relay.Found) -> str:
    """Return what a USB relay board is, and the positions of its contacts if it can be read."""
    name = f"USB relay board with {board.channels} channel{'s' if board.channels > 1 else ''} at {board.path}"
    if board.closed is None:
        return name
    contacts = ", ".join(
        f"{channel} {'closed' if closed else 'open'}" for channel, closed in enumerate(board.closed, 1)
    )
    return f"{name}, serial {board.serial or 'empty'}: {contacts}"


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
