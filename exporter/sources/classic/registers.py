"""The Classic's registers and fields. Registers are counted from 1: register 4101 is address 4100 on the wire.

Source: MidNite Solar, Classic Modbus specification, revision C; ClassicDIY/ClassicMQTT; captures. Where the
specification and the captures disagree, the captures count: lifetime energy is in tenths of a kWh (8713 Ah at 13.5 V
were 1177 counts), and the first register of a 32-bit number is the low word.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial

from exporter.fields import Confidence, Field, Flags, Info, Kind, States, quantity
from exporter.sources.modbus.protocol import READ_HOLDING
from exporter.sources.modbus.registers import S16, U32, At, ComputedFromRegisters, Registers
from toolkit.homeassistant.options import DIAGNOSTIC, PROBLEM, EntityOptions, Flag

SPEC = "MidNite Classic Modbus specification, revision C"
CAPTURE = "captures"

VERSIONS = 16387
BLOCKS = ((4101, 44), (4145, 21), (4210, 10), (4244, 32), (4361, 22), (VERSIONS, 4))
"""First register and count of each request; at most 44, which are known to work."""

TENTH = Fraction(1, 10)
TENTH_KILOWATT_HOUR = Fraction(360_000)
MINUTE = Fraction(60)

STAGES: Mapping[int, str] = {
    0: "resting",
    3: "absorb",
    4: "bulk",
    5: "float",
    6: "float_mppt",
    7: "equalize",
    10: "hyper_voc",
    18: "equalize_mppt",
}
FULL_STAGES = frozenset({5, 6})
NOT_FULL_STAGES = frozenset({3, 4, 7, 18})
STATES: Mapping[int, str] = {0: "resting", 1: "waking", 2: "waking", 3: "mppt", 4: "mppt", 6: "mppt"}
RESTING_REASONS: Mapping[int, str] = {
    0: "none",
    1: "anti_click",
    2: "insane_battery_current",
    3: "negative_current",
    4: "pv_below_battery",
    5: "low_power",
    6: "fet_hot",
    7: "ground_fault",
    8: "arc_fault",
    9: "backfeed",
    10: "battery_below_8_volts",
    11: "slow_rise",
    12: "voc_down",
    13: "voc_up",
    14: "slow_rise",
    15: "voc_down",
    16: "mppt_off",
    17: "pv_too_high_150",
    18: "pv_too_high_200",
    19: "pv_too_high_250",
    22: "battery_above_set_point",
    25: "overshoot",
    26: "mode_changed",
    27: "stuffed_bridge",
    28: "relay",
    29: "wind_graph",
    30: "peak_current",
    31: "negative_peak_current",
    32: "aux2_off",
    33: "overcurrent",
    34: "negative_peak_current",
    35: "low_battery_disconnect",
}
MPPT_MODES: Mapping[int, str] = {
    **{mode - 1: "off" for mode in (1, 3, 5, 9, 11, 13)},
    1: "pv_uset",
    3: "dynamic",
    5: "wind",
    9: "legacy_po",
    11: "solar",
    13: "hydro",
}
FLAGS: Mapping[int, str] = {
    0x0000_0001: "over_temperature",
    0x0000_0002: "eeprom_error",
    0x0000_0004: "write_locked",
    0x0000_0008: "equalizing",
    0x0000_0080: "equalize_mppt",
    0x0000_0100: "pv_below_battery",
    0x0000_0200: "current_limit",
    0x0000_0400: "hyper_voc",
    0x0000_2000: "battery_sensor",
    0x0000_4000: "aux1_on",
    0x0000_8000: "aux2_on",
    0x0001_0000: "ground_fault",
    0x0002_0000: "overcurrent",
    0x0004_0000: "arc_fault",
    0x0008_0000: "negative_battery_current",
    0x0040_0000: "partial_shade",
    0x0080_0000: "watchdog_reset",
    0x0100_0000: "battery_below_8_volts",
    0x0200_0000: "stack_jumper_missing",
    0x0400_0000: "equalize_done",
    0x0800_0000: "battery_sensor_shorted",
    0x1000_0000: "unlock_jumper_missing",
    0x2000_0000: "extra_jumper_missing",
    0x4000_0000: "input_shorted",
}
FAULT_FLAGS = ("over_temperature", "eeprom_error", "ground_fault", "overcurrent", "arc_fault", "input_shorted")
BATTERY_SENSOR, BATTERY_SENSOR_SHORTED = 0x2000, 0x0800_0000
NO_SENSOR = 250
KID = 0

_long = partial(At, type=U32, low_word_first=True)
_type = At(4101, mask=0x00FF)
_stage = At(4120, mask=0xFF00, shift=8)
_state = At(4120, mask=0x00FF)
_info_flags = _long(4130)
_battery_temperature = At(4132, S16)
STATUS_ROLL = At(4113)
CLOCK = At(4214)


def _battery_celsius(record: Registers) -> float | None:
    raw, flags = _battery_temperature.read(record), _info_flags.read(record)
    if raw is None or flags is None or int(flags) & BATTERY_SENSOR_SHORTED:
        return None
    return None if raw == NO_SENSOR and not int(flags) & BATTERY_SENSOR else raw


def model(record: Registers) -> str:
    """Return the model's name."""
    raw = _type.read(record)
    if raw is None:
        return ""
    return {KID: "KID", 251: "Classic 250 KS"}.get(int(raw), f"Classic {raw:.0f}")


def is_kid(record: Registers) -> bool:
    """Return whether this is the small model, which has no registers for its firmware versions."""
    return _type.read(record) == KID


def full(record: Registers) -> bool | None:
    """Return whether the charger reports a full battery; None while it rests, as it does every night."""
    stage = _stage.read(record)
    if stage in FULL_STAGES:
        return True
    return False if stage in NOT_FULL_STAGES else None


def _words(record: Registers, first: int, count: int) -> tuple[int, ...]:
    return record.take(READ_HOLDING, first, count) or ()


def _firmware_date(record: Registers) -> str:
    words = _words(record, 4102, 2)
    return f"{words[0]:04}-{words[1] >> 8:02}-{words[1] & 0xFF:02}" if words else ""


def _address(record: Registers) -> str:
    words = _words(record, 4106, 3)
    return ":".join(f"{byte:02X}" for word in reversed(words) for byte in word.to_bytes(2, "big"))


def _name(record: Registers) -> str:
    data = b"".join(word.to_bytes(2, "little") for word in _words(record, 4210, 4))
    return data.partition(b"\0")[0].decode("ascii", "replace").strip()


def _number_text(place: At, record: Registers) -> str:
    number = place.read(record)
    return "" if number is None else f"{number:.0f}"


def _high_byte_text(register: int, record: Registers) -> str:
    return _number_text(At(register, mask=0xFF00, shift=8), record)


_number = partial(quantity, "classic", source=SPEC)


_likely = partial(_number, confidence=Confidence.LIKELY)

FIELDS: tuple[Field[Registers], ...] = (
    Info(
        metric="classic_info",
        help="The charge controller: its model, name, network address, firmware and board",
        place=_type,
        texts={
            "model": model,
            "name": _name,
            "mac": _address,
            "firmware": partial(_number_text, _long(16387)),
            "network_firmware": partial(_number_text, _long(16389)),
            "firmware_date": _firmware_date,
            "pcb_revision": partial(_high_byte_text, 4101),
            "device_id": partial(_number_text, _long(4111)),
        },
        entity=EntityOptions(device={"model": "model", "sw_version": "firmware"}),
        source=f"{SPEC}; {CAPTURE}",
    ),
    _number("battery_volts", "Battery volts, mean of one second", At(4115, S16), TENTH),
    _number("pv_volts", "Volts of the solar array", At(4116), TENTH),
    _number("battery_amperes", "Amperes out of the charger; not the battery's own current", At(4117, S16), TENTH),
    _number("pv_amperes", "Amperes of the solar array", At(4121), TENTH),
    _number("battery_watts", "Power out of the charger", At(4119)),
    States(
        metric="classic_charge_stage",
        help="The stage of charging",
        place=_stage,
        label="stage",
        names=STAGES,
        source=f"{SPEC}; {CAPTURE}",
    ),
    States(metric="classic_state", help="State of the power stage", place=_state, names=STATES, source=SPEC),
    States(
        metric="classic_resting_reason",
        help="The reason for its last rest; it stays while the charger runs again",
        place=At(4275),
        label="reason",
        names=RESTING_REASONS,
        source=f"{SPEC}; 38, 104 and 111 were received; their meaning is unknown",
    ),
    _number(
        "battery_celsius",
        "Battery temperature; absent without a sensor",
        ComputedFromRegisters(
            how="register 4132, signed; 25.0 without the sensor's flag means none",
            registers=(_battery_temperature, _info_flags),
            compute=_battery_celsius,
        ),
        TENTH,
        source=f"{SPEC}; {CAPTURE}",
    ),
    _number("fet_celsius", "Temperature of the power transistors", At(4133, S16), TENTH),
    _number("pcb_celsius", "Temperature of the board", At(4134, S16), TENTH),
    _number(
        "energy_joules_total",
        "Energy charged since it was new, in steps of 0.1 kWh",
        _long(4126),
        TENTH_KILOWATT_HOUR,
        kind=Kind.COUNTER,
        source=CAPTURE,
    ),
    _number("amphours_total", "Ampere-hours charged since it was new", _long(4128), kind=Kind.COUNTER),
    _number(
        "energy_today_joules",
        "Energy charged today, in steps of 0.1 kWh",
        At(4118),
        TENTH_KILOWATT_HOUR,
        entity=EntityOptions(state_class="total_increasing"),
    ),
    _number("amphours_today", "Ampere-hours charged today", At(4125)),
    _number("last_open_circuit_volts", "Volts of the array when it last had no load", At(4122), TENTH),
    _number("highest_pv_volts", "Highest volts of the array since it was new", At(4123), TENTH),
    _number("float_today_seconds", "Time in float today", At(4138)),
    _number("absorb_timer_seconds", "The absorb timer, which counts down", At(4139)),
    _number("equalize_timer_seconds", "The equalize timer, which counts down", At(4143)),
    _number("without_power_seconds", "Time since the array last delivered power", At(4135), MINUTE),
    _number("target_volts", "Present target of battery volts, corrected for temperature", At(4244, S16), TENTH),
    _number("nominal_volts", "Nominal battery volts", At(4245, absent=frozenset({0}))),
    _number("ending_amperes", "Amperes at which absorb ends", At(4246, S16), TENTH),
    _number("setting_absorb_volts", "Setting: absorb volts", At(4149), TENTH, entity=DIAGNOSTIC),
    _number("setting_float_volts", "Setting: float volts", At(4150), TENTH, entity=DIAGNOSTIC),
    _number("setting_equalize_volts", "Setting: equalize volts", At(4151), TENTH, entity=DIAGNOSTIC),
    _number("setting_current_limit_amperes", "Setting: highest charging amperes", At(4148), TENTH, entity=DIAGNOSTIC),
    _number("setting_absorb_seconds", "Setting: absorb time", At(4154), entity=DIAGNOSTIC),
    _likely("reset_reason_code", "The reason for its last restart, as a raw code", At(4142), entity=DIAGNOSTIC),
    States(
        metric="classic_mppt_mode",
        help="How it finds the array's maximum power point",
        place=At(4164),
        label="mode",
        names=MPPT_MODES,
        source=SPEC,
    ),
    Flags(
        metric="classic_flags",
        help="Its status flags; the sensor's flag is not reliable",
        place=_info_flags,
        bits=FLAGS,
        source=f"{SPEC}; {CAPTURE}",
        entity=EntityOptions(flags={name: Flag(device_class=PROBLEM) for name in FAULT_FLAGS}),
    ),
)
