"""A Megatec device as a source: polled with Q1, else QS, for its state, and once with F for its ratings.

No other command is ever sent. Some commands of the protocol switch the device off, and a byte can get lost: `Q` alone
toggles the beeper. So a command goes out in one write, and QS is tried only while no reply has been received yet.

A reply does not name the command that it answers. After a time-out the ratings are requested first, from a device that
has them: it answers in order, so no late reply with an old state can follow its ratings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import serial

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources import serial_port
from exporter.sources.aims import fields
from exporter.sources.aims.reply import Reply, ratings, refuses, state
from exporter.sources.base import Family, PolledSource, Publish, SourceError
from toolkit import log

BAUD = 2400
TIMEOUT = 1.5
"""Seconds for a whole reply; its 47 characters take 0.2 s."""

DIALECTS = (b"Q1", b"QS")
FORGOTTEN_AFTER = 3
_READ_TIMEOUT = 0.1
_LONGEST_LINE = 256

_log = log.get("aims")


class AimsSource(PolledSource[serial.Serial]):
    """Polls one device.

    Args:
        name: the source's name in the configuration.
        publish: takes the readings.
        port: a device or a pyserial URL.
        interval: seconds from one poll to the next.
        cells: battery cells in series; None: settled once, where needed, by the ratings.
    """

    family = Family("aims", tuple(metric for field in (*fields.STATE, *fields.RATINGS) for metric in field.metrics))

    def __init__(self, name: str, publish: Publish, *, port: str, interval: float, cells: int | None) -> None:
        super().__init__(name, publish, interval=interval)
        self.retry = min(5.0, interval)
        self._port = port
        self._cells = cells
        self._settled: tuple[int, float] | None = None  # cells, and the rated volts by which they were settled
        self._dialect: bytes | None = None
        self._failures = 0
        self._ratings: Reply | None = None
        self._asked_ratings = False

    def connect(self) -> AbstractContextManager[serial.Serial]:
        """Open the port with DTR high and RTS low: some cables draw their power from them."""
        return serial_port.opened(self._port, baudrate=BAUD, timeout=_READ_TIMEOUT, rts=False)

    def lost(self) -> None:
        """Forget the dialect and the ratings after some failures: another device may have been connected."""
        self._failures += 1
        if self._failures >= FORGOTTEN_AFTER:
            self._dialect = self._ratings = None
            self._asked_ratings = False

    def poll(self, connection: serial.Serial) -> Iterator[Reading]:
        """Return the state, and the ratings, which are requested once."""
        at, wall = time.monotonic(), time.time()
        found = self._state(connection)
        self._failures = 0
        if not self._asked_ratings:
            self._asked_ratings = True
            self._ratings = next(filter(None, map(ratings, self._ask(connection, b"F"))), None)
        rated = self._ratings.numbers[fields.RATED_BATTERY] if self._ratings else None
        reply = replace(found, cells=self._cells, rated_battery_volts=rated)
        if self._cells is None and rated is not None:
            reply = replace(reply, cells=self._settled_cells(reply, rated))
        yield Reading("state", at, wall, self.stale_after, decode(fields.STATE, reply))
        if self._ratings:
            yield Reading("ratings", at, wall, self.stale_after, decode(fields.RATINGS, self._ratings))

    def _state(self, connection: serial.Serial) -> Reply:
        if self._failures and self._ratings and not any(map(ratings, self._ask(connection, b"F"))):
            raise SourceError(f"{self._port} does not answer")
        received: list[bytes] = []
        for dialect in (self._dialect,) if self._dialect else DIALECTS:
            for line in self._ask(connection, dialect):
                reply = state(line)
                if reply:
                    self._dialect = dialect
                    return reply
                received.append(line)
        what = f"only {received[-1][:60]!r}" if received else "nothing"
        raise SourceError(f"{self._port} answers {what}; is this a Megatec device at {BAUD} baud, and TX on its RX?")

    def _settled_cells(self, reply: Reply, rated: float) -> int | None:
        """Return the count of cells that was settled once for this rating; None until a voltage fits only one."""
        if self._settled is None or self._settled[1] != rated:
            volts = reply.numbers[fields.BATTERY]
            one_cell = volts is not None and fields.is_of_one_cell(reply, volts)
            count = fields.cells(volts, rated) if volts is not None and one_cell else None
            if count is None:
                return None
            self._settled = count, rated
            _log.info(
                "battery cells in series are settled; write `cells` into the configuration to keep it over restarts",
                device=self.name,
                cells=count,
                cell_volts=volts,
                rated_battery_volts=rated,
            )
        return self._settled[0]

    def _ask(self, connection: serial.Serial, command: bytes) -> Iterator[bytes]:
        """Send a command; yield the lines received, without its echo, until a refusal or the time-out."""
        try:
            serial_port.drain(connection)
            connection.write(command + b"\r")
            deadline = time.monotonic() + TIMEOUT
            pending = b""
            while time.monotonic() < deadline and len(pending) < _LONGEST_LINE:
                pending += connection.read(max(1, connection.in_waiting))
                while b"\r" in pending:
                    line, _, pending = pending.partition(b"\r")
                    if line.strip(b" \0\n") not in {b"", command}:
                        yield line
                        if refuses(line):
                            return
        except OSError as error:
            raise serial_port.lost_error(self._port, error) from error
