"""Whether database and sidecar agree, and which state is used when they do not: pure."""

from __future__ import annotations

import msgspec

from actuator.core.state import Durable, Mode, Moment, Saved
from actuator.journal.sidecar import Sidecar, lasting_mode, sidecar
from toolkit.replace import replace


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a database contains.

    Attributes:
        sequence: of the durable state.
        saved: the durable state; None: none has been saved yet.
        last_id: number of the newest undamaged row, 0 without any.
        last_wall: Unix time of the newest undamaged row written while the clock was known to be right.
    """

    sequence: int
    saved: Saved | None
    last_id: int = 0
    last_wall: float | None = None


def torn(content: Content | None, fault: str, side: Sidecar | None, side_fault: str) -> str:
    """Return why database and sidecar do not agree, empty when they do; each may be None, with its fault as text."""
    if content is None or side is None:
        return "; ".join(filter(None, (fault, side_fault)))
    if side.sequence > content.sequence:
        return f"the database is behind its sidecar (sequence {content.sequence}, sidecar {side.sequence})"
    if side.sequence < content.sequence - 1:
        return f"the sidecar is behind its database (sequence {side.sequence}, database {content.sequence})"
    # A sidecar one behind: the process died between the two writes. Then the database counts.
    if side.sequence == content.sequence and (differing := _differing(content, side)):
        return f"database and sidecar differ in {', '.join(differing)}"
    return ""


def _differing(content: Content, side: Sidecar) -> list[str]:
    expected = sidecar(content.sequence, content.saved.durable if content.saved else Durable(), None)
    names = ("mode", "inhibits", "attempts", "locked_out")
    return [name for name in names if getattr(expected, name) != getattr(side, name)]


def merged(content: Content | None, side: Sidecar | None, moment: Moment) -> Saved:
    """Return the state if database and sidecar disagree; where they differ, the value that keeps the engine off."""
    saved = content.saved if content else None
    durable = saved.durable if saved else Durable()
    modes = {lasting_mode(durable)} if saved else set[Mode]()
    if side is not None:
        modes.add(side.mode)
        durable = replace(
            durable,
            inhibits=side.inhibits | durable.inhibits,
            attempts=max(side.attempts, durable.attempts),
            locked_out=side.locked_out or durable.locked_out,
        )
    mode = modes.pop() if len(modes) == 1 else "off"
    durable = replace(durable, mode=mode, manual_until=None)
    return Saved(durable=durable, moment=saved.moment if saved else moment)
