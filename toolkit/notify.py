"""Tell the service manager how we are: sd_notify(3) over the socket it names in NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket

from toolkit import log

_log = log.get(__name__)


def notify(state: str) -> None:
    """Send one state, such as "READY=1", "WATCHDOG=1" or "STOPPING=1"; do nothing when no service manager listens.

    A manager that cannot be told is said once an hour and never raised, and a busy one is not waited for: the
    program's work does not depend on it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as endpoint:
            endpoint.settimeout(0)
            endpoint.connect(path)
            endpoint.sendall(state.encode())
    except OSError as error:
        _log.limited("notify", "service manager cannot be told", socket=address, state=state, error=error)
    else:
        _log.recovered("notify", "service manager is told again", socket=address)
