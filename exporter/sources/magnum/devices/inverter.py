"""The inverter's packet: 16 bytes (classic) up to revision 3.9, 21 bytes from 4.0 on."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from exporter.fields import UNKNOWN, Computed, Confidence, Field, Flags, Info, Number, Place, States, raw_code
from exporter.sources.magnum.devices import inverter_models
from exporter.sources.magnum.packet import CAPTURE, MAGNUM2MQTT, PROTOCOL, At, Packet, plausible_volts
from exporter.sources.magnum.units import TENTH
from toolkit.homeassistant.options import EntityOptions

STATES: Mapping[int, str] = {
    0x00: "charger_standby",
    0x01: "equalize",
    0x02: "float",
    0x04: "absorb",
    0x08: "bulk",
    0x09: "battery_saver",
    0x0A: "load_support_volts",
    0x0B: "load_support_amps",
    0x10: "charge",
    0x20: "off",
    0x40: "inverting",
    0x50: "inverter_standby",
    0x80: "search",
}
FAULTS: Mapping[int, str] = {
    0x00: "none",
    0x01: "stuck_relay",
    0x02: "dc_overload",
    0x03: "ac_overload",
    0x04: "dead_battery",
    0x05: "ac_backfeed",
    0x08: "low_battery",
    0x09: "high_battery",
    0x0A: "high_ac_volts",
    0x0B: "high_speed_bus",
    0x10: "bad_bridge",
    0x12: "ntc",
    0x13: "fet_overload",
    0x14: "internal_4",
    0x16: "stacker_mode",
    0x17: "stacker_no_clock",
    0x18: "stacker_clock_phase",
    0x19: "stacker_phase_loss",
    0x20: "over_temperature",
    0x21: "relay",
    0x80: "charger",
    0x81: "high_battery_temperature",
    0x90: "transformer_cutout",
    0x91: "breaker_cb3_open",
}
STACK_MODES: Mapping[int, str] = {
    0: "stand_alone",
    1: "parallel_master",
    2: "parallel_slave",
    4: "series_master",
    8: "series_slave",
}
CHARGING = frozenset({0x01, 0x02, 0x04, 0x08, 0x09})
PASSING_THROUGH = CHARGING | {0x00}
SUPPORTING = frozenset({0x0A, 0x0B})
LOAD_ON_INVERTER = frozenset({0x20, 0x40, 0x80})
DISCHARGING = frozenset({0x20, 0x40, 0x50, 0x80}) | SUPPORTING
FULL = frozenset({0x02, 0x09})

CLASSIC_LENGTH = 16
LENGTH = 21

STATE = 0
FAULT = 1
DC_VOLTS = 2
DC_AMPERES = 4
AC_OUTPUT_VOLTS = 6
AC_INPUT_PEAK = 7
INVERTER_LED = 8
CHARGER_LED = 9
REVISION = 10
MODEL = 14
STACK_MODE = 15
AC_INPUT_AMPERES = 16
AC_INVERTER_AMPERES = 17

AC_PRESENT_VOLTS = 60

LEDS = frozenset({INVERTER_LED, CHARGER_LED})


class Identity(NamedTuple):
    """What an inverter repeats in every packet; `stack_mode` is 0 in the classic packet, which has none."""

    length: int
    revision: int
    model: int
    stack_mode: int

    @classmethod
    def of(cls, payload: bytes) -> Identity:
        """Return the identity in an inverter packet."""
        stack_mode = payload[STACK_MODE] if len(payload) == LENGTH else 0
        return cls(len(payload), payload[REVISION], payload[MODEL], stack_mode)

    @property
    def listed(self) -> bool:
        """Whether the model is in the list of known models."""
        return self.model in inverter_models.MODELS

    def __str__(self) -> str:
        """Return model, revision and place in a stack, such as `MS4448PAE 5.1 parallel_master`."""
        stack = f" {STACK_MODES.get(self.stack_mode, '?')}" if self.length == LENGTH else ""
        name = inverter_models.name(self.model) if self.listed else f"model {self.model:#04x}"
        return f"{name} {self.revision / 10:.1f}{stack}"


def nominal_volts(payload: bytes) -> int | None:
    """Return the nominal battery volts of the inverter that sent this packet; None when unknown."""
    return inverter_models.nominal_volts(payload[MODEL], int.from_bytes(payload[2:4], "big") / 10)


def plausible(payload: bytes, nominal: int | None) -> bool:
    """Return whether an inverter could measure these numbers."""
    dc_volts = int.from_bytes(payload[2:4], "big") / 10
    in_range = plausible_volts(dc_volts, nominal) if nominal else 8 <= dc_volts <= 68
    if not in_range or abs(int.from_bytes(payload[4:6], "big", signed=True)) > 1000:
        return False
    if len(payload) == CLASSIC_LENGTH:
        return True
    tenths_of_hertz = int.from_bytes(payload[18:20], "big")
    return payload[20] == 0 and (tenths_of_hertz == 0 or 400 <= tenths_of_hertz <= 700)


def full(packet: Packet) -> bool | None:
    """Return whether the charger considers the battery full; None when its state is unknown."""
    return packet.payload[STATE] in FULL if packet.has(STATE) else None


_at = partial(At, "inverter packet")
_state = _at(STATE)
_dc_amperes = _at(DC_AMPERES, 2, signed=True)
_ac_input_peak = _at(AC_INPUT_PEAK)


def modern(packet: Packet) -> bool:
    """Return whether the packet has 21 bytes; the classic one of 16 lacks the last fields."""
    return len(packet.payload) == LENGTH


def _in_modern(first: int, width: int = 1) -> Place[Packet]:
    place = _at(first, width)
    return Computed(how=f"{place} of 21", compute=lambda packet: place.read(packet) if modern(packet) else None)


_grid_amperes = _in_modern(AC_INPUT_AMPERES)
_inverter_amperes = _in_modern(AC_INVERTER_AMPERES)


def _signed_dc_amperes(packet: Packet) -> float | None:
    magnitude, state = _dc_amperes.read(packet), _state.read(packet)
    if magnitude is None or state is None:
        return None
    if magnitude == 0 or state in CHARGING:
        return abs(magnitude)
    return -abs(magnitude) if state in DISCHARGING else None


def _load_amperes(packet: Packet) -> float | None:
    state, grid, inverter = _state.read(packet), _grid_amperes.read(packet), _inverter_amperes.read(packet)
    if state is None or grid is None or inverter is None:
        return None
    if state in PASSING_THROUGH:
        return max(0, grid - inverter)
    if state in SUPPORTING:
        return grid + inverter
    return inverter if state in LOAD_ON_INVERTER else None


def _product(left: Number[Packet], right: Number[Packet]) -> Place[Packet]:
    def compute(packet: Packet) -> float | None:
        first, second = left.value(packet), right.value(packet)
        return None if first is None or second is None else first * second

    return Computed(how=f"{left.metric} times {right.metric}", compute=compute)


def _ac_input_present(packet: Packet) -> float | None:
    volts = AC_INPUT_VOLTS.value(packet)
    return None if volts is None else float(volts >= AC_PRESENT_VOLTS)


DC_VOLTS_FIELD = Number(
    metric="magnum_inverter_dc_volts",
    help="Battery voltage at the inverter; a battery monitor is more accurate",
    place=_at(DC_VOLTS, 2),
    scale=TENTH,
    source=PROTOCOL,
    mean5s=True,
    min60s=True,
)
DC_AMPERES_FIELD = Number(
    metric="magnum_inverter_dc_amperes",
    help="Battery current of the inverter, + into the battery, - out of it; its sign comes from the state",
    place=Computed(how=f"{_dc_amperes}, with the sign of byte {STATE}", compute=_signed_dc_amperes),
    source=CAPTURE,
    mean5s=True,
)
AC_OUTPUT_VOLTS_FIELD = Number(
    metric="magnum_inverter_ac_output_volts",
    help="AC output voltage",
    place=_at(AC_OUTPUT_VOLTS),
    source=PROTOCOL,
    mean5s=True,
)
AC_INPUT_VOLTS = Number(
    metric="magnum_inverter_ac_input_volts",
    help="AC input voltage, estimated: the raw number divided by 1.5, as metered on three sites",
    place=_ac_input_peak,
    scale=Fraction(2, 3),
    source=CAPTURE,
    confidence=Confidence.LIKELY,
    mean5s=True,
)
AC_INPUT_AMPERES_FIELD = Number(
    metric="magnum_inverter_ac_input_amperes",
    help="AC input current",
    place=_grid_amperes,
    source=PROTOCOL,
    confidence=Confidence.LIKELY,
    mean5s=True,
)
LOAD_AMPERES = Number(
    metric="magnum_inverter_ac_output_amperes",
    help="AC load current: while inverting the inverter's, with AC in input less charger, in load support their sum",
    place=Computed(
        how=f"inverter packet of 21, bytes {AC_INPUT_AMPERES} and {AC_INVERTER_AMPERES}", compute=_load_amperes
    ),
    source=CAPTURE,
    confidence=Confidence.LIKELY,
    mean5s=True,
)
AC_OUTPUT_WATTS = Number(
    metric="magnum_inverter_ac_output_watts",
    help="Apparent power of the AC load",
    place=_product(AC_OUTPUT_VOLTS_FIELD, LOAD_AMPERES),
    source=CAPTURE,
    confidence=Confidence.LIKELY,
)
AC_INPUT_WATTS = Number(
    metric="magnum_inverter_ac_input_watts",
    help="Apparent power of the AC input, by the estimated voltage",
    place=_product(AC_INPUT_VOLTS, AC_INPUT_AMPERES_FIELD),
    source=CAPTURE,
    confidence=Confidence.LIKELY,
)
DC_WATTS = Number(
    metric="magnum_inverter_dc_watts",
    help="Battery power of the inverter, + into the battery, - out of it",
    place=_product(DC_VOLTS_FIELD, DC_AMPERES_FIELD),
    source=CAPTURE,
)

FIELDS: tuple[Field[Packet], ...] = (
    Info(
        metric="magnum_inverter_info",
        help="Model, firmware revision, place in a stack and nominal battery volts of the inverter",
        place=_at(MODEL),
        texts={
            "model": lambda packet: inverter_models.name(packet.payload[MODEL]),
            "revision": lambda packet: f"{packet.payload[REVISION] / 10:.1f}",
            "stack_mode": lambda packet: (
                STACK_MODES.get(packet.payload[STACK_MODE], UNKNOWN) if modern(packet) else UNKNOWN
            ),
            "nominal_volts": lambda packet: str(packet.nominal_volts or UNKNOWN),
        },
        source=PROTOCOL,
        entity=EntityOptions(device={"model": "model", "sw_version": "revision"}),
    ),
    Number(
        metric="magnum_inverter_model_code",
        help="Raw model code",
        place=_at(MODEL),
        source=PROTOCOL,
        entity=raw_code("magnum_inverter_info"),
    ),
    States(
        metric="magnum_inverter_state",
        help="State of the inverter/charger",
        place=_state,
        names=STATES,
        source=f"{PROTOCOL}; 0x0A and 0x0B: {MAGNUM2MQTT}",
    ),
    States(
        metric="magnum_inverter_fault",
        help="Fault of the inverter/charger",
        place=_at(FAULT),
        label="fault",
        names=FAULTS,
        source=f"{PROTOCOL}; 0x0B: {MAGNUM2MQTT}",
    ),
    DC_VOLTS_FIELD,
    DC_AMPERES_FIELD,
    AC_OUTPUT_VOLTS_FIELD,
    Number(
        metric="magnum_inverter_ac_input_peak_volts",
        help="Raw number for the AC input voltage: close to the peak, not the effective voltage",
        place=_ac_input_peak,
        source=PROTOCOL,
    ),
    AC_INPUT_VOLTS,
    Number(
        metric="magnum_inverter_ac_input_present",
        help=f"1 with AC at the input, from a generator or the grid: estimated at {AC_PRESENT_VOLTS} V or more",
        place=Computed(how=str(_ac_input_peak), compute=_ac_input_present),
        entity=EntityOptions(device_class="power"),
        source=CAPTURE,
        confidence=Confidence.LIKELY,
    ),
    Flags(
        metric="magnum_inverter_led",
        help="Lamps of the inverter; a blinking lamp counts as lit",
        place=Computed(
            how="inverter packet, bytes 8 and 9, over the last second",
            compute=lambda packet: bool(packet.payload[INVERTER_LED]) | bool(packet.payload[CHARGER_LED]) << 1,
        ),
        label="led",
        bits={1: "inverter", 2: "charger"},
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_inverter_battery_celsius",
        help="Battery temperature at the inverter's sensor; meaningless without a sensor",
        place=_at(11, high=150),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_inverter_transformer_celsius",
        help="Transformer temperature",
        place=_at(12, high=150),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_inverter_fet_celsius",
        help="Temperature of the power transistors",
        place=_at(13, high=150),
        source=PROTOCOL,
    ),
    Number(
        metric="magnum_inverter_ac_frequency_hertz",
        help="AC output frequency; 0 without output",
        place=_in_modern(18, 2),
        scale=TENTH,
        source=PROTOCOL,
    ),
    AC_INPUT_AMPERES_FIELD,
    Number(
        metric="magnum_inverter_ac_inverter_amperes",
        help="AC current through the inverter/charger itself",
        place=_inverter_amperes,
        source=CAPTURE,
        confidence=Confidence.LIKELY,
    ),
    LOAD_AMPERES,
    AC_OUTPUT_WATTS,
    AC_INPUT_WATTS,
    DC_WATTS,
)
