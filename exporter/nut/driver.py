"""The socket that Network UPS Tools' upsd opens, on the event loop.

A fault of the socket closes it: upsd then knows that nothing drives the UPS, and calls its data stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from exporter.nut.config import NutConfig
from exporter.nut.protocol import Data, answer, changes
from exporter.nut.variables import POLL_SECONDS, Variables
from exporter.site import Site
from toolkit import log
from toolkit.build import Build

MODE = 0o660
RETRY_SECONDS = 5.0
LONGEST_LINE = 8192
MOST_WAITING = 65536
"""Bytes that wait to be read by upsd; a dump has about 1000."""
MOST_CONNECTIONS = 16

_FAILED, _DEFECT = "socket", "defect"
_log = log.get("nut")


class Driver:
    """The driver of one UPS.

    Args:
        options: its name, its folder and its source.
        site: returns the present state of the devices.
        build: the version that upsd shows.
    """

    def __init__(self, options: NutConfig, site: Callable[[], Site], build: Build) -> None:
        self._path = options.socket
        self._site = site
        self._variables = Variables(options, build)
        self._data = Data({}, stale=True)
        self._connections: set[_Connection] = set()

    async def run(self) -> None:
        """Serve until cancelled; a socket that cannot be opened, or is lost, is opened again."""
        while True:
            try:
                await self._serve()
            except OSError as error:
                _log.limited(_FAILED, "no socket for upsd", path=self._path, reason=error.strerror or str(error))
            except Exception as error:  # noqa: BLE001 - it must not end unnoticed, nor touch what reads the devices
                _log.limited(_DEFECT, "driver failed", level="error", path=self._path, reason=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        self._update()
        with _opened(self._path) as (listener, is_there):
            server = await asyncio.get_running_loop().create_unix_server(self._connection, sock=listener)
            try:
                _log.recovered(_FAILED, "upsd can connect", path=self._path)
                while is_there():
                    await asyncio.sleep(POLL_SECONDS)
                    self._update()
            finally:
                server.close()
                for connection in tuple(self._connections):
                    connection.close()
        raise OSError(errno.ENOENT, "it was removed by another program")

    def _connection(self) -> _Connection:
        return _Connection(self._connections, lambda: self._data)

    def _update(self) -> None:
        """Take the present values, and send what has changed."""
        before, self._data = self._data, self._variables.update(self._site(), time.monotonic())
        lines = changes(before, self._data)
        if lines:
            for connection in tuple(self._connections):
                connection.broadcast(lines)
        _log_change(before, self._data)


def _log_change(before: Data, now: Data) -> None:
    """Log what makes a difference to a machine that may shut down."""
    was, status = _decisive(before), _decisive(now)
    if was == status:
        return
    shown = now.variables.get("ups.status", "stale")
    if {"OB", "LB"} <= status:
        _log.warning("on battery and low: machines that run upsmon shut down", status=shown)
    else:
        _log.info("status for upsd", status=shown)


def _decisive(data: Data) -> frozenset[str]:
    if data.stale:
        return frozenset({"stale"})
    return frozenset(data.variables["ups.status"].split()) & {"OL", "OB", "LB", "ALARM"}


class _Connection(asyncio.Protocol):
    """One connection: upsd's, or a person's with a terminal.

    Attributes:
        received_at: when it last sent anything, monotonic.
    """

    def __init__(self, connections: set[_Connection], data: Callable[[], Data]) -> None:
        self._connections = connections
        self._data = data
        self._broadcast = True
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.received_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        if len(self._connections) > MOST_CONNECTIONS:
            # upsd connects anew when the others are there already, and asks every few seconds.
            min(self._connections, key=lambda one: one.received_at).drop(f"more than {MOST_CONNECTIONS} connections")
        _log.debug("connected", connections=len(self._connections))

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.received_at = time.monotonic()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            if self._transport is None:
                return  # closed for what came before
            request = answer(line.decode("ascii", "replace"), self._data(), os.getpid())
            if request.broadcast is not None:
                self._broadcast = request.broadcast
            if request.ignored:
                _log.limited("ignored", "a command for the UPS is not obeyed", command=request.ignored)
            self._send(request.reply)
        if len(self._received) > LONGEST_LINE:
            self.drop(f"a line of more than {LONGEST_LINE} bytes")

    def broadcast(self, lines: str) -> None:
        """Send changes, unless the other end does not want them."""
        if self._broadcast:
            self._send(lines)

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
            self._connections.discard(self)

    def _send(self, lines: str) -> None:
        if self._transport is None or not lines:
            return
        self._transport.write(lines.encode("ascii"))
        if self._transport.get_write_buffer_size() > MOST_WAITING:
            self.drop("it does not read")

    def drop(self, reason: str) -> None:
        """Close the connection, and log why."""
        _log.limited("dropped", "connection closed", reason=reason)
        self.close()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[socket.socket, Callable[[], bool]]]:
    """Return a socket that listens, for its folder's group too, and whether it is still there; remove it at the end.

    Raises:
        OSError: with a sentence for people.
    """
    _remove_dead(path)
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(os.fspath(path))
        except OSError as error:
            raise _cannot_bind(path, error) from error
        made = path.lstat()

        def is_there() -> bool:
            with contextlib.suppress(FileNotFoundError):
                return _identity(path.lstat()) == _identity(made)
            return False

        try:
            group = path.parent.stat().st_gid
            if made.st_gid != group:
                _give(path, group)
            path.chmod(MODE)
            yield listener, is_there
        finally:
            # An error here would take the place of the cancellation, and the driver would go on.
            with contextlib.suppress(OSError):
                if is_there():
                    path.unlink()


def _identity(found: os.stat_result) -> tuple[int, ...]:
    # A file system gives the number of a file that was removed to the next one.
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _give(path: Path, group: int) -> None:
    try:
        os.chown(path, -1, group)
    except OSError as error:
        sentence = f"cannot give it to the group of {path.parent}: {error.strerror}; is this user a member of it?"
        raise OSError(error.errno, sentence) from error


def _remove_dead(path: Path) -> None:
    """Remove a socket on which nobody answers; raises OSError when somebody does, or when it is no socket."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # the bind names the cause
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "it is there, and it is not a socket: remove it")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # somebody listens, and is busy
    raise OSError(errno.EADDRINUSE, "another program answers on it: end that program, or change `ups:`")


_CAUSES = {
    errno.ENOENT: "its folder is not there: is nut-server installed?",
    errno.EROFS: "its folder is read-only for this service: install "
    "deploy/systemd/magnum-exporter.service.d/nut.conf, then restart it",
    errno.EACCES: "this user may not write into its folder: it must be a member of the folder's group",
}


def _cannot_bind(path: Path, error: OSError) -> OSError:
    return OSError(error.errno, _CAUSES.get(error.errno or 0) or f"{path.parent}: {error.strerror}")
