"""What was found on one port or at one host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the exporter can read.

    Attributes:
        name: proposed for the configuration; made unique there.
        options: as they are written in the configuration.
        about: what it is, for a comment.
        amphours: capacity when full, as the batteries report it; 0: not reported, or not a battery.
    """

    name: str
    options: Mapping[str, Any]
    about: str
    amphours: float = 0.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on one port or at one host.

    Attributes:
        place: the port or the host.
        text: what is there, in a sentence.
        remedy: what to do, if anything.
        sources: the devices that can be read.
        relay: of a board that may be the generator's, the line for actuator.yml.
        silent: no byte was received, and nothing was asked.
    """

    place: str
    text: str
    remedy: str = ""
    sources: tuple[Source, ...] = ()
    relay: str = ""
    silent: bool = False
