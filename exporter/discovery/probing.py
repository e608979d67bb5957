"""Asks a silent serial port with read requests alone: Megatec, the batteries that answer in text, and Modbus RTU.

Only what the sources themselves send for their readings is sent: `Q1`, `QS` and `F`, the question for measurements of
each dialect, and the Modbus functions 1, 3 and 4. The first family that answers ends the search, the quietest comes
first: to a device of another family, its request is a few bytes of noise. DTR and RTS stay as the kernel sets them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import serial

from exporter.discovery import batteries
from exporter.discovery.found import Found, Source
from exporter.sources import serial_port
from exporter.sources.aims import fields as megatec
from exporter.sources.aims.reply import ratings, state
from exporter.sources.aims.source import BAUD as MEGATEC_BAUD
from exporter.sources.aims.source import DIALECTS as MEGATEC_DIALECTS
from exporter.sources.base import SourceError
from exporter.sources.modbus.profiles import Profile
from exporter.sources.modbus.protocol import RefusedError, Request
from exporter.sources.plausibility import Facts, judge
from exporter.sources.pylontech.dialects import DIALECTS, ContentError, Dialect, Form
from exporter.sources.pylontech.frame import ANALOG_VALUES, Frame, FrameError, parse
from exporter.sources.pylontech.modules import Module
from toolkit import modbus
from toolkit.modbus import ModbusError, SerialAddress
from toolkit.modbus.client import Client

TEXT_BAUDS = (9600, 115200, 1200)
MODBUS_BAUDS = (9600, 115200, 19200)
MEGATEC_SECONDS = 1.5
SECONDS = 0.6
"""For a reply; that of 125 registers takes 0.27 s at 9600 baud, that of one battery in text 0.2 s."""

ADDRESSES = range(16)
"""At which further packs are looked for, once one has answered."""

RELAY_UNIT = 1
_READ_TIMEOUT = 0.05
_SETTLE = 0.05
"""Seconds of silence after which a reply has ended."""

_QUIET = 0.15
"""Seconds of silence before a request; the Magnum network sends every 0.1 s."""

Report = Callable[[str], None]


class _TalkingError(Exception):
    """Bytes have come that were not asked for."""


def probe(port: str, report: Report = lambda _text: None, *, patience: float = 1.0) -> Found:
    """Return what answers on a port.

    Args:
        port: a device of this machine that nothing is received from.
        report: takes a line about what is tried next.
        patience: by which every time-out is multiplied.

    Raises:
        SourceError: the port cannot be opened, or is gone.
    """
    prober = _Prober(port, report, patience)
    try:
        for family in (prober.megatec, prober.text_batteries, prober.modbus):
            found = family()
            if found is not None:
                return found
    except _TalkingError:
        return Found(
            place=port,
            text="Something began to send without a request, so the probe ended, and nothing more was written.",
            remedy="Run discover again: it listens first.",
        )
    except OSError as error:
        raise serial_port.lost_error(port, error) from error
    return Found(
        place=port,
        text="Nothing answers.",
        remedy="Check that the device is on, A and B (they may be swapped), and that TX is on RX; then probe again. A "
        "Magnum network is never silent: use the outer pair of its four wires.",
    )


class _Prober:
    def __init__(self, port: str, report: Report, patience: float) -> None:
        self._port = port
        self._report = report
        self._patience = patience

    # -- Megatec

    def megatec(self) -> Found | None:
        """Ask for the state, and the ratings of a device that has one."""
        self._report(f"{self._port}: asking for an AIMS inverter ({MEGATEC_BAUD} baud) ...")
        with self._opened(MEGATEC_BAUD) as connection:
            for dialect in MEGATEC_DIALECTS:
                if any(map(state, self._lines(connection, dialect + b"\r", MEGATEC_SECONDS))):
                    lines = self._lines(connection, b"F\r", MEGATEC_SECONDS)
                    rated = next(filter(None, map(ratings, lines)), None)
                    volts = rated.numbers[megatec.RATED_BATTERY] if rated else None
                    about = "AIMS inverter, or another device with the Megatec protocol"
                    about += f", for a battery of {volts:g} V" if volts else ""
                    options = {"type": "aims", "port": self._port}
                    source = Source(name="aims", options=options, about=about)
                    return Found(place=self._port, text=f"{about}.", sources=(source,))
        return None

    # -- batteries that answer in text

    def text_batteries(self) -> Found | None:
        """Ask for measurements in each dialect, at the addresses that batteries are delivered with."""
        for baud in TEXT_BAUDS:
            self._report(f"{self._port}: asking for Pylontech, Pace, Seplos, MidNite, LifePower4 ({baud} baud) ...")
            with self._opened(baud) as connection:
                for name, dialect in DIALECTS.items():
                    for address in dict.fromkeys((dialect.address, 1, 0)):
                        for form in dialect.forms:
                            modules = self._measurements(connection, dialect, address, form)
                            if modules:
                                return self._rack(connection, baud, name, address, modules)
        return None

    def _rack(self, connection: serial.Serial, baud: int, name: str, first: int, modules: tuple[Module, ...]) -> Found:
        """Return the battery that answers, and the others on its line."""
        dialect = DIALECTS[name]
        options: dict[str, object] = {"type": "pylontech", "port": self._port}
        options |= {"dialect": name} if name != "pylontech" else {}
        options |= {"baudrate": baud} if baud != TEXT_BAUDS[0] else {}
        packs = {first: modules}
        if len(modules) == 1:
            self._report(f"{self._port}: a battery answers; looking for others on the line ...")
            form = dialect.alone().forms[-1]
            for address in ADDRESSES:
                answer = packs.get(address) or self._measurements(connection, dialect, address, form)
                if answer:
                    packs[address] = answer
        numbers = sorted(packs)
        if len(numbers) > 1:
            options["address"] = numbers
            about = f"{len(numbers)} packs ({dialect.models}), numbers {', '.join(map(str, numbers))}"
        else:
            options |= {"address": first} if first != dialect.address else {}
            count = f"{len(modules)} modules" if len(modules) > 1 else "a pack"
            about = f"{count} ({dialect.models}), address {first}"
        said = "; ".join(batteries.state(module.facts) for number in numbers for module in packs[number])
        amphours = sum(module.facts.full or 0 for number in numbers for module in packs[number])
        name = "rack" if len(numbers) > 1 else "pack"
        source = Source(name=name, options=options, about=about, amphours=amphours)
        return Found(place=self._port, text=f"Batteries: {about}, {baud} baud: {said}.", sources=(source,))

    def _measurements(
        self, connection: serial.Serial, dialect: Dialect, address: int, form: Form
    ) -> tuple[Module, ...] | None:
        request = Frame(dialect.version, address, ANALOG_VALUES, form.data(address), dialect.kind)
        expected = (dialect.version, dialect.reply_kind, address, dialect.success)
        for line in self._lines(connection, request.encode(), SECONDS):
            with contextlib.suppress(FrameError, ContentError):
                frame = parse(line)
                if (frame.version, frame.kind, frame.address, frame.command) == expected:
                    modules = dialect.read(frame)
                    if all(judge(dialect.checks, module.facts).whole is None for module in modules):
                        return modules
        return None

    # -- Modbus

    def modbus(self) -> Found | None:
        """Ask for the registers of each known battery, and at last for a coil, as a relay board has it."""
        answers = ""
        for baud in MODBUS_BAUDS:
            self._report(f"{self._port}: asking for Modbus batteries ({baud} baud) ...")
            client = modbus.new_client(
                SerialAddress(self._port, baud), timeout=SECONDS * self._patience, untouched=True
            )
            try:
                client.connect()
                for profile in batteries.candidates(serial=True):
                    try:
                        facts = self._registers(client, profile, profile.unit_id)
                    except RefusedError as error:
                        answers = answers or f"Unit {profile.unit_id} answers at {baud} baud: {error}."
                        continue
                    if facts is not None:
                        return self._packs(client, baud, profile, facts)
                if baud == MODBUS_BAUDS[0] and (board := self._board(client, baud)) is not None:
                    return board
            finally:
                client.close()
        if not answers:
            return None
        return Found(
            place=self._port,
            text=f"A Modbus device that no profile knows. {answers}",
            remedy="Its document lists its registers: write them as `registers:` of a source of type modbus.",
        )

    def _registers(self, client: Client, profile: Profile, unit: int) -> Facts | None:
        """Return what a unit says by a profile; None: it does not answer, or not so. Raises RefusedError."""

        def ask(function: int, address: int, count: int) -> tuple[int, ...]:
            self._wait_for_silence(client.settle)
            return Request(unit, function, address, count, profile.reply_unit).ask(client)

        try:
            return batteries.read(profile, ask)
        except ModbusError:
            return None

    def _packs(self, client: Client, baud: int, profile: Profile, facts: Facts) -> Found:
        """Return the battery that answers, and the others of its kind on the line."""
        self._report(f"{self._port}: a battery answers; looking for others on the line ...")
        first = profile.unit_id
        packs = {first: facts}
        # A device that answers with another number than its own cannot be told from its neighbour.
        for unit in () if profile.reply_unit is not None else (first + number for number in ADDRESSES):
            with contextlib.suppress(SourceError):
                answer = packs.get(unit) or self._registers(client, profile, unit)
                if answer is not None:
                    packs[unit] = answer
        url = f"rtu://{self._port}?baudrate={baud}"
        sources = []
        for number, unit in enumerate(sorted(packs), 1):
            options: dict[str, object] = {"type": "modbus", "profile": profile.name, "url": url}
            options |= {"unit_id": unit} if unit != first else {}
            about = f"{profile.device}, unit {unit}: {batteries.state(packs[unit])}"
            name = f"pack{number}" if len(packs) > 1 else "pack"
            sources.append(Source(name=name, options=options, about=about, amphours=packs[unit].full or 0))
        said = "; ".join(f"unit {unit}: {batteries.state(packs[unit])}" for unit in sorted(packs))
        text = f"Batteries: {profile.device}, {baud} baud, {said}."
        return Found(place=self._port, text=text, sources=tuple(sources))

    def _board(self, client: Client, baud: int) -> Found | None:
        try:
            self._wait_for_silence(client.settle)
            closed = client.read_coil(RELAY_UNIT, 0)
        except ModbusError:
            return None
        url = f"rtu://{self._port}?baudrate={baud}"
        return relay_board(self._port, url, RELAY_UNIT, closed=closed)

    # -- the line

    def _opened(self, baud: int) -> contextlib.AbstractContextManager[serial.Serial]:
        return serial_port.opened(self._port, baudrate=baud, timeout=_READ_TIMEOUT * self._patience, rts=None)

    def _wait_for_silence(self, settle: Callable[[float, float], bool]) -> None:
        """Wait for the end of a reply, then for silence; raises _TalkingError when there is none."""
        settle(_SETTLE * self._patience, SECONDS * self._patience)
        if settle(_QUIET * self._patience, _QUIET * self._patience):
            raise _TalkingError

    def _lines(self, connection: serial.Serial, request: bytes, seconds: float) -> Iterator[bytes]:
        """Send a request in one write; yield the lines that come until the time is over, without its echo."""

        def settle(silence: float, limit: float) -> bool:
            begin = now = received = time.monotonic()
            while now < begin + limit and now - received < silence:
                if connection.read(max(1, connection.in_waiting)):
                    received = time.monotonic()
                now = time.monotonic()
            return received > begin

        self._wait_for_silence(settle)
        connection.write(request)
        deadline = time.monotonic() + seconds * self._patience
        pending = b""
        while time.monotonic() < deadline:
            pending += connection.read(max(1, connection.in_waiting))
            while b"\r" in pending:
                line, _, pending = pending.partition(b"\r")
                if line.strip(b"\0 \n") not in {b"", request.rstrip(b"\r")}:
                    yield line


def relay_board(place: str, url: str, unit: int, *, closed: bool) -> Found:
    """Return a board whose coils can be read, which may be the relay of the generator."""
    return Found(
        place=place,
        text=f"A Modbus board with coils, unit {unit}; its first coil reads {'on' if closed else 'off'}.",
        remedy="If it is the generator's relay, it belongs into actuator.yml: generator-actuator setup",
        relay=f'{{type: modbus, url: "{url}", unit_id: {unit}, coil: 0}}',
    )
