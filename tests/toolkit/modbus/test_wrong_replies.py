"""Every kind of wrong reply, over TCP and on a serial line, to a source and to a relay: none is ever believed.

The right answer is registers of 0x1111, a closed contact, or the echo of a write; a wrong reply has 0x6666 or open.
"""

from __future__ import annotations

import itertools
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from actuator.relay import ModbusRelay, RelayError
from actuator.relay import modbus as relay
from exporter.sources.base import SourceError
from exporter.sources.modbus import rtu, tcp
from exporter.sources.modbus.protocol import Request
from tests.toolkit.modbus.wires import Asked, NetworkWire, SerialWire, TcpWire, Wire
from toolkit.modbus import SerialAddress, TcpAddress

TIMEOUT = 0.3
PATIENT = 5.0
"""The timeout where a right reply is to be taken, however slow the machine is."""

UNIT, COUNT = 17, 4

Ask = Callable[[], object]


def right(asked: Asked) -> bytes:
    """Function code and data of the right answer."""
    function, _, count = struct.unpack(">BHH", asked.pdu)
    if function == 3:
        return struct.pack(f">BB{count}H", 3, 2 * count, *[0x1111] * count)
    return bytes((1, 1, 1)) if function == 1 else asked.pdu


def wrong(asked: Asked) -> bytes:
    """The right answer's shape with other contents; of a write there is none."""
    function, _, count = struct.unpack(">BHH", asked.pdu)
    if function == 3:
        return struct.pack(f">BB{count}H", 3, 2 * count, *[0x6666] * count)
    return bytes((1, 1, 0)) if function == 1 else asked.pdu


def shortened(asked: Asked) -> bytes:
    """Less data than was asked for, of the length that it declares."""
    return asked.frame(bytes((3, 4)) + wrong(asked)[2:6] if asked.pdu[0] == 3 else right(asked)[:-1])


def lengthened(asked: Asked) -> bytes:
    reply = wrong(asked)
    return asked.frame(bytes((reply[0], reply[1] + 4)) + reply[2:] + b"ffff" if reply[0] != 5 else reply + b"\0")


class Kind(NamedTuple):
    """One kind of wrong reply.

    Attributes:
        reply: makes it; after it comes a right reply, or none.
        passed_over: over what a right reply that follows is taken; over the others the connection is given up.
        exists: over what there is such a reply.
        functions: to what.
    """

    reply: Callable[[Asked], bytes]
    passed_over: str = "rtu"
    exists: str = "tcp rtu"
    functions: tuple[int, ...] = (1, 3, 5)


def bad_crc(asked: Asked) -> bytes:
    frame = asked.frame(wrong(asked))
    return frame[:-1] + bytes((frame[-1] ^ 0x55,))


KINDS = {
    "wrong unit": Kind(lambda asked: asked.frame(wrong(asked), unit=UNIT + 1), passed_over="tcp rtu"),
    "wrong transaction": Kind(
        lambda asked: asked.frame(wrong(asked), number=asked.number + 1), passed_over="tcp", exists="tcp"
    ),
    "no transaction": Kind(lambda asked: asked.frame(wrong(asked), number=0), passed_over="", exists="tcp"),
    "wrong function": Kind(lambda asked: asked.frame(bytes((asked.pdu[0] ^ 7,)) + wrong(asked)[1:])),
    "unknown function": Kind(lambda asked: asked.frame(b"\x55" + wrong(asked)[1:])),
    "short": Kind(shortened),
    "long": Kind(lengthened),
    "longer than declared": Kind(lambda asked: asked.frame(wrong(asked) + b"ff")),
    "shorter than declared": Kind(lambda asked: asked.frame(wrong(asked)[:-1])),
    "an odd number of bytes": Kind(
        lambda asked: asked.frame(bytes((3, 2 * COUNT + 1)) + wrong(asked)[2:] + b"f"), functions=(3,)
    ),
    "function code alone": Kind(lambda asked: asked.frame(asked.pdu[:1])),
    "exception without a code": Kind(lambda asked: asked.frame(bytes((asked.pdu[0] | 0x80,)))),
    "exception of another function": Kind(lambda asked: asked.frame(bytes((asked.pdu[0] ^ 7 | 0x80, 2)))),
    "bad checksum": Kind(bad_crc, exists="rtu"),
    "torn": Kind(lambda asked: asked.frame(wrong(asked))[:-3], exists="rtu"),
    "torn, and nothing more": Kind(lambda asked: asked.frame(wrong(asked))[:-3], passed_over=""),
    "garbage before the reply": Kind(lambda asked: bytes((255, 0, asked.unit, asked.pdu[0]))),
    "text": Kind(lambda _asked: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "the request, as an adapter with an echo repeats it": Kind(
        lambda asked: asked.frame(asked.pdu), exists="rtu", functions=(1, 3)
    ),
    "echo of another coil": Kind(
        lambda asked: asked.frame(asked.pdu[:2] + bytes((asked.pdu[2] + 1,)) + asked.pdu[3:]), functions=(5,)
    ),
    "echo of another value": Kind(
        lambda asked: asked.frame(asked.pdu[:3] + bytes((asked.pdu[3] ^ 0xFF, 0))), functions=(5,)
    ),
    "nothing": Kind(lambda _asked: b"", passed_over="tcp rtu"),
}


@contextmanager
def source(wire: Wire) -> Iterator[Ask]:
    request = Request(UNIT, 3, 100, COUNT)
    if isinstance(wire, TcpWire) and not isinstance(wire, NetworkWire):

        def once() -> tuple[int, ...]:
            with tcp.connected(TcpAddress("127.0.0.1", wire.port), rtu.TIMEOUT) as line:
                return line.read(request)

        yield once
        return
    assert isinstance(wire, SerialWire | NetworkWire)
    shared = rtu.SerialLine(SerialAddress(wire.path, 115200))
    shared.join("test", shared.address)
    yield lambda: shared.read(request)
    shared.leave("test")


@contextmanager
def read_back(wire: Wire) -> Iterator[Ask]:
    contact = ModbusRelay(url=wire.url, unit_id=UNIT).make_relay()
    yield contact.read_back
    contact.dispose()


@contextmanager
def opening(wire: Wire) -> Iterator[Ask]:
    contact = ModbusRelay(url=wire.url, unit_id=UNIT).make_relay()
    yield contact.open_contact
    contact.dispose()


USERS = {"source": (source, 3), "read back": (read_back, 1), "open": (opening, 5)}
WIRES: dict[str, type[TcpWire | SerialWire]] = {"tcp": TcpWire, "rtu": SerialWire}
RIGHT = {"source": (0x1111,) * COUNT, "read back": True, "open": None}

each_user = pytest.mark.parametrize("user", USERS)
each_wire = pytest.mark.parametrize("wire", WIRES)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    use_timeouts(monkeypatch, TIMEOUT)


def use_timeouts(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for module, name in ((rtu, "TIMEOUT"), (relay, "TCP_TIMEOUT"), (relay, "SERIAL_TIMEOUT")):
        monkeypatch.setattr(module, name, seconds)


CASES = [
    (name, wire, user)
    for (name, kind), wire, user in itertools.product(KINDS.items(), WIRES, USERS)
    if wire in kind.exists and USERS[user][1] in kind.functions
]


@pytest.mark.parametrize(("kind", "wire", "user"), CASES)
def test_a_wrong_reply_is_refused(kind: str, wire: str, user: str) -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        yield KINDS[kind].reply(asked)

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        with pytest.raises((SourceError, RelayError)):
            ask()
        assert device.asked


@pytest.mark.parametrize(("kind", "wire", "user"), [case for case in CASES if "nothing" not in case[0]])
def test_a_wrong_reply_before_a_right_one_is_skipped_or_refused(
    kind: str, wire: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        yield KINDS[kind].reply(asked) + asked.frame(right(asked))

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        if wire in KINDS[kind].passed_over:
            use_timeouts(monkeypatch, PATIENT)
            assert ask() == RIGHT[user]
        else:
            with pytest.raises((SourceError, RelayError)):
                ask()


@each_wire
@each_user
def test_a_right_reply_in_pieces_is_taken(user: str, wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use_timeouts(monkeypatch, PATIENT)

    def answer(asked: Asked) -> Iterator[bytes]:
        for byte in asked.frame(right(asked)):
            time.sleep(0.002)
            yield bytes((byte,))

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        assert ask() == RIGHT[user]


@each_wire
@each_user
def test_a_late_reply_never_answers_a_later_request(user: str, wire: str) -> None:
    """Every reply comes after the timeout, some in the middle of a later request, until the device is quick again."""
    late = True

    def answer(asked: Asked) -> Iterator[bytes]:
        nonlocal late
        if late:
            time.sleep(1.4 * TIMEOUT)
            late = len(device.asked) < 4
            yield asked.frame(wrong(asked))
        else:
            yield asked.frame(right(asked))

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        got: list[object] = []
        while late or not got:
            try:
                got.append(ask())
            except (SourceError, RelayError):
                assert len(device.asked) < 20
        assert set(got) == {RIGHT[user]}


@each_wire
@each_user
def test_a_connection_that_is_closed_is_an_error_at_once(user: str, wire: str) -> None:
    def answer(_asked: Asked) -> Iterator[bytes]:
        raise ConnectionError

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        began = time.monotonic()
        with pytest.raises((SourceError, RelayError)):
            ask()
        assert time.monotonic() - began < PATIENT


FLOODS: dict[str, Callable[[Asked], bytes]] = {
    "zeros": lambda _asked: bytes(512),
    "noise": lambda _asked: os.urandom(512),
    "frames of another unit": lambda asked: asked.frame(wrong(asked), unit=UNIT + 1) * 20,
    "frames of another transaction": lambda asked: asked.frame(wrong(asked), number=asked.number + 1) * 20,
    "short frames": lambda asked: asked.frame(right(asked)[:-1]) * 20,
    "beginnings": lambda asked: (asked.frame(right(asked))[:-5] if asked.serial else b"\0\1\0\1\0\6") * 20,
    "beginnings of the longest frame": lambda asked: b"\0\1\0\0\0\xff" + bytes((asked.unit, *wrong(asked)[:2])),
}


@pytest.mark.slow
@pytest.mark.parametrize("flood", FLOODS)
@each_wire
@each_user
def test_a_flood_is_given_up_at_the_deadline(user: str, wire: str, flood: str) -> None:
    if wire == "rtu" and flood == "frames of another transaction":
        flood = "frames of another unit"

    def answer(asked: Asked) -> Iterator[bytes]:
        while True:
            yield FLOODS[flood](asked)

    with WIRES[wire](answer) as device, USERS[user][0](device) as ask:
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises((SourceError, RelayError)):
                ask()
            # A relay reads back twice; each time it settles for at most two timeouts, drains and asks for one.
            assert time.monotonic() - began < 8 * TIMEOUT


@pytest.mark.parametrize("flood", [flood for flood in FLOODS if "transaction" not in flood])
def test_a_flood_over_the_network_ends_at_the_deadline(flood: str) -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        while True:
            yield FLOODS[flood](asked)

    with NetworkWire(answer) as device, source(device) as ask:
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(SourceError):
                ask()
            assert time.monotonic() - began < 8 * TIMEOUT


def test_a_second_reply_over_the_network_is_discarded() -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        yield asked.frame(right(asked)) + asked.frame(wrong(asked))

    with NetworkWire(answer) as device, source(device) as ask:
        for _ in range(3):
            assert ask() == RIGHT["source"]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400\r\n", b"\0\1\0\0\0\0\0", b"\0\1\0\0\7\0\1"], ids=["text", "nothing", "too long"]
)
def test_other_protocols_over_tcp_are_refused_at_once(reply: bytes, user: str) -> None:
    use, _ = USERS[user]
    refused = pytest.raises((SourceError, RelayError), match="bytes that are not Modbus TCP")
    with TcpWire(lambda _asked: iter((reply,))) as wire, use(wire) as ask, refused:
        ask()
