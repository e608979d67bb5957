"""Every packet whose meaning is published decodes to the published values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporter.fields import decode
from exporter.sources.magnum import packet_kinds
from exporter.sources.magnum.devices import generator_starter, inverter, inverter_models, remote, solar_controller
from exporter.sources.magnum.packet import Packet
from tests.exporter.harness import captures
from tests.exporter.harness.decoding import page

KINDS = {
    "INV21": "inverter",
    "INV16": "inverter",
    "REMOTE_C16": "remote",
    "AGS_A1": "ags_a1",
    "AGS_A2": "ags_a2",
    "BMK_81": "bmk",
    "RTR_91": "rtr",
    "PT_C1": "pt100_c1",
}


def hours(text: str) -> float:
    hour, minute = text.split(":")
    return int(hour) * 3600.0 + int(minute) * 60.0


Rule = tuple[str, Callable[[Any], object]]


def same(value: object) -> object:
    return value


def unless_zero(scale: float = 1) -> Callable[[Any], object]:
    return lambda value: value * scale or None


REVISION: Callable[[Any], object] = str
STATES = {"Inverting": 0x40, "Charger Standby": 0x00, "Float": 0x02}

INVERTER: Mapping[str, Rule] = {
    "status": ("magnum_inverter_state_code", same),
    "fault": ("magnum_inverter_fault_code", same),
    "vdc": ("magnum_inverter_dc_volts", same),
    "vac_out": ("magnum_inverter_ac_output_volts", same),
    "vac_in_peak": ("magnum_inverter_ac_input_peak_volts", same),
    "t_batt_c": ("magnum_inverter_battery_celsius", same),
    "t_xfmr_c": ("magnum_inverter_transformer_celsius", same),
    "t_fet_c": ("magnum_inverter_fet_celsius", same),
    "model": ("magnum_inverter_model_code", same),
    "aac_in": ("magnum_inverter_ac_input_amperes", same),
    "aac_inv_chg": ("magnum_inverter_ac_inverter_amperes", same),
    "hz": ("magnum_inverter_ac_frequency_hertz", same),
}
BASE: Mapping[str, Rule] = {
    "search_w": ("magnum_remote_search_watts", unless_zero()),
    "byte2_raw": ("magnum_remote_battery_size_raw", same),
    "charge_pct": ("magnum_remote_charge_rate_ratio", lambda percent: percent / 100),
    "shore_amps": ("magnum_remote_ac_input_amperes", same),
    "remote_rev": ("magnum_remote_info", REVISION),
    "genstart": ("magnum_remote_generator_start_code", same),
    "vac_cutout_code": ("magnum_remote_ac_input_cutout_code", same),
    "vac_cutout_v": ("magnum_remote_ac_input_cutout_volts", lambda volts: None if isinstance(volts, str) else volts),
    "battery_type": ("magnum_remote_battery_type", str.lower),
    "absorb_v": ("magnum_remote_absorb_volts", same),
    "lbco_v": ("magnum_remote_low_battery_cutout_volts", same),
    "parallel_pct": ("magnum_remote_parallel_threshold_ratio", lambda percent: percent / 100),
    "float_v": ("magnum_remote_float_volts", unless_zero()),
    "eq_offset_v": ("magnum_remote_equalize_offset_volts", same),
    "absorb_time_h": ("magnum_remote_absorb_seconds", lambda span: span * 3600),
}
PAGES: Mapping[str, Mapping[str, Rule]] = {
    "REMOTE_11": {
        "shore2_amps": ("magnum_remote_ac_input_2_amperes", same),
        "vac_cutout2_code": ("magnum_remote_ac_input_2_cutout_code", same),
        "vac_cutout2_v": ("magnum_remote_ac_input_2_cutout_volts", same),
    },
    "REMOTE_80": {
        "batt_eff": ("magnum_remote_battery_efficiency_ratio", unless_zero(0.01)),
        "bmk_reset": ("magnum_remote_bmk_reset_code", same),
        "battery_ah": ("magnum_remote_battery_amphours", same),
    },
    "REMOTE_A0": {
        "gen_run_h": ("magnum_remote_generator_run_seconds", lambda span: span * 3600),
        "start_vdc": ("magnum_remote_generator_start_volts", unless_zero()),
        "start_temp_f": (
            "magnum_remote_generator_start_celsius",
            lambda degrees: None if degrees is None else (degrees - 32) * 5 / 9,
        ),
        "quiet": ("magnum_remote_quiet_code", same),
    },
    "REMOTE_A1": {
        "stop_vdc": ("magnum_remote_generator_stop_volts", same),
        "v_start_delay_s": ("magnum_remote_generator_start_volts_delay_seconds", same),
        "v_stop_delay_s": ("magnum_remote_generator_stop_volts_delay_seconds", same),
        "max_run_h": ("magnum_remote_generator_max_run_seconds", unless_zero(3600)),
    },
    "REMOTE_A2": {
        "soc_start": ("magnum_remote_generator_start_soc_ratio", unless_zero(0.01)),
        "amps_start": ("magnum_remote_generator_start_amperes", unless_zero()),
    },
    "REMOTE_A3": {
        "exercise_days": ("magnum_remote_exercise_every_seconds", unless_zero(86400)),
        "topoff_min": ("magnum_remote_topoff_seconds", lambda span: span * 60),
    },
    "REMOTE_A4": {
        "warmup_s": ("magnum_remote_warm_up_seconds", same),
        "cooldown_s": ("magnum_remote_cool_down_seconds", same),
        "byte16": ("magnum_remote_full_soc_start_interval_raw", same),
        "byte17": ("magnum_remote_full_soc_start_time_raw", same),
    },
    "REMOTE_C0": {
        "pt_force": ("magnum_remote_pt100_force_code", same),
        "pt_relay": ("magnum_remote_pt100_relay_code", same),
        "pt_buzzer": ("magnum_remote_pt100_buzzer_code", same),
        "pt_reset": ("magnum_remote_pt100_reset_code", same),
        "pt_unit": ("magnum_remote_pt100_unit", same),
        "pt_packet": ("magnum_remote_pt100_wanted_packet", same),
        "pt_log": ("magnum_remote_pt100_wanted_record", same),
    },
}
RULES: Mapping[str, Mapping[str, Rule]] = {
    "INV21": INVERTER,
    "INV16": INVERTER,
    "REMOTE_C16": BASE,
    **{f"REMOTE_{footer:02X}": {**BASE, **PAGES.get(f"REMOTE_{footer:02X}", {})} for footer in remote.FOOTERS},
    "AGS_A1": {
        "status": ("magnum_ags_state_code", same),
        "running": ("magnum_ags_running", float),
        "revision": ("magnum_ags_info", REVISION),
        "temp_f": ("magnum_ags_celsius", lambda degrees: None if degrees is None else (degrees - 32) * 5 / 9),
        "gen_run_h": ("magnum_ags_run_seconds", lambda span: span * 3600),
        "vdc": ("magnum_ags_battery_volts", same),
    },
    "AGS_A2": {
        "days_since_run": ("magnum_ags_since_last_run_seconds", lambda days: days * 86400),
        "byte2": ("magnum_ags_since_full_soc_seconds", unless_zero(86400)),
        "byte34": ("magnum_ags_run_total_raw", unless_zero()),
    },
    "BMK_81": {
        "soc": ("magnum_bmk_soc_ratio", lambda percent: percent / 100),
        "vdc": ("magnum_bmk_volts", same),
        "adc": ("magnum_bmk_amperes", same),
        "vmin": ("magnum_bmk_min_volts", same),
        "vmax": ("magnum_bmk_max_volts", same),
        "ah_net": ("magnum_bmk_net_amphours", same),
        "ah_trip": ("magnum_bmk_trip_amphours", same),
        "ah_out": ("magnum_bmk_discharged_amphours_total", same),
        "revision": ("magnum_bmk_info", REVISION),
        "fault": ("magnum_bmk_state_code", same),
    },
    "RTR_91": {"revision": ("magnum_rtr_info", REVISION)},
    "PT_C1": {
        "addr": ("magnum_pt100_unit", same),
        "mode": ("magnum_pt100_mode_code", same),
        "power_status": ("magnum_pt100_regulation_code", same),
        "fault": ("magnum_pt100_fault_code", same),
        "vbat": ("magnum_pt100_battery_volts", same),
        "abat": ("magnum_pt100_battery_amperes", same),
        "vpv": ("magnum_pt100_pv_volts", same),
        "charge_time_h": ("magnum_pt100_charge_seconds", lambda span: span * 3600),
        "target_12v": ("magnum_pt100_target_volts", lambda volts: volts * 4),
        "t_batt_c": ("magnum_pt100_battery_celsius", same),
        "t_ind_c": ("magnum_pt100_inductor_celsius", same),
        "t_fet_c": ("magnum_pt100_fet_celsius", same),
    },
}


def test_published_packets_decode_as_published() -> None:
    seen: Counter[str] = Counter()
    for name, nominal, payload, published in captures.expected():
        if published["type"] not in RULES:
            continue
        kind = KINDS.get(published["type"]) or published["type"].lower()
        values = page(kind, Packet(payload, nominal))
        for key, (metric, converted) in RULES[published["type"]].items():
            if key not in published:
                continue
            wanted = converted(published[key])
            got = values.get(metric)
            assert got == (wanted if wanted is None or isinstance(wanted, str) else pytest.approx(wanted)), (
                f"{name} {payload.hex()} {key}: {metric} is {got}, published is {wanted}"
            )
            seen[metric] += 1
    assert len(seen) > 70
    assert sum(seen.values()) > 4500


def test_inverter_model() -> None:
    payload = captures.lines(captures.INVERTING)[0].data
    assert page("inverter", Packet(payload, 48))["magnum_inverter_info"] == "MS4448PAE 5.1 parallel_master 48"


def test_classic_packet_has_fewer_fields() -> None:
    payload = bytes.fromhex("02000082000066B3008022232E292323")
    values = page("inverter", Packet(payload, 12))
    assert values["magnum_inverter_info"] == "MS2012 3.4 unknown 12"
    absent = {"ac_input_amperes", "ac_inverter_amperes", "ac_output_amperes", "ac_frequency_hertz", "ac_output_watts"}
    assert not values.keys() & {f"magnum_inverter_{name}" for name in absent}


def test_thinking_monitor_has_no_soc() -> None:
    payload = bytearray(bytes.fromhex("81550991FFBC089B0C77FFC0E10F00390A01"))
    assert page("bmk", Packet(bytes(payload)))["magnum_bmk_soc_ratio"] == 0.85
    payload[1] = 255
    values = page("bmk", Packet(bytes(payload)))
    assert "magnum_bmk_soc_ratio" not in values
    assert values["magnum_bmk_volts"] == 24.49
    assert values["magnum_bmk_amperes"] == -6.8
    assert values["magnum_bmk_net_amphours"] == -64


@pytest.mark.parametrize(
    ("state", "magnitude", "amperes"),
    [(0x08, 38, 38), (0x40, 23, -23), (0x00, 0, 0), (0x40, 0, 0), (0x00, 5, None), (0x99, 5, None), (0x0A, 7, -7)],
)
def test_dc_sign_follows_the_state(state: int, magnitude: int, amperes: float | None) -> None:
    payload = bytearray(captures.lines(captures.INVERTING)[0].data)
    payload[inverter.STATE] = state
    payload[4:6] = magnitude.to_bytes(2, "big")
    assert page("inverter", Packet(bytes(payload), 48)).get("magnum_inverter_dc_amperes") == amperes


@pytest.mark.parametrize(
    ("state", "grid", "through", "load"),
    [(0x40, 0, 12, 12), (0x08, 30, 18, 12), (0x00, 4, 0, 4), (0x0B, 10, 15, 25), (0x08, 3, 4, 0), (0x50, 1, 1, None)],
)
def test_load_amperes_by_state(state: int, grid: int, through: int, load: float | None) -> None:
    payload = bytearray(captures.lines(captures.INVERTING)[0].data)
    payload[inverter.STATE], payload[16], payload[17] = state, grid, through
    values = page("inverter", Packet(bytes(payload), 48))
    assert values.get("magnum_inverter_ac_output_amperes") == load
    assert values.get("magnum_inverter_ac_output_watts") == (None if load is None else load * payload[6])


def test_unknown_state_keeps_its_code() -> None:
    payload = bytearray(captures.lines(captures.INVERTING)[0].data)
    payload[inverter.STATE], payload[inverter.FAULT] = 0x60, 0x77
    values = page("inverter", Packet(bytes(payload), 48))
    assert values["magnum_inverter_state"] == "unknown"
    assert values["magnum_inverter_state_code"] == 0x60
    assert values["magnum_inverter_fault"] == "unknown"


@pytest.mark.parametrize(("nominal", "volts"), [(12, 10.0), (24, 10.0), (48, 20.0), (None, None)])
def test_low_battery_cutout_at_48_volts(nominal: int | None, volts: float | None) -> None:
    payload = bytearray(bytes.fromhex(captures.vector("pymagnum-allpackets-REMOTE_A0")["segments"][0]["hex"]))
    payload[9] = 100
    assert page("remote_a0", Packet(bytes(payload), nominal)).get("magnum_remote_low_battery_cutout_volts") == volts


def test_disabled_setting_is_absent() -> None:
    payload = bytes.fromhex("00002808640A280000C89B840C1400000000000AA2")
    values = page("remote_a2", Packet(payload, 24))
    assert not [metric for metric in values if "generator_start_amperes" in metric or "soc" in metric]
    payload = bytes.fromhex("00003C04500F170601C8A58601001C1C87461D14A1")
    values = page("remote_a1", Packet(payload, 24))
    assert not [metric for metric in values if "time_seconds" in metric], "equal start and stop turn it off"
    assert values["magnum_remote_generator_start_volts_delay_seconds"] == 70
    assert values["magnum_remote_generator_max_run_seconds"] == 2 * 3600


def test_delay_byte() -> None:
    payload = bytearray(bytes.fromhex("00003C04500F170601C8A58601001C1C8746F814A1"))
    values = page("remote_a1", Packet(bytes(payload), 24))
    assert values["magnum_remote_generator_stop_volts_delay_seconds"] == 120 * 60


def test_unlisted_model_is_scaled_by_the_battery() -> None:
    assert inverter_models.nominal_volts(0x76, 50.0) == 48
    assert inverter_models.nominal_volts(0x76, 25.0) is None
    assert inverter_models.nominal_volts(0x5C, 25.0) == 24
    payload = bytes.fromhex("A102343A007F")
    assert "magnum_ags_battery_volts" not in page("ags_a1", Packet(payload, None))


STATE_NAMES = """charger_standby, equalize, float, absorb, bulk, battery_saver, load_support_volts, load_support_amps,
    charge, off, inverting, inverter_standby, search, unknown"""
FAULT_NAMES = """none, stuck_relay, dc_overload, ac_overload, dead_battery, ac_backfeed, low_battery, high_battery,
    high_ac_volts, high_speed_bus, bad_bridge, ntc, fet_overload, internal_4, stacker_mode, stacker_no_clock,
    stacker_clock_phase, stacker_phase_loss, over_temperature, relay, charger, high_battery_temperature,
    transformer_cutout, breaker_cb3_open, unknown"""
AGS_NAMES = """not_connected, off, ready, manual_run, ac_in, quiet_time, start_test, start_temperature, start_voltage,
    fault_start_test, fault_start_temperature, fault_start_voltage, start_time_of_day, start_soc, start_exercise,
    fault_start_time_of_day, fault_start_soc, fault_start_exercise, start_amps, start_topoff, start_full_soc,
    fault_start_amps, fault_topoff, fault_full_soc, fault_max_run, run_fault, warm_up, cool_down, unknown"""


@pytest.mark.parametrize(
    ("kind", "metric", "label_values"),
    [
        ("inverter", "magnum_inverter_state", STATE_NAMES),
        ("inverter", "magnum_inverter_fault", FAULT_NAMES),
        ("ags_a1", "magnum_ags_state", AGS_NAMES),
    ],
)
def test_label_values_of_the_contract(kind: str, metric: str, label_values: str) -> None:
    payload = bytes.fromhex("A102343A007F" if kind == "ags_a1" else "400001EC000976B6010033152C1F73010003025800")
    samples = decode(packet_kinds.KINDS[kind].fields, Packet(payload, 48))
    assert [sample.labels[0] for sample in samples if sample.metric == metric] == label_values.replace(",", " ").split()


def test_generator_running_by_state() -> None:
    running = {generator_starter.STATES[code] for code in generator_starter.RUNNING}
    assert running.isdisjoint({"off", "ready", "ac_in", "quiet_time", "not_connected"})
    assert not [name for name in running if name.startswith("fault")]


def test_solar_scale_by_its_own_volts() -> None:
    battery = bytes.fromhex("C200000200AC0002050B641425")
    assert solar_controller.nominal_volts(Packet(battery)) == 48
    values = page("pt100_c2", Packet(battery))
    assert values["magnum_pt100_info"] == "1.1 48"
    assert values["magnum_pt100_energy_joules_total"] == 2 * 10 * 3.6e6
    assert values["magnum_pt100_rated_amperes"] == 100
    assert values["magnum_pt100_rated_pv_volts"] == 185
