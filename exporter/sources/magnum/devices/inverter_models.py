"""The inverter models by code, with their nominal voltage, and a rule for unlisted codes.

Codes: Magnum networking protocol, 2009-10-15; additions by pymagnum and magnum2mqtt.
"""

from __future__ import annotations

from collections.abc import Mapping

from exporter.fields import UNKNOWN

MODELS: Mapping[int, tuple[str, int]] = {
    0x06: ("MM612", 12),
    0x07: ("MM612-AE", 12),
    0x08: ("MM1212", 12),
    0x09: ("MMS1012", 12),
    0x0A: ("MM1012E", 12),
    0x0B: ("MM1512", 12),
    0x0C: ("MMS912E", 12),
    0x0F: ("ME1512", 12),
    0x14: ("ME2012", 12),
    0x15: ("RD2212", 12),
    0x19: ("ME2512", 12),
    0x1E: ("ME3112", 12),
    0x23: ("MS2012", 12),
    0x24: ("MS1512E", 12),
    0x28: ("MS2012E", 12),
    0x2C: ("MSH3012M", 12),
    0x2D: ("MS2812", 12),
    0x2F: ("MS2712E", 12),
    0x35: ("MM1324E", 24),
    0x36: ("MM1524", 24),
    0x37: ("RD1824", 24),
    0x3B: ("RD2624E", 24),
    0x3C: ("MM1x24E", 24),
    0x3F: ("RD2824", 24),
    0x45: ("RD4024E", 24),
    0x4A: ("RD3924", 24),
    0x5A: ("MS4124E", 24),
    0x5B: ("MS2024", 24),
    0x67: ("MSH4024M", 24),
    0x68: ("MSH4024RE", 24),
    0x69: ("MS4024", 24),
    0x6A: ("MS4024AE", 24),
    0x6B: ("MS4024PAE", 24),
    0x6F: ("MS4448AE", 48),
    0x70: ("MS3748AEJ", 48),
    0x72: ("MS4048", 48),
    0x73: ("MS4448PAE", 48),
    0x74: ("MS3748PAEJ", 48),
    0x75: ("MS4348PE", 48),
}

_LAST_12_VOLT_CODE = 50
_LAST_24_VOLT_CODE = 107


def name(code: int) -> str:
    """Return the model's name, or `unknown`."""
    return MODELS[code][0] if code in MODELS else UNKNOWN


def nominal_volts(code: int, dc_volts: float) -> int | None:
    """Return the nominal voltage: 12, 24 or 48; None when an unlisted code contradicts the measured volts.

    Codes rise with the voltage, so an unlisted one is judged by its place among the listed ones.
    """
    if code in MODELS:
        return MODELS[code][1]
    by_code = 12 if code <= _LAST_12_VOLT_CODE else 24 if code <= _LAST_24_VOLT_CODE else 48
    low, high = {12: (8.0, 17.0), 24: (17.0, 34.0), 48: (34.0, 70.0)}[by_code]
    return by_code if low <= dc_volts < high else None
