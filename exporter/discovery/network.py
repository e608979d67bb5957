"""Asks a Modbus TCP host with read requests alone: a MidNite Classic, a battery or monitor, a relay board."""

from __future__ import annotations

import contextlib

from exporter.discovery import batteries
from exporter.discovery.found import Found, Source
from exporter.discovery.probing import RELAY_UNIT, relay_board
from exporter.fields import decode
from exporter.sources.base import SourceError
from exporter.sources.classic import registers, whizbang
from exporter.sources.modbus import tcp
from exporter.sources.modbus.profiles import Profile
from exporter.sources.modbus.protocol import READ_HOLDING, Request
from exporter.sources.modbus.registers import Registers
from exporter.sources.plausibility import Facts
from toolkit import modbus
from toolkit.modbus import ModbusError, TcpAddress

CONNECT_SECONDS = 3.0
SECONDS = 1.0
"""For a reply, once the host has been reached."""

CLASSIC_UNIT = 10
"""As delivered. It is asked first: a Classic forwards requests for other units to its serial ports."""

_MODELS = frozenset({"KID", "Classic 150", "Classic 200", "Classic 250", "Classic 250 KS"})


def ask(address: TcpAddress) -> Found:
    """Return what answers at a host; each question has a connection of its own, since a late reply may come."""
    place = str(address)
    try:
        with tcp.connected(address, CONNECT_SECONDS):
            pass
    except SourceError as error:
        return Found(place=place, text=f"It cannot be reached: {error}.", remedy=f"Check it: ping {address.host}")
    classic = _classic(address)
    if classic is not None:
        return classic
    for profile in batteries.candidates(serial=False):
        with contextlib.suppress(SourceError):
            facts = _registers(address, profile)
            if facts is not None:
                return _battery(address, profile, facts)
    board = _board(address)
    if board is not None:
        return board
    text = "It accepts a connection, but answers no question that this program knows."
    return Found(place=place, text=text, remedy="Check that Modbus TCP is on, and the unit of the device.")


def _classic(address: TcpAddress) -> Found | None:
    """Return the Classic at a host; None: there is none."""
    words: dict[tuple[int, int], int] = {}
    try:
        with tcp.connected(address, SECONDS) as line:
            for first, count in registers.BLOCKS[:-1]:
                answer = line.read(Request(CLASSIC_UNIT, READ_HOLDING, first - 1, count))
                words |= {(READ_HOLDING, first + offset): word for offset, word in enumerate(answer)}
    except SourceError:
        return None
    record = Registers(words)
    model = registers.model(record)
    if model not in _MODELS:
        return None
    about = f"MidNite {model}{_named(record)}"
    if whizbang.is_present(record):
        about += ", with a Whizbang Jr"
    source = Source(name="classic", options={"type": "classic", **_where(address)}, about=about)
    return Found(place=str(address), text=f"{about}.", sources=(source,))


def _named(record: Registers) -> str:
    info = next(sample for sample in decode(registers.FIELDS, record) if sample.metric == "classic_info")
    name = next((label for label in info.labels[1:2] if label), "")
    return f' "{name}"' if name else ""


def _where(address: TcpAddress) -> dict[str, object]:
    return {"host": address.host, **({} if address.port == TcpAddress("").port else {"port": address.port})}


def _registers(address: TcpAddress, profile: Profile) -> Facts | None:
    with tcp.connected(address, SECONDS) as line:
        unit, reply_unit = profile.unit_id, profile.reply_unit
        return batteries.read(
            profile, lambda function, first, count: line.read(Request(unit, function, first, count, reply_unit))
        )


def _battery(address: TcpAddress, profile: Profile, facts: Facts) -> Found:
    options = {"type": "modbus", "profile": profile.name, "url": str(address)}
    about = f"{profile.device}, unit {profile.unit_id}: {batteries.state(facts)}"
    source = Source(name="battery", options=options, about=about, amphours=facts.full or 0)
    return Found(place=str(address), text=f"{about}.", sources=(source,))


def _board(address: TcpAddress) -> Found | None:
    client = modbus.new_client(address, timeout=SECONDS)
    try:
        closed = client.read_coil(RELAY_UNIT, 0)
    except (OSError, ModbusError):
        return None
    finally:
        client.close()
    return relay_board(str(address), str(address), RELAY_UNIT, closed=closed)
