"""One controller for one relay: a name in the kernel's abstract socket namespace that ends with its process.

Compared with a lock file it needs no folder that every user and every sandbox can write, leaves nothing behind, and
works on a read-only disk. Every process of the machine's network namespace sees it, whatever its user.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import threading

from actuator.relay.errors import RelayError, RelayHeldError

_PREFIX = "generator-actuator/"
_MAX_LENGTH = 107

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
            RelayHeldError: another process holds one.
            RelayError: the kernel refuses one.
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
        endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            endpoint.bind(_address(name))
            endpoint.listen(1)
        except OSError as error:
            endpoint.close()
            if error.errno != errno.EADDRINUSE:
                raise RelayError(f"cannot lock {name}: {error}") from error
            raise RelayHeldError(f"{name} is held by another controller{_holder(name)}: stop that one first") from None
        _held[name] = endpoint


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


def _holder(name: str) -> str:
    """Return " (process N)" of the holder, or nothing when the kernel does not know it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(0.0)
        try:
            probe.connect(_address(name))
            process, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return ""
    return f" (process {process})" if process and process != os.getpid() else ""
