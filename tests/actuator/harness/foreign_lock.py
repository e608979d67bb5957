"""A process of another user that holds the name of a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

USER = 65534

_PROGRAM = f"""
import os, socket, sys
os.setuid({USER})
endpoints = []
for name in sys.argv[2:]:
    endpoints.append(socket.socket(socket.AF_UNIX))
    endpoints[-1].bind(b"\\0generator-actuator/" + name.encode())
    if sys.argv[1] == "listen":
        endpoints[-1].listen(1)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_user(*names: str, listen: bool = True) -> Iterator[int]:
    """Let a process of another user hold the names; yield its number."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    argv = [sys.executable, "-c", _PROGRAM, "listen" if listen else "bind", *names]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate(timeout=10)
