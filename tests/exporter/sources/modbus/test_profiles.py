"""Every profile against replies of such devices; a 0 that means unknown is never a number on the page."""

from __future__ import annotations

import re
import struct
import typing
from collections.abc import Iterable, Mapping
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


def compare(
    device: Profile,
    record: Registers,
    expect: Mapping[str, Any],
    *,
    but: tuple[str, ...] = (),
    also: Mapping[str, float | None] | None = None,
) -> Mapping[str, float]:
    """Compare a device's values, and refuse a field without an expected one; return the values.

    Args:
        device: the profile.
        record: its registers.
        expect: the values, by the names of the captures.
        but: names of the captures that are no field of the profile.
        also: by metric, what the captures do not name; None: it is absent.
    """
    values = decoded(device, record)
    expected = dict(also or {})
    for name, value in expect.items():
        if name == "cells":
            assert len([metric for metric in values if metric.startswith("modbus_cell_volts")]) == value
            expected["modbus_cell_volts"] = value
        elif name == "cells_v":
            expected |= {f"modbus_cell_volts{{{cell}}}": volts for cell, volts in enumerate(value, 1)}
        elif name == "state":
            expected[f"modbus_battery_state{{{value}}}"] = 1
        elif name not in but:
            metric, factor = METRIC[name]
            expected[metric] = value * factor
    for metric, value in expected.items():
        if value is None:
            assert metric not in values
        elif metric != "modbus_cell_volts":
            assert approximately(values.get(metric), value), f"{metric}: {values.get(metric)} is not {value}"
    fields = {
        metric.name + (f"{{{field.labels[0]}}}" if isinstance(field, quantities.Quantity) and field.labels else "")
        for field in device.fields
        for metric in field.metrics
    }
    assert _fields(fields) == _fields(expected), "each field needs an expected value"
    return values


def _fields(names: Iterable[str]) -> set[str]:
    """Return the names, all cells and all states as one."""
    return {re.sub(r"^(modbus_cell_volts|modbus_battery_state)\{.*", r"\1", name) for name in names}


@pytest.mark.parametrize(
    ("name", "celsius"),
    [
        ("daly_status_frame_80_reg_1", (13, 13, 13, 13)),
        ("daly_status_frame_80_reg_2", (15, 15, 15, 15)),
        ("daly_status_frame_62_reg_no_alarms", (21, 0, 0, None)),
    ],
)
def test_daly(name: str, celsius: tuple[float | None, ...]) -> None:
    expect = {"cycles": 0, **vector(name)["expect"]}
    state, code = ("idle", 0) if expect["amps"] == 0 else ("discharging", 2)
    also: dict[str, Any] = {f"modbus_celsius{{{sensor}}}": value for sensor, value in enumerate(celsius, 1)}
    also |= {f"modbus_battery_state{{{state}}}": 1, "modbus_battery_state_code": code}
    compare(daly.PROFILE, from_words(0, vector(name)["registers"]), expect, also=also)


def test_daly_p81() -> None:
    """v:daly_p81_cells_frame begins at register 0, v:daly_p81_status_frame at 65: 0x4B is what remains."""
    first, second = vector("daly_p81_cells_frame"), vector("daly_p81_status_frame")
    found = dict(enumerate(first["registers"])) | dict(enumerate(second["registers"], 65))
    expect = {**first["expect"], **second["expect"], "cells": 16}
    compare(daly.P81, registers(found), expect, also={f"modbus_celsius{{{sensor}}}": 22 for sensor in range(1, 5)})


def test_eg4_ll_and_its_disputed_current() -> None:
    """v:eg4_ll_v106: 10 mA a count by the protocol, 100 mA by the battery's own app."""
    expect = vector("eg4_ll_v106")["expect"]
    record = from_words(0, vector("eg4_ll_v106")["registers"])
    also = {"modbus_battery_state{discharging}": 1, "modbus_cycles_total": 1}
    compare(PROFILES["eg4-ll"], record, expect, but=("amps_source", "cell_count"), also=also)
    by_app = ModbusConfig(url="tcp://bms", profile="eg4-ll", current_scale=0.1).device()
    assert decoded(by_app, record)["modbus_battery_amperes"] == expect["amps_source"]
    charge = by_app.charge(record)
    assert charge is not None
    assert charge.amperes == expect["amps_source"]
    assert charge.ratio == 0.48


def test_seplos_v3_bank() -> None:
    """v:seplos_v3_00042000001a: the answer to 0x2000 is the bank of all packs."""
    found = vector("seplos_v3_00042000001a")
    record = from_words(0x2000, found["registers"], function=READ_INPUT)
    current = found["expect"]["current_raw_s32_low_word_first"] / 10
    but = ("current_raw_s32_low_word_first",)
    compare(seplos.BANK, record, found["expect"], but=but, also={"modbus_battery_amperes": current})


def test_seplos_v3_pack() -> None:
    """v:seplos_v3_01041100001a: 16 cells and six temperatures; the pack's own registers are synthetic."""
    found = vector("seplos_v3_01041100001a")
    pack = dict(enumerate((5325, -130 & 0xFFFF, 27456, 33000, 0, 832, 999, 10), 0x1000))
    record = registers(pack | dict(enumerate(found["registers"], 0x1100)), function=READ_INPUT)
    expect = {"volts": 53.25, "amps": -1.3, "remaining_ah": 274.56, "full_ah": 330, "cycles": 10}
    expect |= {"soc_percent": 83.2, "soh_percent": 99.9, "cells": 16}
    sensors = {"1": 21.5, "2": 21.2, "3": 21.4, "4": 21.1, "environment": 22.5, "mos": 21.2}
    also = {f"modbus_celsius{{{sensor}}}": value for sensor, value in sensors.items()}
    also |= {"modbus_cell_volts{1}": 3.327, "modbus_cell_volts{16}": 3.328}
    compare(seplos.PACK, record, expect, also=also)


def test_jk() -> None:
    """v:jk_pb_status is the same memory, little-endian, as the registers from 0x1200 on show big-endian."""
    frame = bytes.fromhex(vector("jk_pb_status")["response_hex"])[6:]
    found: dict[int, int] = {}
    for at in jk.PROFILE.places:
        offset, size = at.address - 0x1200, 2 * at.type.words
        raw = frame[offset : offset + size]
        data = raw if at.mask else raw[::-1]
        found |= {at.address + 2 * index: word for index, word in enumerate(struct.unpack(f">{at.type.words}H", data))}
    expect = {**vector("jk_pb_status")["expect"], "cells": 16}
    also = {"modbus_cell_volts{1}": 3.293, "modbus_celsius{2}": 19.8}
    compare(jk.PROFILE, registers(found, step=2), expect, but=("sum8",), also=also)


def test_victron_system() -> None:
    """v:victron_gx_system."""
    record = from_words(840, vector("victron_gx_system")["registers"])
    also = {"modbus_battery_state_code": 1, "modbus_time_to_go_seconds": 100}
    compare(victron.SYSTEM, record, vector("victron_gx_system")["expect"], also=also)


def test_victron_battery_synthetic() -> None:
    """Synthetic, by dbus_modbustcp's attributes.csv: the battery monitor's own unit."""
    found = {256: 0xFFFF, 257: -572 & 0xFFFF, 259: 5200, 261: -110 & 0xFFFF, 262: 345, 265: 1000, 266: 850}
    expect = {"volts": 52, "amps": -11, "watts": -572, "soc_percent": 85, "soh_percent": 99, "full_ah": 400}
    also = {"modbus_consumed_amphours": 100, "modbus_time_to_go_seconds": 3600, "modbus_celsius{battery}": 34.5}
    compare(victron.BATTERY, registers(found | {303: 36, 304: 990, 309: 4000}), expect, also=also)


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
    compare(PROFILES["pylontech-rt"], record, found["expect"], but=("power_w",))


def test_pace_synthetic() -> None:
    """Synthetic: no capture of Pace's registers is at hand; the map is that of its protocol V1.3."""
    found = dict.fromkeys(range(37), 0) | {0: -225 & 0xFFFF, 1: 5243, 2: 47, 3: 99, 4: 4819, 5: 10346, 6: 10000, 7: 140}
    found |= {15: 3271, 31: 241, 32: -55 & 0xFFFF, 35: 305, 36: 198}
    expect: dict[str, Any] = {
        "amps": -2.25,
        "volts": 52.43,
        "soc_percent": 47,
        "soh_percent": 99,
        "remaining_ah": 48.19,
    }
    expect |= {"full_ah": 103.46, "cycles": 140, "cells_v": [3.271]}
    sensors = {"1": 24.1, "2": -5.5, "3": 0, "4": 0, "mos": 30.5, "environment": 19.8}
    also = {f"modbus_celsius{{{sensor}}}": value for sensor, value in sensors.items()} | {"modbus_design_amphours": 100}
    values = compare(pace.PROFILE, registers(found), expect, also=also)
    assert "modbus_cell_volts{2}" not in values
    assert "modbus_celsius{mos}" not in decoded(pace.PROFILE, registers(found | {35: 0}))
    assert "modbus_soc_ratio" not in decoded(pace.PROFILE, registers(found | {2: 0}))
    assert decoded(pace.PROFILE, registers(found | {2: 0, 4: 5}))["modbus_soc_ratio"] == 0


def test_renogy_synthetic() -> None:
    """Synthetic, by the map of renogy-bt: what remains over what it holds."""
    found = {5001: 33, 5042: -150 & 0xFFFF, 5043: 132, 5044: 1, 5045: 0x4000, 5046: 1, 5047: 0x86A0, 5048: 7}
    expect = {"cells_v": [3.3], "amps": -1.5, "volts": 13.2, "remaining_ah": 81.92, "full_ah": 100, "cycles": 7}
    compare(renogy.PROFILE, registers(found), expect | {"soc_percent": 81.92})
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
