"""The packets of the remote control: settings in every packet, then the page that the last byte (footer) selects.

A setting that is off, or whose page has not been received, is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from exporter.fields import Computed, Confidence, Field, Flags, Info, Place, States, diagnostic, quantity
from exporter.sources.magnum.packet import CAPTURE, MAGNUM2MQTT, PROTOCOL, At, Packet, revision_text
from exporter.sources.magnum.units import (
    FAHRENHEIT,
    FREEZING_FAHRENHEIT,
    PERCENT,
    SECONDS_IN_DAY,
    SECONDS_IN_MINUTE,
    SECONDS_IN_QUARTER_HOUR,
    SECONDS_IN_TENTH_HOUR,
    TEN,
    TENTH,
)

CLASSIC_LENGTH = 16
LENGTH = 21
BASE_LENGTH = 14
COMMAND = 0
BATTERY_TYPE = 3
REVISION = 6
FOOTER = 20

COMMAND_BITS = 0x0B
COMMANDS: Mapping[int, str] = {0x01: "inverter", 0x02: "charger", 0x0A: "equalize"}
FIRST_CUSTOM_TYPE = 100
BATTERY_TYPES: Mapping[int, str] = {
    2: "gel",
    4: "flooded",
    8: "agm",
    10: "agm2",
    **dict.fromkeys(range(FIRST_CUSTOM_TYPE, 256), "custom"),
}
START_MODES: Mapping[int, str] = {0: "off", 1: "enabled", 2: "test", 4: "enabled_quiet", 5: "on", 8: "on"}
QUIET_MODES: Mapping[int, str] = {0: "off", 1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
CUTOUT_VOLTS: Mapping[int, int] = {
    110: 60,
    122: 65,
    135: 70,
    145: 75,
    155: 80,
    165: 85,
    175: 90,
    182: 95,
    190: 100,
}
FORCED: Mapping[int, str] = {0x10: "refloat_disabled", 0x20: "silent", 0x40: "float", 0x80: "bulk"}

QUARTER_HOURS_IN_DAY = 96
OFF = frozenset({0})
AT_FLOAT = frozenset({255})

_base = partial(At, "remote packet")


def modern(packet: Packet) -> bool:
    """Return whether the packet has 21 bytes; the classic one of 16 has no page and no footer."""
    return len(packet.payload) == LENGTH


def _in_modern(place: At) -> Place[Packet]:
    return Computed(how=f"{place} of 21", compute=lambda packet: place.read(packet) if modern(packet) else None)


def _in_classic(place: At) -> Place[Packet]:
    return Computed(how=f"{place} of 16", compute=lambda packet: None if modern(packet) else place.read(packet))


def _low_battery_cutout(packet: Packet) -> float | None:
    raw = _base(9, absent=OFF).read(packet)
    if raw is None or packet.nominal_volts is None:
        return None
    return raw * 2 if packet.nominal_volts == 48 else raw


def _table(place: At, table: Mapping[int, int]) -> Place[Packet]:
    def compute(packet: Packet) -> float | None:
        raw = place.read(packet)
        return None if raw is None else table.get(raw)

    return Computed(how=f"{place}, by table", compute=compute)


def _charge_rate(packet: Packet) -> float | None:
    rate, battery_type = _base(4).read(packet), _base(BATTERY_TYPE).read(packet)
    return None if rate == 0 and (battery_type is None or battery_type >= FIRST_CUSTOM_TYPE) else rate


_custom_absorb = _base(BATTERY_TYPE, low=FIRST_CUSTOM_TYPE, per_12_volts=True)
_equalize_offset = _base(12, per_12_volts=True)


def _equalize(packet: Packet) -> float | None:
    absorb, offset = _custom_absorb.read(packet), _equalize_offset.read(packet)
    return None if absorb is None or offset is None or not modern(packet) else absorb + offset


_setting = partial(quantity, "magnum_remote", source=PROTOCOL)


BASE: tuple[Field[Packet], ...] = diagnostic(
    (
        Info(
            metric="magnum_remote_info",
            help="Firmware revision of the remote control",
            place=_base(REVISION),
            texts={"revision": partial(revision_text, REVISION)},
            source=PROTOCOL,
        ),
        _setting(
            "search_watts", "Load at which the inverter leaves search mode; absent when off", _base(1, absent=OFF)
        ),
        _setting(
            "battery_size_raw",
            "Battery size in 10 Ah on old remotes, absorb time on newer ones; see magnum_remote_battery_amphours",
            _base(2),
            source=CAPTURE,
        ),
        States(
            metric="magnum_remote_battery_type",
            help="Battery type, which sets the charger's voltages",
            place=_base(BATTERY_TYPE),
            label="type",
            names=BATTERY_TYPES,
            source=PROTOCOL,
        ),
        _setting("absorb_volts", "Absorb voltage; absent unless the battery type is custom", _custom_absorb, TENTH),
        _setting(
            "charge_rate_ratio",
            "Highest charge current, as a share of the charger's maximum; absent where a custom charge profile does "
            "not use it",
            Computed(
                how="remote packet, byte 4; its 0 counts only while byte 3 is no custom type", compute=_charge_rate
            ),
            PERCENT,
        ),
        _setting("ac_input_amperes", "Highest current from the AC input", _base(5, absent=OFF)),
        _setting(
            "ambient_celsius",
            "Ambient temperature at a classic remote",
            _in_classic(_base(7)),
            confidence=Confidence.LIKELY,
        ),
        _setting(
            "parallel_threshold_ratio",
            "Load of the master at which a parallel inverter joins",
            _in_modern(_base(7, mask=0x0F)),
            TENTH,
        ),
        Flags(
            metric="magnum_remote_forced",
            help="Charge stages that the owner has forced or disabled",
            place=_in_modern(_base(7)),
            label="stage",
            bits=FORCED,
            source=PROTOCOL,
        ),
        States(
            metric="magnum_remote_generator_start",
            help="Automatic start mode of the generator; 5 and 8 both mean on, each by one source",
            place=_base(8),
            label="mode",
            names=START_MODES,
            source=f"{PROTOCOL}; 8: {MAGNUM2MQTT}",
            confidence=Confidence.LIKELY,
        ),
        _setting(
            "low_battery_cutout_volts",
            "Battery voltage at which the inverter stops",
            Computed(how="remote packet, byte 9, doubled on 48 V", compute=_low_battery_cutout),
            TENTH,
            source=CAPTURE,
        ),
        _setting(
            "ac_input_cutout_volts",
            "AC input voltage below which the charger disconnects; twice this on export models",
            _table(_base(10), CUTOUT_VOLTS),
        ),
        _setting("ac_input_cutout_code", "Raw code of the AC cut-out; 255: the AC input is ignored", _base(10)),
        _setting("float_volts", "Float voltage", _in_modern(_base(11, absent=OFF, per_12_volts=True)), TENTH),
        _setting(
            "equalize_offset_volts",
            "Equalize voltage minus absorb voltage",
            _in_modern(_equalize_offset),
            TENTH,
        ),
        _setting(
            "equalize_volts",
            "Equalize voltage; absent unless the battery type is custom",
            Computed(how="remote packet, bytes 3 and 12", compute=_equalize),
            TENTH,
        ),
        _setting("absorb_seconds", "Absorb time", _in_modern(_base(13)), SECONDS_IN_TENTH_HOUR),
    )
)


def _clock(packet_name: str, *, zero_is_unset: bool) -> Place[Packet]:
    hours, minutes = At(packet_name, 14, high=23), At(packet_name, 15, high=59)

    def compute(packet: Packet) -> float | None:
        hour, minute = hours.read(packet), minutes.read(packet)
        if hour is None or minute is None or (zero_is_unset and not hour and not minute):
            return None
        return hour * 3600 + minute * 60

    return Computed(how=f"{packet_name}, bytes 14-15", compute=compute)


def _delay(place: At) -> Place[Packet]:
    def compute(packet: Packet) -> float | None:
        raw = place.read(packet)
        if raw is None:
            return None
        return (raw & 0x7F) * 60 if raw & 0x80 else raw

    return Computed(how=f"{place}; bit 7: minutes, else seconds", compute=compute)


def _daily(begin: At, end: At, which: At) -> Place[Packet]:
    """Return the place of a time of day in quarter hours; absent when begin and end are equal, which turns it off."""

    def compute(packet: Packet) -> float | None:
        first, last = begin.read(packet), end.read(packet)
        if first is None or last is None or (first - last) % QUARTER_HOURS_IN_DAY == 0:
            return None
        return which.read(packet)

    return Computed(how=str(which), compute=compute)


def _switched_by(switch: At, place: Place[Packet]) -> Place[Packet]:
    """Return the place of a number that is absent when the setting at `switch` is off."""
    return Computed(how=str(place), compute=lambda packet: place.read(packet) if switch.read(packet) else None)


_11 = partial(At, "remote packet, footer 11")
_80 = partial(At, "remote packet, footer 80")
_a0 = partial(At, "remote packet, footer A0")
_a1 = partial(At, "remote packet, footer A1")
_a2 = partial(At, "remote packet, footer A2")
_a3 = partial(At, "remote packet, footer A3")
_a4 = partial(At, "remote packet, footer A4")
_c0 = partial(At, "remote packet, footer C0")
_c1 = partial(At, "remote packet, footer C1")
_c2 = partial(At, "remote packet, footer C2")
_c3 = partial(At, "remote packet, footer C3")

_ac2 = partial(_setting, source=MAGNUM2MQTT, confidence=Confidence.LIKELY)
_pt = partial(_setting, source=MAGNUM2MQTT, confidence=Confidence.UNVERIFIED)

_PAGES: Mapping[int, tuple[Field[Packet], ...]] = {
    0x00: (),
    0x11: (
        _ac2("ac_input_2_amperes", "Highest current from the second AC input", _11(14)),
        _ac2(
            "ac_input_2_cutout_volts",
            "Voltage of the second AC input below which the charger disconnects",
            _table(_11(15), CUTOUT_VOLTS),
        ),
        _ac2("ac_input_2_cutout_code", "Raw code of the second AC input's cut-out", _11(15)),
    ),
    0x80: (
        _setting(
            "battery_efficiency_ratio",
            "Charge efficiency set in the battery monitor; absent when automatic",
            _80(16, absent=OFF),
            PERCENT,
        ),
        States(
            metric="magnum_remote_bmk_reset",
            help="What the owner is resetting in the battery monitor",
            place=_80(17),
            label="what",
            names={0: "none", 1: "min_volts", 2: "max_volts", 3: "trip_amphours", 4: "lifetime_amphours"},
            source=PROTOCOL,
        ),
        _setting("battery_amphours", "Battery size set in the battery monitor", _80(18), TEN),
    ),
    0xA0: (
        _setting(
            "clock_seconds",
            "Clock of the remote: seconds since midnight, local time",
            _clock("remote packet, footer A0", zero_is_unset=False),
        ),
        _setting("generator_run_seconds", "Run time of a generator start", _a0(16), SECONDS_IN_TENTH_HOUR),
        _setting(
            "generator_start_celsius",
            "Temperature at which the generator starts; absent when off",
            _a0(17, absent=OFF),
            FAHRENHEIT,
            zero=FREEZING_FAHRENHEIT,
        ),
        _setting(
            "generator_start_volts",
            "Battery voltage at which the generator starts; absent when off",
            _a0(18, absent=OFF, per_12_volts=True),
            TENTH,
        ),
        States(
            metric="magnum_remote_quiet",
            help="Selected quiet time: 21-7, 21-8, 21-9, 22-8 or 23-8 h; from AGS 5.0 first is the time of page A3",
            place=_a0(19),
            label="time",
            names=QUIET_MODES,
            source=PROTOCOL,
        ),
    ),
    0xA1: (
        _setting(
            "generator_start_time_seconds",
            "Time of day at which the generator starts, since midnight; absent when off",
            _daily(_a1(14), _a1(15), _a1(14)),
            SECONDS_IN_QUARTER_HOUR,
        ),
        _setting(
            "generator_stop_time_seconds",
            "Time of day at which the generator stops, since midnight; absent when off",
            _daily(_a1(14), _a1(15), _a1(15)),
            SECONDS_IN_QUARTER_HOUR,
        ),
        _setting(
            "generator_stop_volts",
            "Battery voltage at which the generator stops; absent when it stops at float",
            _a1(16, absent=OFF | AT_FLOAT, per_12_volts=True),
            TENTH,
        ),
        _setting("generator_start_volts_delay_seconds", "How long the start voltage must last", _delay(_a1(17))),
        _setting("generator_stop_volts_delay_seconds", "How long the stop voltage must last", _delay(_a1(18))),
        _setting(
            "generator_max_run_seconds",
            "Longest run of the generator; absent when off",
            _a1(19, absent=OFF),
            SECONDS_IN_TENTH_HOUR,
        ),
    ),
    0xA2: (
        _setting(
            "generator_start_soc_ratio",
            "State of charge at which the generator starts; absent when off",
            _a2(14, absent=OFF, high=100),
            PERCENT,
        ),
        _setting(
            "generator_stop_soc_ratio",
            "State of charge at which the generator stops; absent when off",
            _switched_by(_a2(14), _a2(15, high=100)),
            PERCENT,
        ),
        _setting(
            "generator_start_amperes",
            "AC load at which the generator starts; absent when off",
            _a2(16, absent=OFF),
        ),
        _setting(
            "generator_start_amperes_delay_seconds",
            "How long the start load must last; absent when off",
            _switched_by(_a2(16), _delay(_a2(17))),
        ),
        _setting(
            "generator_stop_amperes",
            "AC load at which the generator stops; absent when off",
            _switched_by(_a2(16), _a2(18)),
        ),
        _setting(
            "generator_stop_amperes_delay_seconds",
            "How long the stop load must last; absent when off",
            _switched_by(_a2(16), _delay(_a2(19))),
        ),
    ),
    0xA3: (
        _setting(
            "quiet_begin_seconds",
            "Start of the quiet time, since midnight; absent when off",
            _daily(_a3(14), _a3(15), _a3(14)),
            SECONDS_IN_QUARTER_HOUR,
        ),
        _setting(
            "quiet_end_seconds",
            "End of the quiet time, since midnight; absent when off",
            _daily(_a3(14), _a3(15), _a3(15)),
            SECONDS_IN_QUARTER_HOUR,
        ),
        _setting(
            "exercise_every_seconds",
            "Time between exercise runs; absent when off",
            _a3(16, absent=OFF),
            SECONDS_IN_DAY,
            source=CAPTURE,
        ),
        _setting(
            "exercise_start_seconds",
            "Time of day at which an exercise run starts, since midnight; absent when off",
            _switched_by(_a3(16), _a3(17)),
            SECONDS_IN_QUARTER_HOUR,
            source=CAPTURE,
        ),
        _setting(
            "exercise_run_seconds",
            "Length of an exercise run; absent when off",
            _switched_by(_a3(16), _a3(18)),
            SECONDS_IN_TENTH_HOUR,
            source=CAPTURE,
        ),
        _setting(
            "topoff_seconds",
            "How long the generator runs on after the battery is full",
            _a3(19),
            SECONDS_IN_MINUTE,
            source=CAPTURE,
        ),
    ),
    0xA4: (
        _setting("warm_up_seconds", "How long the engine runs before the load is connected", _delay(_a4(14))),
        _setting("cool_down_seconds", "How long the engine runs on without load", _delay(_a4(15))),
        _setting(
            "full_soc_start_interval_raw",
            "Probably the days between starts to reach 100 %",
            _a4(16),
            source=CAPTURE,
            confidence=Confidence.UNVERIFIED,
        ),
        _setting(
            "full_soc_start_time_raw",
            "Probably the time of day of starts to reach 100 %, in quarter hours",
            _a4(17),
            source=CAPTURE,
            confidence=Confidence.UNVERIFIED,
        ),
    ),
    0xC0: (
        States(
            metric="magnum_remote_pt100_force",
            help="Charge stage that the owner has forced on the solar controller",
            place=_c0(14, mask=0x07),
            label="stage",
            names={0: "multistage", 1: "off", 2: "float", 3: "bulk", 4: "equalize"},
            source=MAGNUM2MQTT,
            confidence=Confidence.LIKELY,
        ),
        States(
            metric="magnum_remote_pt100_relay",
            help="Setting of the solar controller's relay",
            place=_c0(15, mask=0x03),
            label="mode",
            names={0: "auto", 1: "off", 2: "toggle", 3: "on"},
            source=MAGNUM2MQTT,
            confidence=Confidence.LIKELY,
        ),
        States(
            metric="magnum_remote_pt100_buzzer",
            help="Setting of the solar controller's buzzer",
            place=_c0(15, mask=0x0C, shift=2),
            label="mode",
            names={0: "auto", 1: "off", 2: "toggle", 3: "on"},
            source=MAGNUM2MQTT,
            confidence=Confidence.LIKELY,
        ),
        States(
            metric="magnum_remote_pt100_reset",
            help="What the owner is resetting in the solar controller",
            place=_c0(16),
            label="what",
            names={0: "none", 1: "energy", 2: "faults", 3: "unit"},
            source=MAGNUM2MQTT,
            confidence=Confidence.LIKELY,
        ),
        _ac2("pt100_unit", "Address of the solar controller that the remote polls", _c0(17, mask=0x07)),
        _ac2(
            "pt100_wanted_packet",
            "Packet that the remote requests from the solar controller",
            _c0(17, mask=0xF8, shift=3),
        ),
        _pt("pt100_wanted_record", "Log record that the remote requests from the solar controller", _c0(18, 2)),
    ),
    0xC1: (
        _pt("pt100_relay_on_volts", "Voltage at which the solar controller's relay closes", _c1(14), TENTH),
        _pt("pt100_relay_off_volts", "Voltage at which the solar controller's relay opens", _c1(15), TENTH),
        _pt("pt100_relay_on_delay_seconds", "How long the voltage must last before the relay closes", _delay(_c1(16))),
        _pt("pt100_relay_off_delay_seconds", "How long the voltage must last before the relay opens", _delay(_c1(17))),
        _pt("pt100_temperature_compensation_raw", "Temperature compensation; its unit is not published", _c1(18)),
        _pt("pt100_power_save_seconds", "Time until the display saves power", _c1(19), SECONDS_IN_MINUTE),
    ),
    0xC2: (
        _pt("pt100_alarm_on_volts", "Voltage at which the solar controller's alarm starts", _c2(14), TENTH),
        _pt("pt100_alarm_off_volts", "Voltage at which the solar controller's alarm ends", _c2(15), TENTH),
        _pt("pt100_alarm_on_delay_seconds", "How long the voltage must last before the alarm starts", _delay(_c2(16))),
        _pt("pt100_alarm_off_delay_seconds", "How long the voltage must last before the alarm ends", _delay(_c2(17))),
        _pt(
            "pt100_equalize_seconds",
            "Equalize time of the solar controller",
            _c2(18),
            SECONDS_IN_TENTH_HOUR,
        ),
        _pt(
            "pt100_charge_rate_ratio",
            "Highest charge current of the solar controller, as a share of its maximum",
            _c2(19, mask=0x7F),
            PERCENT,
        ),
        Flags(
            metric="magnum_remote_pt100_options",
            help="Options of the solar controller",
            place=_c2(19),
            label="option",
            bits={0x80: "rebulk_on_sun_up"},
            source=MAGNUM2MQTT,
            confidence=Confidence.UNVERIFIED,
        ),
    ),
    0xC3: (
        _pt("pt100_absorb_volts", "Absorb voltage of the solar controller", _c3(14, per_12_volts=True), TENTH),
        _pt("pt100_float_volts", "Float voltage of the solar controller", _c3(15, per_12_volts=True), TENTH),
        _pt("pt100_equalize_volts", "Equalize voltage of the solar controller", _c3(16, per_12_volts=True), TENTH),
        _pt("pt100_absorb_seconds", "Absorb time of the solar controller", _c3(17), SECONDS_IN_TENTH_HOUR),
        _pt(
            "pt100_rebulk_volts",
            "Voltage at which the solar controller returns to bulk",
            _c3(18, per_12_volts=True),
            TENTH,
        ),
        _pt(
            "pt100_charge_compensation_raw", "Temperature compensation of charging; its unit is not published", _c3(19)
        ),
    ),
    0xD0: (),
}
PAGES = {footer: diagnostic(fields) for footer, fields in _PAGES.items()}
FOOTERS = frozenset(PAGES)
SOLAR_VOLTS_FOOTER = 0xC3
"""The page whose volts are for the battery of the solar controller."""

CLASSIC_PAGE: tuple[Field[Packet], ...] = diagnostic(
    (
        _setting(
            "clock_seconds",
            "Clock of the remote: seconds since midnight, local time",
            _clock("remote packet of 16", zero_is_unset=True),
            confidence=Confidence.LIKELY,
        ),
    )
)


def page_name(footer: int) -> str:
    """Return the page's value of the label `frame`, such as `remote_a0`."""
    return f"remote_{footer:02x}"


def plausible(payload: bytes) -> bool:
    """Return whether a remote could send this, a packet of 16 or 21 bytes."""
    if payload[COMMAND] & ~COMMAND_BITS:
        return False
    if len(payload) == LENGTH:
        return payload[FOOTER] in FOOTERS
    return payload[BATTERY_TYPE] in BATTERY_TYPES
