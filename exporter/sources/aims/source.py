"""A Megatec device as a source: asked with Q1, else QS, for its state, and once with F for its ratings.

No other command is ever sent. Some of the protocol's commands switch the device off, and a byte can get lost on the
way: `Q` alone toggles the beeper. So a command goes out in one write, and QS is tried only while the device has
answered nothing yet. A reply does not say to which of several commands it belongs; after one without a reply a device
that tells its ratings is asked for those first: it answers in order, so after them no state from before can come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import serial

from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources import serial_port
from exporter.sources.aims import fields
from exporter.sources.aims.reply import Reply, ratings, refuses, state
from exporter.sources.base import Family, PolledSource, Publish, SourceError

BAUD = 2400
TIMEOUT = 1.5
"""Seconds for a reply to be there whole; its 47 characters take 0.2 s."""

DIALECTS = (b"Q1", b"QS")
FORGOTTEN_AFTER = 3
_READ_TIMEOUT = 0.1
_LONGEST_LINE = 256


class AimsSource(PolledSource[serial.Serial]):
    """Asks one device.

    Args:
        name: the source's name in the configuration.
        publish: takes the readings.
        port: a device or a URL of pyserial.
        interval: seconds from one reading to the next.
        cells: how many battery cells are in a row; None: worked out of the ratings where it is needed.
    """

    family = Family("aims", tuple(metric for field in (*fields.STATE, *fields.RATINGS) for metric in field.metrics))

    def __init__(self, name: str, publish: Publish, *, port: str, interval: float, cells: int | None) -> None:
        super().__init__(name, publish, interval=interval)
        self.retry = min(5.0, interval)
        self._port = port
        self._cells = cells
        self._dialect: bytes | None = None
        self._failures = 0
        self._ratings: Reply | None = None
        self._asked_ratings = False

    def connect(self) -> AbstractContextManager[serial.Serial]:
        """Open the port with DTR high and RTS low, from which some cables draw their power."""
        return serial_port.opened(self._port, baudrate=BAUD, timeout=_READ_TIMEOUT, rts=False)

    def lost(self) -> None:
        """Forget the dialect and the ratings after some failures: another device may come back."""
        self._failures += 1
        if self._failures >= FORGOTTEN_AFTER:
            self._dialect = self._ratings = None
            self._asked_ratings = False

    def poll(self, connection: serial.Serial) -> Iterator[Reading]:
        """Ask for the state, and the first time for the ratings."""
        at, wall = time.monotonic(), time.time()
        found = self._state(connection)
        self._failures = 0
        if not self._asked_ratings:
            self._asked_ratings = True
            self._ratings = next(filter(None, map(ratings, self._ask(connection, b"F"))), None)
        reply = Reply(found.numbers, found.status, self._cells or self._reckoned_cells(found))
        yield Reading("state", at, wall, self.stale_after, decode(fields.STATE, reply))
        if self._ratings:
            yield Reading("ratings", at, wall, self.stale_after, decode(fields.RATINGS, self._ratings))

    def _state(self, connection: serial.Serial) -> Reply:
        if self._failures and self._ratings and not any(map(ratings, self._ask(connection, b"F"))):
            raise SourceError(f"{self._port} does not answer")
        heard: list[bytes] = []
        for dialect in (self._dialect,) if self._dialect else DIALECTS:
            for line in self._ask(connection, dialect):
                reply = state(line)
                if reply:
                    self._dialect = dialect
                    return reply
                heard.append(line)
        what = f"only {heard[-1][:60]!r}" if heard else "nothing"
        raise SourceError(f"{self._port} answers {what}; is this a Megatec device at {BAUD} baud, and TX on its RX?")

    def _reckoned_cells(self, found: Reply) -> int | None:
        volts = found.numbers[fields.BATTERY]
        rated = self._ratings.numbers[fields.RATED_BATTERY] if self._ratings else None
        return None if volts is None or rated is None else fields.cells(volts, rated)

    def _ask(self, connection: serial.Serial, command: bytes) -> Iterator[bytes]:
        """Send a command and yield the lines that come, without the command's echo, until one refuses or time is up."""
        try:
            serial_port.drain(connection)
            connection.write(command + b"\r")
            deadline = time.monotonic() + TIMEOUT
            heard = b""
            while time.monotonic() < deadline and len(heard) < _LONGEST_LINE:
                heard += connection.read(max(1, connection.in_waiting))
                while b"\r" in heard:
                    line, _, heard = heard.partition(b"\r")
                    if line.strip(b" \0\n") not in {b"", command}:
                        yield line
                        if refuses(line):
                            return
        except OSError as error:
            raise serial_port.gone(self._port, error) from error
