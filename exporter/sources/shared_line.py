"""Serial lines that several sources share: each is opened once, and one source at a time uses it."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from exporter.sources import serial_port
from exporter.sources.base import SourceError
from toolkit.modbus import SerialAddress


class SharedLine(ABC):
    """One serial line; it opens with the first request and closes when its last user has left.

    Attributes:
        address: its port and settings.
    """

    def __init__(self, address: SerialAddress) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._users: set[object] = set()

    def join(self, user: object, address: SerialAddress) -> None:
        """Begin to use the line; raises SourceError if others use it with other settings."""
        if self.address != address and self._users - {user}:
            raise SourceError(
                f"{address.port} is already in use here at {self.address.baudrate} baud, or with another parity"
            )
        self.address = address
        self._users.add(user)

    def leave(self, user: object) -> None:
        """End using the line without waiting: a request in progress closes the port when it ends."""
        self._users.discard(user)
        if not self._users and self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Use the line alone; a port that fails is closed, and opened again by the next request."""
        with self._lock:
            try:
                yield
            except OSError as error:
                self._close()
                raise serial_port.lost_error(self.address.port, error) from error
            finally:
                if not self._users:
                    self._close()

    @abstractmethod
    def _close(self) -> None:
        """Close the port, if it is open."""


Line = TypeVar("Line", bound=SharedLine)


class LineUse(Generic[Line]):
    """One source's use of its line, from one connection to the next.

    Args:
        user: the source.
        stopped: returns whether it has been asked to end.
    """

    def __init__(self, user: object, stopped: Callable[[], bool]) -> None:
        self._user, self._stopped = user, stopped
        self._line: Line | None = None

    @contextmanager
    def of(self, line: Line) -> Iterator[Line]:
        """Use a line that the source has joined, and leave the one before it; it stays joined until the source ends."""
        before, self._line = self._line, line
        if before and before is not line:
            before.leave(self._user)
        try:
            yield line
        finally:
            if self._stopped():
                line.leave(self._user)

    def end(self) -> None:
        """Leave the line, if there is one."""
        if self._line:
            self._line.leave(self._user)


class Lines(Generic[Line]):
    """The lines of one protocol, by their port."""

    def __init__(self, new: Callable[[SerialAddress], Line]) -> None:
        self._new = new
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()

    def joined(self, address: SerialAddress, user: object) -> Line:
        """Return the shared line of this port, joined by `user`, who must leave it at the end."""
        with self._lock:
            key = os.path.realpath(address.port)
            if key not in self._lines:
                self._lines[key] = self._new(address)
            line = self._lines[key]
            line.join(user, address)
            return line
