"""Run a test with a loopback of its own: it can use the default ports whatever else the machine does."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import ParamSpec

import pytest

from tests.support import ROOT, run_command

P = ParamSpec("P")

_INSIDE = "TESTS_IN_OWN_NETWORK"
_UP = 'ip link set lo up && exec "$0" "$@"'


@functools.cache
def has_own_network() -> bool:
    """Return whether this user may make a network namespace here."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run(["unshare", "-rn", "sh", "-c", _UP, "true"], capture_output=True, check=False).returncode == 0


def uses_default_ports(*ports: int) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Decorate a test that needs these ports: pytest runs it in a network namespace of its own.

    On a machine that makes none, it runs as it is, and is skipped while another program has one of the ports.
    """

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            if os.environ.get(_INSIDE):
                test(*args, **kwargs)
                return
            if has_own_network():
                name = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
                pytest_again = [sys.executable, "-m", "pytest", "-q", "-rP", "-m", "", "-p", "no:cacheprovider", name]
                done = run_command(
                    *("unshare", "-rn", "sh", "-c", _UP, *pytest_again),
                    env={_INSIDE: "1"},
                    cwd=ROOT,
                    deadline_seconds=550,
                )
                assert done.returncode == 0, done.stdout + done.stderr
                sys.stdout.write(done.stdout)
                return
            for port in ports:
                if _is_taken(port):
                    pytest.skip(f"another program listens on 127.0.0.1:{port}, and this machine makes no namespace")
            test(*args, **kwargs)

        return run

    return decorate


def _is_taken(port: int) -> bool:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
