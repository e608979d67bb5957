"""The emulated boards in the guest, as the tests see them from the host."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from tests.vm.harness.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = "/usr/bin/python3"
"""The guest's own: a board needs nothing but the standard library, and starts sooner."""

HIDRAW = "/dev/hidraw0"
GPIO_CHIP = "/dev/gpiochip0"
SERIAL_PORT = "/dev/ttyS2"
"""Takes what is written and answers nothing."""
SETTLE = 300.0
"""Seconds for the kernel and udev to make or remove a device, on an emulated processor of a busy machine."""


class Emulated:
    """A board: a process in the guest, which makes a device there."""

    program: str
    devices: str
    """The pattern of its device's name: the kernel gives the next number while a program has the last one open."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.unit = f"emulated-{self.program}"
        self.send_command = f"{PYTHON} -m tests.vm.guest.{self.program} --send /run/{self.unit}"
        """The command line in the guest that sends the board one command, which is still to be appended."""

    @classmethod
    @contextmanager
    def running(cls, machine: Machine) -> Iterator[Self]:
        """Run the board, plugged in, and end it."""
        board = cls(machine)
        machine.check(
            f"systemd-run --quiet --collect --unit={board.unit} --working-directory=$PWD "
            f"{PYTHON} -m tests.vm.guest.{cls.program} /run/{board.unit}"
        )
        board.wait_for_device()
        yield board
        machine.check(f"systemctl stop {board.unit}")
        board.wait_for_no_device()

    def send(self, command: str) -> str:
        """Send the board a command and return its answer."""
        return self.machine.check(f"{self.send_command} {command}", deadline_seconds=SETTLE).strip()

    def plug(self) -> None:
        """Plug it in, and wait for its device."""
        self.send("plug")
        self.wait_for_device()

    def unplug(self) -> None:
        """Unplug it, and wait until its device is gone."""
        self.send("unplug")
        self.wait_for_no_device()

    def wait_for_device(self) -> None:
        """Wait until the kernel and udev have made its device."""
        self.machine.check(f"until ls {self.devices}; do sleep 0.1; done; udevadm settle", deadline_seconds=SETTLE)

    def wait_for_no_device(self) -> None:
        """Wait until the kernel has removed its device."""
        self.machine.check(f"while ls {self.devices}; do sleep 0.1; done", deadline_seconds=SETTLE)


class UsbRelay(Emulated):
    """The USB relay board."""

    program = "usb_relay"
    devices = "/dev/hidraw*"

    @property
    def contacts(self) -> int:
        """The bit mask of the contacts that are really closed."""
        return int(self.send("contacts"))


class GpioChip(Emulated):
    """The GPIO chip. The kernel asks for each line's direction before it makes the device, in vain and in no hurry."""

    program = "gpio_chip"
    devices = GPIO_CHIP

    def pin(self, line: int) -> str:
        """Return the levels that the line's pin has had as an output, oldest first."""
        return self.send("pins").split(",")[line]

    def reset(self) -> None:
        """Make it as if it had just been plugged in, which the kernel is slow at."""
        self.send("reset")
