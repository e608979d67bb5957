"""Questions to a person in a terminal, each with a sensible answer offered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

Check = Callable[[str], str]
"""Returns what is wrong with an answer; empty: nothing."""


class Dialogue:
    """Asks in a terminal.

    Args:
        answers: where the person's lines come from.
        out: where questions are written.
    """

    def __init__(self, answers: TextIO, out: TextIO) -> None:
        self._answers = answers
        self._out = out

    def say(self, text: str = "") -> None:
        """Write a line."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def line(self, question: str) -> str:
        """Return the line that follows a question, without blanks around it.

        Raises:
            EOFError: the person has ended the input.
        """
        self._out.write(question)
        self._out.flush()
        line = self._answers.readline()
        if not line:
            raise EOFError
        return line.strip()

    def ask(self, question: str, default: str = "", *, check: Check = lambda _answer: "") -> str:
        """Return an answer that nothing is wrong with; an empty line takes the default."""
        while True:
            answer = self.line(f"{question} [{default}]: " if default else f"{question}: ") or default
            wrong = check(answer)
            if not wrong:
                return answer
            self.say(f"  {wrong}")

    def confirm(self, question: str) -> bool:
        """Return whether the person types yes; anything else, and an empty line, is no."""
        return self.line(f"{question} Type yes, or Enter for no: ").lower() == "yes"

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return which of the options the person chooses, counted from 0; the first one is offered."""
        for number, option in enumerate(options, 1):
            self.say(f"  {number}  {option}")

        def check(answer: str) -> str:
            known = answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(options)
            return "" if known else f'got "{answer}", expected a number from 1 to {len(options)}'

        return int(self.ask(question, "1", check=check)) - 1


def terminal() -> Dialogue | None:
    """Return a dialogue with the person at the terminal; None: there is none."""
    return Dialogue(sys.stdin, sys.stdout) if sys.stdin.isatty() and sys.stdout.isatty() else None
