"""A command at a pseudo-terminal, driven as a person would: wait for a question, type an answer."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support import wait_until


class Terminal:
    """Runs a command whose terminal this is; leaving the context ends it.

    Attributes:
        screen: everything that it has shown so far, without carriage returns.
    """

    def __init__(
        self, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = [str(word) for word in command]
        self._cwd = cwd
        self._env = {**os.environ, **(env or {})}
        self.screen = ""
        self._read = 0

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        # In a session of its own, of which this is the terminal: Ctrl-C then interrupts it.
        words = ["setsid", "--ctty", *self._command]
        self.popen = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=self._cwd, env=self._env)
        os.close(theirs)
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        return self

    def _collect(self) -> None:
        while self._woken not in (ready := select.select([self._ours, self._woken], [], [])[0]):
            assert ready
            try:
                data = os.read(self._ours, 4096)
            except OSError:
                return
            self.screen += data.decode(errors="replace").replace("\r", "")

    def expect(self, text: str, deadline_seconds: float = 20) -> str:
        """Wait until a text is shown after what was expected before; return what was shown up to its end."""

        def found() -> int:
            at = self.screen.find(text, self._read)
            return at + len(text) if at >= 0 else 0

        try:
            end = wait_until(found, deadline_seconds, f"{text!r} on the screen")
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.screen[self._read :]}") from None
        shown = self.screen[self._read : end]
        self._read = end
        return shown

    def type(self, answer: str) -> None:
        """Type an answer and Enter."""
        os.write(self._ours, answer.encode() + b"\n")

    def answer(self, question: str, answer: str = "", deadline_seconds: float = 20) -> None:
        """Wait for a question, and type an answer; Enter alone takes what is offered."""
        self.expect(question, deadline_seconds)
        self.type(answer)

    def wait(self, deadline_seconds: float = 20) -> int:
        """Return the exit status; fail, with the screen, when the command outlives the deadline."""
        try:
            code = self.popen.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {deadline_seconds} s; the screen:\n{self.screen}") from None
        self._thread.join(2)
        return code

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(8)
        os.write(self._wake, b"x")
        self._thread.join(5)
        for end in (self._ours, self._woken, self._wake):
            os.close(end)
