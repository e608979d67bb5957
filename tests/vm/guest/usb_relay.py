"""In the guest: a USB relay board 16c0:05df "USBRelay2" as a process of its own, plugged into the kernel over USB/IP.

The board latches as the real ones do: whoever switched it may die, its contacts stay, until it loses USB power. It is
known by its serial number only inside the report, has one 8-byte feature report without an id, and takes FF n, FD n, FE
and FC (usb-relay-firmware by u1f35c and thmahe). USB/IP: Documentation/usb/usbip_protocol.rst of the Linux kernel.

Its commands (see board.py):
  contacts     → the bit mask, decimal          unplug / plug
  brownout     unplugs itself at the next switching, after the contact has moved
  stall        refuses the next three switchings with EPIPE
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from tests.vm.guest import board

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
PORT = 0
FULL_SPEED = 2
ATTACH_DEADLINE = 60.0
"""Seconds for the kernel to free the port after an unplugging."""
EPIPE = -32

REPORT_DESCRIPTOR = bytes.fromhex("0600FF 0901 A101 1500 26FF00 7508 9508 0900 B20201 C0")
DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0110, 0, 0, 0, 8, 0x16C0, 0x05DF, 0x0100, 1, 2, 0, 1)
CONFIGURATION = (
    struct.pack("<BBHBBBBB", 9, 2, 34, 1, 1, 0, 0x80, 10)
    + struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 1, 3, 0, 0, 0)
    + struct.pack("<BBHBBBH", 9, 0x21, 0x0101, 0, 1, 0x22, len(REPORT_DESCRIPTOR))
    + struct.pack("<BBBBHB", 7, 5, 0x81, 3, 8, 20)
)


def _text(content: str) -> bytes:
    encoded = content.encode("utf-16-le")
    return bytes((2 + len(encoded), 3)) + encoded


DESCRIPTORS = {
    0x0100: DEVICE,
    0x0200: CONFIGURATION,
    0x0300: bytes((4, 3, 9, 4)),
    0x0301: _text("www.dcttech.com"),
    0x0302: _text("USBRelay2"),
    0x2200: REPORT_DESCRIPTOR,
}


class UsbRelay:
    """The board's own state, and its plug."""

    def __init__(self) -> None:
        self.contacts = 0
        self.brownout = False
        self.stalls = 0
        self.link: socket.socket | None = None

    def plug(self) -> None:
        """Connect to the virtual host controller; power comes, the contacts are open."""
        self.contacts = 0
        self.link, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with kernel:
            self._attach(f"{PORT} {kernel.fileno()} 1 {FULL_SPEED}")

    def _attach(self, request: str) -> None:
        end = time.monotonic() + ATTACH_DEADLINE
        while True:
            try:
                (VHCI / "attach").write_text(request)
            except OSError:  # the kernel has not yet freed the port after the last unplugging
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def unplug(self) -> None:
        """Cut the cable: the kernel sees the device go, the contacts fall open."""
        if self.link is not None:
            self.link.close()
            self.link = None
        self.contacts = 0

    def serve(self) -> None:
        """Answer one request of the kernel."""
        assert self.link is not None
        header = self._receive(48)
        if header is None:
            self.unplug()
            return
        command, number, _, inwards, endpoint = struct.unpack_from(">IIIII", header)
        if command == 2:
            self.link.sendall(struct.pack(">IIIIIi24x", 4, number, 0, 0, 0, -104))
            return
        length = struct.unpack_from(">I", header, 24)[0]
        content = b"" if inwards else self._receive(length) or b""
        if endpoint != 0:
            return  # the interrupt endpoint never has anything to say: the request stays open until it is unlinked
        kind, request, value, _, wanted = struct.unpack("<BBHHH", header[40:48])
        status, answer = self._control(kind, request, value, wanted, content)
        moved = len(content) if not inwards else len(answer)
        reply = struct.pack(">IIIIIiIIII8x", 3, number, 0, 0, 0, status, moved, 0, 0, 0)
        if self.link is not None:
            self.link.sendall(reply + answer)

    def _receive(self, length: int) -> bytes | None:
        assert self.link is not None
        received = b""
        while len(received) < length:
            chunk = self.link.recv(length - len(received))
            if not chunk:
                return None
            received += chunk
        return received

    def _control(self, kind: int, request: int, value: int, length: int, content: bytes) -> tuple[int, bytes]:
        if request == 6 and kind & 0x80:  # GET_DESCRIPTOR, of the device or of its HID interface
            return (0, DESCRIPTORS[value][:length]) if value in DESCRIPTORS else (EPIPE, b"")
        if kind == 0xA1 and request == 1:  # GET_REPORT
            return 0, (b"BITFT\0\0" + bytes((self.contacts,)))[:length]
        if kind == 0x21 and request == 9:  # SET_REPORT
            return self._switch(content), b""
        return 0, b"\0\0"[:length] if kind & 0x80 else b""

    def _switch(self, content: bytes) -> int:
        if self.stalls:
            self.stalls -= 1
            return EPIPE
        command, relay = content[0], content[1]
        bit = 1 << (relay - 1) if 1 <= relay <= 2 else 0
        if command == 0xFF:
            self.contacts |= bit
        elif command == 0xFD:
            self.contacts &= ~bit
        elif command == 0xFE:
            self.contacts = 3
        elif command == 0xFC:
            self.contacts = 0
        if self.brownout:
            self.brownout = False
            self.unplug()
        return 0

    def obey(self, command: str) -> str:
        """Carry out a command, and return the contacts' bit mask."""
        if command == "plug":
            self.plug()
        elif command == "unplug":
            self.unplug()
        elif command == "brownout":
            self.brownout = True
        elif command == "stall":
            self.stalls = 3
        return str(self.contacts)


if __name__ == "__main__":
    board.main(UsbRelay())
