"""What relays can be found on this machine, and the line of configuration for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hidraw
from serial.tools import list_ports

from actuator.relay.contact import RelayError
from actuator.relay.hid import Backend, Board, boards

_BY_ID = Path("/dev/serial/by-id")


def usb_boards(backend: Backend = hidraw) -> Iterator[str]:
    """Yield a paragraph for each USB relay board: what it is, where its contacts are, how to configure it."""
    for path, channels in boards(backend):
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
            chosen = serial if serial.isalnum() else board.path
            yield (
                f"{name}, serial {serial or 'empty'}: {contacts}\n"
                f"    relay: {{type: hid, channel: 1, serial: {chosen}}}"
            )
        except RelayError as error:
            yield f"{name}: {error}"
        finally:
            board.close()


def serial_ports() -> Iterator[str]:
    """Yield a paragraph for each serial port, on which a Modbus RTU board may be; nothing is sent to it."""
    names = {os.path.realpath(link): str(link) for link in _BY_ID.iterdir()} if _BY_ID.is_dir() else {}
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        path = names.get(port.device, port.device)
        yield (
            f"serial port {port.device}: {port.description}, for a Modbus RTU board if there is one on it\n"
            f'    relay: {{type: modbus, url: "rtu://{path}?baudrate=9600", unit_id: 1, coil: 0}}'
        )
