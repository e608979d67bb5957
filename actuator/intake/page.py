"""Parse the part of the exporter's page that the decision needs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actuator.core.inputs import Page
from actuator.intake.samples import Samples

if TYPE_CHECKING:
    from actuator.core.settings import EmergencyVolts, Settings

SOC: Final = "battery_soc_ratio"
SOC_STAMP: Final = "battery_soc_last_update_timestamp_seconds"
SOC_REFUSED: Final = "battery_soc_refused"
FULL: Final = "battery_full"
STAMP: Final = "magnum_last_success_timestamp_seconds"
UP: Final = "magnum_up"
AC_INPUT_VOLTS: Final = "magnum_inverter_ac_input_volts"
INVERTER_STATE: Final = "magnum_inverter_state"
DC_AMPERES: Final = "magnum_inverter_dc_amperes"
INVERTER_INFO: Final = "magnum_inverter_info"
CHARGE_STAGES: Final = {INVERTER_STATE: "state", "classic_charge_stage": "stage", "magnum_pt100_mode": "mode"}
"""The stage of each kind of charger: metric and label."""
AGS_CODE: Final = "magnum_ags_state_code"
FRAMES: Final = "magnum_frames_total"
AGS_FRAME: Final = "ags_a1"
"""The frame that carries the AGS code. Its count shows when a new one arrived; the device's timestamp does not."""
AGS_MAX_RUN: Final = "magnum_remote_generator_max_run_seconds"
BMK_VOLTS: Final = "magnum_bmk_volts"
DC_VOLTS: Final = "magnum_inverter_dc_volts"

CHARGING: Final = frozenset({"equalize", "float", "absorb", "bulk"})
"""Inverter states that need AC at its input. Battery saver is not one of them: it does not charge."""

ABSORBING: Final = frozenset({"absorb", "float", "float_mppt", "equalize", "equalize_mppt", "battery_saver"})
"""Stages in which a battery takes little current: absorb, float, and those that follow them."""

WRONG: Final = frozenset({"range", "frozen", "jump", "outvoted"})
"""Reasons to refuse a state of charge that is present; `absent` and `stale` mean that there is none."""


def names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the metrics that the decision needs."""
    wanted = [SOC, SOC_STAMP, SOC_REFUSED, FULL, STAMP, UP, AC_INPUT_VOLTS, INVERTER_STATE, DC_AMPERES, INVERTER_INFO]
    wanted += [AGS_CODE, FRAMES, AGS_MAX_RUN, BMK_VOLTS, DC_VOLTS, *CHARGE_STAGES]
    volts = settings.emergency_volts
    if volts != "none" and volts.metric is not None:
        wanted += [volts.metric, _stamp_of(volts.metric)]
    return tuple(dict.fromkeys(wanted))


def parse(text: str, settings: Settings) -> Page:
    """Return the values of the page.

    Args:
        text: Prometheus' text format, version 0.0.4; it may have more metrics than were requested.
        settings: name the device that gives evidence and the metric of the battery's volts.

    Raises:
        ValueError: the text is not in this format.
    """
    samples = Samples(text, frozenset(names(settings)))
    device = settings.evidence.device or samples.first_device(UP, STAMP)
    charging = None
    amperes = samples.value(DC_AMPERES, device)
    state = samples.states(INVERTER_STATE, "state", device)
    if amperes is not None and state:
        charging = amperes > 0 and not CHARGING.isdisjoint(state)
    soc = samples.value(SOC)
    in_range = soc is not None and 0.0 <= soc <= 1.0
    volts = settings.emergency_volts
    battery_volts, volts_stamp, threshold = _battery_volts(samples, volts, device) if volts != "none" else (None,) * 3
    ags = samples.value(AGS_CODE, device) if settings.evidence.ags else None
    full, stamps = samples.value(FULL), (samples.value(SOC_STAMP), samples.value(STAMP, device))
    return Page(
        soc=soc if in_range else None,
        soc_stamp=samples.value(SOC_STAMP),
        soc_refused=not in_range and (soc is not None or _any_refused(samples)),
        device_stamp=samples.value(STAMP, device),
        ac_input_volts=samples.value(AC_INPUT_VOLTS, device),
        charging=charging,
        dc_amperes=amperes,
        absorbing=any(not ABSORBING.isdisjoint(samples.states(*stage)) for stage in CHARGE_STAGES.items()),
        ags_code=int(ags) if ags is not None else None,
        ags_stamp=samples.value(FRAMES, device, frame=AGS_FRAME),
        battery_volts=battery_volts,
        battery_volts_stamp=volts_stamp,
        emergency_volts=threshold,
        ags_max_run=samples.value(AGS_MAX_RUN, device),
        full=None if full is None else full == 1,
        full_stamp=max((stamp for stamp in stamps if stamp is not None), default=None),
    )


def magnum_devices(text: str) -> tuple[str, ...]:
    """Return the Magnum sources of the page, each of which can give evidence; raises ValueError as `parse` does."""
    return Samples(text, frozenset((UP, STAMP))).devices(UP, STAMP)


def _stamp_of(metric: str) -> str:
    return f"{metric.partition('_')[0]}_last_success_timestamp_seconds"


def _battery_volts(
    samples: Samples, volts: EmergencyVolts, device: str | None
) -> tuple[float | None, float | None, float | None]:
    if volts.metric is not None:
        device = volts.device or samples.first_device(volts.metric)
        return samples.value(volts.metric, device), samples.value(_stamp_of(volts.metric), device), volts.value
    device = volts.device or device
    value = samples.value(BMK_VOLTS, device)
    if value is None:
        value = samples.value(DC_VOLTS, device)
    nominal = _nominal_volts(samples, device)
    threshold = volts.per_12v * nominal / 12 if volts.per_12v is not None and nominal is not None else None
    return value, samples.value(STAMP, device), threshold


def _nominal_volts(samples: Samples, device: str | None) -> float | None:
    """Return the inverter's nominal voltage, from its info metric."""
    for labels, _ in samples.entries(INVERTER_INFO):
        if device is None or labels.get("device") == device:
            try:
                return float(labels.get("nominal_volts", ""))
            except ValueError:
                return None
    return None


def _any_refused(samples: Samples) -> bool:
    """Return whether a source has a state of charge that the exporter refuses as wrong."""
    return any(labels.get("reason") in WRONG and value == 1 for labels, value in samples.entries(SOC_REFUSED))
