"""Notifies the service manager: sd_notify(3) over the socket in NOTIFY_SOCKET."""

from __future__ import annotations

import functools
import os
import socket

from toolkit import log

_log = log.get(__name__)


def notify(state: str) -> None:
    """Send one state, such as "READY=1", "WATCHDOG=1" or "STOPPING=1"; without NOTIFY_SOCKET do nothing.

    Never waits and never raises; a failure is logged once an hour.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        _endpoint().sendto(state.encode(), path)
    except OSError as error:
        _log.limited("notify", "cannot notify the service manager", socket=address, state=state, error=error)
    else:
        _log.recovered("notify", "service manager is notified again", socket=address)


@functools.cache
def _endpoint() -> socket.socket:
    # Kept open: a process whose file descriptors are used up still has to feed its watchdog.
    endpoint = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    endpoint.settimeout(0)
    return endpoint
