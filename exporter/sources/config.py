"""What the options of every family share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import msgspec

from exporter.sources.base import Publish, Source


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """The options of one source; `type` names the family."""

    @property
    def line(self) -> str | None:
        """The port that no other source may use as well; None when it may be shared."""
        return None

    @abstractmethod
    def open(self, name: str, publish: Publish) -> Source[Any]:
        """Make the source, not yet started; touches no device."""
        raise NotImplementedError
