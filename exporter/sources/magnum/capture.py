"""Recordings of a Magnum network, as text.

`record` writes one line for each chunk of bytes as it arrived: seconds since the start, a space, the bytes in
hexadecimal. The first line is a comment that names this format. `#` begins a comment, empty lines are ignored.

    # magnum capture 1: seconds since the begin, bytes in hexadecimal; begun 2026-01-15T08:00:00Z
    0.000 400001EC000976B6010033152C1F73010003025800FF
    0.031 0005DA8A643C200600D2FF880014011311007300A0

Recordings of other programs are read too: a word before the bytes that is no number is the packet's name and is
ignored, and the bytes may be alone on their line. Such lines get the times of a usual bus.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

BYTE_SECONDS = 10 / 19200
GAP_SECONDS = 0.01
LONG_GAP_SECONDS = 0.05
_INVERTER_WORD = "INVERTER"


class CaptureError(Exception):
    """A line cannot be read; `str` is the whole message with file and line."""


class Chunk(NamedTuple):
    """Bytes, and when they arrived, in seconds since the start."""

    at: float
    data: bytes


def header(begun: dt.datetime) -> str:
    """Return a recording's first line."""
    when = begun.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"# magnum capture 1: seconds since the begin, bytes in hexadecimal; begun {when}\n"


def line(chunk: Chunk) -> str:
    """Return a recording's line."""
    return f"{chunk.at:.3f} {chunk.data.hex().upper()}\n"


def read(lines: Iterable[str], name: str) -> Iterator[Chunk]:
    """Yield the chunks of a recording; raises CaptureError naming the line."""
    at = 0.0
    for number, text in enumerate(lines, 1):
        words = text.split("#", 1)[0].split()
        if not words:
            continue
        try:
            data = bytes.fromhex(words[-1])
        except ValueError:
            data = b""
        if len(words) > 2 or not data:
            raise CaptureError(f"{name}:{number}: got {text.strip()[:60]!r}, expected seconds and bytes in hexadecimal")
        word = words[0] if len(words) == 2 else ""
        try:
            at = float(word)
        except ValueError:
            at += len(data) * BYTE_SECONDS + (LONG_GAP_SECONDS if word == _INVERTER_WORD else GAP_SECONDS)
        yield Chunk(at, data)


def load(path: Path) -> list[Chunk]:
    """Return the chunks of a file; raises CaptureError when it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(read(file, str(path)))
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror}") from error


class Recorder:
    """Writes a recording."""

    def __init__(self, file: TextIO, begun: dt.datetime) -> None:
        self._file = file
        self._begin: float | None = None
        file.write(header(begun))

    def add(self, data: bytes, at: float) -> None:
        """Add bytes that arrived at monotonic `at`."""
        if self._begin is None:
            self._begin = at
        self._file.write(line(Chunk(at - self._begin, data)))
        self._file.flush()
