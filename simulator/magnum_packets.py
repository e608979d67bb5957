"""The packets of the Magnum network, encoded from values in units.

Source: Magnum "Networking Communications Protocol", 2009-10-15, corrected by captures. Bytes count from 0;
16-bit fields are big-endian. A packet has no checksum, no length and no address.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


def _byte(value: float) -> int:
    return max(0, min(255, round(value)))


def _word(value: float) -> int:
    return max(0, min(0xFFFF, round(value)))


def _signed(value: float) -> int:
    return max(-0x8000, min(0x7FFF, round(value)))


def delay(seconds: float) -> int:
    """Return the byte of a delay: seconds up to 127, else minutes with bit 7 set."""
    return _byte(seconds) if seconds <= 127 else 0x80 | min(127, round(seconds / 60))


def quarter_hours(hour: float) -> int:
    """Return the byte of a time of day in quarter hours: 96 is 24:00."""
    return _byte(hour * 4)


@dataclass(frozen=True, kw_only=True)
class Inverter:
    """Inverter packet: 21 bytes, or 16 from a classic inverter. DC amperes have no sign; AC input is a peak voltage."""

    status: int
    fault: int
    dc_volts: float
    dc_amperes: float
    ac_output_volts: float
    ac_input_peak: float
    inverter_led: int
    charger_led: int
    revision: float
    battery_celsius: float
    transformer_celsius: float
    fet_celsius: float
    model: int
    stack_mode: int
    ac_input_amperes: float
    ac_inverter_amperes: float
    ac_hertz: float

    def encode(self, *, classic: bool = False) -> bytes:
        """Return the bytes; a classic packet ends with byte 14 repeated, as in captures of an MS2012."""
        head = struct.pack(
            ">BBHh11B",
            self.status,
            self.fault,
            _word(self.dc_volts * 10),
            _signed(self.dc_amperes),
            _byte(self.ac_output_volts),
            _byte(self.ac_input_peak),
            self.inverter_led,
            self.charger_led,
            _byte(self.revision * 10),
            _byte(self.battery_celsius),
            _byte(self.transformer_celsius),
            _byte(self.fet_celsius),
            self.model,
            self.model if classic else self.stack_mode,
            _byte(self.ac_input_amperes),
        )
        if classic:
            return head[:16]
        return head + struct.pack(">BHB", _byte(self.ac_inverter_amperes), _word(self.ac_hertz * 10), 0)


@dataclass(frozen=True, kw_only=True)
class RemoteBase:
    """Remote packet, bytes 0-13, the same on every page. `multiplier` is the bank's volts / 12."""

    multiplier: float
    command: int
    search_watts: float
    battery_size_byte: int
    battery_type: int
    charge_percent: float
    shore_amperes: float
    revision: float
    threshold_byte: int
    generator_start: int
    low_battery_volts: float
    cut_out_code: int
    float_volts: float
    equalize_offset_volts: float
    absorb_hours: float

    def encode(self) -> bytes:
        """Return the 14 bytes; the low battery volts of a 48 V bank are halved, those of other banks are not."""
        return bytes(
            (
                self.command,
                _byte(self.search_watts),
                self.battery_size_byte,
                self.battery_type,
                _byte(self.charge_percent),
                _byte(self.shore_amperes),
                _byte(self.revision * 10),
                self.threshold_byte,
                self.generator_start,
                _byte(self.low_battery_volts * (5 if self.multiplier == 4 else 10)),
                self.cut_out_code,
                _byte(self.float_volts * 10 / self.multiplier),
                _byte(self.equalize_offset_volts * 10 / self.multiplier),
                _byte(self.absorb_hours * 10),
            )
        )

    def encode_classic(self, hour: int, minute: int) -> bytes:
        """Return the 16 bytes of a remote without pages: no charging volts, the time of day at the end."""
        return self.encode()[:11] + bytes((0, 0, 0, hour, minute))


def page_00(stale: bytes = bytes(6)) -> bytes:
    """Remote bytes 14-20, footer 00: no device answers."""
    return stale + b"\x00"


def page_11(shore_amperes: float, cut_out_code: int) -> bytes:
    """Remote bytes 14-20, footer 11: the second AC input. The router answers."""
    return bytes((_byte(shore_amperes), cut_out_code, 0, 0, 0, 0, 0x11))


def page_80(hour: int, minute: int, efficiency_percent: float, reset: int, battery_ampere_hours: float) -> bytes:
    """Remote bytes 14-20, footer 80: battery settings. The battery monitor answers."""
    return bytes((hour, minute, _byte(efficiency_percent), reset, _byte(battery_ampere_hours / 10), 0, 0x80))


def page_a0(
    *,
    hour: int,
    minute: int,
    run_hours: float,
    start_fahrenheit: float,
    start_volts: float,
    quiet: int,
    multiplier: float,
) -> bytes:
    """Remote bytes 14-20, footer A0: time, and when the generator starts; 0 is off."""
    return bytes(
        (
            hour,
            minute,
            _byte(run_hours * 10),
            _byte(start_fahrenheit),
            _byte(start_volts * 10 / multiplier),
            quiet,
            0xA0,
        )
    )


def page_a1(
    *,
    start_hour: float,
    stop_hour: float,
    stop_volts: float,
    start_delay: float,
    stop_delay: float,
    max_run_hours: float,
    multiplier: float,
) -> bytes:
    """Remote bytes 14-20, footer A1: run times, and what stops the generator. Delays in seconds."""
    return bytes(
        (
            quarter_hours(start_hour),
            quarter_hours(stop_hour),
            _byte(stop_volts * 10 / multiplier),
            delay(start_delay),
            delay(stop_delay),
            _byte(max_run_hours * 10),
            0xA1,
        )
    )


def page_a2(
    *,
    start_percent: float,
    stop_percent: float,
    start_amperes: float,
    start_delay: float,
    stop_amperes: float,
    stop_delay: float,
) -> bytes:
    """Remote bytes 14-20, footer A2: start and stop by state of charge and by amperes. Delays in seconds."""
    return bytes(
        (
            _byte(start_percent),
            _byte(stop_percent),
            _byte(start_amperes),
            delay(start_delay),
            _byte(stop_amperes),
            delay(stop_delay),
            0xA2,
        )
    )


def page_a3(
    *,
    quiet_hour: float,
    quiet_end_hour: float,
    exercise_days: int,
    exercise_hour: float,
    exercise_hours: float,
    topoff_minutes: int,
) -> bytes:
    """Remote bytes 14-20, footer A3: quiet time, exercise, top-off."""
    return bytes(
        (
            quarter_hours(quiet_hour),
            quarter_hours(quiet_end_hour),
            exercise_days,
            quarter_hours(exercise_hour),
            _byte(exercise_hours * 10),
            topoff_minutes,
            0xA3,
        )
    )


def page_a4(warm_up: float, cool_down: float, full_soc_days: int = 0, full_soc_hour: float = 0) -> bytes:
    """Remote bytes 14-20, footer A4: delays in seconds; the last two are undocumented, as in captures of an ME-ARTR."""
    return bytes((delay(warm_up), delay(cool_down), full_soc_days, quarter_hours(full_soc_hour), 0, 0, 0xA4))


@dataclass(frozen=True, kw_only=True)
class AgsA1:
    """AGS packet A1, 6 bytes. `fahrenheit_byte` is a temperature from 33 to 104; other values mean no sensor."""

    multiplier: float
    status: int
    revision: float
    fahrenheit_byte: int
    run_hours: float
    volts: float

    def encode(self) -> bytes:
        """Return the bytes."""
        return bytes(
            (
                0xA1,
                self.status,
                _byte(self.revision * 10),
                self.fahrenheit_byte,
                _byte(self.run_hours * 10),
                _byte(self.volts * 10 / self.multiplier),
            )
        )


def ags_a2(days_since_run: float) -> bytes:
    """AGS packet A2, 6 bytes; every byte after byte 1 is zero in all captures."""
    return bytes((0xA2, _byte(days_since_run), 0, 0, 0, 0))


@dataclass(frozen=True, kw_only=True)
class Bmk:
    """Battery monitor packet, 18 bytes. `percent` 255 is "Think'n"; amperes are positive into the battery."""

    percent: int
    volts: float
    amperes: float
    min_volts: float
    max_volts: float
    net_ampere_hours: float
    trip_ampere_hours: float
    discharged_ampere_hours: float
    revision: float
    fault: int

    def encode(self) -> bytes:
        """Return the bytes; a trip count stops at 6553.5 Ah."""
        return struct.pack(
            ">BBHhHHhHHBB",
            0x81,
            self.percent,
            _word(self.volts * 100),
            _signed(self.amperes * 10),
            _word(self.min_volts * 100),
            _word(self.max_volts * 100),
            _signed(self.net_ampere_hours),
            _word(self.trip_ampere_hours * 10),
            _word(self.discharged_ampere_hours / 100),
            _byte(self.revision * 10),
            self.fault,
        )


def rtr(revision: float) -> bytes:
    """Router packet, 2 bytes."""
    return bytes((0x91, _byte(revision * 10)))
