"""How a device that is asked can answer wrongly; the same list for each, under its own name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

Code = Annotated[int, msgspec.Meta(ge=0, le=255)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Difference = Annotated[float, msgspec.Meta(ge=-1, le=1)]


def says(text: str, *, armed: object = True) -> dict[str, object]:
    """Return the metadata of a fault: what it does, and the argument that an empty request means."""
    return {"text": text, "armed": armed}


@dataclass(slots=True)
class Lies:
    """One attribute for each way: false or None while it is not there, else its argument."""

    dead: bool = field(default=False, metadata=says("hangs up on every connection; on a serial line, the port is gone"))
    silent: bool = field(default=False, metadata=says("takes requests and answers none"))
    slow: Seconds | None = field(default=None, metadata=says("answers after this many seconds", armed=10.0))
    exception: Code | None = field(default=None, metadata=says("answers with this exception code", armed=4))
    short: bool = field(default=False, metadata=says("answers with one register less than asked"))
    wrong_function: bool = field(default=False, metadata=says("answers as if asked by another function"))
    frozen: bool = field(default=False, metadata=says("repeats what it knew when this began, clock and all"))
    unknown: bool = field(
        default=False, metadata=says("does not know its state of charge: the monitor or the battery is gone")
    )
    soc: Share | None = field(default=None, metadata=says("says this state of charge", armed=1.0))
    soc_offset: Difference | None = field(
        default=None, metadata=says("says so much more or less than the truth", armed=-0.15)
    )


@dataclass(slots=True)
class SerialLies:
    """The ways of a device that speaks text on a serial line."""

    dead: bool = field(default=False, metadata=says("the port is gone"))
    silent: bool = field(default=False, metadata=says("answers nothing"))
    slow: Seconds | None = field(default=None, metadata=says("answers after this many seconds", armed=10.0))
    frozen: bool = field(default=False, metadata=says("repeats what it knew when this began"))
    reply: Literal["nak", "(nak", "ack", "echo", "dashes", "nul", "padded", "truncated"] | None = field(
        default=None, metadata=says("answers in this odd form", armed="nak")
    )


def told_soc(lies: Lies, soc: float) -> float:
    """Return the state of charge (ratio) that a device tells when the truth is `soc`."""
    if lies.soc is not None:
        return lies.soc
    return min(1.0, max(0.0, soc + (lies.soc_offset or 0.0)))
