"""Whether Network UPS Tools' upsmon may shut down the actuator's machine, which could then not start the engine."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from toolkit.findings import Finding

CONFIG = Path("/etc/nut/upsmon.conf")
_ADVICE = (
    f"Set its power value to 0 (MONITOR NAME 0 USER PASSWORD secondary) and MINSUPPLIES 0 in {CONFIG}, or: "
    "systemctl disable --now nut-monitor"
)


class Upsmon(NamedTuple):
    """An upsmon that runs here.

    Attributes:
        supplies: by the name of the UPS, how many power supplies of this machine hang on it; None: not readable.
    """

    supplies: dict[str, int] | None


def running(processes: Path = Path("/proc"), file: Path = CONFIG) -> Upsmon | None:
    """Return the upsmon that runs on this machine; None: none does."""
    for name in processes.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # a process that has just ended
            if name.read_text().strip() == "upsmon":
                return Upsmon(_supplies(file))
    return None


def _supplies(file: Path) -> dict[str, int] | None:
    try:
        return dict(_monitors(file.read_text(errors="replace")))
    except (OSError, ValueError):
        return None


def _monitors(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        if line.split(maxsplit=1)[:1] != ["MONITOR"]:
            continue
        parser = shlex.shlex(line, posix=True)
        parser.whitespace_split = True
        parser.quotes = '"'  # an apostrophe is a letter: NUT, common/parseconf.c
        words = list(parser)
        if len(words) > 2:
            yield words[1], int(words[2])


def finding(upsmon: Upsmon) -> Finding:
    """Return what is found: one that acts here ends the actuator before its emergency start."""
    check = "upsmon"
    if upsmon.supplies is None:
        text = f"It runs here; whether it may shut this machine down is not known: {CONFIG} cannot be read."
        return Finding(check=check, state="note", text=text, remedy="Look as root: sudo generator-actuator doctor")
    acting = [name for name, supplies in upsmon.supplies.items() if supplies > 0]
    if not acting:
        return Finding(check=check, state="well", text="It runs here with power value 0: it shuts nothing down.")
    text = f"It shuts this machine down when {', '.join(acting)} is low: nothing starts the generator then."
    return Finding(check=check, state="wrong", text=text, remedy=_ADVICE)
