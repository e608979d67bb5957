"""Everything that can be made to go wrong: declared once, read by the model, the wire, the boards and the interface."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Literal, get_type_hints

import msgspec

Code = Annotated[int, msgspec.Meta(ge=0, le=255)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


def _says(text: str, *, armed: object = True) -> dict[str, object]:
    return {"text": text, "armed": armed}


@dataclass(slots=True)
class Faults:
    """One attribute for each fault: false or None while it is not there, else its argument."""

    adapter_unplugged: bool = field(
        default=False, metadata=_says("the serial port and its link are gone until the fault is cleared")
    )
    inverter_silent: bool = field(
        default=False, metadata=_says("nothing at all on the bus: the inverter gives the beat")
    )
    ags_silent: bool = field(default=False, metadata=_says("no AGS packets, while the AGS works on"))
    bmk_silent: bool = field(default=False, metadata=_says("no BMK packets"))
    flipped_bits: Share | None = field(
        default=None, metadata=_says("this share of packets carries one flipped bit", armed=0.02)
    )

    bmk_jump: Share | None = field(
        default=None,
        metadata=_says("the BMK believes this SOC and counts on from there, until the fault is cleared", armed=1.0),
    )
    bmk_frozen: bool = field(default=False, metadata=_says("the BMK repeats its last packet for ever"))
    bmk_thinking: bool = field(default=False, metadata=_says("the BMK says SOC 255, Think'n"))

    engine_does_not_start: bool = field(
        default=False, metadata=_says("every attempt fails; the AGS latches a fault after its last one")
    )
    engine_dies: Seconds | None = field(
        default=None, metadata=_says("the engine dies after this many seconds of running", armed=0.0)
    )
    engine_does_not_stop: bool = field(default=False, metadata=_says("the engine runs on whatever the AGS wants"))
    fuel_ends: bool = field(default=False, metadata=_says("nothing comes out of the tank"))
    ags_deaf: bool = field(
        default=False, metadata=_says("the AGS does not see the contact and stays ready: a broken wire")
    )
    ags_refuses: Code | None = field(
        default=None,
        metadata=_says(
            "the AGS shows this status and runs nothing: 1 off, 5 quiet time, 0, or a fault such as 25", armed=1
        ),
    )
    foreign_run: Code | None = field(
        default=None,
        metadata=_says(
            "the AGS runs the engine for a reason of its own: 3 manual, 8 volts, 12 time of day, 13 SOC", armed=8
        ),
    )
    shore: bool = field(
        default=False,
        metadata=_says("AC at the inverter's input that the AGS did not ask for: somebody started an engine by hand"),
    )

    relay_write_fails: Literal["exception", "ignored"] | None = field(
        default=None,
        metadata=_says(
            'writes are answered with exception 4 ("exception"), or with success and no effect ("ignored")',
            armed="exception",
        ),
    )
    relay_read_back_lies: bool = field(default=False, metadata=_says("reads say the opposite of every coil"))
    relay_silent: bool = field(default=False, metadata=_says("the board takes requests and answers none"))
    relay_welded: bool = field(
        default=False, metadata=_says("the contact of coil 0 stays as it is, while the board says what was asked of it")
    )


_TYPES = get_type_hints(Faults, include_extras=True)


class UnknownFaultError(Exception):
    """A fault that nobody declared; str() names those that exist."""


@dataclass(frozen=True)
class Declared:
    """One line of the list that people read: the name, what it does, and the argument it takes when none is given."""

    name: str
    text: str
    armed: object


def declared() -> list[Declared]:
    """Return every fault with its text and the argument that an empty request means."""
    return [Declared(part.name, part.metadata["text"], part.metadata["armed"]) for part in fields(Faults)]


def argument(name: str, value: object = None) -> object:
    """Return the checked argument of a fault; None means the declared one.

    Raises:
        UnknownFaultError: no such fault.
        msgspec.ValidationError: the argument is not what this fault takes.
    """
    for part in declared():
        if part.name == name:
            return part.armed if value is None else msgspec.convert(value, _TYPES[name])
    raise UnknownFaultError(f"found fault {name!r}, expected one of {', '.join(part.name for part in declared())}")


def cleared(name: str) -> object:
    """Return what a fault's attribute holds while the fault is not there."""
    argument(name)
    return Faults.__dataclass_fields__[name].default


def active(faults: Faults) -> dict[str, object]:
    """Return the faults that are there now, with their arguments."""
    return {part.name: value for part in fields(Faults) if (value := getattr(faults, part.name)) != part.default}
