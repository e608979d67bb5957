"""The programs of the loop as processes: each in its own process group, watched, and ended with its children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from simulator.demo.deployment import ROOT, Program

END_SECONDS = 10.0
"""How long a program may take to end after SIGTERM; then it is killed."""


class ProgramEndedError(Exception):
    """A program ended by itself; str() gives its name and the end of its log."""


class Processes:
    """The running programs, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, program: Program) -> None:
        """Start a program; its output goes to a file in the folder."""
        # Nothing is awaited between start and record, so an interruption loses no process.
        with self._log(program.name).open("ab") as log:
            # In its own session it does not get the terminal's Ctrl-C: the demo ends the programs in order.
            self._running[program.name] = subprocess.Popen(  # noqa: S603
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Check that every program still runs.

        Raises:
            ProgramEndedError: one has ended by itself.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProgramEndedError(
                    f"{name} ended by itself, exit status {process.returncode}\n{self._log_end(name)}"
                )

    def __contains__(self, name: object) -> bool:
        """Return whether this program was started and not ended."""
        return name in self._running

    async def end(self, *names: str) -> None:
        """End these programs together, with their children: SIGTERM first, SIGKILL when they do not end in time."""
        await asyncio.gather(*(self._end(name) for name in names if name in self._running))

    async def end_all(self) -> None:
        """End every program that still runs."""
        await self.end(*self._running)

    async def _end(self, name: str) -> None:
        process = self._running[name]
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, END_SECONDS)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        del self._running[name]

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _log_end(self, name: str, lines: int = 8) -> str:
        """Return the last lines of a program's log, indented."""
        with contextlib.suppress(FileNotFoundError):
            text = self._log(name).read_text(encoding="utf-8", errors="replace")
            return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
        return ""
