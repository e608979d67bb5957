"""Tell the service manager how we are: sd_notify(3) over the socket it names in NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket

from toolkit import log

_log = log.get(__name__)


def notify(state: str) -> None:
    """Send one state, such as "READY=1", "WATCHDOG=1" or "STOPPING=1"; do nothing when no service manager listens.

    A socket that cannot be reached is said once an hour and never raised: the program's work does not depend on it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as endpoint:
            endpoint.settimeout(1.0)
            endpoint.connect(path)
            endpoint.sendall(state.encode())
    except OSError as error:
        _log.limited("notify", "service manager cannot be told", socket=address, state=state, error=error)
    else:
        _log.recovered("notify", "service manager is told again", socket=address)


def watchdog_seconds() -> float | None:
    """Return the span within which the service manager expects "WATCHDOG=1", or None when it expects none.

    WATCHDOG_USEC gives it in microseconds; WATCHDOG_PID, when set, says for which process (sd_watchdog_enabled(3)).
    """
    span = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not span.isdecimal() or int(span) == 0 or process != str(os.getpid()):
        return None
    return int(span) / 1e6
