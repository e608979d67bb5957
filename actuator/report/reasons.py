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


def why_not(snapshot: Snapshot) -> tuple[WhyNot, ...]:
    """Return each reason that blocks the engine, in words, with the time at which it ends by itself."""
    now = snapshot.now
    reasons = []
    for reason in inhibitors(snapshot):
        until = INHIBITORS[reason].until(snapshot.state, snapshot.config, now)
        reasons.append(
            WhyNot(
                reason=reason,
                text=wording.blocking.blocked(reason, snapshot).part,
                until=None if until is None or until <= now else snapshot.wall_of(until),
            )
        )
    return tuple(reasons)
