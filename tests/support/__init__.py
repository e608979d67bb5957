"""What tests of several rooms share: processes that end, free ports, waiting for an event with a deadline."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent.parent
T = TypeVar("T")


def free_port() -> int:
    """Return a TCP port on loopback that the system says is free, and will give to nobody who asks for any."""
    # Bound and not listening: a program that asks for this very port gets it, for all of ours set SO_REUSEADDR too; the
    # system does not give it to a connection or to another test.
    held = socket.socket()
    _held.append(held)
    held.bind(("127.0.0.1", 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port: int = held.getsockname()[1]
    return port


_held: list[socket.socket] = []


def wait_until(predicate: Callable[[], T | None], deadline_seconds: float, what: str) -> T:
    """Return the predicate's first true value, asked every 20 ms; fail, naming `what`, when the deadline passes."""
    end = time.monotonic() + deadline_seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_seconds} s: {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open no file and no socket within the context."""
    # What earlier tests left to the collector would give its descriptors back within the context.
    gc.collect()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def waited_for_processor(process: int, *, threads: bool = False) -> float:
    """Return for how many seconds in all a process has been ready to run while others had the processors.

    Source: the second number of schedstat, Documentation/scheduler/sched-stats.rst of the Linux kernel.

    Args:
        process: its number.
        threads: add up all its threads, instead of its first one alone.
    """
    nanoseconds = 0
    for path in Path(f"/proc/{process}").glob("task/*/schedstat" if threads else "schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            nanoseconds += int(path.read_text().split()[1])
    return nanoseconds / 1e9


class Process:
    """A command in a process group of its own, its output collected; leaving the context ends the whole group."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None):
        self.command = [str(part) for part in command]
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self.popen = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        return self

    def _collect(self) -> None:
        assert self.popen.stdout is not None
        self._lines.extend(iter(self.popen.stdout.readline, ""))

    @property
    def output(self) -> str:
        """Everything that the command has printed so far, both streams."""
        return "".join(self._lines)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, not to its children."""
        self.popen.send_signal(number)

    def wait(self, deadline_seconds: float) -> int:
        """Return the exit status; fail, with the output, when the command outlives the deadline."""
        try:
            code = self.popen.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.command} still runs after {deadline_seconds} s; output:\n{self.output}"
            ) from None
        self._reader.join(2)
        return code

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.popen.pid, number)
            except ProcessLookupError:
                break
            try:
                self.popen.wait(8)
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(5)
        self._reader.join(2)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        if kind is not None:
            sys.stderr.write(f"--- output of {' '.join(self.command)}\n{self.output}\n")


def run_command(
    *words: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, deadline_seconds: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return its exit status and what it printed."""
    return subprocess.run(
        words,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=deadline_seconds,
        check=False,
    )


def command(name: str) -> Path:
    """Return the path of one of our console scripts, next to the interpreter that runs the tests."""
    return Path(sys.executable).parent / name


def prometheus_tool(name: str) -> Path:
    """Return the path of prometheus, promtool, alertmanager or amtool: on PATH, else where `make tools` puts it.

    Debian calls Alertmanager's program `prometheus-alertmanager`.
    """
    unpacked = ROOT / ".local" / "prometheus" / "usr" / "bin"
    for candidate in (name, f"prometheus-{name}"):
        for folder in (None, str(unpacked)):
            found = shutil.which(candidate, path=folder)
            if found:
                return Path(found)
    raise AssertionError(f"{name} is neither on PATH nor in {unpacked}: run `make tools`, which fetches it")
