"""The Classic: what real ones sent is on the page, and what is not plausible is not."""

from __future__ import annotations

import itertools
import math
import shutil
import struct
import subprocess
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import decode
from exporter.sources.classic import registers, whizbang
from exporter.sources.classic.source import FIELDS
from exporter.sources.modbus.protocol import READ_HOLDING
from exporter.sources.modbus.registers import Registers, needed
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.modbus_servers import TcpDevice, from_registers, pymodbus_server, slowly
from tests.exporter.harness.running_sources import approximately, running
from tests.support import wait_until
from tests.support.metrics_page import Samples
from tests.support.metrics_page import value as shown

KILOWATT_HOUR = 3_600_000

EXPECTED = {
    "battery_volts": "classic_battery_volts",
    "pv_volts": "classic_pv_volts",
    "battery_amps": "classic_battery_amperes",
    "watts": "classic_battery_watts",
    "charge_stage": "classic_charge_stage_code",
    "state": "classic_state_code",
    "pv_amps": "classic_pv_amperes",
    "last_voc": "classic_last_open_circuit_volts",
    "amp_hours_today": "classic_amphours_today",
    "lifetime_ah": "classic_amphours_total",
    "battery_temp_c": "classic_battery_celsius",
    "fet_temp_c": "classic_fet_celsius",
    "pcb_temp_c": "classic_pcb_celsius",
    "float_seconds_today": "classic_float_today_seconds",
    "absorb_timer_s": "classic_absorb_timer_seconds",
    "eq_timer_s": "classic_equalize_timer_seconds",
    "reason_for_reset": "classic_reset_reason_code",
    "positive_ah": "classic_whizbang_charge_amphours_total",
    "net_ah": "classic_whizbang_net_amphours",
    "amps": "classic_whizbang_amperes",
    "shunt_temp_c": "classic_whizbang_shunt_celsius",
    "remaining_ah": "classic_whizbang_remaining_amphours",
    "total_ah": "classic_whizbang_capacity_amphours",
    "battery_current_limit_4148": "classic_setting_current_limit_amperes",
    "absorb_volts_4149": "classic_setting_absorb_volts",
    "float_volts_4150": "classic_setting_float_volts",
    "eq_volts_4151": "classic_setting_equalize_volts",
    "absorb_time_s_4154": "classic_setting_absorb_seconds",
    "mppt_mode_4164": "classic_mppt_mode_code",
}
SCALED = {
    "lifetime_kwh": ("classic_energy_joules_total", KILOWATT_HOUR),
    "kwh_today": ("classic_energy_today_joules", KILOWATT_HOUR),
    "nite_minutes": ("classic_without_power_seconds", 60),
    "negative_ah": ("classic_whizbang_discharge_amphours_total", -1),
    "soc_percent": ("classic_whizbang_soc_ratio", 0.01),
    "highest_vin_raw": ("classic_highest_pv_volts", 0.1),
}
# Not on the page, or as text or flags there, which tests of their own show.
OTHERWISE = {
    "pcb_rev",
    "type",
    "firmware_date",
    "info_flags3",
    "mac",
    "wbjr_net_ah_clone_4109",
    "device_id_4111",
    "status_roll",
    "info_flags",
    "log_interval_s",
    "modbus_port",
    "pwm_raw",
    "cmd",
    "raw_current",
    "crc_byte",
    "more_registers",
}


def dump_2020() -> dict[int, int]:
    """v:classic_dump_2020: 64 registers; the other blocks are not in the export and are zeros here."""
    found = dict.fromkeys([*range(4100, 4400), *range(16384, 16392)], 0)
    vector_ = vector("classic_dump_2020")
    return found | {vector_["first_wire_address"] + index: word for index, word in enumerate(vector_["registers"])}


def readme_2025() -> dict[int, int]:
    """v:classic_readme_2025: a Classic with a Whizbang Jr; what its owner did not publish is zero here."""
    found = dict.fromkeys([*range(4100, 4400), *range(16384, 16392)], 0)
    vector_ = vector("classic_readme_2025")
    for block in vector_["blocks"]:
        found |= {block["first_wire_address"] + at: word or 0 for at, word in enumerate(block["registers"])}
    return found | {int(at): word for at, word in vector_["single_registers_wire"].items()}


def record(wire: Mapping[int, int]) -> Registers:
    return Registers({(READ_HOLDING, at + 1): word for at, word in wire.items()})


def source(port: int, **options: object) -> dict[str, Any]:
    return {"type": "classic", "host": "127.0.0.1", "port": port, "interval": "200ms", **options}


def compare(page: Samples, expect: Mapping[str, Any]) -> None:
    for name, value in expect.items():
        if name in EXPECTED:
            found = shown(page, EXPECTED[name], device="classic")
            assert approximately(found, value), f"{name}: {found} is not {value}"
        elif name in SCALED:
            metric, factor = SCALED[name]
            found = shown(page, metric, device="classic")
            assert approximately(found, value * factor), f"{name}: {found} is not {value} x {factor}"
        else:
            assert name in OTHERWISE, f"{name} is not compared"


def info(page: Samples) -> Mapping[str, str]:
    return next(dict(labels) for name, labels in page if name == "classic_info")


def test_dump_of_2020() -> None:
    """v:classic_dump_2020."""
    expect = vector("classic_dump_2020")["expect"]
    with pymodbus_server(dump_2020(), 10) as port, running({"classic": source(port)}) as watch:
        watch.until("classic_up", "classic", lambda value: value == 1)
        # One page: the registers do not change, so the controller counts as frozen after three seconds.
        page = watch.page()
        compare(page, {key: value for key, value in expect.items() if key != "nothing"})
        compare(page, expect["more_registers"])
        labels = info(page)
        assert labels["model"] == "Classic 200"
        assert labels["pcb_revision"] == "4"
        assert labels["firmware_date"] == expect["firmware_date"]
        assert labels["mac"] == expect["mac"]
        assert labels["device_id"] == str(expect["device_id_4111"])
        assert shown(page, "classic_charge_stage", device="classic", stage="bulk") == 1
        assert shown(page, "classic_whizbang_present", device="classic") == 0
        assert shown(page, "classic_whizbang_soc_ratio", device="classic") is None
        flags = expect["info_flags"]
        for bit, name in registers.FLAGS.items():
            assert shown(page, "classic_flags", device="classic", flag=name) == bool(flags & bit)


def test_readme_of_2025_with_whizbang() -> None:
    """v:classic_readme_2025."""
    with (
        pymodbus_server(readme_2025(), 10) as port,
        running({"classic": source(port)}, judged=["classic"]) as watch,
    ):
        watch.until("classic_up", "classic", lambda value: value == 1)
        # One page: the registers do not change, so the controller counts as frozen after three seconds.
        page = watch.page()
        for block in vector("classic_readme_2025")["blocks"]:
            compare(page, block["expect"])
        labels = info(page)
        assert (labels["name"], labels["firmware"], labels["network_firmware"]) == ("CLASSIC1", "2193", "2122")
        decoded = vector("classic_readme_2025")["decoded_by_source"]
        assert shown(page, "classic_target_volts", device="classic") == decoded["VbattRegSetPTmpComp"]
        assert shown(page, "classic_nominal_volts", device="classic") == decoded["nominalBatteryVoltage"]
        assert shown(page, "classic_ending_amperes", device="classic") == decoded["endingAmps"]
        assert shown(page, "classic_resting_reason", device="classic", reason="unknown") == 1
        assert shown(page, "classic_resting_reason_code", device="classic") == 38
        assert page["battery_soc_ratio", ()] == 1


def test_log_of_2017() -> None:
    """v:classic_sql_log_2017: float stages, a current out of the battery, and rows that agree with their registers."""
    for row in vector("classic_sql_log_2017")["rows"]:
        stage = int(row["r4120_stage"].rstrip(")").rpartition("(")[2])
        wire = readme_2025() | {
            4114: round(row["r4115_V"] * 10),
            4118: row["r4119_W"],
            4119: stage << 8 | 3,
            4129: row["r4130"],
            4130: row["r4131_signed"] & 0xFFFF,
            4134: row["r4135_min"],
            4368: row["r4369"],
            4369: row["r4370"],
            4370: row["r4371_raw"] & 0xFFFF,
        }
        values = {(sample.metric, sample.labels): sample.value for sample in decode(FIELDS, record(wire))}
        assert values["classic_battery_volts", ()] == row["r4115_V"]
        assert values["classic_battery_watts", ()] == row["r4119_W"]
        assert registers.full(record(wire)) is True
        assert whizbang.AMPERES.value(record(wire)) == row["r4371_raw"] / 10
        assert values["classic_flags", ("unlock_jumper_missing",)] == 1


def test_twelve_volt_classic() -> None:
    """v:classic_mqtt_comment_12v: 8.1 degrees while the sensor's flag is clear; net is not the totals' difference."""
    published = vector("classic_mqtt_comment_12v")["decoded_by_source"]
    wire = readme_2025() | {
        4129: published["InfoFlagsBits"] & 0xFFFF,
        4130: published["InfoFlagsBits"] >> 16 & 0xFFFF,
        4131: round(published["BatTemperature"] * 10),
        4364: published["PositiveAmpHours"] & 0xFFFF,
        4365: published["PositiveAmpHours"] >> 16,
        4366: published["NegativeAmpHours"] & 0xFFFF,
        4367: published["NegativeAmpHours"] >> 16 & 0xFFFF,
        4368: published["NetAmpHours"] & 0xFFFF,
        4369: published["NetAmpHours"] >> 16 & 0xFFFF,
        4370: round(published["WhizbangBatCurrent"] * 10),
        4371: published["ShuntTemperature"] + 50,
        4372: published["SOC"],
        4376: published["RemainingAmpHours"],
        4380: published["TotalAmpHours"],
    }
    values = {sample.metric: sample.value for sample in decode((*FIELDS, *whizbang.FIELDS), record(wire))}
    assert values["classic_battery_celsius"] == 8.1
    assert values["classic_whizbang_net_amphours"] == -172
    assert values["classic_whizbang_charge_amphours_total"] == 438335
    assert values["classic_whizbang_discharge_amphours_total"] == 59292
    assert values["classic_whizbang_soc_ratio"] == 0.78
    assert values["classic_whizbang_amperes"] == 12
    assert values["classic_whizbang_shunt_celsius"] == 10


def test_register_n_is_address_n_minus_1() -> None:
    """v:classic_offby_one: address 4121 is register 4122, the volts without load; address 4119 is stage and state."""
    reads = vector("classic_offby_one")["reads"]
    wire = dump_2020() | {4121: 0x02BC, 4119: int(reads[1]["value"], 16)}
    with TcpDevice(from_registers(wire)) as device, running({"classic": source(device.port)}) as watch:
        watch.until("classic_up", "classic", lambda value: value == 1)
        assert watch.value("classic_last_open_circuit_volts", "classic") == 70.0
        assert watch.value("classic_charge_stage_code", "classic") == 4
        assert watch.value("classic_state_code", "classic") == 3
        asked = dict(struct.unpack(">HH", request[1:]) for _, request in device.asked)
    assert asked[4100] == 44
    assert {4100 + 44, 4209, 4243, 4360, 16386} <= set(asked)


def test_only_few_reads_on_one_connection() -> None:
    with TcpDevice(from_registers(readme_2025())) as device, running({"classic": source(device.port)}):
        wait_until(lambda: device.connections >= 3, 10, "three readings")
        assert device.most_open == 1
        asked = list(device.asked)
    assert {unit for unit, _ in asked} == {10}
    assert {request[0] for _, request in asked} == {READ_HOLDING}
    assert max(struct.unpack(">H", request[3:])[0] for _, request in asked) <= 44


def test_every_field_is_in_a_block() -> None:
    covered = {first + offset for first, count in registers.BLOCKS for offset in range(count)}
    for field in (*FIELDS, *whizbang.FIELDS):
        for at in needed(field.place):
            assert covered.issuperset(range(at.address, at.address + at.type.words)), field.metric


@pytest.mark.parametrize(
    "change",
    [{4164: 0x0011}, {4103: 14}, {4380: 0}, {4372: 0}],
    ids=["another aux function", "bad checksum", "no total", "zero with a full remainder"],
)
def test_soc_needs_a_whizbang(change: dict[int, int]) -> None:
    with (
        TcpDevice(from_registers(readme_2025() | change)) as device,
        running({"classic": source(device.port)}, judged=["classic"]) as watch,
    ):
        wait_until(lambda: device.connections >= 3, 10, "three readings")
        watch.until("classic_up", "classic", lambda value: value == 1)
        assert watch.value("classic_whizbang_soc_ratio", "classic") is None
        assert not [name for name, _ in watch.page() if name.startswith("battery_soc_ratio")]


def test_zero_soc_of_a_nearly_empty_battery() -> None:
    found = whizbang.SOC.value(record(readme_2025() | {4372: 0, 4376: 3, 4380: 400}))
    assert found == 0


def test_battery_temperature_needs_a_sensor() -> None:
    wire = dump_2020() | {4129: 0, 4130: 0}
    place = next(field.place for field in FIELDS if field.metric == "classic_battery_celsius")
    assert place.read(record(wire | {4131: 250})) is None
    assert place.read(record(wire | {4131: 100})) == 100
    assert place.read(record(wire | {4131: -155 & 0xFFFF})) == -155
    assert place.read(record(wire | {4131: 250, 4129: 0x2000})) == 250
    assert place.read(record(wire | {4131: 100, 4130: 0x0800})) is None


def test_frozen_status_roll_is_stale() -> None:
    wire = readme_2025()
    with TcpDevice(from_registers(wire)) as device, running({"classic": source(device.port)}) as watch:
        watch.until("classic_up", "classic", lambda value: value == 1)
        watch.until("classic_up", "classic", lambda value: value == 0)
        assert watch.value("classic_battery_volts", "classic") is None
        assert device.connections > 5
        wire[4112] += 1
        watch.until("classic_up", "classic", lambda value: value == 1)
        assert watch.value("classic_battery_volts", "classic") == 55.1


def test_missing_block_is_absent(caplog: pytest.LogCaptureFixture) -> None:
    wire = {at: word for at, word in readme_2025().items() if not 4360 <= at < 4382 and at < 16384}
    with TcpDevice(from_registers(wire)) as device, running({"classic": source(device.port)}) as watch:
        watch.until("classic_up", "classic", lambda value: value == 1)
        assert watch.value("classic_battery_volts", "classic") == 55.1
        assert info(watch.page())["firmware"] == ""
        assert watch.value("classic_whizbang_net_amphours", "classic") is None
    assert not [line for line in caplog.messages if "source is lost" in line]


def wrong_function(unit: int, request: bytes) -> bytes:
    return b"\x04" + from_registers(readme_2025())(unit, request)[1:]  # type: ignore[index]


def short(unit: int, request: bytes) -> bytes:
    return b"\x03\x04" + from_registers(readme_2025())(unit, request)[2:6]  # type: ignore[index]


BAD = {
    "no answer": lambda _unit, _request: None,
    "an exception": lambda _unit, request: bytes((request[0] | 0x80, 4)),
    "another function's reply": wrong_function,
    "a short reply": short,
    "a reply after ten seconds": slowly(from_registers(readme_2025()), 10),
    "noise": lambda _unit, _request: b"\xff" * 20,
    "an empty reply": lambda _unit, _request: b"",
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_device_goes_absent_alone(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    good_wire = readme_2025()

    def ticking(unit: int, request: bytes) -> bytes | None:
        good_wire[4112] = int(time.monotonic() * 10) & 0xFFFF
        return from_registers(good_wire)(unit, request)

    with (
        TcpDevice(from_registers(dump_2020())) as device,
        TcpDevice(ticking) as other,
        running({"bad": source(device.port, interval="500ms"), "good": source(other.port, interval="500ms")}) as watch,
    ):
        watch.until("classic_up", "bad", lambda value: value == 1)
        device.answer = BAD[bad]
        start = time.monotonic()
        watch.until("classic_up", "bad", lambda value: value == 0, 5)
        assert time.monotonic() - start < 4.5
        assert watch.value("classic_battery_volts", "bad") is None
        assert watch.value("classic_last_success_timestamp_seconds", "bad") is not None
        watch.until("classic_up", "good", lambda value: value == 1)
        watch.until("classic_read_failures_total", "bad", lambda value: (value or 0) >= 2, 12)
        assert watch.value("classic_read_failures_total", "good") == 0
        ages = [reading.at for name, reading in watch.readings if name == "good" and reading.group == "registers"]
        assert max(after - before for before, after in itertools.pairwise(ages)) < 5, (
            "it waits for no answer of the bad one"
        )
        lines = [line for line in caplog.messages if "source is lost" in line]
        assert len(lines) == 1
        device.answer = from_registers(dump_2020() | {4112: 7})
        watch.until("classic_up", "bad", lambda value: value == 1, 15)


def test_dead_host_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with TcpDevice(from_registers({})) as device:
        port = device.port
    with running({"dead": source(port)}) as watch:
        watch.until("classic_read_failures_total", "dead", lambda value: (value or 0) >= 3)
        assert watch.value("classic_up", "dead") == 0
        assert watch.value("classic_battery_volts", "dead") is None
    assert len([line for line in caplog.messages if "source is lost" in line]) == 1


@given(st.binary(min_size=600, max_size=600), st.sets(st.integers(0, 299), max_size=20))
def test_any_registers_decode(data: bytes, gone: set[int]) -> None:
    words = struct.unpack(">300H", data)
    wire = {4100 + index: word for index, word in enumerate(words) if index not in gone}
    seen = record(wire)
    for sample in decode((*FIELDS, *whizbang.FIELDS), seen):
        assert math.isfinite(sample.value)
    whizbang.charge(seen)
    registers.full(seen)


def test_mbpoll_reads_the_same() -> None:
    """The server of these tests is read by a client that is neither ours nor pymodbus."""
    mbpoll = shutil.which("mbpoll")
    if mbpoll is None:
        pytest.skip("mbpoll is not installed; apt-get install mbpoll")
    with pymodbus_server(readme_2025(), 10) as port:
        command = [
            mbpoll,
            "-m",
            "tcp",
            "-a",
            "10",
            "-p",
            str(port),
            "-t",
            "4",
            "-r",
            "4115",
            "-c",
            "1",
            "-1",
            "127.0.0.1",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert "[4115]: \t551" in done.stdout
