"""One controller for one relay: a name in the kernel's abstract socket namespace that dies with its holder.

Compared with a lock file it needs no folder that every user and every sandbox can write, leaves nothing behind, and
works on a read-only disk. It is seen by every process of the machine's network namespace, whatever its user.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import threading

from actuator.relay.protocol import RelayError, RelayHeldError

_PREFIX = "generator-actuator/"
_LONGEST = 107

_held: dict[str, socket.socket] = {}
_guard = threading.Lock()


def hold(name: str) -> None:
    """Hold a name until this process ends or lets go; holding it twice is holding it.

    Args:
        name: identifies the relay, the same in every process.

    Raises:
        RelayHeldError: another process holds it.
        RelayError: the kernel does not let us.
    """
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
                raise RelayError(f"cannot hold {name}: {error}") from error
            raise RelayHeldError(f"{name} is held by another controller{_holder(name)}: stop that one first") from None
        _held[name] = endpoint


def let_go(name: str) -> None:
    """Let go of a name; one that is not held is left alone."""
    with _guard:
        endpoint = _held.pop(name, None)
    if endpoint is not None:
        endpoint.close()


def _address(name: str) -> bytes:
    text = (_PREFIX + name).encode()
    if len(text) > _LONGEST:
        text = _PREFIX.encode() + hashlib.sha256(text).hexdigest().encode()
    return b"\0" + text


def _holder(name: str) -> str:
    """Return " (process N, its name)" of the holder, or nothing when the kernel does not say."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(0.0)
        try:
            probe.connect(_address(name))
            process, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return ""
    return f" (process {process})" if process and process != os.getpid() else ""
