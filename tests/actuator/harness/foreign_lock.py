"""A process of another user that takes the ports of a lock."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

USER: Final = 54321
"""Not 65534, which stands for every other user in a user namespace."""

PORTS: Final = range(10049, 11073)

_PROGRAM = f"""
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
os.setuid({USER})
endpoints = []
for address in sys.argv[2:]:
    for port in range({PORTS.start}, {PORTS.start} + int(sys.argv[1])):
        endpoints.append(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM))
        if ":" in address:
            endpoints[-1].setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for an address of no interface
        endpoints[-1].bind((address, port))
print("taken", flush=True)
sys.stdin.read()
"""


def address_of(name: str) -> str:
    """Return the address of a lock's name."""
    first, second, third = hashlib.sha256(f"generator-actuator/{name}".encode()).digest()[:3]
    return f"127.{first | 128}.{second}.{third}"


@contextmanager
def taken_by_a_stranger(*addresses: str, ports: int = 1) -> Iterator[int]:
    """Let a process of another user take the first ports of the addresses; yield its number."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    argv = [sys.executable, "-c", _PROGRAM, str(ports), *addresses]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process.pid
        process.communicate(timeout=10)
