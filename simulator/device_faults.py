"""The faults of devices that answer requests; each device has the same list under its own name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

Code = Annotated[int, msgspec.Meta(ge=0, le=255)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Difference = Annotated[float, msgspec.Meta(ge=-1, le=1)]


def described(text: str, *, default: object = True) -> dict[str, object]:
    """Return the metadata of a fault: its description, and its argument when a request gives none."""
    return {"text": text, "default": default}


@dataclass(slots=True)
class DeviceFaults:
    """The faults of a Modbus device, one attribute each: false or None while it is off, otherwise its argument."""

    dead: bool = field(default=False, metadata=described("closes every connection; on a serial line, the port is gone"))
    silent: bool = field(default=False, metadata=described("receives requests and answers none"))
    slow: Seconds | None = field(default=None, metadata=described("answers after this many seconds", default=10.0))
    exception: Code | None = field(default=None, metadata=described("answers with this exception code", default=4))
    short: bool = field(default=False, metadata=described("answers with one register less than requested"))
    wrong_function: bool = field(
        default=False, metadata=described("answers with a function code that was not requested")
    )
    frozen: bool = field(default=False, metadata=described("repeats its values from when it was set, clock included"))
    unknown: bool = field(
        default=False, metadata=described("reports no state of charge: the monitor or the battery is gone")
    )
    soc: Share | None = field(default=None, metadata=described("reports this state of charge", default=1.0))
    soc_offset: Difference | None = field(
        default=None, metadata=described("reports this much more or less than the true state of charge", default=-0.15)
    )


@dataclass(slots=True)
class SerialDeviceFaults:
    """The faults of a device with a text protocol on a serial line."""

    dead: bool = field(default=False, metadata=described("the port is gone"))
    silent: bool = field(default=False, metadata=described("answers nothing"))
    slow: Seconds | None = field(default=None, metadata=described("answers after this many seconds", default=10.0))
    frozen: bool = field(default=False, metadata=described("repeats its values from when it was set"))
    reply: Literal["nak", "(nak", "ack", "echo", "dashes", "nul", "padded", "truncated"] | None = field(
        default=None, metadata=described("answers in this form", default="nak")
    )


def reported_soc(faults: DeviceFaults, soc: float) -> float:
    """Return the state of charge (ratio) that a device reports when `soc` is the true one."""
    if faults.soc is not None:
        return faults.soc
    return min(1.0, max(0.0, soc + (faults.soc_offset or 0.0)))
