"""Small files that are on the disk once they are written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def replace(path: Path, data: bytes) -> None:
    """Write a new file next to the old one and rename it: after a power cut either one is there whole.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        write_through(file, data)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_through(file: BinaryIO, data: bytes) -> None:
    """Write from where the file stands, end it there, and wait for the disk; raises OSError."""
    file.write(data)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())
