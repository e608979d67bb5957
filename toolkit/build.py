"""What was built: the version, and the commit that the build hook wrote into the package's metadata."""

from __future__ import annotations

import importlib.metadata
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
    """Return the build of a distribution that is installed; raises PackageNotFoundError when it is not."""
    metadata = importlib.metadata.distribution(distribution)
    return Build(metadata.version, (metadata.read_text("extra_metadata/revision") or "").strip())
