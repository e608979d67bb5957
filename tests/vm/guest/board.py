"""In the guest: runs an emulated board. It answers the kernel, and a Unix socket that takes commands for the board.

A command is one word on a line, and its answer is a line.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from typing import Protocol

CONNECT_DEADLINE = 120.0
"""Seconds for a board that has just been started to listen."""


class Board(Protocol):
    """An emulated board."""

    @property
    def link(self) -> int | socket.socket | None:
        """The connection to the kernel; None while unplugged."""

    def plug(self) -> None:
        """Connect to the kernel; power comes."""

    def serve(self) -> None:
        """Answer one request of the kernel."""

    def obey(self, command: str) -> str:
        """Carry out a command, and return the answer."""


def run(board: Board, address: str) -> None:
    """Plug the board in, then serve the kernel and the socket at `address` until killed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)  # noqa: PTH108
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(address)
        control.listen()
        board.plug()
        while True:
            links = [] if board.link is None else [board.link]
            ready, _, _ = select.select([control, *links], [], [])
            # One at a time: a command may unplug the link that is ready too.
            if control in ready:
                with control.accept()[0] as caller:
                    answer = board.obey(caller.makefile().readline().strip())
                    caller.sendall(answer.encode() + b"\n")
            else:
                board.serve()


def send(address: str, command: str) -> str:
    """Return a board's answer to a command."""
    with _connected(address) as caller:
        caller.sendall(command.encode() + b"\n")
        return caller.makefile().readline()


def _connected(address: str) -> socket.socket:
    end = time.monotonic() + CONNECT_DEADLINE
    while True:
        caller = socket.socket(socket.AF_UNIX)
        try:
            caller.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            caller.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return caller


def main(board: Board) -> None:
    """Run a board at the socket ADDRESS, or with --send ADDRESS COMMAND talk to the one that runs there."""
    if sys.argv[1] == "--send":
        sys.stdout.write(send(sys.argv[2], sys.argv[3]))
    else:
        run(board, sys.argv[1])
