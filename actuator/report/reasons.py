"""Why the engine may not run, in words, and until when: pure, from a snapshot."""

from __future__ import annotations

import msgspec

from actuator.core import ags
from actuator.core.limits import DAY, budget_left, rest_until
from actuator.core.state import Reason, fresh_ags
from actuator.report.snapshot import Snapshot
from toolkit.formatting import span


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """One reason that forbids.

    Attributes:
        reason: as in `generator_inhibited`.
        text: for people, a part of a sentence.
        until: Unix time at which it clears by itself; None: not by time, or not known.
    """

    reason: Reason
    text: str
    until: float | None = None


def why_not(snapshot: Snapshot) -> tuple[WhyNot, ...]:
    """Return each reason that forbids, in words, with the time at which it clears by itself."""
    reasons = []
    for reason in snapshot.state.inhibitors:
        text, until = _reason(reason, snapshot)
        passed = until is None or until <= snapshot.now
        reasons.append(WhyNot(reason=reason, text=text, until=None if passed else snapshot.wall_of(until or 0.0)))
    return tuple(reasons)


def _reason(reason: Reason, snapshot: Snapshot) -> tuple[str, float | None]:  # noqa: C901, PLR0911 - one line a reason
    """Return a reason in words, and the monotonic time at which it clears by itself."""
    state, config = snapshot.state, snapshot.config
    durable, limits = state.durable, config.limits
    code = fresh_ags(state, snapshot.now)
    word = "silent" if code is None else ags.word(code)
    match reason:
        case "mode_off":
            return "switched off by the operator", None
        case "locked_out":
            failed = "a failed attempt" if durable.attempts == 1 else f"{durable.attempts} failed attempts"
            return f"locked out after {failed}, until somebody acknowledges", None
        case "inhibit_alert":
            return "forbidden by an alert: " + ", ".join(inhibit.summary for inhibit in durable.inhibits.values()), None
        case "relay_fault":
            return "the relay is not where it was commanded", None
        case "max_run":
            return "the last run reached its longest", rest_until(durable, config)
        case "budget":
            return f"the {span(limits.daily_budget)} of 24 hours are used up", _budget_until(snapshot)
        case "min_off":
            return f"at least {span(limits.min_off)} between two runs", rest_until(durable, config)
        case "back_off":
            which = f" {durable.attempts} of {limits.attempts}" if durable.attempts else ""
            return f"a pause after failed attempt{which}", durable.back_off_until
        case "quiet_hours":
            return "quiet hours" + (f" until {config.quiet_hours.to}" if config.quiet_hours else ""), None
        case "ags_refuses":
            reset = ", reset it at the remote: OFF, then AUTO" if code in ags.FAULTS else ""
            return f"the AGS refuses ({word}{reset})", None
        case "foreign_run":
            return f"the AGS runs the engine for something else ({word})", None
        case "ac_live":
            return "there is AC at the inverter's input already", None


def _budget_until(snapshot: Snapshot) -> float | None:
    """Return when the sliding window has let enough of the past go for the budget to be more than zero."""
    durable = snapshot.state.durable
    excess = -budget_left(durable, snapshot.config, snapshot.now)
    for closure in sorted(durable.closures, key=lambda closure: closure.start):
        start = max(closure.start, snapshot.now - DAY)
        length = max(0.0, closure.end - start)
        if length > excess:
            return start + excess + DAY
        excess -= length
    return None
