"""Small files that are on the disk once they are written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

STATE = Path("/var/lib")
"""Where a service manager makes the folders of its services (StateDirectory=) before it starts them."""


def replace(path: Path, data: bytes) -> None:
    """Write a new file next to the old one and rename it: after a power cut either one is there whole.

    The mode of the old one stays. New files that earlier power cuts have left are removed.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    _remove_left(path)
    new, descriptor = _create(path)
    try:
        # Renamed before it is closed: until then its lock says that it is being written.
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


def _create(path: Path) -> tuple[Path, int]:
    """Return a new file next to a path, and its descriptor, which holds a lock on it."""
    while True:
        # A name that nobody can guess, and no file that is there: not that of another writer, and no link of a
        # stranger.
        new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = not os.fstat(descriptor).st_nlink
        except BlockingIOError:
            taken = True
        except OSError:
            taken = False  # a file system without locks, on which none is removed either
        if not taken:
            return new, descriptor
        # Another writer was faster than the lock, and removes it as one that was left behind.
        os.close(descriptor)
        new.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    """Remove the new files of a path that nobody writes any more: a power cut or a kill came before their rename."""
    name = re.compile(rf"{re.escape(path.name)}\.[0-9a-f]{{16}}\.new")
    try:
        left = [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]
    except OSError:
        return  # whoever writes next finds out why
    for file in left:
        with contextlib.suppress(OSError):
            # Never a link, and without waiting for a pipe.
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    file.unlink()
            finally:
                os.close(descriptor)


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
