"""Whether database and sidecar belong together, and what is still known when they do not: pure."""

from __future__ import annotations

import msgspec

from actuator.core.state import Durable, Mode, Moment, Saved
from actuator.journal.sidecar import Sidecar, lasting_mode, sidecar


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a database holds.

    Attributes:
        sequence: of the durable state.
        saved: the durable state; None: none has been saved yet.
        last_id: number of the newest row that is whole, 0 without any.
        last_wall: Unix time of the newest whole row written by a clock known to be right.
    """

    sequence: int
    saved: Saved | None
    last_id: int = 0
    last_wall: float | None = None


def torn(content: Content | None, fault: str, side: Sidecar | None, side_fault: str) -> str:
    """Return why the two cannot be trusted together, empty when they can; each may be None with its fault in words."""
    if content is None or side is None:
        return "; ".join(filter(None, (fault, side_fault)))
    if side.sequence > content.sequence:
        return f"the database is behind its sidecar (sequence {content.sequence}, sidecar {side.sequence})"
    if side.sequence < content.sequence - 1:
        return f"the sidecar is behind its database (sequence {side.sequence}, database {content.sequence})"
    # A sidecar one behind is a death between the two writes: then the database alone has the last word.
    if side.sequence == content.sequence and (differing := _differing(content, side)):
        return f"database and sidecar differ in {', '.join(differing)}"
    return ""


def _differing(content: Content, side: Sidecar) -> list[str]:
    said = sidecar(content.sequence, content.saved.durable if content.saved else Durable(), None)
    both = ("mode", "inhibits", "attempts", "locked_out")
    return [name for name in both if getattr(said, name) != getattr(side, name)]


def salvaged(content: Content | None, side: Sidecar | None, here: Moment) -> Saved:
    """Return what two halves that disagree still say; where they differ, the one that keeps the engine off."""
    saved = content.saved if content else None
    durable = saved.durable if saved else Durable()
    modes = {lasting_mode(durable)} if saved else set[Mode]()
    if side is not None:
        modes.add(side.mode)
        durable = msgspec.structs.replace(
            durable,
            inhibits=side.inhibits | durable.inhibits,
            attempts=max(side.attempts, durable.attempts),
            locked_out=side.locked_out or durable.locked_out,
        )
    mode = modes.pop() if len(modes) == 1 else "off"
    return Saved(
        durable=msgspec.structs.replace(durable, mode=mode, manual_until=None), moment=saved.moment if saved else here
    )
