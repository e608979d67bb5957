"""The engine: the evidence that it runs, and what three samples of it confirm. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from actuator.core import ags
from actuator.core.signals import BUS_FRESH, ConfirmedValue, Watch, lost
from toolkit.replace import replace

if TYPE_CHECKING:
    from actuator.core.inputs import Page
    from actuator.core.settings import Settings


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as the evidence shows it.

    Attributes:
        evidence: 1: the engine runs; 0: it does not.
        evidence_at: when evidence was last fresh.
        absence_reported: the absence of evidence has been reported.
        proof: what three samples of the evidence have confirmed: True: it runs.
        ac_live: AC was at the inverter's input while our contact was open, and three samples without it have not come.
        stop_reports: how often the present failure to stop has been reported.
        running_at: when the last step was, if the proof was that it runs; None: it was not.
        ran: seconds from the step before to this one, if the proof was at both that it runs.
    """

    evidence: Watch = msgspec.field(default_factory=Watch)
    evidence_at: float | None = None
    absence_reported: bool = False
    proof: ConfirmedValue[bool] = msgspec.field(default_factory=ConfirmedValue)
    ac_live: bool = False
    stop_reports: int = 0
    running_at: float | None = None
    ran: float = 0.0

    def evidence_lost(self, now: float, *, started_at: float) -> bool:
        """Return whether there has been no fresh evidence for so long that it counts as lost."""
        return lost(self.evidence_at, now, started_at=started_at)


def update(
    engine: Engine,
    page: Page | None,
    settings: Settings,
    now: float,
    *,
    stamp: float | None,
    closed: bool,
    started_at: float,
) -> Engine:
    """Return the engine after one step; without a page, only time has passed.

    Args:
        engine: as the step before left it.
        page: read since the step before; None: none was.
        settings: in force.
        now: monotonic seconds.
        stamp: a number that changes with each packet of the AGS.
        closed: the contact is commanded closed.
        started_at: when this program began to decide.
    """
    if page is None:
        evidence = engine.evidence.idle()
    else:
        by_ags = settings.evidence.ags and not settings.evidence.ac_input
        evidence = engine.evidence.observe(_positive(page, settings), stamp if by_ags else page.device_stamp, now)
    fresh = evidence.fresh(now, BUS_FRESH)
    positive = None if fresh is None else fresh > 0
    evidence_at = engine.evidence_at if positive is None else now
    proof = engine.proof.update(positive, sampled=evidence.sampled, now=now)
    if closed or proof.certain is False or lost(evidence_at, now, started_at=started_at):
        ac_live = False
    else:
        # A first reading may be old. It is good enough to block a start.
        reading = evidence.possibly_fresh(now, BUS_FRESH) if evidence.changed_at is None else fresh
        ac_live = engine.ac_live or bool(reading)
    passed = 0.0 if engine.running_at is None or not proof.verdict else now - engine.running_at
    return replace(
        engine,
        evidence=evidence,
        evidence_at=evidence_at,
        proof=proof,
        ac_live=ac_live,
        running_at=now if proof.verdict else None,
        # After a longer gap, of a process that was stopped, nothing is known of the engine.
        ran=passed if passed < BUS_FRESH else 0.0,
    )


def _positive(page: Page, settings: Settings) -> float | None:
    """Return what one page shows: 1: the engine runs; 0: it does not; None: neither."""
    if settings.evidence.ac_input:
        if page.charging:
            return 1.0
        return None if page.ac_input_volts is None else float(page.ac_input_volts >= settings.evidence.min_volts)
    if settings.evidence.ags and page.ags_code is not None:
        return float(page.ags_code in ags.RUNNING)
    return None
