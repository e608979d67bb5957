"""Frames of the protocol: `~`, pairs of hexadecimal digits, two checksums and a carriage return. Pure.

Source: Pylontech, RS485 protocol V3.3, sections 2.2 to 2.5; the checksums hold for every captured frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BATTERY = 0x46
ANALOG_VALUES = 0x42
MAKER = 0xC1
"""The command to which most models of the Pace kind answer with their name."""

_FRAME = re.compile(rb"~((?:[0-9A-F]{2}){6})(.*)([0-9A-F]{4})", re.DOTALL)
_DIGITS = re.compile(rb"(?:[0-9A-F]{2})*")
ERRORS = {
    1: "another protocol version",
    2: "a wrong checksum",
    3: "a wrong length checksum",
    4: "a command it does not know",
    5: "a wrong command format",
    6: "wrong data",
    0x90: "a wrong address",
    0x91: "an internal error",
}


class FrameError(Exception):
    """The line is no whole frame, or not the reply to the request; `str` is the reason."""


@dataclass(frozen=True)
class Frame:
    """A frame's content.

    Attributes:
        version: of the protocol; it depends on the dialect.
        address: of the battery.
        command: in a request the command, in a reply 0 for success or an error code.
        info: the data.
        kind: of device (CID1); it depends on the dialect.
        unread: characters of the data, after `info`, that are no hexadecimal digits or follow such ones.
    """

    version: int
    address: int
    command: int
    info: bytes = b""
    kind: int = BATTERY
    unread: int = 0

    def encode(self) -> bytes:
        """Return the frame as it is sent, with its carriage return."""
        text = bytes((self.version, self.address, self.kind, self.command)).hex().upper().encode()
        digits = 2 * len(self.info)
        text += f"{_length_checksum(digits) << 12 | digits:04X}".encode() + self.info.hex().upper().encode()
        return b"~" + text + f"{_checksum(text):04X}\r".encode()

    @property
    def model(self) -> str:
        """What identifies the model, in words."""
        return f"version {self.version:02X}, CID1 {self.kind:02X}"


def parse(line: bytes) -> Frame:
    """Return the frame in a line without its carriage return; bytes before the `~` are ignored.

    Raises:
        FrameError: the line has no whole frame.
    """
    start = line.rfind(b"~")
    match = _FRAME.fullmatch(line[start:].rstrip(b"\0 \n")) if start >= 0 else None
    if match is None:
        raise FrameError(f"no frame: {line[:40]!r}")
    header, text, checksum = bytes.fromhex(match[1].decode()), match[2], int(match[3], 16)
    if _checksum(match[1] + text) != checksum:
        raise FrameError("a frame with a wrong checksum")
    version, address, kind, command = header[:4]
    length = int.from_bytes(header[4:6], "big")
    if length & 0xFFF != len(text) or length >> 12 != _length_checksum(length & 0xFFF):
        raise FrameError("a frame with a wrong length")
    digits = _DIGITS.match(text)
    known = digits[0] if digits else b""
    info = bytes.fromhex(known.decode())
    return Frame(version, address, command, info, kind, unread=len(text) - len(known))


def _checksum(text: bytes) -> int:
    return -sum(text) & 0xFFFF


def _length_checksum(digits: int) -> int:
    return -sum(digits >> shift & 0xF for shift in (0, 4, 8)) & 0xF
