"""Small files that are on the disk once they are written."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import BinaryIO

STATE = Path("/var/lib")
"""Where a service manager makes the folders of its services (StateDirectory=) before it starts them."""


def replace(path: Path, data: bytes) -> None:
    """Write a new file next to the old one and rename it: after a power cut either one is there whole.

    The mode of the old one stays.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    # A name that nobody can guess, and no file that is there: not that of another writer, and no link of a stranger.
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(descriptor, path.stat().st_mode & 0o777)
            write_through(file, data)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def cannot_write(folder: Path, *, made_if_missing: bool = False) -> str | None:
    """Return why no file can be made in a folder; None: it can.

    Args:
        folder: nothing is left in it.
        made_if_missing: a missing folder is made later, so the nearest one above it counts.
    """
    there = folder
    if there.parent == STATE and not there.exists():
        return None
    while made_if_missing and not there.exists():
        there = there.parent
    if there.exists() and not there.is_dir():
        return f"{there} is a file"
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except FileNotFoundError:
        return f"there is no folder {there}"
    except OSError as error:
        return f"this user cannot write in {there} ({error.strerror})"


def write_through(file: BinaryIO, data: bytes) -> None:
    """Write from where the file stands, end it there, and wait for the disk; raises OSError."""
    file.write(data)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())
