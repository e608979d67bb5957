"""Every kind of packet that real systems were heard saying, encoded again from what it says: the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator import packets

CAPTURED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "captured.json").read_text())
BATTERY_TYPE = {"Gel": 2, "Flooded": 4, "AGM": 8, "AGM2": 10}


def _hour(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) + int(minutes) / 60


def _base(says: dict[str, Any], multiplier: float) -> packets.RemoteBase:
    custom = says["battery_type"] == "Custom"
    return packets.RemoteBase(
        multiplier=multiplier,
        command=says["cmd"],
        search_watts=says["search_w"],
        battery_size_byte=says["byte2_raw"],
        battery_type=round(says["absorb_v"] * 10 / multiplier) if custom else BATTERY_TYPE[says["battery_type"]],
        charge_percent=says["charge_pct"],
        shore_amperes=says["shore_amps"],
        revision=says["remote_rev"],
        threshold_byte=says.get("parallel_pct", 0) // 10,
        generator_start=says["genstart"],
        low_battery_volts=says["lbco_v"],
        cut_out_code=says["vac_cutout_code"],
        float_volts=says.get("float_v", 0),
        equalize_offset_volts=says.get("eq_offset_v", 0),
        absorb_hours=says.get("absorb_time_h", 0),
    )


def _page(kind: str, says: dict[str, Any], multiplier: float) -> bytes:  # noqa: PLR0911 - a page each
    match kind:
        case "REMOTE_00":
            return packets.page_00(bytes.fromhex(says["page_raw"]))
        case "REMOTE_11":
            return packets.page_11(says["shore2_amps"], says["vac_cutout2_code"])
        case "REMOTE_80":
            return packets.page_80(
                says["hours"], says["minutes"], says["batt_eff"], says["bmk_reset"], says["battery_ah"]
            )
        case "REMOTE_A0":
            return packets.page_a0(
                hour=says["hours"],
                minute=says["minutes"],
                run_hours=says["gen_run_h"],
                start_fahrenheit=says["start_temp_f"] or 0,
                start_volts=says["start_vdc"],
                quiet=says["quiet"],
                multiplier=multiplier,
            )
        case "REMOTE_A1":
            return packets.page_a1(
                start_hour=_hour(says["start_time"]),
                stop_hour=_hour(says["stop_time"]),
                stop_volts=says["stop_vdc"],
                start_delay=says["v_start_delay_s"],
                stop_delay=says["v_stop_delay_s"],
                max_run_hours=says["max_run_h"],
                multiplier=multiplier,
            )
        case "REMOTE_A2":
            return packets.page_a2(
                start_percent=says["soc_start"],
                stop_percent=says["soc_stop"],
                start_amperes=says["amps_start"],
                start_delay=says["amps_start_delay_s"],
                stop_amperes=says["amps_stop"],
                stop_delay=says["amps_stop_delay_s"],
            )
        case "REMOTE_A3":
            return packets.page_a3(
                quiet_hour=_hour(says["quiet_begin"]),
                quiet_end_hour=_hour(says["quiet_end"]),
                exercise_days=says["exercise_days"],
                exercise_hour=_hour(says["exercise_start"]),
                exercise_hours=says["exercise_run_h"],
                topoff_minutes=says["topoff_min"],
            )
        case _:
            return packets.page_a4(says["warmup_s"], says["cooldown_s"], says["byte16"], says["byte17"] / 4)


def _encoded(  # noqa: PLR0911 - a kind each
    kind: str, says: dict[str, Any], multiplier: float, captured: bytes
) -> bytes:
    match kind:
        case "INV21" | "INV16":
            return packets.Inverter(
                status=says["status"],
                fault=says["fault"],
                dc_volts=says["vdc"],
                dc_amperes=says["adc"],
                ac_output_volts=says["vac_out"],
                ac_input_peak=says["vac_in_peak"],
                inverter_led=captured[8],
                charger_led=captured[9],
                revision=says["revision"],
                battery_celsius=says["t_batt_c"],
                transformer_celsius=says["t_xfmr_c"],
                fet_celsius=says["t_fet_c"],
                model=says["model"],
                stack_mode=says.get("stack", 0),
                ac_input_amperes=says.get("aac_in", 0),
                ac_inverter_amperes=says.get("aac_inv_chg", 0),
                ac_hertz=says.get("hz", 0),
            ).encode(classic=kind == "INV16")
        case "AGS_A1":
            return packets.AgsA1(
                multiplier=multiplier,
                status=says["status"],
                revision=says["revision"],
                fahrenheit_byte=says["temp_raw"],
                run_hours=says["gen_run_h"],
                volts=says["vdc"],
            ).encode()
        case "AGS_A2":
            return packets.ags_a2(says["days_since_run"])
        case "BMK_81":
            return packets.Bmk(
                percent=says["soc"],
                volts=says["vdc"],
                amperes=says["adc"],
                min_volts=says["vmin"],
                max_volts=says["vmax"],
                net_ampere_hours=says["ah_net"],
                trip_ampere_hours=says["ah_trip"],
                discharged_ampere_hours=says["ah_out"],
                revision=says["revision"],
                fault=says["fault"],
            ).encode()
        case "RTR_91":
            return packets.rtr(says["revision"])
        case "REMOTE_C16":
            return _base(says, multiplier).encode_classic(says["hours"], says["minutes"])
        case _:
            return _base(says, multiplier).encode() + _page(kind, says, multiplier)


@pytest.mark.parametrize("packet", CAPTURED, ids=lambda packet: f"{packet['kind']}-{packet['packet']}")
def test_captured_packet_encodes_again_to_the_same_bytes(packet: dict[str, Any]) -> None:
    captured = bytes.fromhex(packet["packet"])
    encoded = _encoded(packet["kind"], packet["says"], packet["nominal_volts"] / 12, captured)
    assert encoded.hex() == captured.hex()


def test_every_kind_that_the_simulator_speaks_has_been_captured() -> None:
    kinds = Counter(packet["kind"] for packet in CAPTURED)
    pages = {f"REMOTE_{page}" for page in ("00", "11", "80", "A0", "A1", "A2", "A3", "A4", "C16")}
    assert pages | {"INV21", "INV16", "AGS_A1", "AGS_A2", "BMK_81", "RTR_91"} == kinds.keys()


@pytest.mark.parametrize(("seconds", "byte"), [(0, 0x00), (127, 0x7F), (120 * 60, 0xF8), (180, 0x83)])
def test_delay_is_in_seconds_or_with_bit_7_in_minutes(seconds: float, byte: int) -> None:
    assert packets.delay(seconds) == byte


def test_values_out_of_a_field_stay_at_its_end() -> None:
    bmk = packets.Bmk(
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
