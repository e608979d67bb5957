"""How the story is told: one sentence a line with the time of day; quiet colours on a terminal, none in a pipe."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

PLAIN, DIM, BOLD, GREEN, YELLOW, RED = "", "2", "1", "32", "33", "31"


class Voice:
    """Writes to one stream."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.terminal = stream.isatty()
        self._colours = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def say(self, sentence: str, colour: str = PLAIN) -> None:
        """Tell what has just happened."""
        self._write(f"{self._painted(time.strftime('%H:%M:%S'), DIM)}  {self._painted(sentence, colour)}")

    def aside(self, line: str = "", colour: str = PLAIN) -> None:
        """Write a line that is no event."""
        self._write(self._painted(line, colour))

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour and text else text
