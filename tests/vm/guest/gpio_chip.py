"""In the guest: a GPIO chip of four lines, a Microchip MCP2221 as a process of its own, through the kernel's uhid.

The kernel's driver hid-mcp2221 makes a /dev/gpiochip of it. A line keeps direction and level when the kernel gives it
free, as a Raspberry Pi's does. Reports of 64 bytes: 0x50 sets (for each line: alter the level, level, alter the
direction, direction), 0x51 gets two bytes for each line, level and direction; direction 1 is an input (MCP2221 data
sheet, DS20005292A, sections 3.1.11 and 3.1.12). Here both bytes are the level: the driver of Linux 6.1 takes the second
one for it. That driver also makes a line an output first and sets its level then, so lines 0 and 1 power up low, for
relays that close when high, and lines 2 and 3 high. uhid: Documentation/hid/uhid.rst of the Linux kernel.

Its commands (see board.py):
  pins         → for each line what its pin has been as an output since it was plugged in, 0 and 1, oldest first: 01,,1,
  unplug
  reset        as if it had been plugged in again
"""

from __future__ import annotations

import os
import struct

from tests.vm.guest import board

OUTPUT, GET_REPORT, GET_REPORT_REPLY, CREATE2, INPUT2, SET_REPORT, SET_REPORT_REPLY = 6, 9, 10, 11, 12, 13, 14
EVENT = 4 + 4372
LINES = 4
USB, VENDOR, PRODUCT = 3, 0x04D8, 0x00DD
SET, GET = 0x50, 0x51
EIO = 5

REPORT_DESCRIPTOR = bytes.fromhex("0600FF 0901 A101 1901 2940 1500 26FF00 7508 9540 8100 1901 2940 9100 C0")


class Chip:
    """The chip's own state, and its plug."""

    def __init__(self) -> None:
        self.link: int | None = None
        self.reset()

    def plug(self) -> None:
        """Connect to the kernel; power comes."""
        self.reset()
        self.link = os.open("/dev/uhid", os.O_RDWR | os.O_CLOEXEC)
        name, phys, uniq = b"MCP2221 USB-I2C/UART Combo", b"uhid", b"0001"
        head = struct.pack(
            "<I128s64s64sHHIIII",
            *(CREATE2, name, phys, uniq, len(REPORT_DESCRIPTOR), USB, VENDOR, PRODUCT, 0x0100, 0),
        )
        os.write(self.link, head + REPORT_DESCRIPTOR)

    def reset(self) -> None:
        """Make every line an input."""
        self.levels, self.inputs = [0, 0, 1, 1], [1] * LINES
        self.pins = [""] * LINES

    def unplug(self) -> None:
        """Cut the cable: the kernel sees the device go."""
        if self.link is not None:
            os.close(self.link)
            self.link = None
        self.reset()

    def serve(self) -> None:
        """Answer one event of the kernel."""
        assert self.link is not None
        event = os.read(self.link, EVENT)
        (kind,) = struct.unpack_from("<I", event)
        if kind == OUTPUT:
            os.write(self.link, struct.pack("<IH", INPUT2, 64) + self._answer(event[4:68]))
        elif kind in (GET_REPORT, SET_REPORT):
            (number,) = struct.unpack_from("<I", event, 4)
            reply = GET_REPORT_REPLY if kind == GET_REPORT else SET_REPORT_REPLY
            os.write(self.link, struct.pack("<IIHH", reply, number, EIO, 0))

    def _answer(self, report: bytes) -> bytes:
        answer = bytearray(64)
        answer[0] = report[0]
        if report[0] == SET:
            answer[2:18] = report[2:18]
            for line in range(LINES):
                self._set(line, report[2 + 4 * line : 6 + 4 * line])
        elif report[0] == GET:
            for line in range(LINES):
                answer[2 + 2 * line : 4 + 2 * line] = self.levels[line], self.levels[line]
        return bytes(answer)

    def _set(self, line: int, asked: bytes) -> None:
        alter_level, level, alter_direction, direction = asked
        if alter_level:
            self.levels[line] = level & 1
        if alter_direction:
            self.inputs[line] = direction & 1
        if not self.inputs[line] and self.pins[line][-1:] != str(self.levels[line]):
            self.pins[line] += str(self.levels[line])

    def obey(self, command: str) -> str:
        """Carry out a command, and return what each pin has been."""
        if command == "unplug":
            self.unplug()
        elif command == "reset":
            self.reset()
        return ",".join(self.pins)


if __name__ == "__main__":
    board.main(Chip())
