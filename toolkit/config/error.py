"""The exception for an invalid configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

from toolkit.formatting import printable


class ConfigError(Exception):
    """An invalid configuration; `str()` of it is a whole message, with its place, and a line for each of the others.

    Args:
        where: dotted path of the place, "" for the whole document; in a struct's `__post_init__`, relative to it.
        got: what is there; a whole sentence when `expected` is empty.
        expected: what should be there, or what to do.
        file: the file as the user named it.
        line: counted from 1.
        others: what else is wrong.
    """

    def __init__(
        self,
        where: str,
        got: str,
        expected: str,
        *,
        file: str | None = None,
        line: int | None = None,
        others: Iterable[Self] = (),
    ) -> None:
        self.where = where
        self.got = got
        self.expected = expected
        self.file = file
        self.line = line
        self.others = tuple(others)
        place = ":".join(str(part) for part in (file, line) if part is not None)
        what = f"got {got}, expected {expected}" if expected else got
        # Names and values of the file are in it, which may hold line ends and what moves a terminal's cursor.
        own = printable(": ".join(part for part in (place, where, what) if part))
        super().__init__("\n".join((own, *map(str, self.others))))

    def under(self, where: str, *, file: str | None, line: int | None) -> ConfigError:
        """Return the same error with its place in a larger document; a known file and line stay."""
        return ConfigError(
            joined(where, self.where),
            self.got,
            self.expected,
            file=self.file or file,
            line=self.line or line,
            others=[other.under(where, file=file, line=line) for other in self.others],
        )

    def each(self) -> list[ConfigError]:
        """Return every error by itself."""
        own = ConfigError(self.where, self.got, self.expected, file=self.file, line=self.line)
        return [own, *(one for other in self.others for one in other.each())]


def together(errors: Iterable[ConfigError]) -> ConfigError:
    """Return errors, at least one, as one: in the order of their lines, and the first of each place."""
    single = [one for error in errors for one in error.each()]
    by_place = {(one.file, one.where): one for one in reversed(single)}
    first, *others = sorted(
        (one for one in single if by_place[one.file, one.where] is one),
        key=lambda one: math.inf if one.line is None else one.line,
    )
    return ConfigError(first.where, first.got, first.expected, file=first.file, line=first.line, others=others)


def refuse(errors: Iterable[ConfigError]) -> None:
    """Raise all of the errors as one, for a struct's `__post_init__`; nothing if there is none."""
    found = list(errors)
    if found:
        raise together(found)


def joined(where: str, step: object) -> str:
    """Return a path with one more step: a key, an index (an int in a list, written "[0]"), or a whole path."""
    text = str(step)
    return where + text if not where or not text or text.startswith("[") else f"{where}.{text}"
