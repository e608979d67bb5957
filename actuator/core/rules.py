"""The declared rules that several parts of the decision read."""

from __future__ import annotations

from typing import Final

from actuator.core.state import Cause, Reason

EXEMPT: Final[dict[Reason, frozenset[Cause]]] = {
    "back_off": frozenset({"manual"}),
    "quiet_hours": frozenset({"emergency", "manual"}),
}
"""Causes that a reason does not hold."""
