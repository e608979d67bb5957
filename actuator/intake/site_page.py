"""Read the part of the exporter's page that people are shown, and by which nothing is decided. Pure."""

from __future__ import annotations

import math
from typing import Final

from actuator.intake.page import DC_VOLTS, SOC_REFUSED
from actuator.intake.samples import Samples
from actuator.site.values import SiteValues, SocSource

SUN: Final = ("classic_battery_watts", "magnum_pt100_battery_watts")
LOAD: Final = ("magnum_inverter_ac_output_watts",)
GENERATOR: Final = ("magnum_inverter_ac_input_watts",)

SOURCE_SOC: Final = "battery_soc_source_ratio"
LEAD: Final = "battery_soc_lead"
TRUSTED: Final = "battery_soc_trusted"

BANK: Final = "battery_bank_{}"
BATTERY_WATTS: Final = ("modbus_battery_watts", "vedirect_battery_watts")
BATTERY_VOLTS: Final = ("magnum_bmk_volts", "classic_battery_volts", "modbus_battery_volts", "vedirect_battery_volts")
BATTERY_AMPERES: Final = (
    *("magnum_bmk_amperes", "classic_whizbang_amperes", "modbus_battery_amperes", "vedirect_battery_amperes"),
    "pylontech_battery_amperes",
)
"""Of a whole battery, by the device that measures it."""

MOST_SOURCES: Final = 64
"""Most sources that are shown: the status is sent again and again, and a page can name thousands."""

NAMES: Final = frozenset(
    (
        *(*SUN, *LOAD, *GENERATOR, SOURCE_SOC, LEAD, TRUSTED, SOC_REFUSED, DC_VOLTS),
        *(*BATTERY_WATTS, *BATTERY_VOLTS, *BATTERY_AMPERES),
        *(BANK.format(unit) for unit in ("watts", "volts", "amperes")),
    )
)


def read(text: str) -> SiteValues:
    """Return what the page has of the site.

    Raises:
        ValueError: the text is not Prometheus' text format.
    """
    samples = Samples(text, NAMES)
    lead = next((labels.get("source") for labels, value in samples.entries(LEAD) if value == 1), None)

    def of_lead(unit: str, metrics: tuple[str, ...]) -> float | None:
        """Return the value of the battery that leads, from its bank or its device."""
        if lead is None:
            return None
        found = (samples.value(BANK.format(unit), bank=lead), *(samples.value(name, lead) for name in metrics))
        return next((value for value in found if value is not None), None)

    amperes, volts = of_lead("amperes", BATTERY_AMPERES), of_lead("volts", BATTERY_VOLTS)
    if volts is None:
        volts = samples.value(DC_VOLTS)
    watts = of_lead("watts", BATTERY_WATTS)
    if watts is None and amperes is not None and volts is not None:
        watts = amperes * volts
    sources, more = _sources(samples, lead)
    return SiteValues(
        sun=_total(samples, SUN),
        load=_total(samples, LOAD),
        generator=_total(samples, GENERATOR),
        battery=watts,
        volts=volts,
        amperes=amperes,
        sources=sources,
        more_sources=more,
    )


def _total(samples: Samples, metrics: tuple[str, ...]) -> float | None:
    values = [value for metric in metrics for _, value in samples.entries(metric) if math.isfinite(value)]
    return sum(values) if values else None


def _sources(samples: Samples, lead: str | None) -> tuple[tuple[SocSource, ...], int]:
    """Return the sources that the page names, in its order, and how many are left out: all but the first by name."""
    by_name = {
        metric: {labels["source"]: value for labels, value in samples.entries(metric) if "source" in labels}
        for metric in (TRUSTED, SOURCE_SOC)
    }
    refused = {
        labels["source"]: labels.get("reason", "")
        for labels, value in samples.entries(SOC_REFUSED)
        if "source" in labels and value == 1
    }
    names = dict.fromkeys((*by_name[TRUSTED], *by_name[SOURCE_SOC], *refused))
    kept = frozenset(sorted(names, key=lambda name: (name != lead, name))[:MOST_SOURCES])  # the lead among them
    sources = tuple(
        SocSource(
            name=name,
            soc=soc if (soc := by_name[SOURCE_SOC].get(name)) is not None and 0 <= soc <= 1 else None,
            lead=name == lead,
            trusted=by_name[TRUSTED].get(name) == 1,
            refused=refused.get(name, ""),
        )
        for name in names
        if name in kept
    )
    return sources, len(names) - len(sources)
