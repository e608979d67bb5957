"""Everything that can be made to go wrong: declared once, read by the model, the wire, the boards and the interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_type_hints

import msgspec

from simulator.lies import Code, Lies, Seconds, SerialLies, Share, says


@dataclass(slots=True)
class Faults:
    """One attribute for each fault: false or None while it is not there, else its argument."""

    adapter_unplugged: bool = field(
        default=False, metadata=says("the serial port and its link are gone until the fault is cleared")
    )
    inverter_silent: bool = field(
        default=False, metadata=says("nothing at all on the bus: the inverter gives the beat")
    )
    ags_silent: bool = field(default=False, metadata=says("no AGS packets, while the AGS works on"))
    bmk_silent: bool = field(default=False, metadata=says("no BMK packets"))
    flipped_bits: Share | None = field(
        default=None, metadata=says("this share of packets carries one flipped bit", armed=0.02)
    )

    bmk_jump: Share | None = field(
        default=None,
        metadata=says("the BMK believes this SOC and counts on from there, until the fault is cleared", armed=1.0),
    )
    bmk_frozen: bool = field(default=False, metadata=says("the BMK repeats its last packet for ever"))
    bmk_soc_stuck: bool = field(
        default=False, metadata=says("the BMK's SOC and ampere-hours stand still, its volts and amperes live")
    )
    bmk_thinking: bool = field(default=False, metadata=says("the BMK says SOC 255, Think'n"))

    engine_does_not_start: bool = field(
        default=False, metadata=says("every attempt fails; the AGS latches a fault after its last one")
    )
    engine_dies: Seconds | None = field(
        default=None, metadata=says("the engine dies after this many seconds of running", armed=0.0)
    )
    engine_does_not_stop: bool = field(default=False, metadata=says("the engine runs on whatever the AGS wants"))
    fuel_ends: bool = field(default=False, metadata=says("nothing comes out of the tank"))
    ags_deaf: bool = field(
        default=False, metadata=says("the AGS does not see the contact and stays ready: a broken wire")
    )
    ags_refuses: Code | None = field(
        default=None,
        metadata=says(
            "the AGS shows this status and runs nothing: 1 off, 5 quiet time, 0, or a fault such as 25", armed=1
        ),
    )
    foreign_run: Code | None = field(
        default=None,
        metadata=says(
            "the AGS runs the engine for a reason of its own: 3 manual, 8 volts, 12 time of day, 13 SOC", armed=8
        ),
    )
    shore: bool = field(
        default=False,
        metadata=says("AC at the inverter's input that the AGS did not ask for: somebody started an engine by hand"),
    )

    relay_write_fails: Literal["exception", "ignored"] | None = field(
        default=None,
        metadata=says(
            'writes are answered with exception 4 ("exception"), or with success and no effect ("ignored")',
            armed="exception",
        ),
    )
    relay_read_back_lies: bool = field(default=False, metadata=says("reads say the opposite of every coil"))
    relay_dead: bool = field(
        default=False, metadata=says("the board hangs up on every connection, its serial port is gone; coils stay")
    )
    relay_silent: bool = field(default=False, metadata=says("the board takes requests and answers none"))
    relay_welded: bool = field(
        default=False, metadata=says("the contact of coil 0 stays as it is, while the board says what was asked of it")
    )

    classic: Lies = field(default_factory=Lies)
    bms: Lies = field(default_factory=Lies)
    aims: SerialLies = field(default_factory=SerialLies)


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
    return [Declared(name, part.metadata["text"], part.metadata["armed"]) for name, _, part in _places(Faults())]


def put(faults: Faults, name: str, value: object = None) -> None:
    """Make a fault be there; without a value, with its declared argument.

    Raises:
        UnknownFaultError: no such fault.
        msgspec.ValidationError: the value is not what this fault takes.
    """
    holder, part = _find(faults, name)
    kind = get_type_hints(type(holder), include_extras=True)[part.name]
    setattr(holder, part.name, part.metadata["armed"] if value is None else msgspec.convert(value, kind))


def take(faults: Faults, name: str) -> None:
    """Take a fault away.

    Raises:
        UnknownFaultError: no such fault.
    """
    holder, part = _find(faults, name)
    setattr(holder, part.name, part.default)


def active(faults: Faults) -> dict[str, object]:
    """Return the faults that are there now, with their arguments."""
    said = ((name, getattr(holder, part.name), part.default) for name, holder, part in _places(faults))
    return {name: value for name, value, default in said if value is not default}


def _places(faults: Faults) -> Iterator[tuple[str, Faults | Lies | SerialLies, Field[Any]]]:
    for part in fields(faults):
        if part.metadata:
            yield part.name, faults, part
        else:
            device = getattr(faults, part.name)
            for lie in fields(device):
                yield f"{part.name}_{lie.name}", device, lie


def _find(faults: Faults, name: str) -> tuple[Faults | Lies | SerialLies, Field[Any]]:
    for known, holder, part in _places(faults):
        if known == name:
            return holder, part
    raise UnknownFaultError(
        f"found fault {name!r}, expected one of {', '.join(known for known, _, _ in _places(faults))}"
    )
