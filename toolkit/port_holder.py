"""Which other program has a serial port."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LOCKS = (Path("/run/lock"), Path("/var/lock"))
"""Where programs such as minicom put a file LCK..ttyUSB0 with their number (Filesystem Hierarchy Standard, 5.9)."""


def holder(port: Path) -> str | None:
    """Return a process that has the port open or locked, as its number and command; None: none that this user sees."""
    device = port.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if any(link.resolve() == device for link in (process / "fd").iterdir()):
                return _described(process)
    return _locked(device)


def _locked(device: Path) -> str | None:
    """Return the living process whose lock file names the device."""
    for folder in _LOCKS:
        with contextlib.suppress(OSError, ValueError):
            process = Path("/proc") / str(int((folder / f"LCK..{device.name}").read_text().split()[0]))
            if process.is_dir() and process.name != str(os.getpid()):
                return _described(process)
    return None


def _described(process: Path) -> str:
    command = ""
    with contextlib.suppress(OSError):
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return f"process {process.name} ({command})"
