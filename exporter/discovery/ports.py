"""The serial ports of this machine, and one opened for listening alone."""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from serial.tools import list_ports

from exporter.sources.base import SourceError
from exporter.sources.serial_port import open_error
from toolkit.config import read_mapping
from toolkit.modbus import serial_port
from toolkit.port_holder import holder

_STABLE = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))
"""Folders of names that stay the same when adapters are plugged in in another order; udev makes them."""

_CFLAG, _SPEEDS = 2, slice(4, 6)


class Port(NamedTuple):
    """A serial port.

    Attributes:
        name: as it is written in the configuration: one that stays the same, if there is one.
        about: what the adapter says it is.
    """

    name: str
    about: str = ""


def present() -> list[Port]:
    """Return the serial ports of this machine."""
    found = sorted(list_ports.comports(), key=lambda port: port.device)
    return [Port(stable_name(port.device), port.description) for port in found]


def stable_name(device: str) -> str:
    """Return the name of a device that does not depend on the order of plugging in; itself: there is none."""
    for folder in _STABLE:
        for link in sorted(folder.iterdir()) if folder.is_dir() else ():
            if link.resolve() == Path(device).resolve():
                return str(link)
    return device


def configured(exporter: Path) -> Mapping[str, str]:
    """Return for each port that a source or the relay has who has it; the actuator's file is beside the exporter's."""
    taken: dict[str, str] = {}
    sources = read_mapping(exporter).get("sources")
    for name, source in sources.items() if isinstance(sources, dict) else ():
        port = serial_port(source)
        if port is not None:
            taken[port] = f"the source {name} in {exporter}"
    actuator = exporter.with_name("actuator.yml")
    relay = serial_port(read_mapping(actuator).get("relay"))
    if relay is not None:
        taken[relay] = f"the relay in {actuator}"
    return taken


def refusal(port: str) -> str | None:
    """Return why a port is not even opened: another program has it; None: none is seen to have it."""
    held_by = holder(Path(port))
    return None if held_by is None else f"held by {held_by}"


@contextmanager
def listening(port: str, baud: int) -> Iterator[int]:
    """Open a port for reading alone, so that nothing can be written to it, and close it at the end.

    Yields its file descriptor; a read never waits. DTR and RTS are not set. Raises SourceError.
    """
    try:
        descriptor = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise open_error(port, error) from error
    try:
        try:
            _prepare(descriptor, baud)
        except termios.error as error:
            raise SourceError(f"{port} is no serial port: {error.args[-1]}") from error
        except OSError as error:
            raise open_error(port, error) from error
        yield descriptor
    finally:
        os.close(descriptor)


def _prepare(descriptor: int, baud: int) -> None:
    """Lock the port, and set it to 8N1 without echo, translation or flow control: an echo would go to the bus."""
    # As pyserial does: another program that asks for the port alone is kept out, and keeps this one out.
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attributes = termios.tcgetattr(descriptor)
    attributes[0] = attributes[1] = attributes[3] = 0
    attributes[_CFLAG] &= ~(termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS)
    attributes[_CFLAG] |= termios.CS8 | termios.CREAD | termios.CLOCAL
    attributes[_SPEEDS] = [getattr(termios, f"B{baud}")] * 2
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
