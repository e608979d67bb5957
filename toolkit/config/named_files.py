"""Files that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolkit import file_reader
from toolkit.config.error import ConfigError


def unreadable(where: str, path: Path) -> Iterator[ConfigError]:
    """Yield an error if this user cannot read the file that the configuration names there."""
    try:
        file_reader.read_bytes(path)
    except OSError as error:
        yield ConfigError(where, f"{path}: {error.strerror}", "a file that this user may read")
