"""The packet of the diversion load controller (ACLD).

Nothing official is published and no capture exists. Source: magnum2mqtt's newer document.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial

from exporter.fields import Confidence, Field, Info, States, quantity
from exporter.sources.magnum.packet import MAGNUM2MQTT, At, Packet, revision_text

FAULTS: Mapping[int, str] = {
    0: "none",
    1: "high_current",
    2: "high_ac_volts",
    3: "high_output_volts",
    4: "open_load",
    5: "desaturation",
    6: "adc_limit",
    7: "very_high_current",
    8: "output_shorted",
    9: "over_temperature",
    10: "no_communication",
}
MODES: Mapping[int, str] = {0: "off", 1: "manual", 4: "bulk", 5: "absorb", 6: "float", 7: "equalize"}

REVISION = 7

_d1 = partial(At, "ACLD packet D1")
_unseen = partial(quantity, "magnum", source=MAGNUM2MQTT, confidence=Confidence.UNVERIFIED)

FIELDS: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_acld_info",
        help="Model and firmware revision of the diversion load controller",
        place=_d1(REVISION),
        texts={
            "model": lambda packet: str(packet.payload[5]),
            "revision": partial(revision_text, REVISION),
        },
        source=MAGNUM2MQTT,
        confidence=Confidence.UNVERIFIED,
    ),
    States(
        metric="magnum_acld_fault",
        help="Fault of the diversion load controller",
        place=_d1(1, mask=0x0F),
        label="fault",
        names=FAULTS,
        source=MAGNUM2MQTT,
        confidence=Confidence.UNVERIFIED,
    ),
    States(
        metric="magnum_acld_mode",
        help="State of the diversion load controller",
        place=_d1(1, mask=0x70, shift=4),
        label="mode",
        names=MODES,
        source=MAGNUM2MQTT,
        confidence=Confidence.UNVERIFIED,
    ),
    _unseen("acld_active", "1 while power is diverted", _d1(1, mask=0x80, shift=7)),
    _unseen("acld_watts", "Diverted power", _d1(2), Fraction(100)),
    _unseen("acld_fet_celsius", "Temperature of the power transistors", _d1(6)),
)
