"""What was built: the version, and the commit that the build hook wrote into the package's metadata."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple


class Build(NamedTuple):
    """A build of this program.

    Attributes:
        version: the distribution's version.
        revision: the commit that it was built from; empty when it was built outside a checkout.
    """

    version: str
    revision: str = ""

    def __str__(self) -> str:
        """Return "0.1.0", with the commit where it is known: "0.1.0, revision 0123abcd"."""
        return f"{self.version}, revision {self.revision}" if self.revision else self.version


def installed(distribution: str) -> Build:
    """Return the build of a distribution that is installed, the first one on Python's path.

    Raises:
        LookupError: none is.
    """
    # importlib.metadata does the same, and loads what reads mail and unpacks archives: a megabyte for as long as the
    # program runs, and on a slow machine a tenth of a second of its start.
    name = f"{distribution.replace('-', '_')}-"
    for folder in sys.path:
        for metadata in Path(folder).glob(f"{name}*.dist-info"):
            revision = metadata / "extra_metadata" / "revision"
            version = metadata.stem.removeprefix(name)
            return Build(version, revision.read_text(encoding="utf-8").strip() if revision.is_file() else "")
    raise LookupError(f"{distribution} is not installed")
