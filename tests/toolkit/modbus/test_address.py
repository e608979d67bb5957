"""Addresses of Modbus devices as people write them."""

from __future__ import annotations

import pytest

from toolkit.config import ConfigError
from toolkit.modbus import SerialAddress, TcpAddress, parse


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("tcp://10.0.0.5", TcpAddress("10.0.0.5", 502), "tcp://10.0.0.5:502"),
        ("tcp://127.0.0.1:5020", TcpAddress("127.0.0.1", 5020), "tcp://127.0.0.1:5020"),
        ("tcp://[::1]", TcpAddress("::1", 502), "tcp://[::1]:502"),
        ("tcp://[::1]:1502", TcpAddress("::1", 1502), "tcp://[::1]:1502"),
        ("rtu:///dev/ttyUSB1", SerialAddress("/dev/ttyUSB1"), "rtu:///dev/ttyUSB1"),
        (
            "rtu:///dev/ttyUSB1?baudrate=115200&parity=E&stopbits=2",
            SerialAddress("/dev/ttyUSB1", 115200, "E", 2),
            "rtu:///dev/ttyUSB1",
        ),
        ("rtu:///dev/ttyUSB1?stopbits=2&parity=O", SerialAddress("/dev/ttyUSB1", 9600, "O", 2), "rtu:///dev/ttyUSB1"),
        ("rtu://10.0.0.5:4001", SerialAddress("socket://10.0.0.5:4001"), "rtu://10.0.0.5:4001"),
        ("rtu://[::1]:4001", SerialAddress("socket://[::1]:4001"), "rtu://[::1]:4001"),
    ],
)
def test_an_address_is_read_and_shown(url: str, address: TcpAddress | SerialAddress, shown: str) -> None:
    assert parse(url) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    ("url", "found", "expected"),
    [
        ("/dev/ttyUSB0", '"/dev/ttyUSB0"', "tcp://HOST:502, rtu:///dev/ttyUSB1?baudrate=9600 or rtu://HOST:4001"),
        ("tcp://", '"tcp://"', "tcp://HOST:502, rtu://"),
        ("udp://x", '"udp://x"', "tcp://HOST:502, rtu://"),
        ("tcp://x?baudrate=9600", '"tcp://x?baudrate=9600"', "tcp://HOST:502, rtu://"),
        ("tcp://x/device", '"tcp://x/device"', "tcp://HOST:502, rtu://"),
        ("tcp://user:secret@x", '"tcp://***@x"', "tcp://HOST:502, rtu://"),
        ("tcp://user:secret@x:99999", '"tcp://***@x:99999"', "tcp://HOST:502, rtu://"),
        ("rtu://", '"rtu://"', "tcp://HOST:502, rtu://"),
        ("rtu://x", '"rtu://x"', "tcp://HOST:502, rtu://"),
        ("tcp://x:99999", '"tcp://x:99999" (Port out of range', "tcp://HOST:502, rtu://"),
        ("rtu:///dev/x?baud=9600", 'the option "baud"', "baudrate, parity or stopbits"),
        ("rtu:///dev/x?baudrate=fast", 'baudrate "fast"', "a number such as 9600"),
        ("rtu:///dev/x?baudrate=0", 'baudrate "0"', "a number such as 9600"),
        ("rtu:///dev/x?parity=n", 'parity "n"', "N, E or O"),
        ("rtu:///dev/x?stopbits=3", 'stopbits "3"', "1 or 2"),
    ],
)
def test_a_wrong_address_is_refused(url: str, found: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(url)
    assert refused.value.where == "url"
    assert refused.value.got.startswith(found)
    assert refused.value.expected.startswith(expected)


def test_a_serial_adapter_on_the_network_is_refused_where_unusable() -> None:
    with pytest.raises(ConfigError) as refused:
        parse("rtu://10.0.0.5:4001", network_serial=False)
    assert refused.value.expected == "tcp://HOST:502 or rtu:///dev/ttyUSB0?baudrate=9600"
    assert parse("rtu:///dev/ttyUSB1", network_serial=False) == SerialAddress("/dev/ttyUSB1")
