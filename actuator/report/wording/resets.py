"""What may be reset, and why a reset is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from actuator.core.alert_path import MORE, MOST_INHIBITS, Inhibit
from actuator.core.state import Durable
from actuator.report.wording.terms import alert_text
from toolkit.formatting import capitalized, span


def reset_lockout(durable: Durable) -> str:
    """Return why the lock-out may be reset, and what to do."""
    failed = "1 failed attempt" if durable.attempts == 1 else f"{durable.attempts} failed attempts"
    if durable.locked_out:
        return (
            f"Locked out after {failed}. Check the engine and start it once by hand. When nobody is at it, reset the "
            "lock-out: it may start at once."
        )
    if durable.attempts:
        return f"{failed}. After a repair, reset: the count begins at 0, and the engine may start at once."
    return "A pause after a failed or short run. After a repair, reset: the engine may start at once."


def reset_service(over: float) -> str:
    """Return that the service is due, and what to do; `over`: seconds of running beyond it."""
    return f"The engine's service is overdue by {span(over)} of running. Service it, then reset."


def reset_inhibit(fingerprint: str, inhibit: Inhibit) -> str:
    """Return that an alert blocks the engine, and what to do."""
    if fingerprint == MORE:
        return (
            f"{capitalized(alert_text(inhibit.summary))} block the engine: those beyond the first {MOST_INHIBITS} are "
            "not kept one by one. Remove their causes and the others: they end by themselves once no other blocks."
        )
    alert = f'{inhibit.name or "An alert"} blocks the engine: "{alert_text(inhibit.summary)}".'
    if inhibit.beats_left is None:
        return f"{alert} Remove its cause: it ends by itself, two heartbeats after it has resolved."
    return (
        f"{alert} It has resolved, and ends after {inhibit.beats_left} more heartbeats. "
        "If none arrive, check its cause on site, then reset it."
    )


def inhibit_kept(summary: str, lease: float, left: float) -> str:
    """Return that a reset of an inhibit is refused.

    Args:
        summary: the alert's own text.
        lease: seconds for which an alert that was received cannot be reset.
        left: seconds of them that are left.
    """
    return (
        f'The alert "{alert_text(summary)}" is not reset: it was received, or the actuator started, less than '
        f"{span(lease)} ago (alerts.lease). Remove its cause. If it is not received again, it can be reset in "
        f"{span(max(1, left))}."
    )


def inhibits_match(asked: str, inhibits: Mapping[str, Inhibit]) -> str:
    """Return that several inhibits match what was asked for, and which, one a line."""
    what = f"match {asked}" if asked else "block the engine"
    return f"Nothing is reset: {len(inhibits)} alerts {what}. Reset one by its fingerprint:\n{_listed(inhibits)}"


def no_inhibit_matches(asked: str, inhibits: Mapping[str, Inhibit]) -> str:
    """Return that no inhibit matches what was asked for, and which there are, one a line."""
    if not inhibits:
        return "Nothing is reset: no alert blocks the engine."
    return f"Nothing is reset: no alert that blocks the engine has {asked}. There are:\n{_listed(inhibits)}"


def _listed(inhibits: Mapping[str, Inhibit]) -> str:
    return "\n".join(
        f"  {fingerprint}  {inhibit.name or 'alert'}: {alert_text(inhibit.summary)}"
        for fingerprint, inhibit in inhibits.items()
    )
