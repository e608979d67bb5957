"""What a set-up does to the machine: files that replace none without a copy, and services that are started."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from toolkit import durable_file
from toolkit.dialogue import Dialogue

SYSTEMD = Path("/run/systemd/system")
"""A folder that exists where systemd is the service manager (sd_booted(3))."""

_MODE = 0o644
"""Of a new configuration file, which the user of its service must be able to read, and which holds no secret."""


def faults_of(file: Path, text: str, *, beside: str, faults: Callable[[Path], str]) -> str:
    """Return what is wrong with a text as the file at a path, by a copy elsewhere; empty: nothing.

    Args:
        file: where the text will be.
        text: of the configuration.
        beside: name of the other program's file, which is judged with it where it is there.
        faults: returns what is wrong with the file at a path.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial, other = Path(folder) / file.name, file.with_name(beside)
        trial.write_text(text)
        if other.is_file():
            trial.with_name(beside).write_bytes(other.read_bytes())
        return faults(trial).replace(f"{folder}/", f"{file.parent}/")


def write_keeping(path: Path, text: str) -> Path | None:
    """Write a file; return where the one that was there before is kept, None: there was none, or the same.

    Raises:
        OSError: it could not be written, or is a link, which may lead to a file of somebody else's.
    """
    if path.is_symlink():
        raise OSError(f"{path} is a link: remove it, or name the file that it leads to")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        durable_file.replace(path, text.encode())
        path.chmod(_MODE)
        return None
    if path.read_text(encoding="utf-8", errors="replace") == text:
        return None
    before, kept = path.stat(), _free(path)
    # Another name for the present file, which keeps its owner and mode; the new one gets the same.
    os.link(path, kept)
    durable_file.replace(path, text.encode())
    os.chown(path, before.st_uid, before.st_gid)
    path.chmod(before.st_mode & 0o777)
    return kept


def write_web_config(path: Path, text: str, group: str) -> None:
    """Write a web configuration where there is none, for one group alone: it may get users and their hashes.

    Raises:
        OSError: it could not be written.
    """
    if path.exists():
        return
    write_keeping(path, text)
    # Without the group, or the right to give a file to it, everybody may read what has no secret yet.
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, group=group)
        path.chmod(0o640)


def _free(path: Path) -> Path:
    """Return a name for the copy of a file: earlier copies are kept too."""
    number, kept = 1, path.with_name(f"{path.name}.old")
    while kept.exists() or kept.is_symlink():
        number += 1
        kept = path.with_name(f"{path.name}.old{number}")
    return kept


def offer_service(dialogue: Dialogue, unit: str, *, then: str) -> bool:
    """Start a service now and at each boot if the person says yes; return whether it was started.

    Args:
        dialogue: with the person.
        unit: its name.
        then: what follows from it, in a sentence.
    """
    by_hand = f"systemctl enable --now {unit}"
    if not SYSTEMD.is_dir():
        dialogue.say(f"systemd does not run here. Where it does: {by_hand}")
        return False
    if not dialogue.confirm(f"Start {unit} now and at each boot? {then}"):
        dialogue.say(f"Not started. Later: {by_hand}")
        return False
    # One that runs already takes the new file.
    for command in (("systemctl", "enable", unit), ("systemctl", "reload-or-restart", unit)):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constants
        except OSError as error:
            dialogue.say(f"systemctl cannot be run: {error}")
            return False
        if done.returncode:
            dialogue.say(f"It did not start: {done.stderr.strip() or done.stdout.strip()}")
            dialogue.say(f"Look why: systemctl status {unit}; journalctl -u {unit}")
            return False
    dialogue.say(f"{unit} is started, and starts at each boot.")
    return True
