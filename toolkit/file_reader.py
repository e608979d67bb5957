"""Reads small files that a person has named: without waiting for a pipe's writer, and without reading for ever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST = 16 * 1024 * 1024
"""Bytes; a configuration, a password or a certificate is much smaller."""


def read_bytes(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it cannot be read, is a named pipe, or has more than LARGEST bytes.
    """
    with open(path, "rb", opener=_open) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "a named pipe, not a file", str(path))
        os.set_blocking(file.fileno(), True)
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, f"more than {LARGEST} bytes", str(path))
    return data


def _open(name: str, flags: int) -> int:
    # Without O_NONBLOCK, to open a named pipe would wait for its writer.
    return os.open(name, flags | os.O_NONBLOCK)


def read_text(path: Path) -> str:
    """Return the text of a file, with line ends as they are.

    Raises:
        OSError: see `read_bytes`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path).decode()
