"""What blocks the engine, in words, and until when, from a snapshot. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from actuator.core.inhibitors import INHIBITORS
from actuator.core.state import Reason
from actuator.report import wording
from actuator.report.snapshot import Snapshot

OUR_OWN_STOP: Final[frozenset[Reason]] = frozenset({"ac_live", "min_off"})
"""They follow from an engine of ours that has not stopped yet: as reasons they would contradict that phase."""

PASSED_BY_OPERATOR: Final[tuple[Reason, ...]] = (
    "mode_off",
    *(reason for reason, rule in INHIBITORS.items() if "manual" in rule.exempt),
)
"""They block no start that the operator requests: `on` ends the mode off."""


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """One reason that blocks the engine.

    Attributes:
        reason: as in `generator_inhibited`.
        text: for people, a part of a sentence.
        until: Unix time at which it ends by itself; None: not by time, or not known.
    """

    reason: Reason
    text: str
    until: float | None = None


def inhibitors(snapshot: Snapshot) -> tuple[Reason, ...]:
    """Return each reason that blocks the engine, without those that the phase `stopping` already is."""
    state = snapshot.state
    if state.phase != "stopping":
        return state.inhibitors
    return tuple(reason for reason in state.inhibitors if reason not in OUR_OWN_STOP)


def until(reason: Reason, snapshot: Snapshot) -> float | None:
    """Return when a reason that holds now ends by itself, monotonic; None: not by time, or not known."""
    hours = snapshot.config.quiet_hours
    if reason == "quiet_hours" and hours is not None:  # by the local time, which the core's table does not have
        return snapshot.now + hours.end_in(snapshot.minute_of_day, snapshot.wall)
    return INHIBITORS[reason].until(snapshot.state, snapshot.config, snapshot.now)


def why_not(snapshot: Snapshot) -> tuple[WhyNot, ...]:
    """Return each reason that blocks the engine, in words, with the time at which it ends by itself."""
    reasons = []
    for reason in inhibitors(snapshot):
        end = until(reason, snapshot)
        reasons.append(
            WhyNot(
                reason=reason,
                text=wording.blocking.blocked(reason, snapshot).part,
                until=None if end is None or end <= snapshot.now else snapshot.wall_of(end),
            )
        )
    return tuple(reasons)
