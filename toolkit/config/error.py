"""The exception for an invalid configuration."""

from __future__ import annotations


class ConfigError(Exception):
    """An invalid configuration; `str()` of it is a whole message, with its place.

    Args:
        where: dotted path of the place, "" for the whole document; in a struct's `__post_init__`, relative to it.
        got: what is there; a whole sentence when `expected` is empty.
        expected: what should be there, or what to do.
        file: the file as the user named it.
        line: counted from 1.
    """

    def __init__(
        self, where: str, got: str, expected: str, *, file: str | None = None, line: int | None = None
    ) -> None:
        self.where = where
        self.got = got
        self.expected = expected
        self.file = file
        self.line = line
        place = ":".join(str(part) for part in (file, line) if part is not None)
        what = f"got {got}, expected {expected}" if expected else got
        super().__init__(": ".join(part for part in (place, where, what) if part))

    def under(self, where: str, *, file: str | None, line: int | None) -> ConfigError:
        """Return the same error with its place in a larger document; a known file and line stay."""
        return ConfigError(
            joined(where, self.where),
            self.got,
            self.expected,
            file=self.file or file,
            line=self.line or line,
        )


def joined(where: str, step: object) -> str:
    """Return a path with one more step: a key, an index (an int in a list, written "[0]"), or a whole path."""
    text = str(step)
    return where + text if not where or not text or text.startswith("[") else f"{where}.{text}"
