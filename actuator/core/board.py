"""The relay board: whether its contact is in the commanded position. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from actuator.core.events import Event, Level
from actuator.core.signals import SAMPLES

if TYPE_CHECKING:
    from actuator.core.inputs import Inputs


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """The board as its readings show it.

    Attributes:
        read_at: when the last reading was taken; None: there is none.
        has_reading: it has read open or closed once since the start.
        fault: the contact may not be in the commanded position.
        contrary_reads: readings in a row that differ from the command.
        good_reads: readings *open* in a row since the fault.
    """

    read_at: float | None = None
    has_reading: bool = False
    fault: bool = False
    contrary_reads: int = 0
    good_reads: int = 0


def update(board: Board, inputs: Inputs, *, commanded: bool) -> tuple[Board, Event | None]:
    """Return the board after one step, and the event to report.

    Args:
        board: as the step before left it.
        inputs: the reading, and whether a write has failed.
        commanded: the contact is commanded closed.
    """
    read = inputs.read_back
    at = board.read_at if read is None else read.at
    if not inputs.relay_error and at == board.read_at:
        # Only a new reading is a sample.
        return board, None
    closed = None if read is None else read.closed
    agrees = closed is commanded and not inputs.relay_error
    good = board.good_reads + 1 if agrees and board.fault and not commanded else 0
    fault = board.fault
    contrary = 0 if agrees else board.contrary_reads + 1
    event: Event | None = None
    if not fault and (inputs.relay_error or contrary >= SAMPLES):
        fault, good = True, 0
        reading = {True: "closed", False: "open", None: "nothing"}[closed]
        event = Event(
            kind="relay_fault",
            level=Level.ERROR,
            fields={"wanted": commanded, "read_back": reading},
            values={"write_failed": inputs.relay_error},
        )
    elif fault and good >= SAMPLES:
        fault, contrary, good = False, 0, 0
        event = Event(kind="relay_recovered")
    has_reading = board.has_reading or closed is not None
    return Board(read_at=at, has_reading=has_reading, fault=fault, contrary_reads=contrary, good_reads=good), event
