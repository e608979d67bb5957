"""The battery: state of charge and volts, whether they are fresh, and how long they are past a threshold. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from actuator.core.signals import BUS_FRESH, NEVER, SAMPLES, ConfirmedValue, Debounced, Watch, lost

if TYPE_CHECKING:
    from actuator.core.inputs import Page
    from actuator.core.settings import Settings

SOC_FRESH: Final = 60.0
"""Seconds without a changed timestamp after which the state of charge is absent."""
CHARGEABLE: Final = 0.90
"""A battery at or under this takes enough charge to justify a run."""


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """The battery as the exporter's page shows it.

    Attributes:
        soc: the leading state of charge, 0 to 1.
        soc_fresh_at: when it was last fresh.
        over_start_at: when it was last fresh and over start.
        soc_refused: the last page has a state of charge that the exporter refuses.
        volts: of the battery.
        volts_threshold: volts at or under this are an emergency; None: unknown, or not configured.
        low: how long the state of charge has been at or under start.
        high: how long it has been at or over stop.
        soc_emergency: the state of charge at or under emergency.
        volts_emergency: the volts at or under `volts_threshold`.
        ample: the state of charge is so far over start that low volts are more likely the sag of a heavy load.
        chargeable: how long the state of charge has been at or under `CHARGEABLE`.
        full: 1: the exporter judges the battery full; 0: it does not.
        is_full: what three samples of that have confirmed.
    """

    soc: Watch = msgspec.field(default_factory=Watch)
    soc_fresh_at: float | None = None
    over_start_at: float | None = None
    soc_refused: bool = False
    volts: Watch = msgspec.field(default_factory=Watch)
    volts_threshold: float | None = None
    low: Debounced = NEVER
    high: Debounced = NEVER
    soc_emergency: Debounced = NEVER
    volts_emergency: Debounced = NEVER
    ample: ConfirmedValue[bool] = msgspec.field(default_factory=ConfirmedValue)
    chargeable: Debounced = NEVER
    full: Watch = msgspec.field(default_factory=Watch)
    is_full: ConfirmedValue[bool] = msgspec.field(default_factory=ConfirmedValue)

    def fresh_soc(self, now: float) -> float | None:
        """Return the state of charge, 0 to 1, or None when it is absent."""
        return self.soc.fresh(now, SOC_FRESH)

    def over_start(self, now: float) -> bool:
        """Return whether a fresh state of charge is over start; one low or absent sample does not change that."""
        return self.over_start_at is not None and now - self.over_start_at < SOC_FRESH

    def soc_lost(self, now: float, *, started_at: float) -> bool:
        """Return whether there has been no fresh state of charge for so long that it counts as lost."""
        return lost(self.soc_fresh_at, now, started_at=started_at)

    def fresh_volts(self, now: float) -> float | None:
        """Return the battery's volts, or None when they are absent."""
        return self.volts.fresh(now, BUS_FRESH)

    def volts_debounce(self, settings: Settings) -> float:
        """Return the seconds for which the volts must be low to be an emergency."""
        emergency = settings.debounce.emergency
        return max(emergency, settings.limits.volts_under_load.for_) if self.ample.verdict else emergency


def update(battery: Battery, page: Page | None, settings: Settings, now: float) -> Battery:
    """Return the battery after one step; without a page, only time has passed."""
    if page is None:
        soc, volts, full = battery.soc.idle(), battery.volts.idle(), battery.full.idle()
        refused, threshold = battery.soc_refused, battery.volts_threshold
    else:
        soc = battery.soc.observe(page.soc, page.soc_stamp, now)
        volts = battery.volts.observe(page.battery_volts, page.battery_volts_stamp, now)
        full = battery.full.observe(None if page.full is None else float(page.full), page.full_stamp, now)
        refused, threshold = page.soc_refused, page.emergency_volts
    level, fresh_volts = soc.fresh(now, SOC_FRESH), volts.fresh(now, BUS_FRESH)
    fresh_full = full.fresh(now, SOC_FRESH)
    debounce = settings.debounce

    def soc_condition(held: Debounced, agrees: bool, seconds: float) -> Debounced:  # noqa: FBT001 - the value itself
        value = None if level is None else agrees
        return held.update(agrees=value, sampled=soc.sampled, now=now, limit=SOC_FRESH, share=seconds / SAMPLES)

    ample = settings.start_soc + settings.limits.volts_under_load.soc_margin - 1e-9
    known = -1.0 if level is None else level
    return Battery(
        soc=soc,
        soc_fresh_at=battery.soc_fresh_at if level is None else now,
        over_start_at=now if known > settings.start_soc else battery.over_start_at,
        soc_refused=refused,
        volts=volts,
        volts_threshold=threshold,
        low=soc_condition(battery.low, known <= settings.start_soc, debounce.start),
        high=soc_condition(battery.high, known >= settings.stop_soc, debounce.stop),
        soc_emergency=soc_condition(battery.soc_emergency, known <= settings.emergency_soc, debounce.emergency),
        volts_emergency=battery.volts_emergency.update(
            agrees=None if fresh_volts is None or threshold is None else fresh_volts <= threshold,
            sampled=volts.sampled,
            now=now,
            limit=BUS_FRESH,
            share=debounce.emergency / SAMPLES,
        ),
        # Confirmed, so that one wrong state of charge makes no emergency of a sag.
        ample=battery.ample.update(
            None if level is None else level >= ample, sampled=soc.sampled, now=now, memory=SOC_FRESH
        ),
        chargeable=soc_condition(battery.chargeable, known <= CHARGEABLE, debounce.start),
        full=full,
        is_full=battery.is_full.update(
            None if fresh_full is None else fresh_full > 0, sampled=full.sampled, now=now, memory=SOC_FRESH
        ),
    )
