"""One controller for one relay: a UDP port of an address of this machine's own, which ends with its process.

Each name has an address in 127.128.0.0/9. A controller binds the first free port of it, and sends and reads nothing.
The kernel lists the user of every UDP socket in /proc/net/udp, so no process can hide a controller's hold, or fake one.
(Of a Unix socket it shows the user only to those who can connect, or with CONFIG_UNIX_DIAG, which the kernels of
Raspberry Pi OS do not have.) Compared with a lock file, a port needs no folder that every user and every sandbox can
write, leaves nothing behind, and works on a read-only disk. Every process of the machine's network namespace sees it,
whatever its user.

Only a controller's hold counts: a process of our own user, of root, or of the service's user. A port that any other
process has is logged, and the next one is taken. If no port can be had, or there are so many sockets that the list
cannot be read in time, that is logged and prevents nothing: a contact that was left closed has to open, and the engine
has to start. If a port is taken and the kernel does not list by whom, the relay counts as held: two controllers must
not hold it, and the contact is opened by `release`, which takes no lock.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from actuator.relay.errors import RelayHeldError
from toolkit import log

_PREFIX = "generator-actuator/"
_PORTS = range(10049, 10049 + 1024)
"""As many as another user would have to take, before each start, to leave none."""

_SECONDS = 2.0
"""For finding out who has a port. While sockets come and go, one reading of the kernel's list may miss one, and with
100,000 sockets a reading takes seconds."""

_PROCESS_SECONDS = 0.5
"""For finding out which process has a port, only to name it."""

_SERVICE_USER = "generator-actuator"
"""The service's user, by deploy/sysusers: also for root, a process of that user is a controller."""

_UNMAPPED = 65534
"""Shown for every user that the process's user namespace does not have: under the service's unit, all but two."""

_log = log.get(__name__)

# Held by the process, not by a `Lock`: the driver that replaces one that hangs has to get the same name.
_held: dict[str, socket.socket] = {}
_guard = threading.Lock()


def name_of_journal(path: Path) -> str:
    """Return the name by which an actuator holds its journal, the same by whatever path it is reached."""
    return f"journal {os.path.realpath(path)}"


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


class _Socket(NamedTuple):
    """A UDP socket of another process.

    Attributes:
        exact: it is bound to the relay's address alone, as a controller's is.
        user: its owner, in the user namespace of this process.
        inode: its number.
    """

    exact: bool
    user: int
    inode: int


def _acquire(name: str) -> None:
    with _guard:
        if name in _held:
            return
        address = _address(name)
        others: dict[int, _Socket] = {}
        try:
            _held[name] = _bound(name, address, others)
        except OSError as error:
            _log.limited("lock", "no lock, going on without it", level="error", name=name, address=address, error=error)
    if others:
        _log_stranger(name, address, others)


def _bound(name: str, address: str, others: dict[int, _Socket]) -> socket.socket:
    """Return a socket at the first port that no other process has; add those that others have before it to `others`.

    Raises:
        RelayHeldError: another controller holds the name, or the kernel does not list who does.
        OSError: there is no port to be had.
    """
    deadline = time.monotonic() + _SECONDS
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
        # The least that there is: what anybody sends is not read.
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        for port in _PORTS:
            if _bind(endpoint, name, (address, port), others, deadline):
                # Another controller may have a later port: this one was a stranger's then.
                _, whole = _others(name, address, deadline, port)
                if not whole:
                    # It goes on: otherwise a stranger with very many sockets could keep every start from controlling.
                    event = "the list of sockets was not read to its end: a second controller may have the lock"
                    _log.limited("lock list", event, level="error", name=name, address=address)
                for later in [other for other in others if other > port]:
                    del others[later]  # it has prevented nothing
                stack.pop_all()
                return endpoint
    raise OSError(errno.EADDRINUSE, "every port is taken by a process that is no controller")


def _bind(endpoint: socket.socket, name: str, at: tuple[str, int], others: dict[int, _Socket], deadline: float) -> bool:
    """Bind a port; return False if a stranger has it, which is in `others` then."""
    address, port = at
    while True:
        try:
            endpoint.bind(at)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return True
        if port in others:
            return False
        found, whole = _others(name, address, deadline)
        others |= found
        if port in others:
            return False
        late = time.monotonic() > deadline
        if late and not whole:
            # Otherwise a stranger with very many sockets could keep every start from opening a latched contact.
            raise OSError(errno.ETIMEDOUT, f"port {port} is taken, and the list of sockets is too long to be read")
        if late or not whole:
            raise RelayHeldError(
                f"{name} is held: UDP port {port} of {address} is taken, and /proc/net/udp does not show by whom. "
                f"As root: ss -uanpe src {address}"
            )


def _release(name: str) -> None:
    with _guard:
        endpoint = _held.pop(name, None)
    if endpoint is not None:
        endpoint.close()


def _address(name: str) -> str:
    first, second, third = hashlib.sha256((_PREFIX + name).encode()).digest()[:3]
    return f"127.{first | 128}.{second}.{third}"


def _others(name: str, address: str, deadline: float, own: int = 0) -> tuple[dict[int, _Socket], bool]:
    """Return the sockets of others at ports of the address, by port, and whether the list was read to its end.

    Args:
        name: for the error.
        address: of the lock.
        deadline: monotonic, after which reading stops.
        own: the port that this process has.

    Raises:
        RelayHeldError: one is a controller's.
    """
    # As the kernel writes it: the four bytes as a number of this machine.
    written = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
    found: dict[int, _Socket] = {}
    whole = True
    for table in ("udp", "udp6"):
        try:
            with Path(f"/proc/self/net/{table}").open() as lines:
                next(lines)
                for line in lines:
                    fields = line.split()
                    local, _, port = fields[1].partition(":")
                    # A socket for all addresses prevents ours too, and so does the IPv6 form of the address.
                    if (local.endswith(written) or not local.strip("0")) and int(port, 16) in _PORTS:
                        # Not over one of the first table: an IPv6 address that only ends alike hides no controller.
                        found.setdefault(int(port, 16), _Socket(local == written, int(fields[7]), int(fields[9])))
                    if time.monotonic() > deadline:
                        whole = False
                        break
        except FileNotFoundError:
            continue  # without IPv6 there is no udp6
        except OSError:
            whole = False  # it counts as held, if the port is taken
    found.pop(own, None)
    for other in found.values():
        if other.exact and _is_controller(other.user):
            process = _process(other.inode)
            who = f" (process {process})" if process else ""
            raise RelayHeldError(f"{name} is held by another controller{who}: stop that one first")
    return found, whole


def _is_controller(user: int) -> bool:
    if user in (os.geteuid(), 0):
        return True
    try:
        return pwd.getpwuid(user).pw_name == _SERVICE_USER
    except KeyError:
        return False


def _log_stranger(name: str, address: str, others: dict[int, _Socket]) -> None:
    first = others[min(others)]
    process = _process(first.inode)
    _log.limited(
        "foreign lock",
        "a process that is no controller has a port of the lock",
        level="error",
        name=name,
        process=process or "unknown",
        user="unknown" if first.user == _UNMAPPED and not process else first.user,
        program=_program(process),
        ports=len(others),
        remedy=f"as root: ss -uanpe src {address}",
    )


def _process(inode: int) -> int:
    """Return the process that has a socket; 0: none whose descriptors this one may see, and sees in time."""
    deadline = time.monotonic() + _PROCESS_SECONDS
    for process in Path("/proc").glob("[0-9]*"):
        if time.monotonic() > deadline:
            break
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) == f"socket:[{inode}]" for link in (process / "fd").iterdir()):
                return int(process.name)
    return 0


def _program(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
    except OSError:
        return "unknown"
