"""Differential test against pymagnum, which reads the same bus: equal everywhere, except for the named contradictions.

Each exception names its row in the list of contradictions between the bus's sources, and has to be met at least once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.sources.magnum.devices import generator_starter, inverter, inverter_models, remote
from exporter.sources.magnum.packet import Packet
from tests.exporter.harness.decoding import page

pytestmark = pytest.mark.slow

pymagnum = pytest.importorskip("magnum.magnum")
agsdevice = pytest.importorskip("magnum.agsdevice")
bmkdevice = pytest.importorskip("magnum.bmkdevice")
inverterdevice = pytest.importorskip("magnum.inverterdevice")
pt100device = pytest.importorskip("magnum.pt100device")
remotedevice = pytest.importorskip("magnum.remotedevice")
rtrdevice = pytest.importorskip("magnum.rtrdevice")

Contradicts = Callable[[bytes, int], "str | None"]
met: Counter[str] = Counter()


def agree(payload: bytes, nominal: int) -> str | None:  # noqa: ARG001 - the shape of the rule
    return None


class Row(NamedTuple):
    """Their key, our metric, how theirs becomes ours, and which contradiction, if any, holds for a packet."""

    theirs: str
    ours: str
    convert: Callable[[Any], object]
    contradicts: Contradicts = agree


def same(value: object) -> object:
    return value


def hours(value: float) -> float:
    return value * 3600


def percent(value: float) -> float:
    return value / 100


def when(index: int, holds: Callable[[int], bool], why: str) -> Contradicts:
    return lambda payload, _: why if holds(payload[index]) else None


def off(index: int) -> Contradicts:
    return when(index, lambda raw: raw == 0, "what is off is absent, not 0")


def not_yet(index: int) -> Contradicts:
    return lambda payload, _: "0 V was never measured" if payload[index : index + 2] == b"\0\0" else None


def always(why: str) -> Contradicts:
    return lambda _payload, _nominal: why


def long_delay(index: int) -> Contradicts:
    return when(index, lambda raw: raw >= 0x80 and (raw & 0x7F) != (raw & 0x0F), "15: delays are 7 bits, not 4")


def signed(index: int, why: str) -> Contradicts:
    return when(index, lambda raw: raw > 127, why)


INVERTER: tuple[Row, ...] = (
    Row("mode", "magnum_inverter_state_code", same),
    Row("fault", "magnum_inverter_fault_code", same),
    Row("vdc", "magnum_inverter_dc_volts", same),
    Row(
        "adc",
        "magnum_inverter_dc_amperes",
        same,
        lambda payload, _: (
            "4: amperes are a magnitude; the state gives the sign"
            if payload[4:6] != b"\0\0" and payload[0] not in inverter.CHARGING
            else None
        ),
    ),
    Row("VACout", "magnum_inverter_ac_output_volts", same),
    Row("VACin", "magnum_inverter_ac_input_peak_volts", same),
    Row("VACin", "magnum_inverter_ac_input_volts", same, when(7, bool, "5: the input's raw number is near the peak")),
    Row("bat", "magnum_inverter_battery_celsius", same),
    Row("tfmr", "magnum_inverter_transformer_celsius", same),
    Row("fet", "magnum_inverter_fet_celsius", same),
    Row("model", "magnum_inverter_model_code", same),
    Row("AACin", "magnum_inverter_ac_input_amperes", same),
    Row("AACout", "magnum_inverter_ac_inverter_amperes", same),
    Row(
        "AACout",
        "magnum_inverter_ac_output_amperes",
        same,
        lambda payload, _: (
            "6: byte 17 is what passes the inverter, not the load"
            if payload[0] not in inverter.LOAD_ON_INVERTER
            else None
        ),
    ),
    Row("Hz", "magnum_inverter_ac_frequency_hertz", same),
)
BASE: tuple[Row, ...] = (
    Row("searchwatts", "magnum_remote_search_watts", same, off(1)),
    Row(
        "absorb",
        "magnum_remote_absorb_volts",
        same,
        when(3, lambda raw: raw <= 100, "a preset type has no absorb volts; 100 itself is custom"),
    ),
    Row(
        "chargeramps",
        "magnum_remote_charge_rate_ratio",
        percent,
        lambda payload, _: (
            "a custom profile without a charge rate has none"
            if payload[4] == 0 and payload[remote.BATTERY_TYPE] >= remote.FIRST_CUSTOM_TYPE
            else None
        ),
    ),
    Row(
        "ainput",
        "magnum_remote_ac_input_amperes",
        same,
        lambda payload, nominal: off(5)(payload, nominal) or signed(5, "the shore limit is unsigned")(payload, nominal),
    ),
    Row("revision", "magnum_remote_info", same),
    Row("parallel", "magnum_remote_parallel_threshold_ratio", percent),
    Row(
        "lbco",
        "magnum_remote_low_battery_cutout_volts",
        same,
        lambda payload, nominal: off(9)(payload, nominal) or ("8: LBCO is doubled on 48 V" if nominal == 48 else None),
    ),
    Row("vaccutout", "magnum_remote_ac_input_cutout_code", same),
    Row("vaccutout", "magnum_remote_ac_input_cutout_volts", same, always("12: the cut-out is a code, not volts")),
    Row("vsfloat", "magnum_remote_float_volts", same, off(11)),
    Row(
        "vEQ",
        "magnum_remote_equalize_volts",
        same,
        lambda payload, nominal: (
            "9: the offset is scaled, and added to a custom absorb only"
            if payload[3] <= 100 or (nominal > 12 and payload[12])
            else None
        ),
    ),
    Row("absorbtime", "magnum_remote_absorb_seconds", hours),
)
PAGES: Mapping[int, tuple[Row, ...]] = {
    0x80: (
        Row(
            "batteryefficiency",
            "magnum_remote_battery_efficiency_ratio",
            percent,
            lambda payload, nominal: (
                off(16)(payload, nominal) or signed(16, "efficiency is unsigned")(payload, nominal)
            ),
        ),
        Row("batterysize", "magnum_remote_battery_amphours", same, always("10: the size is byte 18 of page 80")),
    ),
    0xA0: (
        Row("runtime", "magnum_remote_generator_run_seconds", hours),
        Row(
            "starttemp",
            "magnum_remote_generator_start_celsius",
            same,
            when(17, lambda raw: raw == 0 or raw > 127, "13: start temperature 0 is off, and it is unsigned"),
        ),
        Row("startvdc", "magnum_remote_generator_start_volts", same, off(18)),
        Row("quiettime", "magnum_remote_quiet_code", same),
    ),
    0xA1: (
        Row(
            "vdcstop",
            "magnum_remote_generator_stop_volts",
            same,
            when(16, lambda raw: raw in (0, 255), "stop volts 255 is at float, 0 is off"),
        ),
        Row("voltstartdelay", "magnum_remote_generator_start_volts_delay_seconds", same, long_delay(17)),
        Row("voltstopdelay", "magnum_remote_generator_stop_volts_delay_seconds", same, long_delay(18)),
        Row("maxrun", "magnum_remote_generator_max_run_seconds", hours, off(19)),
    ),
    0xA2: (
        Row(
            "socstart",
            "magnum_remote_generator_start_soc_ratio",
            percent,
            when(14, lambda raw: raw == 0 or raw > 100, "what is off or out of range is absent"),
        ),
        Row("ampstart", "magnum_remote_generator_start_amperes", same, off(16)),
        Row(
            "ampsstartdelay",
            "magnum_remote_generator_start_amperes_delay_seconds",
            same,
            lambda payload, nominal: off(16)(payload, nominal) or long_delay(17)(payload, nominal),
        ),
    ),
    0xA3: (
        Row("exercisestart", "magnum_remote_exercise_start_seconds", same, always("13: page A3 begins with days")),
        Row("topoff", "magnum_remote_topoff_seconds", same, always("13: page A3 begins with days")),
    ),
    0xA4: (
        Row("warmup", "magnum_remote_warm_up_seconds", same, long_delay(14)),
        Row("cool", "magnum_remote_cool_down_seconds", same, long_delay(15)),
    ),
}
AGS_A1: tuple[Row, ...] = (
    Row("status", "magnum_ags_state_code", same),
    Row("running", "magnum_ags_running", float, when(1, lambda raw: raw == 20, "16: 20 is a start for full SOC")),
    Row("revision", "magnum_ags_info", same, signed(2, "the revision is unsigned")),
    Row(
        "temp",
        "magnum_ags_celsius",
        same,
        when(3, lambda raw: not 33 <= raw <= 104, "17: out of range means no sensor"),
    ),
    Row("runtime", "magnum_ags_run_seconds", hours),
    Row("vdc", "magnum_ags_battery_volts", same),
)
AGS_A2: tuple[Row, ...] = (
    Row("gen_last_run", "magnum_ags_since_last_run_seconds", lambda days: days * 86400),
    Row("last_full_soc", "magnum_ags_since_full_soc_seconds", lambda days: days * 86400, off(2)),
    Row(
        "gen_total_run",
        "magnum_ags_run_total_raw",
        same,
        lambda payload, _: "what is not counted is absent" if payload[3:5] == b"\0\0" else None,
    ),
)
BMK: tuple[Row, ...] = (
    Row("soc", "magnum_bmk_soc_ratio", percent, when(1, lambda raw: raw > 100, "20: 255 is thinking, not -1 %")),
    Row("vdc", "magnum_bmk_volts", same),
    Row("adc", "magnum_bmk_amperes", same),
    Row("vmin", "magnum_bmk_min_volts", same, not_yet(6)),
    Row("vmax", "magnum_bmk_max_volts", same, not_yet(8)),
    Row("amph", "magnum_bmk_net_amphours", same),
    Row("amphtrip", "magnum_bmk_trip_amphours", same),
    Row("amphout", "magnum_bmk_discharged_amphours_total", same),
    Row("revision", "magnum_bmk_info", same),
    Row("Fault", "magnum_bmk_state_code", same),
)
RTR: tuple[Row, ...] = (
    Row("revision", "magnum_rtr_info", same, always("they round the router's revision to a whole number")),
)
PT_C1: tuple[Row, ...] = (
    Row("mode", "magnum_pt100_mode_code", same),
    Row("regulation", "magnum_pt100_regulation_code", same),
    Row("fault", "magnum_pt100_fault_code", same),
    Row("battery", "magnum_pt100_battery_volts", same),
    Row("battery_amps", "magnum_pt100_battery_amperes", same),
    Row("pv_voltage", "magnum_pt100_pv_volts", same),
    Row("charge_time", "magnum_pt100_charge_seconds", hours),
    Row("target_battery_voltage", "magnum_pt100_target_volts", same),
    Row("battery_temperature", "magnum_pt100_battery_celsius", same, signed(13, "magnum2mqtt: 254 and 255 as well")),
    Row("inductor_temperature", "magnum_pt100_inductor_celsius", same),
    Row("fet_temperature", "magnum_pt100_fet_celsius", same),
)
PT_C2: tuple[Row, ...] = (
    Row("lifetime_kwhrs", "magnum_pt100_energy_joules_total", lambda energy: energy * 3.6e6),
    Row("resettable_kwhrs", "magnum_pt100_resettable_energy_joules", lambda energy: energy * 3.6e6),
    Row("stacker_info", "magnum_pt100_stacker_raw", same),
    Row("output_current_rating", "magnum_pt100_rated_amperes", same, always("23: ratings are in fives, a byte later")),
)

words = st.integers(0, 0xFFFF)
octets = st.integers(0, 255)
nominals = st.sampled_from([(0x23, 12), (0x6B, 24), (0x73, 48)])


@pytest.fixture(scope="module", autouse=True)
def every_contradiction_is_met() -> Any:  # noqa: ANN401 - pytest's own shape of a fixture
    yield
    every = {contradiction[:3] for contradiction in met}
    assert {"4: ", "5: ", "6: ", "8: ", "9: ", "10:", "12:", "13:", "15:", "16:", "17:", "20:", "23:"} <= every


def compare(kind: str, device: object, payload: bytes, nominal: int, rows: tuple[Row, ...]) -> None:
    """Decode a packet with both and compare row by row."""
    reader = pymagnum.Magnum()
    reader.inverter_revision, reader.inverter_model = 0x33, 0x73
    if kind == "inverter":
        reader.inverter_revision = -1
    inverterdevice.InverterDevice.multiplier = nominal // 12
    parsed = reader._parsePacket(payload)
    device.parse(parsed)  # type: ignore[attr-defined]
    theirs: dict[str, Any] = device.data  # type: ignore[attr-defined]
    ours = page(kind, Packet(payload, nominal))
    for row in rows:
        if row.theirs not in theirs:
            assert row.ours not in ours, f"{row.ours}: {payload.hex()}"
            continue
        why = row.contradicts(payload, nominal)
        if why is not None:
            met[why] += 1
            continue
        wanted, got = row.convert(theirs[row.theirs]), ours.get(row.ours)
        if isinstance(wanted, float | int):
            wanted = pytest.approx(wanted, abs=0.051)
        assert got == wanted, f"{row.ours}: {payload.hex()} at {nominal} V"


@given(st.data(), nominals)
@settings(max_examples=300, deadline=None)
def test_inverter(data: st.DataObject, system: tuple[int, int]) -> None:
    model, nominal = system
    volts = data.draw(st.integers(int(3.5 * nominal), 17 * nominal))
    payload = bytes(
        [
            data.draw(st.sampled_from([state for state in inverter.STATES if state])),
            data.draw(st.sampled_from(list(inverter.FAULTS))),
            *volts.to_bytes(2, "big"),
            *data.draw(st.integers(0, 1000)).to_bytes(2, "big"),
            *data.draw(st.tuples(octets, octets, octets, octets)),
            data.draw(st.integers(10, 127)),
            *data.draw(st.tuples(*[st.integers(0, 150)] * 3)),
            model,
            data.draw(st.sampled_from(list(inverter.STACK_MODES))),
            *data.draw(st.tuples(octets, octets)),
            *data.draw(st.integers(0, 700)).to_bytes(2, "big"),
            0,
        ]
    )
    compare("inverter", inverterdevice.InverterDevice(), payload, nominal, INVERTER)


@given(
    st.binary(min_size=14, max_size=14), st.binary(min_size=6, max_size=6), st.sampled_from([*PAGES, 0x11]), nominals
)
@settings(max_examples=600, deadline=None)
def test_remote(base: bytes, page: bytes, footer: int, system: tuple[int, int]) -> None:
    _, nominal = system
    payload = base[:6] + bytes([base[6] % 128]) + base[7:] + page + bytes([footer])
    rows = BASE + PAGES.get(footer, ())
    compare(remote.page_name(footer), remotedevice.RemoteDevice(), payload, nominal, rows)


@example(20, (52, 58, 0, 122), (0x6B, 24))
@given(st.integers(0, 27), st.tuples(octets, st.integers(0, 130), octets, octets), nominals)
@settings(max_examples=200, deadline=None)
def test_generator_starter(state: int, numbers: tuple[int, int, int, int], system: tuple[int, int]) -> None:
    payload = bytes([0xA1, state, *numbers])
    compare("ags_a1", agsdevice.AGSDevice(), payload, system[1], AGS_A1)


@given(octets, octets, words)
def test_generator_starter_second_packet(days: int, full: int, total: int) -> None:
    payload = bytes([0xA2, days, full, *total.to_bytes(2, "big"), 0])
    compare("ags_a2", agsdevice.AGSDevice(), payload, 24, AGS_A2)


@given(st.integers(0, 100) | st.just(255), st.binary(min_size=14, max_size=14), octets, st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_battery_monitor(soc: int, numbers: bytes, revision: int, state: int) -> None:
    payload = bytes([0x81, soc]) + numbers + bytes([revision, state])
    compare("bmk", bmkdevice.BMKDevice(), payload, 24, BMK)


@given(octets)
def test_router(revision: int) -> None:
    compare("rtr", rtrdevice.RTRDevice(), bytes([0x91, revision]), 24, RTR)


@given(st.binary(min_size=14, max_size=14), nominals)
@settings(max_examples=200, deadline=None)
def test_solar_controller(numbers: bytes, system: tuple[int, int]) -> None:
    compare("pt100_c1", pt100device.PT100Device(), b"\xc1\x00" + numbers, system[1], PT_C1)


@given(st.binary(min_size=11, max_size=11))
def test_solar_controller_second_packet(numbers: bytes) -> None:
    compare("pt100_c2", pt100device.PT100Device(), b"\xc2\x00" + numbers, 48, PT_C2)


def test_same_models_faults_and_states() -> None:
    theirs = inverterdevice.InverterDevice
    assert set(theirs.inverter_models.items()) == {
        (code, name) for code, (name, _) in inverter_models.MODELS.items() if code != 0x3C
    }, "0x3C is in the maker's list only, as not released"
    assert set(inverter.FAULTS) - set(theirs.faults) == {0x0B}
    assert set(inverter.STATES) - set(theirs.modes) == {0x0A, 0x0B}
    assert set(inverter.STACK_MODES) == set(theirs.stack_modes)
    assert set(generator_starter.STATES) == set(agsdevice.AGSDevice.status)
