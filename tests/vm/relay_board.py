"""In the guest: a USB relay board 16c0:05df "USBRelay2" as a process of its own, plugged into the kernel over USB/IP.

The board latches as the real ones do: whoever switched it may die, its contacts stay, until it loses USB power. It is
known by its serial number only inside the report, has one 8-byte feature report without an id, and takes FF n, FD n, FE
and FC (usb-relay-firmware by u1f35c and thmahe). USB/IP: Documentation/usb/usbip_protocol.rst of the Linux kernel.

It is told what to do over a Unix socket, one word a line, and answers with a line:
  contacts     → the bit mask, decimal          unplug / plug
  brownout     unplugs itself at the next switching, after the contact has moved
  stall        refuses the next three switchings with EPIPE
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import sys
from pathlib import Path

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
FULL_SPEED = 2
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


class Board:
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
            (VHCI / "attach").write_text(f"0 {kernel.fileno()} 1 {FULL_SPEED}")

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

    def obey(self, word: str) -> str:
        """Do what the control socket says, and return the answer."""
        if word == "plug":
            self.plug()
        elif word == "unplug":
            self.unplug()
        elif word == "brownout":
            self.brownout = True
        elif word == "stall":
            self.stalls = 3
        return str(self.contacts)


def tell(address: str, word: str) -> str:
    """Send a word to a running board and return its answer."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(address)
        caller.sendall(word.encode() + b"\n")
        return caller.makefile().readline()


def main() -> None:
    """Serve the kernel and the control socket at ADDRESS until killed, or with --tell ADDRESS WORD speak to one."""
    if sys.argv[1] == "--tell":
        sys.stdout.write(tell(sys.argv[2], sys.argv[3]))
        return
    address = sys.argv[1]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)  # noqa: PTH108
    board = Board()
    board.plug()
    with socket.socket(socket.AF_UNIX) as control, selectors.DefaultSelector() as selector:
        control.bind(address)
        control.listen()
        selector.register(control, selectors.EVENT_READ)
        while True:
            if board.link is not None and board.link not in selector.get_map():
                selector.register(board.link, selectors.EVENT_READ)
            for key, _ in selector.select(0.2):
                if key.fileobj is control:
                    with control.accept()[0] as caller:
                        word = caller.makefile().readline().strip()
                        before = board.link
                        answer = board.obey(word)
                        if before is not None and board.link is not before:
                            selector.unregister(before)
                        caller.sendall(answer.encode() + b"\n")
                elif key.fileobj is board.link:
                    link = board.link
                    board.serve()
                    if board.link is not link and link is not None:
                        selector.unregister(link)


if __name__ == "__main__":
    main()
