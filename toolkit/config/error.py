"""The one exception that a refused configuration raises."""

from __future__ import annotations


class ConfigError(Exception):
    """A configuration is refused; `str()` of it is all that a person needs to read.

    Args:
        where: dotted path of the place, "" for the whole document; in a struct's `__post_init__`, relative to it.
        found: what is there; with `expected` empty, a whole sentence.
        expected: what should be there, or what to do.
        file: the file as the person named it.
        line: counted from 1.
    """

    def __init__(
        self, where: str, found: str, expected: str, *, file: str | None = None, line: int | None = None
    ) -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.file = file
        self.line = line
        place = ":".join(str(part) for part in (file, line) if part is not None)
        what = f"found {found}, expected {expected}" if expected else found
        super().__init__(": ".join(part for part in (place, where, what) if part))

    def under(self, where: str, *, file: str | None, line: int | None) -> ConfigError:
        """Return the same refusal with its place in a larger document; a file and a line already known stay."""
        return ConfigError(
            joined(where, self.where),
            self.found,
            self.expected,
            file=self.file or file,
            line=self.line or line,
        )


def joined(where: str, step: object) -> str:
    """Return a path with one more step: a key, an index (an int in a list, written "[0]"), or a whole path."""
    text = str(step)
    return where + text if not where or not text or text.startswith("[") else f"{where}.{text}"
