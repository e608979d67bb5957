"""The emulated relay board, from the host."""

from __future__ import annotations

from tests.vm.machine import Machine

PYTHON = "/usr/bin/python3"
"""The guest's own: the board needs nothing but the standard library, and starts sooner."""


class Board:
    """The emulated relay board in the guest, told what to do over its socket."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def do(self, word: str) -> int:
        """Send a word and return the bit mask of the contacts."""
        return int(self._machine.check(f"{PYTHON} tests/vm/relay_board.py --tell /run/board {word}"))

    @property
    def contacts(self) -> int:
        """The bit mask of the closed contacts, in truth."""
        return self.do("contacts")

    def plug(self) -> None:
        """Plug it in and wait until the kernel has made its device."""
        self.do("plug")
        self.wait_for_device()

    def wait_for_device(self) -> None:
        """Wait until the kernel and udev have made its device."""
        self._machine.check(
            "timeout 180 sh -c 'until test -e /dev/hidraw0; do sleep 0.1; done'; udevadm settle", deadline_seconds=240
        )
