"""Files with secrets that everybody may read, and files that everybody may write and so put secrets into."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from toolkit import log

_log = log.get(__name__)


def exposed_secret(place: str, path: Path) -> Iterator[str]:
    """Yield what is wrong and what to do, if every user of the machine may read or write a file with a secret.

    Args:
        place: where it is named, such as "exporter.password_file".
        path: the file; one that cannot be looked at is not exposed.
    """
    yield from _exposed(place, path, stat.S_IROTH | stat.S_IWOTH, "0640: chmod 0640")


def exposed_settings(place: str, path: Path) -> Iterator[str]:
    """Yield what is wrong and what to do, if every user of the machine may write the file; see `exposed_secret`."""
    # Its group may not be the program's, which has to read it.
    yield from _exposed(place, path, stat.S_IWOTH, "0644 at most: chmod o-w")


def _exposed(place: str, path: Path, forbidden: int, expected: str) -> Iterator[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & forbidden:
        what = "write" if mode & stat.S_IWOTH else "read"
        yield f"{place}: got {path} with mode {mode:04o}, which everybody may {what}, expected {expected} {path}"


def report(find: Callable[[], Iterable[str]], registry: CollectorRegistry, *, prefix: str) -> None:
    """Log each exposed file, and count them in a metric from now on.

    Args:
        find: returns a sentence for each.
        registry: of the program.
        prefix: the prefix of its metric names.
    """
    for sentence in find():
        _log.warning("file is exposed", text=sentence)
    Gauge(
        f"{prefix}_exposed_files",
        "Number of files with a password or a key that everybody may read, and of those that everybody may write.",
        registry=registry,
    ).set_function(lambda: float(len(tuple(find()))))
