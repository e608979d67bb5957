"""One controller for one relay: a name in the kernel's abstract socket namespace that ends with its process.

Compared with a lock file it needs no folder that every user and every sandbox can write, leaves nothing behind, and
works on a read-only disk. Every process of the machine's network namespace sees it, whatever its user.

So every user can take a name too. Only the lock of a controller counts: a process of our own user, of root, or of the
service's user. A lock of any other process, or a kernel that gives no lock, is logged and prevents nothing: a contact
that was left closed has to open.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import socket
import struct
import threading
from pathlib import Path

from actuator.relay.errors import RelayHeldError
from toolkit import log

_PREFIX = "generator-actuator/"
_MAX_LENGTH = 107
_SERVICE_USER = "generator-actuator"
"""Of deploy/sysusers. If root runs a second controller, a holder with this user is the service, and no stranger."""

_log = log.get(__name__)

# Held by the process, not by a `Lock`: the driver that replaces one that hangs has to get the same name.
_held: dict[str, socket.socket] = {}
_guard = threading.Lock()


class Lock:
    """Holds one relay, under one or more names, against other processes until it is released or this process ends.

    Args:
        exclusive: False: hold nothing, so that a driver needs no case of its own for that.

    Attributes:
        names: that are held now.
    """

    def __init__(self, *, exclusive: bool = True) -> None:
        self._exclusive = exclusive
        self.names: tuple[str, ...] = ()

    def acquire(self, *names: str) -> None:
        """Hold these names, also when they are held already; then release the others that this lock held.

        Args:
            names: each identifies the relay, the same in every process.

        Raises:
            RelayHeldError: another controller holds one.
        """
        if not self._exclusive:
            return
        for name in names:
            _acquire(name)
        former, self.names = self.names, names
        for name in former:
            if name not in names:
                _release(name)

    def release(self) -> None:
        """Release the names; without any: nothing."""
        for name in self.names:
            _release(name)
        self.names = ()


def _acquire(name: str) -> None:
    with _guard:
        if name in _held:
            return
        try:
            _held[name] = _bound(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                _log.limited("lock", "no lock, continuing without it", level="error", name=name, error=error)
                return
            process, user = _holder(name)
            if user is not None and _is_controller(user):
                who = f" (process {process})" if process not in (0, os.getpid()) else ""
                raise RelayHeldError(f"{name} is held by another controller{who}: stop that one first") from None
            _log.limited(
                "foreign lock",
                "the lock is held by a process that is no controller, continuing without it",
                level="error",
                name=name,
                process=process or "unknown",
                user="unknown" if user is None else user,
                program=_program(process),
            )


def _bound(name: str) -> socket.socket:
    endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        endpoint.bind(_address(name))
        endpoint.listen(1)
    except OSError:
        endpoint.close()
        raise
    return endpoint


def _release(name: str) -> None:
    with _guard:
        endpoint = _held.pop(name, None)
    if endpoint is not None:
        endpoint.close()


def _address(name: str) -> bytes:
    text = (_PREFIX + name).encode()
    if len(text) > _MAX_LENGTH:
        text = _PREFIX.encode() + hashlib.sha256(text).hexdigest().encode()
    return b"\0" + text


def _holder(name: str) -> tuple[int, int | None]:
    """Return the holder's process and user; 0 and None when the kernel does not report them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(0.0)
        try:
            probe.connect(_address(name))
            process, user, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return 0, None
    return process, user


def _is_controller(user: int) -> bool:
    if user in (os.geteuid(), 0):
        return True
    try:
        return pwd.getpwuid(user).pw_name == _SERVICE_USER
    except KeyError:
        return False


def _program(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
    except OSError:
        return "unknown"
