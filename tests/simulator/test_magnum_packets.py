"""Captured packets of every kind, decoded and encoded again: the bytes are the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator import magnum_packets

CAPTURED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "captured_packets.json").read_text())
BATTERY_TYPE = {"Gel": 2, "Flooded": 4, "AGM": 8, "AGM2": 10}


def _hour(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) + int(minutes) / 60


def _base(fields: dict[str, Any], multiplier: float) -> magnum_packets.RemoteBase:
    custom = fields["battery_type"] == "Custom"
    return magnum_packets.RemoteBase(
        multiplier=multiplier,
        command=fields["cmd"],
        search_watts=fields["search_w"],
        battery_size_byte=fields["byte2_raw"],
        battery_type=round(fields["absorb_v"] * 10 / multiplier) if custom else BATTERY_TYPE[fields["battery_type"]],
        charge_percent=fields["charge_pct"],
        shore_amperes=fields["shore_amps"],
        revision=fields["remote_rev"],
        threshold_byte=fields.get("parallel_pct", 0) // 10,
        generator_start=fields["genstart"],
        low_battery_volts=fields["lbco_v"],
        cut_out_code=fields["vac_cutout_code"],
        float_volts=fields.get("float_v", 0),
        equalize_offset_volts=fields.get("eq_offset_v", 0),
        absorb_hours=fields.get("absorb_time_h", 0),
    )


def _page(kind: str, fields: dict[str, Any], multiplier: float) -> bytes:  # noqa: PLR0911 - a page each
    match kind:
        case "REMOTE_00":
            return magnum_packets.page_00(bytes.fromhex(fields["page_raw"]))
        case "REMOTE_11":
            return magnum_packets.page_11(fields["shore2_amps"], fields["vac_cutout2_code"])
        case "REMOTE_80":
            return magnum_packets.page_80(
                fields["hours"], fields["minutes"], fields["batt_eff"], fields["bmk_reset"], fields["battery_ah"]
            )
        case "REMOTE_A0":
            return magnum_packets.page_a0(
                hour=fields["hours"],
                minute=fields["minutes"],
                run_hours=fields["gen_run_h"],
                start_fahrenheit=fields["start_temp_f"] or 0,
                start_volts=fields["start_vdc"],
                quiet=fields["quiet"],
                multiplier=multiplier,
            )
        case "REMOTE_A1":
            return magnum_packets.page_a1(
                start_hour=_hour(fields["start_time"]),
                stop_hour=_hour(fields["stop_time"]),
                stop_volts=fields["stop_vdc"],
                start_delay=fields["v_start_delay_s"],
                stop_delay=fields["v_stop_delay_s"],
                max_run_hours=fields["max_run_h"],
                multiplier=multiplier,
            )
        case "REMOTE_A2":
            return magnum_packets.page_a2(
                start_percent=fields["soc_start"],
                stop_percent=fields["soc_stop"],
                start_amperes=fields["amps_start"],
                start_delay=fields["amps_start_delay_s"],
                stop_amperes=fields["amps_stop"],
                stop_delay=fields["amps_stop_delay_s"],
            )
        case "REMOTE_A3":
            return magnum_packets.page_a3(
                quiet_hour=_hour(fields["quiet_begin"]),
                quiet_end_hour=_hour(fields["quiet_end"]),
                exercise_days=fields["exercise_days"],
                exercise_hour=_hour(fields["exercise_start"]),
                exercise_hours=fields["exercise_run_h"],
                topoff_minutes=fields["topoff_min"],
            )
        case _:
            return magnum_packets.page_a4(
                fields["warmup_s"], fields["cooldown_s"], fields["byte16"], fields["byte17"] / 4
            )


def _encoded(  # noqa: PLR0911 - a kind each
    kind: str, fields: dict[str, Any], multiplier: float, captured: bytes
) -> bytes:
    match kind:
        case "INV21" | "INV16":
            return magnum_packets.Inverter(
                status=fields["status"],
                fault=fields["fault"],
                dc_volts=fields["vdc"],
                dc_amperes=fields["adc"],
                ac_output_volts=fields["vac_out"],
                ac_input_peak=fields["vac_in_peak"],
                inverter_led=captured[8],
                charger_led=captured[9],
                revision=fields["revision"],
                battery_celsius=fields["t_batt_c"],
                transformer_celsius=fields["t_xfmr_c"],
                fet_celsius=fields["t_fet_c"],
                model=fields["model"],
                stack_mode=fields.get("stack", 0),
                ac_input_amperes=fields.get("aac_in", 0),
                ac_inverter_amperes=fields.get("aac_inv_chg", 0),
                ac_hertz=fields.get("hz", 0),
            ).encode(classic=kind == "INV16")
        case "AGS_A1":
            return magnum_packets.AgsA1(
                multiplier=multiplier,
                status=fields["status"],
                revision=fields["revision"],
                fahrenheit_byte=fields["temp_raw"],
                run_hours=fields["gen_run_h"],
                volts=fields["vdc"],
            ).encode()
        case "AGS_A2":
            return magnum_packets.ags_a2(fields["days_since_run"])
        case "BMK_81":
            return magnum_packets.Bmk(
                percent=fields["soc"],
                volts=fields["vdc"],
                amperes=fields["adc"],
                min_volts=fields["vmin"],
                max_volts=fields["vmax"],
                net_ampere_hours=fields["ah_net"],
                trip_ampere_hours=fields["ah_trip"],
                discharged_ampere_hours=fields["ah_out"],
                revision=fields["revision"],
                fault=fields["fault"],
            ).encode()
        case "RTR_91":
            return magnum_packets.rtr(fields["revision"])
        case "REMOTE_C16":
            return _base(fields, multiplier).encode_classic(fields["hours"], fields["minutes"])
        case _:
            return _base(fields, multiplier).encode() + _page(kind, fields, multiplier)


@pytest.mark.parametrize("packet", CAPTURED, ids=lambda packet: f"{packet['kind']}-{packet['packet']}")
def test_captured_packets_encode_to_the_same_bytes(packet: dict[str, Any]) -> None:
    captured = bytes.fromhex(packet["packet"])
    encoded = _encoded(packet["kind"], packet["fields"], packet["nominal_volts"] / 12, captured)
    assert encoded.hex() == captured.hex()


def test_every_packet_kind_was_captured() -> None:
    kinds = Counter(packet["kind"] for packet in CAPTURED)
    pages = {f"REMOTE_{page}" for page in ("00", "11", "80", "A0", "A1", "A2", "A3", "A4", "C16")}
    assert pages | {"INV21", "INV16", "AGS_A1", "AGS_A2", "BMK_81", "RTR_91"} == kinds.keys()


@pytest.mark.parametrize(("seconds", "byte"), [(0, 0x00), (127, 0x7F), (120 * 60, 0xF8), (180, 0x83)])
def test_delay_byte(seconds: float, byte: int) -> None:
    assert magnum_packets.delay(seconds) == byte


def test_out_of_range_values_are_clamped() -> None:
    bmk = magnum_packets.Bmk(
        percent=255,
        volts=25,
        amperes=-9000,
        min_volts=20,
        max_volts=30,
        net_ampere_hours=-40000,
        trip_ampere_hours=9999,
        discharged_ampere_hours=0,
        revision=1.0,
        fault=1,
    ).encode()
    assert bmk[1] == 255
    assert bmk[4:6] == b"\x80\x00"
    assert bmk[10:12] == b"\x80\x00"
    assert bmk[12:14] == b"\xff\xff"
