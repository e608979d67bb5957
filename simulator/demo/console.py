"""The output of the demo: one event a line with the time of day; in colour on a terminal, plain in a pipe."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

PLAIN, DIM, BOLD, GREEN, YELLOW, RED = "", "2", "1", "32", "33", "31"


class Console:
    """Prints to one stream."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.terminal = stream.isatty()
        self._colours = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def event(self, sentence: str, colour: str = PLAIN) -> None:
        """Print what has just happened, with the time."""
        self._write(f"{self._coloured(time.strftime('%H:%M:%S'), DIM)}  {self._coloured(sentence, colour)}")

    def text(self, line: str = "", colour: str = PLAIN) -> None:
        """Print a line without the time."""
        self._write(self._coloured(line, colour))

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour and text else text
