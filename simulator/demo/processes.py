"""The parts as processes: started in groups of their own, watched, and ended to the last one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from simulator.demo.layout import ROOT, Part

PATIENCE_SECONDS = 10.0
"""How long a part may take to end when asked; then it is killed."""


class PartEndedError(Exception):
    """A part ended by itself; str() says which, and how its log ends."""


class Processes:
    """What has been started. Starting one is a single step, so that no interruption loses a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, part: Part) -> None:
        """Start a part; what it says goes to a file in the folder."""
        with self.log(part.name).open("ab") as log:
            # In a session of its own Ctrl-C reaches only the teller, who ends the parts in order.
            self._running[part.name] = subprocess.Popen(  # noqa: S603
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Return the file that holds what a part said."""
        return self._folder / f"{name}.log"

    def check(self) -> None:
        """Raise when a part has ended that nobody ended.

        Raises:
            PartEndedError: one has.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise PartEndedError(
                    f"{name} ended by itself, exit status {process.returncode}\n{self.last_words(name)}"
                )

    def last_words(self, name: str, lines: int = 8) -> str:
        """Return the end of a part's log, indented."""
        with contextlib.suppress(FileNotFoundError):
            said = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            return "\n".join(f"    {line}" for line in said)
        return ""

    def __contains__(self, name: object) -> bool:
        """Return whether this part has been started and not been ended."""
        return name in self._running

    async def end(self, *names: str) -> None:
        """End these parts together: asked first, killed when they do not go; none of their children stays."""
        await asyncio.gather(*(self._end(name) for name in names if name in self._running))

    async def end_all(self) -> None:
        """End everything that is left."""
        await self.end(*self._running)

    async def _end(self, name: str) -> None:
        process = self._running[name]
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        del self._running[name]
