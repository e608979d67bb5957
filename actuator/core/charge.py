"""Whether the engine of our run charges the battery. Pure.

Absent values show nothing: only a fresh current of the inverter and a fresh state of charge can deny the charge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from actuator.core.signals import BUS_FRESH, ConfirmedValue, Watch

if TYPE_CHECKING:
    from actuator.core.battery import Battery
    from actuator.core.inputs import Page
    from actuator.core.settings import Settings


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What the battery gets from the engine.

    Attributes:
        amperes: direct current of the inverter, positive into the battery.
        enough: whether the battery is charged, or needs no charge, as three samples confirm it.
        missing_since: since when it gets no charge although it needs one; None: it gets some, or that is not known.
        soc: the state of charge then, or when the lack was last reported; a higher one is a charge.
        reports: for how many whole `charge_confirm` the charge has been missing; each is reported.
    """

    amperes: Watch = msgspec.field(default_factory=Watch)
    enough: ConfirmedValue[bool] = msgspec.field(default_factory=ConfirmedValue)
    missing_since: float | None = None
    soc: float = 1.0
    reports: int = 0

    @property
    def missing(self) -> bool:
        """Whether the engine has run without charging for so long that it is reported."""
        return self.reports > 0


def update(
    charge: Charge, page: Page | None, battery: Battery, settings: Settings, now: float, *, confirmed: bool
) -> Charge:
    """Return the charge after one step; without a page, only time has passed.

    Args:
        charge: as the step before left it.
        page: read since the step before; None: none was.
        battery: as of this step.
        settings: in force.
        now: monotonic seconds.
        confirmed: the engine is confirmed to run in our run.
    """
    amperes = charge.amperes.idle() if page is None else charge.amperes.observe(page.dc_amperes, page.device_stamp, now)
    if not confirmed:
        return charge if charge == Charge(amperes=amperes) else Charge(amperes=amperes)
    flow, soc = amperes.fresh(now, BUS_FRESH), battery.fresh_soc(now)
    reading = None
    if flow is not None and soc is not None:
        topped_up = soc >= settings.stop_soc or (page is not None and page.absorbing)
        risen = charge.missing_since is not None and soc > charge.soc
        reading = flow > 0 or topped_up or risen
    enough = charge.enough.update(reading, sampled=amperes.sampled, now=now, memory=BUS_FRESH)
    if enough.verdict is not False:
        return Charge(amperes=amperes, enough=enough)
    since, level = charge.missing_since, charge.soc
    if since is None:
        since, level = now, charge.soc if soc is None else soc
    reports = charge.reports
    if reading is not None and soc is not None and now - since >= settings.limits.charge_confirm * (reports + 1):
        reports, level = int((now - since) // settings.limits.charge_confirm), soc
    return Charge(amperes=amperes, enough=enough, missing_since=since, soc=level, reports=reports)
