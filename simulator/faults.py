"""Every fault that can be injected: declared once, used by the model, the bus, the devices and the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_type_hints

import msgspec

from simulator.device_faults import Code, DeviceFaults, Seconds, SerialDeviceFaults, Share, described


@dataclass(slots=True)
class Faults:
    """One attribute for each fault: false or None while it is off, otherwise its argument."""

    adapter_unplugged: bool = field(
        default=False, metadata=described("the serial port and its link are gone until the fault is cleared")
    )
    inverter_silent: bool = field(
        default=False, metadata=described("no packets at all on the bus: every device sends in step with the inverter")
    )
    ags_silent: bool = field(default=False, metadata=described("no AGS packets; the AGS itself works on"))
    bmk_silent: bool = field(default=False, metadata=described("no BMK packets"))
    flipped_bits: Share | None = field(
        default=None, metadata=described("this share of packets has one flipped bit", default=0.02)
    )

    bmk_jump: Share | None = field(
        default=None,
        metadata=described("the BMK jumps to this SOC and counts on from there until it is cleared", default=1.0),
    )
    bmk_frozen: bool = field(default=False, metadata=described("the BMK repeats its last packet"))
    bmk_soc_stuck: bool = field(
        default=False,
        metadata=described("the BMK's SOC and ampere-hours stay the same; its volts and amperes change"),
    )
    bmk_thinking: bool = field(default=False, metadata=described("the BMK reports SOC 255, Think'n"))

    engine_does_not_start: bool = field(
        default=False, metadata=described("every start attempt fails; the AGS latches a fault after the last one")
    )
    engine_dies: Seconds | None = field(
        default=None, metadata=described("the engine stops by itself after this many seconds of running", default=0.0)
    )
    engine_does_not_stop: bool = field(default=False, metadata=described("the engine runs on when the AGS stops it"))
    fuel_ends: bool = field(default=False, metadata=described("the engine gets no fuel"))
    ags_deaf: bool = field(
        default=False, metadata=described("a broken wire: the AGS does not see the contact and stays ready")
    )
    ags_refuses: Code | None = field(
        default=None,
        metadata=described(
            "the AGS shows this status and starts nothing: 1 off, 5 quiet time, 0, or a fault such as 25", default=1
        ),
    )
    foreign_run: Code | None = field(
        default=None,
        metadata=described(
            "the AGS runs the engine for its own reason: 3 manual, 8 volts, 12 time of day, 13 SOC", default=8
        ),
    )
    shore: bool = field(
        default=False,
        metadata=described("AC at the inverter's input without a start by the AGS: someone started the engine by hand"),
    )

    relay_write_fails: Literal["exception", "ignored"] | None = field(
        default=None,
        metadata=described(
            'the board answers writes with exception 4 ("exception"), or with success but no effect ("ignored")',
            default="exception",
        ),
    )
    relay_read_back_lies: bool = field(default=False, metadata=described("reads return the opposite of every coil"))
    relay_dead: bool = field(
        default=False,
        metadata=described("the board closes every connection, its serial port is gone; its coils stay"),
    )
    relay_silent: bool = field(default=False, metadata=described("the board receives requests and answers none"))
    relay_welded: bool = field(
        default=False,
        metadata=described("the contact of coil 0 stays as it is; the board reports what was commanded"),
    )

    classic: DeviceFaults = field(default_factory=DeviceFaults)
    bms: DeviceFaults = field(default_factory=DeviceFaults)
    aims: SerialDeviceFaults = field(default_factory=SerialDeviceFaults)


class UnknownFaultError(Exception):
    """There is no such fault; str() lists those that exist."""


@dataclass(frozen=True)
class FaultDescription:
    """A fault for the list that people read: its name, its description, and its argument when a request gives none."""

    name: str
    text: str
    default: object


def declared() -> list[FaultDescription]:
    """Return every fault."""
    return [
        FaultDescription(name, part.metadata["text"], part.metadata["default"]) for name, _, part in _every(Faults())
    ]


def set_fault(faults: Faults, name: str, value: object = None) -> None:
    """Set a fault; without a value, to its default argument.

    Raises:
        UnknownFaultError: no such fault.
        msgspec.ValidationError: the value is not what this fault takes.
    """
    holder, part = _find(faults, name)
    kind = get_type_hints(type(holder), include_extras=True)[part.name]
    setattr(holder, part.name, part.metadata["default"] if value is None else msgspec.convert(value, kind))


def clear_fault(faults: Faults, name: str) -> None:
    """Clear a fault.

    Raises:
        UnknownFaultError: no such fault.
    """
    holder, part = _find(faults, name)
    setattr(holder, part.name, part.default)


def active(faults: Faults) -> dict[str, object]:
    """Return the faults that are set, with their arguments."""
    values = ((name, getattr(holder, part.name), part.default) for name, holder, part in _every(faults))
    return {name: value for name, value, default in values if value is not default}


def _every(faults: Faults) -> Iterator[tuple[str, Faults | DeviceFaults | SerialDeviceFaults, Field[Any]]]:
    for part in fields(faults):
        if part.metadata:
            yield part.name, faults, part
        else:
            device = getattr(faults, part.name)
            for each in fields(device):
                yield f"{part.name}_{each.name}", device, each


def _find(faults: Faults, name: str) -> tuple[Faults | DeviceFaults | SerialDeviceFaults, Field[Any]]:
    for known, holder, part in _every(faults):
        if known == name:
            return holder, part
    raise UnknownFaultError(f"got fault {name!r}, expected one of {', '.join(known for known, _, _ in _every(faults))}")
