"""Where a Modbus device is: `tcp://HOST:502`, `rtu:///dev/ttyUSB1?baudrate=9600` or `rtu://HOST:4001`."""

from __future__ import annotations

import contextlib
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.config import ConfigError
from toolkit.formatting import redacted


@dataclass(frozen=True)
class TcpAddress:
    """A Modbus TCP server."""

    host: str
    port: int = 502

    def __str__(self) -> str:
        """Return the address as it is written in the configuration."""
        return f"tcp://{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True)
class SerialAddress:
    """A serial line.

    Attributes:
        port: a device, or a URL of pyserial: socket://HOST:PORT for an adapter that passes bytes on over the network.
        baudrate: bits per second.
        parity: N, E or O.
        stopbits: 1 or 2.
    """

    port: str
    baudrate: int = 9600
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        """Return the address as it is written in the configuration, without its options."""
        return f"rtu://{self.port.removeprefix('socket://')}"


def parse(url: str, *, network_serial: bool = True) -> TcpAddress | SerialAddress:
    """Return the address that a URL means.

    Args:
        url: one of the three forms.
        network_serial: accept `rtu://HOST:PORT`, a serial adapter that passes bytes on over the network.

    Raises:
        ConfigError: it is none of the forms.
    """
    expected = "tcp://HOST:502 or rtu:///dev/ttyUSB0?baudrate=9600"
    if network_serial:
        expected = "tcp://HOST:502, rtu:///dev/ttyUSB1?baudrate=9600 or rtu://HOST:4001"
    # A mistyped device has options after "?", and they are no secret.
    shown = redacted(url) if "@" in url else url
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError("url", f'"{shown}" ({error})' if shown == url else f'"{shown}"', expected) from None
    options = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    bare = not parts.path.strip("/") and not options and "@" not in parts.netloc
    if parts.scheme == "tcp" and parts.hostname and bare:
        return TcpAddress(parts.hostname, 502 if port is None else port)
    if parts.scheme == "rtu" and parts.hostname and port and bare and network_serial:
        return SerialAddress(f"socket://{_bracketed(parts.hostname)}:{port}")
    if parts.scheme == "rtu" and not parts.netloc and parts.path.strip("/"):
        return _serial(parts.path, options)
    raise ConfigError("url", f'"{shown}"', expected)


def serial_port(options: object) -> str | None:
    """Return the serial port that a part of a configuration file names, by `port` or by a URL; None: it names none.

    A device of this machine comes without links, since one device may have many names.
    """
    if not isinstance(options, Mapping):
        return None
    port, url = options.get("port"), options.get("url")
    if isinstance(url, str) and url.startswith("rtu:"):
        with contextlib.suppress(ConfigError):
            address = parse(url)
            port = address.port if isinstance(address, SerialAddress) else None
    return real_port(port) if isinstance(port, str) and port else None


def real_port(port: str) -> str:
    """Return a serial port without links; a URL as it is."""
    return os.path.realpath(port) if port.startswith("/") else port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _serial(device: str, options: dict[str, str]) -> SerialAddress:
    unknown = sorted(options.keys() - {"baudrate", "parity", "stopbits"})
    if unknown:
        raise ConfigError("url", f'the option "{unknown[0]}"', "baudrate, parity or stopbits")
    baudrate = options.get("baudrate", "9600")
    parity = options.get("parity", "N")
    stopbits = options.get("stopbits", "1")
    if not (baudrate.isascii() and baudrate.isdecimal() and int(baudrate) > 0):
        raise ConfigError("url", f'baudrate "{baudrate}"', "a number such as 9600")
    if parity not in {"N", "E", "O"}:
        raise ConfigError("url", f'parity "{parity}"', "N, E or O")
    if stopbits not in {"1", "2"}:
        raise ConfigError("url", f'stopbits "{stopbits}"', "1 or 2")
    return SerialAddress(device, int(baudrate), parity, int(stopbits))
