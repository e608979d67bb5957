"""Finds whole blocks in a stream of VE.Direct bytes. Pure.

A block is lines of CR, LF, label, TAB and value; the last one is `Checksum` with one byte that makes the sum of all the
block's bytes a multiple of 256. Messages of another kind, from `:` to LF, may come in between and are skipped.

Source: Victron Energy, VE.Direct protocol, version 3.33, and its FAQ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Block = Mapping[str, str]
"""Values by label."""

_LAST_LABEL = b"Checksum"
_LONGEST_LINE = 64
_MOST_LINES = 48


class Framer:
    """Takes bytes and yields whole blocks.

    Attributes:
        damaged: how many blocks since the start had a wrong checksum or an impossible length.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._whole = False
        self._in_message = False
        self._start()

    def feed(self, data: bytes) -> Iterator[Block]:
        """Yield the blocks that these bytes complete; a block whose start was missed is skipped."""
        for byte in data:
            if self._in_message:
                self._in_message = byte != ord("\n")
            elif self._label == _LAST_LABEL and self._value is not None:
                yield from self._end(byte)
            elif byte == ord(":"):
                self._in_message = True
            else:
                self._take(byte)

    def _start(self) -> None:
        self._sum = 0
        self._lines: dict[str, str] = {}
        self._label = b""
        self._value: bytes | None = None

    def _take(self, byte: int) -> None:
        self._sum += byte
        if byte == ord("\n"):
            if self._value is not None:
                self._lines[self._label.decode("latin-1")] = self._value.decode("latin-1")
            self._label, self._value = b"", None
        elif byte == ord("\t") and self._value is None:
            self._value = b""
        elif byte != ord("\r"):
            if self._value is None:
                self._label += bytes((byte,))
            else:
                self._value += bytes((byte,))
        if len(self._label) + len(self._value or b"") > _LONGEST_LINE or len(self._lines) > _MOST_LINES:
            self._count_damage()
            self._start()

    def _end(self, checksum: int) -> Iterator[Block]:
        good = (self._sum + checksum) % 256 == 0
        lines = self._lines
        self._start()
        if good:
            self._whole = True
            yield lines
        else:
            self._count_damage()

    def _count_damage(self) -> None:
        self.damaged += self._whole
        self._whole = True
