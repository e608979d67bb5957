"""The packets of the solar controller PT-100: C1 measurements, C2 totals and ratings, C3 daily log, C4 fault log.

Nothing official is published. Sources: magnum2mqtt's newer document, pymagnum, the PT-100 owner's manual, and one
captured packet each of C1 and C2.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial

from exporter.fields import Computed, Confidence, Field, Flags, Info, Kind, States, diagnostic, quantity
from exporter.sources.magnum.packet import CAPTURE, MAGNUM2MQTT, PYMAGNUM, At, Packet, revision_text
from exporter.sources.magnum.units import HUNDREDTH, JOULES_IN_KILOWATT_HOUR, SECONDS_IN_TENTH_HOUR, TENTH
from toolkit.homeassistant.options import DIAGNOSTIC

MODES: Mapping[int, str] = {0: "sleep", 1: "float", 2: "bulk", 3: "absorb", 4: "equalize"}
REGULATIONS: Mapping[int, str] = {
    0: "off",
    1: "volts",
    2: "amperes",
    3: "temperature",
    4: "hardware",
    5: "volts_off_limit",
    6: "mppt_limit",
    7: "fault_limit",
    15: "mppt",
}
FAULTS: Mapping[int, str] = {
    0: "none",
    1: "input_breaker",
    2: "output_breaker",
    3: "pv_high",
    4: "battery_high",
    5: "battery_sensor_shorted",
    6: "fet_over_temperature",
    7: "inductor_over_temperature",
    8: "over_current",
    9: "internal_phase",
    10: "battery_sensor_open",
    11: "internal_1",
    12: "ground_fault",
    13: "arc_fault",
    14: "ntc",
    15: "hardware_over_temperature",
    16: "over_temperature",
    17: "usb",
    20: "stack_no_communication",
    21: "stack_communication_lost",
    22: "stack_switches",
    23: "stack_battery_volts",
}
NOMINAL_VOLTS: Mapping[int, int] = {0: 12, 1: 24, 2: 48}
UNIT = 1
REVISION = 9

SENSOR_SHORTED, SENSOR_OPEN = 0x97, 0x98

_c1 = partial(At, "PT-100 packet C1")
_c2 = partial(At, "PT-100 packet C2")
_c3 = partial(At, "PT-100 packet C3")
_c4 = partial(At, "PT-100 packet C4")
_nominal = _c2(7, mask=0x03)


_number = partial(quantity, "magnum", source=PYMAGNUM, confidence=Confidence.LIKELY)


_seen = partial(_number, source=CAPTURE, confidence=Confidence.PROVEN)
_unseen = partial(_number, source=MAGNUM2MQTT, confidence=Confidence.UNVERIFIED)


def unit(payload: bytes) -> int:
    """Return the address of the solar controller that sent this packet, 0 to 7."""
    return payload[UNIT] & 0x07


def nominal_volts(packet: Packet) -> int | None:
    """Return the solar controller's nominal battery volts, from a C2 packet; the inverter's may differ."""
    raw = _nominal.read(packet)
    return None if raw is None else NOMINAL_VOLTS.get(raw)


BATTERY_VOLTS = _seen("pt100_battery_volts", "Battery voltage at the solar controller", _c1(4, 2), TENTH)
BATTERY_AMPERES = _seen(
    "pt100_battery_amperes", "Current from the solar controller into the battery", _c1(6, 2, signed=True), TENTH
)


def _battery_watts(packet: Packet) -> float | None:
    volts, amperes = BATTERY_VOLTS.value(packet), BATTERY_AMPERES.value(packet)
    return None if volts is None or amperes is None else volts * amperes


C1: tuple[Field[Packet], ...] = (
    _seen("pt100_unit", "Address of the solar controller", _c1(UNIT, mask=0x07)),
    States(
        metric="magnum_pt100_mode",
        help="Charge stage of the solar controller",
        place=_c1(2, mask=0x0F),
        label="mode",
        names=MODES,
        source=f"{PYMAGNUM}, {CAPTURE}",
    ),
    States(
        metric="magnum_pt100_regulation",
        help="What limits the solar controller's output now",
        place=_c1(2, mask=0xF0, shift=4),
        label="by",
        names=REGULATIONS,
        source=f"{PYMAGNUM}, PT-100 owner's manual; 5 to 7: {MAGNUM2MQTT}",
    ),
    States(
        metric="magnum_pt100_fault",
        help="Fault of the solar controller",
        place=_c1(3, mask=0xF8, shift=3),
        label="fault",
        names=FAULTS,
        source=f"{PYMAGNUM}, PT-100 owner's manual",
        confidence=Confidence.LIKELY,
    ),
    BATTERY_VOLTS,
    BATTERY_AMPERES,
    _seen(
        "pt100_battery_watts",
        "Power from the solar controller into the battery",
        Computed(how="magnum_pt100_battery_volts times magnum_pt100_battery_amperes", compute=_battery_watts),
    ),
    _seen("pt100_pv_volts", "Voltage of the solar array", _c1(8, 2), TENTH),
    _number("pt100_charge_seconds", "How long the solar controller has charged today", _c1(10), SECONDS_IN_TENTH_HOUR),
    _seen("pt100_target_volts", "Battery voltage that the solar controller aims at", _c1(11, per_12_volts=True), TENTH),
    Flags(
        metric="magnum_pt100_flags",
        help="Outputs and states that are on, as raw bits; sources disagree on the meaning of the relay's bit",
        place=_c1(12),
        bits={0x01: "relay", 0x02: "alarm", 0x08: "fan", 0x10: "day"},
        source=PYMAGNUM,
        confidence=Confidence.LIKELY,
    ),
    _seen(
        "pt100_battery_celsius",
        "Battery temperature at the solar controller's sensor; absent with the sensor open or shorted",
        _c1(13, absent=frozenset({SENSOR_SHORTED, SENSOR_OPEN, 254, 255})),
    ),
    _seen("pt100_inductor_celsius", "Temperature of the inductor", _c1(14)),
    _seen("pt100_fet_celsius", "Temperature of the power transistors", _c1(15)),
)

C2: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_pt100_info",
        help="Firmware revision and nominal battery volts of the solar controller",
        place=_c2(REVISION),
        texts={
            "revision": partial(revision_text, REVISION),
            "nominal_volts": lambda packet: str(nominal_volts(packet) or "unknown"),
        },
        source=f"{PYMAGNUM}, {CAPTURE}",
    ),
    _number(
        "pt100_energy_joules_total",
        "Energy charged over the solar controller's life, in steps of 10 kWh",
        _c2(2, 2),
        10 * JOULES_IN_KILOWATT_HOUR,
        kind=Kind.COUNTER,
    ),
    _number(
        "pt100_resettable_energy_joules",
        "Energy charged since the owner's reset, in steps of 0.1 kWh",
        _c2(4, 2),
        JOULES_IN_KILOWATT_HOUR / 10,
    ),
    _number("pt100_ground_fault_amperes", "Ground fault current", _c2(6), HUNDREDTH, source=MAGNUM2MQTT),
    _number("pt100_stacker_raw", "Raw bits of the stack settings", _c2(7, mask=0xFC, shift=2), entity=DIAGNOSTIC),
    _number("pt100_switches_raw", "Raw positions of the DIP switches", _c2(8), entity=DIAGNOSTIC),
    _number("pt100_model_raw", "Raw model number", _c2(10), source=CAPTURE, entity=DIAGNOSTIC),
    _number("pt100_rated_amperes", "Rated battery current", _c2(11), Fraction(5), source=CAPTURE, entity=DIAGNOSTIC),
    _number("pt100_rated_pv_volts", "Rated array voltage", _c2(12), Fraction(5), source=CAPTURE, entity=DIAGNOSTIC),
)

C3: tuple[Field[Packet], ...] = diagnostic(
    (
        _unseen(
            "pt100_log_record",
            "Number of the log record (a day) that the remote shows",
            _c3(1, 2, mask=0xFFF8, shift=3),
        ),
        _unseen("pt100_log_energy_joules", "Energy charged on that day", _c3(3), JOULES_IN_KILOWATT_HOUR / 10),
        _unseen("pt100_log_max_pv_volts", "Highest array voltage on that day", _c3(4)),
        _unseen(
            "pt100_log_max_pv_seconds", "When it occurred, since the start of that day", _c3(5), SECONDS_IN_TENTH_HOUR
        ),
        _unseen("pt100_log_max_battery_volts", "Highest battery voltage on that day", _c3(6)),
        _unseen(
            "pt100_log_max_battery_seconds",
            "When it occurred, since the start of that day",
            _c3(7),
            SECONDS_IN_TENTH_HOUR,
        ),
        _unseen("pt100_log_min_battery_volts", "Lowest battery voltage on that day", _c3(8)),
        _unseen(
            "pt100_log_min_battery_seconds",
            "When it occurred, since the start of that day",
            _c3(9),
            SECONDS_IN_TENTH_HOUR,
        ),
        _unseen(
            "pt100_log_run_seconds", "How long the solar controller ran on that day", _c3(10), SECONDS_IN_TENTH_HOUR
        ),
        _unseen("pt100_log_amphours", "Ampere-hours charged on that day", _c3(11), Fraction(10)),
        _unseen("pt100_log_peak_watts", "Highest power on that day", _c3(12), Fraction(100)),
        _unseen(
            "pt100_log_peak_seconds", "When it occurred, since the start of that day", _c3(13), SECONDS_IN_TENTH_HOUR
        ),
    )
)

C4: tuple[Field[Packet], ...] = diagnostic(
    (
        _unseen("pt100_fault_log_code", "Fault in the shown record of the fault log", _c4(1, mask=0xF8, shift=3)),
        _unseen("pt100_fault_log_battery_volts", "Highest battery voltage in that record", _c4(2)),
        _unseen("pt100_fault_log_pv_volts", "Highest array voltage in that record", _c4(3)),
        _unseen("pt100_fault_log_difference_volts", "Highest array voltage above the battery's in that record", _c4(4)),
        _unseen("pt100_fault_log_battery_celsius", "Highest battery temperature in that record", _c4(5)),
        _unseen("pt100_fault_log_fet_celsius", "Temperature of the power transistors in that record", _c4(6)),
        _unseen("pt100_fault_log_inductor_celsius", "Temperature of the inductor in that record", _c4(7)),
    )
)
