"""Every profile against replies of such devices; a 0 that means unknown is never a number on the page."""

from __future__ import annotations

import struct
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import decode
from exporter.sources.modbus import quantities
from exporter.sources.modbus.config import ModbusConfig, ProfileName
from exporter.sources.modbus.plan import blocks
from exporter.sources.modbus.profiles import PROFILES, Profile, daly, jk, pace, profile, renogy, seplos, victron
from exporter.sources.modbus.protocol import READ_HOLDING, READ_INPUT, RefusedError, Request
from exporter.sources.modbus.registers import Registers
from tests.exporter.harness.device_captures import every, vector
from tests.exporter.harness.running_sources import approximately
from tests.toolkit.modbus.lines import Port, answered, crc, on
from toolkit.modbus import NoReplyError

METRIC = {
    "volts": ("modbus_battery_volts", 1),
    "amps": ("modbus_battery_amperes", 1),
    "watts": ("modbus_battery_watts", 1),
    "soc_percent": ("modbus_soc_ratio", 0.01),
    "soh_percent": ("modbus_soh_ratio", 0.01),
    "remaining_ah": ("modbus_remaining_amphours", 1),
    "full_ah": ("modbus_full_amphours", 1),
    "cycles": ("modbus_cycles_total", 1),
    "amps_by_official_doc": ("modbus_battery_amperes", 1),
    "pcb_temp_c": ("modbus_celsius{pcb}", 1),
    "temp1_c": ("modbus_celsius{1}", 1),
    "mos_temp_c": ("modbus_celsius{mos}", 1),
    "status": ("modbus_battery_state_code", 1),
    "reg845_signed": ("modbus_consumed_amphours", 0.1),
}


def registers(values: Mapping[int, int], *, function: int = READ_HOLDING, step: int = 1) -> Registers:
    return Registers({(function, address): word for address, word in values.items()}, step)


def from_words(first: int, found: list[int], *, function: int = READ_HOLDING) -> Registers:
    return registers(dict(enumerate(found, first)), function=function)


def decoded(device: Profile, record: Registers) -> Mapping[str, float]:
    return {
        sample.metric + (f"{{{sample.labels[0]}}}" if sample.labels else ""): sample.value
        for sample in decode(device.fields, record)
    }


def compare(values: Mapping[str, float], expect: Mapping[str, Any], *, but: tuple[str, ...] = ()) -> None:
    for name, value in expect.items():
        if name == "cells":
            assert len([metric for metric in values if metric.startswith("modbus_cell_volts")]) == value
        elif name == "cells_v":
            assert [values[f"modbus_cell_volts{{{cell}}}"] for cell in range(1, len(value) + 1)] == value
        elif name == "state":
            assert values[f"modbus_battery_state{{{value}}}"] == 1
        elif name not in but:
            metric, factor = METRIC[name]
            assert approximately(values.get(metric), value * factor), f"{name}: {values.get(metric)} is not {value}"


@pytest.mark.parametrize(
    "name", ["daly_status_frame_80_reg_1", "daly_status_frame_80_reg_2", "daly_status_frame_62_reg_no_alarms"]
)
def test_daly(name: str) -> None:
    expect = vector(name)["expect"]
    values = decoded(daly.PROFILE, from_words(0, vector(name)["registers"]))
    compare(values, expect)
    state = "idle" if expect["amps"] == 0 else "discharging"
    assert values[f"modbus_battery_state{{{state}}}"] == 1


def test_daly_p81() -> None:
    """v:daly_p81_cells_frame begins at register 0, v:daly_p81_status_frame at 65: 0x4B is what remains."""
    first, second = vector("daly_p81_cells_frame"), vector("daly_p81_status_frame")
    found = dict(enumerate(first["registers"])) | dict(enumerate(second["registers"], 65))
    values = decoded(daly.P81, registers(found))
    compare(values, first["expect"])
    compare(values, second["expect"])
    assert values["modbus_celsius{1}"] == 22
    assert len([metric for metric in values if metric.startswith("modbus_cell_volts")]) == 16


def test_eg4_ll_and_its_disputed_current() -> None:
    """v:eg4_ll_v106: 10 mA a count by the protocol, 100 mA by the battery's own app."""
    expect = vector("eg4_ll_v106")["expect"]
    record = from_words(0, vector("eg4_ll_v106")["registers"])
    compare(decoded(PROFILES["eg4-ll"], record), expect, but=("amps_source", "cell_count"))
    assert decoded(PROFILES["eg4-ll"], record)["modbus_battery_state{discharging}"] == 1
    by_app = ModbusConfig(url="tcp://bms", profile="eg4-ll", current_scale=0.1).device()
    assert decoded(by_app, record)["modbus_battery_amperes"] == expect["amps_source"]
    charge = by_app.charge(record)
    assert charge is not None
    assert charge.amperes == expect["amps_source"]
    assert charge.ratio == 0.48


def test_seplos_v3_bank() -> None:
    """v:seplos_v3_00042000001a: the answer to 0x2000 is the bank of all packs."""
    found = vector("seplos_v3_00042000001a")
    values = decoded(seplos.BANK, from_words(0x2000, found["registers"], function=READ_INPUT))
    compare(values, found["expect"], but=("current_raw_s32_low_word_first",))
    assert values["modbus_battery_amperes"] == found["expect"]["current_raw_s32_low_word_first"] / 10


def test_seplos_v3_cells() -> None:
    """v:seplos_v3_01041100001a: 16 cells, then temperatures of which four are there."""
    found = vector("seplos_v3_01041100001a")
    values = decoded(seplos.PACK, from_words(0x1100, found["registers"], function=READ_INPUT))
    assert values["modbus_cell_volts{1}"] == 3.327
    assert values["modbus_cell_volts{16}"] == 3.328
    assert values["modbus_celsius{1}"] == 21.5
    assert values["modbus_celsius{mos}"] == 21.2
    assert {metric for metric in values if metric.startswith("modbus_celsius")} == {
        f"modbus_celsius{{{sensor}}}" for sensor in ("1", "2", "3", "4", "environment", "mos")
    }


def test_jk() -> None:
    """v:jk_pb_status is the same memory, little-endian, as the registers from 0x1200 on show big-endian."""
    frame = bytes.fromhex(vector("jk_pb_status")["response_hex"])[6:]
    found: dict[int, int] = {}
    for at in jk.PROFILE.places:
        offset, size = at.address - 0x1200, 2 * at.type.words
        raw = frame[offset : offset + size]
        data = raw if at.mask else raw[::-1]
        found |= {at.address + 2 * index: word for index, word in enumerate(struct.unpack(f">{at.type.words}H", data))}
    values = decoded(jk.PROFILE, registers(found, step=2))
    compare(values, vector("jk_pb_status")["expect"], but=("sum8",))
    assert len([metric for metric in values if metric.startswith("modbus_cell_volts")]) == 16
    assert values["modbus_cell_volts{1}"] == 3.293


def test_victron_system() -> None:
    """v:victron_gx_system."""
    values = decoded(victron.SYSTEM, from_words(840, vector("victron_gx_system")["registers"]))
    compare(values, vector("victron_gx_system")["expect"])


def test_victron_battery_synthetic() -> None:
    """Synthetic, by dbus_modbustcp's attributes.csv: the battery monitor's own unit."""
    found = {256: 0xFFFF, 257: -572 & 0xFFFF, 259: 5200, 261: -110 & 0xFFFF, 262: 345, 265: 1000, 266: 850}
    values = decoded(victron.BATTERY, registers(found | {303: 36, 304: 990, 309: 4000}))
    compare(values, {"volts": 52, "amps": -11, "watts": -572, "soc_percent": 85, "soh_percent": 99, "full_ah": 400})
    assert values["modbus_consumed_amphours"] == 100
    assert values["modbus_time_to_go_seconds"] == 3600
    assert values["modbus_celsius{battery}"] == 34.5


def test_victron_zero_of_a_lost_monitor_is_absent() -> None:
    """v:victron_gx_unavailable: an invalid value is sent as 0, while volts may come from another device."""
    (soc,) = vector("victron_gx_unavailable")["registers"]
    lost = registers({840: 512, 841: 0, 842: 0, 843: soc, 844: 0, 845: 0, 846: 0})
    values = decoded(victron.SYSTEM, lost)
    assert "modbus_soc_ratio" not in values
    assert values["modbus_battery_volts"] == 51.2
    charge = victron.SYSTEM.charge(lost)
    assert charge is not None
    assert charge.ratio is None


def test_victron_zero_counts_while_the_monitor_counts() -> None:
    empty = registers({840: 452, 841: -120 & 0xFFFF, 843: 0, 845: 4000})
    assert decoded(victron.SYSTEM, empty)["modbus_soc_ratio"] == 0
    assert decoded(victron.SYSTEM, empty)["modbus_battery_amperes"] == -12


def test_victron_without_volts_has_no_values() -> None:
    assert decoded(victron.SYSTEM, registers(dict.fromkeys(range(840, 847), 0))) == {}


def test_victron_profile_goes_by_the_unit() -> None:
    assert profile("victron-gx", None) is victron.SYSTEM
    assert profile("victron-gx", 100) is victron.SYSTEM
    assert profile("victron-gx", 0) is victron.SYSTEM
    assert profile("victron-gx", 225) is victron.BATTERY


def test_pylontech_rt() -> None:
    """v:pylontech_rt12100: its power has no sign and is left out."""
    found = vector("pylontech_rt12100")
    request = Request(1, READ_HOLDING, 0x1016, 13)
    record = from_words(0x1016, list(answered(bytes.fromhex(found["response_hex"]), request.ask)))
    compare(decoded(PROFILES["pylontech-rt"], record), found["expect"], but=("power_w",))


def test_pace_synthetic() -> None:
    """Synthetic: no capture of Pace's registers is at hand; the map is that of its protocol V1.3."""
    found = dict.fromkeys(range(37), 0) | {0: -225 & 0xFFFF, 1: 5243, 2: 47, 3: 99, 4: 4819, 5: 10346, 6: 10000, 7: 140}
    found |= {15: 3271, 31: 241, 32: -55 & 0xFFFF}
    values = decoded(pace.PROFILE, registers(found))
    assert values["modbus_battery_amperes"] == -2.25
    assert values["modbus_battery_volts"] == 52.43
    assert values["modbus_soc_ratio"] == 0.47
    assert values["modbus_remaining_amphours"] == 48.19
    assert values["modbus_celsius{2}"] == -5.5
    assert "modbus_celsius{mos}" not in values
    assert "modbus_cell_volts{2}" not in values
    assert "modbus_soc_ratio" not in decoded(pace.PROFILE, registers(found | {2: 0}))
    assert decoded(pace.PROFILE, registers(found | {2: 0, 4: 5}))["modbus_soc_ratio"] == 0


def test_renogy_synthetic() -> None:
    """Synthetic, by the map of renogy-bt: what remains over what it holds."""
    found = {5042: -150 & 0xFFFF, 5043: 132, 5044: 1, 5045: 0x4000, 5046: 1, 5047: 0x86A0, 5048: 7}
    values = decoded(renogy.PROFILE, registers(found))
    assert values["modbus_battery_amperes"] == -1.5
    assert values["modbus_soc_ratio"] == pytest.approx(81.92 / 100)
    assert "modbus_soc_ratio" not in decoded(renogy.PROFILE, registers(found | {5044: 0, 5045: 0}))
    assert "modbus_soc_ratio" not in decoded(renogy.PROFILE, registers(found | {5046: 0, 5047: 0}))


def jk_with_soc(soc: int) -> Registers:
    full = struct.unpack(">2H", struct.pack(">I", 280000))
    left = struct.unpack(">2H", struct.pack(">i", 155219))
    found = {0x1290: 0, 0x1292: 52695, 0x12A6: 0x0100 | soc, 0x12A8: left[0], 0x12AA: left[1]}
    return registers(found | {0x12AC: full[0], 0x12AE: full[1]}, step=2)


def test_jk_that_always_reports_zero_has_no_soc_unless_computed() -> None:
    """Firmware 15.38: register 0x12A6 is 0 whatever the battery holds."""
    charge = jk.PROFILE.charge(jk_with_soc(0))
    assert charge is not None
    assert charge.ratio is None
    assert "modbus_soc_ratio" not in decoded(jk.PROFILE, jk_with_soc(0))
    assert decoded(jk.PROFILE, jk_with_soc(55))["modbus_soc_ratio"] == 0.55
    by_amphours = ModbusConfig(url="tcp://bms", profile="jk-bms", soc="amphours").device()
    assert decoded(by_amphours, jk_with_soc(0))["modbus_soc_ratio"] == pytest.approx(155219 / 280000)


@pytest.mark.parametrize(
    "known", [*PROFILES.values(), victron.BATTERY], ids=lambda known: f"{known.name} {known.device}"
)
def test_zeros_are_no_soc(known: Profile) -> None:
    functions = {at.function for at in known.places}
    record = Registers({(each, address): 0 for each in functions for address in range(0x10000)}, known.step)
    values = decoded(known, record)
    assert "modbus_soc_ratio" not in values
    assert "modbus_battery_volts" not in values
    charge = known.charge(record)
    assert charge is not None
    assert charge.ratio is None


def test_every_profile_can_be_written_in_the_configuration() -> None:
    assert set(typing.get_args(ProfileName)) == set(PROFILES)


def test_every_profile_is_read_in_few_requests() -> None:
    requests = {name: len(blocks(known.places, step=known.step)) for name, known in PROFILES.items()}
    assert max(requests.values()) <= 3, requests


def test_metrics_are_the_shared_ones() -> None:
    for known in (*PROFILES.values(), victron.BATTERY):
        assert {metric for field in known.fields for metric in field.metrics} <= set(quantities.METRICS)


@given(
    st.sampled_from([*PROFILES.values(), victron.BATTERY]),
    st.integers(0, 2**32),
    st.sets(st.integers(0, 200), max_size=40),
)
def test_any_registers_decode_without_an_exception(known: Profile, seed: int, gone: set[int]) -> None:
    wanted = [at for index, at in enumerate(known.places) if index not in gone]
    found = {
        (at.function, at.address + known.step * index): hash((seed, at.address, index)) & 0xFFFF
        for at in wanted
        for index in range(at.type.words)
    }
    record = Registers(found, known.step)
    decode(known.fields, record)
    known.charge(record)


FRAMES = [
    name
    for name, each in every().items()
    if name.startswith("seplos_v3_") and each.get("request_hex", "")[2:4] in {"03", "04"}
]


@pytest.mark.parametrize("name", [*FRAMES, "eg4_ll_v106"])
def test_captured_frames_are_found_in_the_stream(name: str) -> None:
    """v:seplos_v3_*, v:eg4_ll_v106: real requests and replies, checksums and all."""
    found = vector(name)
    sent = bytes.fromhex(found["request_hex"])
    assert crc(sent[:-2]) == sent[-2:]
    unit, function, address, count = struct.unpack(">BBHH", sent[:6])
    request = Request(unit, function, address, count)
    port = Port(lambda asked: b"\x00" + asked + bytes.fromhex(found["response_hex"]) + b"\xff")
    with on(port) as client:
        if found["registers"] is None:
            with pytest.raises(RefusedError, match="no such register"):
                request.ask(client)
        else:
            assert list(request.ask(client)) == found["registers"]
    assert port.sent == [sent]


@pytest.mark.parametrize("name", [name for name in every() if name.startswith("daly_") and name != "daly_a5_request"])
def test_captured_daly_frames_are_replies(name: str) -> None:
    """v:daly_*: models P81 answer as another unit than they were asked."""
    frame = bytes.fromhex(vector(name)["response_hex"])
    known = daly.P81 if name.startswith("daly_p81") else daly.PROFILE
    request = Request(known.unit_id, READ_HOLDING, 0, frame[2] // 2, known.reply_unit)
    assert list(answered(frame, request.ask)) == vector(name)["registers"]


def test_frame_with_a_wrong_checksum_is_no_reply() -> None:
    """v:seplos_v3_corrupt."""
    received = bytes.fromhex(vector("seplos_v3_corrupt")["response_hex"])
    for count in (17, 18):
        with pytest.raises(NoReplyError):
            answered(received, Request(1, READ_INPUT, 0x1000, count).ask)


def test_exception_is_a_refusal() -> None:
    """v:modbus_exception_illegal_address."""
    request = Request(0, READ_INPUT, 0x2100, 26)
    with pytest.raises(RefusedError) as refused:
        answered(bytes.fromhex(vector("modbus_exception_illegal_address")["response_hex"]), request.ask)
    assert refused.value.code == 2
