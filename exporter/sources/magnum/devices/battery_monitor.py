"""The packet of the battery monitor (BMK)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial

from exporter.fields import Field, Info, Kind, Number, States
from exporter.readings import Charge
from exporter.sources.magnum.packet import CAPTURE, PROTOCOL, At, Packet, plausible_volts, revision_text
from exporter.sources.magnum.units import HUNDREDTH, PERCENT, TENTH

STATES: Mapping[int, str] = {1: "normal", 2: "fault_start"}

SOC = 1
VOLTS = 2
AMPERES = 4
REVISION = 16
STATE = 17

STATES_OF_CHARGE = frozenset({*range(101), 255})
"""Percent; 255 while the monitor does not know it."""

_bmk = partial(At, "BMK packet")

SOC_FIELD = Number(
    metric="magnum_bmk_soc_ratio",
    help="State of charge by the battery monitor; absent while the monitor does not know it (255)",
    place=_bmk(SOC, high=100),
    scale=PERCENT,
    source=PROTOCOL,
)
AMPERES_FIELD = Number(
    metric="magnum_bmk_amperes",
    help="Battery current by the battery monitor, + into the battery, - out of it",
    place=_bmk(AMPERES, 2, signed=True),
    scale=TENTH,
    source=PROTOCOL,
    mean5s=True,
)
FIELDS: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_bmk_info",
        help="Firmware revision of the battery monitor",
        place=_bmk(REVISION),
        texts={"revision": partial(revision_text, REVISION)},
        source=CAPTURE,
    ),
    SOC_FIELD,
    Number(
        metric="magnum_bmk_volts",
        help="Battery voltage by the battery monitor",
        place=_bmk(VOLTS, 2),
        scale=HUNDREDTH,
        source=PROTOCOL,
        mean5s=True,
    ),
    AMPERES_FIELD,
    Number(
        metric="magnum_bmk_min_volts",
        help="Lowest battery voltage since the monitor's reset",
        place=_bmk(6, 2, absent=frozenset({0})),
        scale=HUNDREDTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_max_volts",
        help="Highest battery voltage since the monitor's reset",
        place=_bmk(8, 2, absent=frozenset({0})),
        scale=HUNDREDTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_net_amphours",
        help="Ampere-hours into the battery minus those out of it, since it was last full",
        place=_bmk(10, 2, signed=True),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_trip_amphours",
        help="Ampere-hours out of the battery since the owner's reset; the counter stops at 6553.5",
        place=_bmk(12, 2),
        scale=TENTH,
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_bmk_discharged_amphours_total",
        help="Ampere-hours out of the battery over the monitor's life, in steps of 100",
        place=_bmk(14, 2),
        scale=Fraction(100),
        kind=Kind.COUNTER,
        source=PROTOCOL,
    ),
    States(
        metric="magnum_bmk_state",
        help="State of the battery monitor",
        place=_bmk(STATE),
        names=STATES,
        source=CAPTURE,
    ),
)


def plausible(payload: bytes, nominal: int | None) -> bool:
    """Return whether the battery can have these volts."""
    volts = int.from_bytes(payload[VOLTS : VOLTS + 2], "big") / 100
    return nominal is None or plausible_volts(volts, nominal)


def charge(packet: Packet) -> Charge | None:
    """Return the battery's state of charge and current; None when the former is not confirmed."""
    return Charge(SOC_FIELD.value(packet), AMPERES_FIELD.value(packet)) if packet.has(SOC) else None
