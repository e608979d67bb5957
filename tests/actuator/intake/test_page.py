"""The exporter's page: synthetic text, whole and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.core.inputs import Page
from actuator.intake import page
from tests.actuator.harness.simulated_site import settings

FULL = """\
# HELP battery_soc_ratio The state of charge that leads.
# TYPE battery_soc_ratio gauge
battery_soc_ratio 0.42
battery_soc_last_update_timestamp_seconds 1700000000.5
battery_soc_refused{source="main",reason="jump"} 0
battery_full 0
magnum_up{device="main"} 1
magnum_last_success_timestamp_seconds{device="main"} 1700000001
magnum_frames_total{device="main",frame="inverter"} 900
magnum_frames_total{device="main",frame="ags_a1"} 77
magnum_inverter_ac_input_volts{device="main"} 121.5
magnum_inverter_state{device="main",state="bulk"} 1
magnum_inverter_state{device="main",state="inverting"} 0
magnum_inverter_dc_amperes{device="main"} 55
magnum_inverter_dc_volts{device="main"} 50.5
magnum_inverter_info{device="main",model="MS4448PAE",nominal_volts="48"} 1
magnum_ags_state_code{device="main"} 7
magnum_bmk_volts{device="main"} 51.25
magnum_remote_generator_max_run_seconds{device="main"} 43200
something_else{device="main"} 1
"""


def read(text: str = FULL, **parts: object) -> Page:
    return page.parse(text, settings(**parts))


def without(*names: str) -> str:
    return "".join(line for line in FULL.splitlines(keepends=True) if not line.startswith(names))


def test_a_whole_page() -> None:
    assert read() == Page(
        soc=0.42,
        soc_stamp=1700000000.5,
        soc_refused=False,
        device_stamp=1700000001,
        ac_input_volts=121.5,
        charging=True,
        dc_amperes=55,
        ags_code=7,
        ags_stamp=77,
        battery_volts=51.25,
        battery_volts_stamp=1700000001,
        emergency_volts=46.0,
        ags_max_run=43200,
        full=False,
        full_stamp=1700000001,
    )


@pytest.mark.parametrize(("line", "full"), [("battery_full 1", True), ("battery_full NaN", None), ("", None)])
def test_whether_the_battery_is_full(line: str, *, full: bool | None) -> None:
    assert read(FULL.replace("battery_full 0", line)).full is full


def test_a_full_battery_has_the_newest_timestamp() -> None:
    assert read(without("magnum_last_success")).full_stamp == 1700000000.5
    assert read(without("battery_soc_last_update")).full_stamp == 1700000001
    assert read(without("magnum_last_success", "battery_soc_last_update")).full_stamp is None


def test_an_empty_page_is_all_absent() -> None:
    assert read("") == Page()


@pytest.mark.parametrize(
    ("value", "soc", "refused"),
    [("NaN", None, False), ("1", 1.0, False), ("0", 0.0, False), ("1.001", None, True), ("-0.01", None, True),
     ("+Inf", None, False), ("255", None, True)],
)  # fmt: skip
def test_a_soc_out_of_range_is_refused(value: str, soc: float | None, *, refused: bool) -> None:
    found = read(FULL.replace("battery_soc_ratio 0.42", f"battery_soc_ratio {value}"))
    assert (found.soc, found.soc_refused) == (soc, refused)


@pytest.mark.parametrize(
    ("reason", "refused"),
    [("jump", True), ("range", True), ("frozen", True), ("outvoted", True), ("stale", False), ("absent", False)],
)
def test_refused_means_there_and_wrong_with_none_that_leads(reason: str, *, refused: bool) -> None:
    line = f'battery_soc_refused{{source="main",reason="{reason}"}} 1\n'
    assert read(without("battery_soc_ratio ") + line).soc_refused is refused
    assert not read(FULL + line).soc_refused


@pytest.mark.parametrize(
    ("state", "amperes", "charging"),
    [("bulk", 5, True), ("absorb", 5, True), ("float", 0.5, True), ("equalize", 5, True), ("bulk", 0, False),
     ("bulk", -5, False), ("battery_saver", 5, False), ("inverting", 5, False)],
)  # fmt: skip
def test_charging_needs_the_state_and_the_amperes(state: str, amperes: float, *, charging: bool) -> None:
    text = FULL.replace('state="bulk"', f'state="{state}"').replace("} 55", f"}} {amperes}")
    assert read(text).charging is charging


@pytest.mark.parametrize("gone", ["magnum_inverter_dc_amperes", "magnum_inverter_state"])
def test_charging_is_unknown_without_either_half(gone: str) -> None:
    assert read(without(gone)).charging is None


@pytest.mark.parametrize(
    ("line", "absorbing"),
    [('magnum_inverter_state{device="other",state="absorb"}', True), ('classic_charge_stage{stage="absorb"}', True),
     ('classic_charge_stage{device="roof",stage="float_mppt"}', True), ('magnum_pt100_mode{mode="float"}', True),
     ('magnum_inverter_state{state="battery_saver"}', True), ('classic_charge_stage{stage="bulk"}', False)],
)  # fmt: skip
def test_any_charger_in_absorb_or_after_it_is_absorbing(line: str, *, absorbing: bool) -> None:
    assert read(f"{FULL}{line} 1\n").absorbing is absorbing
    assert not read(f"{FULL}{line} 0\n").absorbing


def test_volts_fall_back_to_the_inverters_own() -> None:
    assert read(without("magnum_bmk_volts")).battery_volts == 50.5
    assert read(without("magnum_bmk_volts", "magnum_inverter_dc_volts")).battery_volts is None


def test_without_the_nominal_voltage_there_is_no_threshold() -> None:
    assert read(without("magnum_inverter_info")).emergency_volts is None
    assert read(FULL.replace('nominal_volts="48"', 'nominal_volts="?"')).emergency_volts is None


def test_volts_by_a_metric_of_their_own_and_none_at_all() -> None:
    text = FULL + (
        'classic_battery_volts{device="roof"} 47\nclassic_battery_volts{device="shed"} 52\n'
        'classic_last_success_timestamp_seconds{device="roof"} 5\n'
        'classic_last_success_timestamp_seconds{device="shed"} 6\n'
    )
    named: dict[str, object] = {"value": 46.0, "metric": "classic_battery_volts"}
    found = read(text, emergency_volts=named)
    assert (found.battery_volts, found.battery_volts_stamp, found.emergency_volts) == (47, 5, 46)
    found = read(text, emergency_volts={**named, "device": "shed"})
    assert (found.battery_volts, found.battery_volts_stamp, found.emergency_volts) == (52, 6, 46)
    found = read(text, emergency_volts="none")
    assert (found.battery_volts, found.battery_volts_stamp, found.emergency_volts) == (None, None, None)


def test_evidence_comes_from_the_named_device_else_the_first() -> None:
    second = FULL.replace('"main"', '"second"').replace("121.5", "0").replace("} 77", "} 78")
    assert read(FULL + second).ac_input_volts == 121.5
    assert read(FULL + second, evidence={"device": "second"}).ac_input_volts == 0
    assert read(FULL + second, evidence={"device": "second"}).ags_stamp == 78
    assert read(FULL, evidence={"device": "gone"}).device_stamp is None


def test_the_ags_is_left_out_by_configuration() -> None:
    assert read(evidence={"ags": False}).ags_code is None


def test_what_is_asked_for_is_what_is_read() -> None:
    names = page.names(settings(emergency_volts={"value": 46.0, "metric": "classic_battery_volts"}))
    assert len(set(names)) == len(names)
    assert "classic_last_success_timestamp_seconds" in names
    kept = "".join(line for line in FULL.splitlines(keepends=True) if line.startswith(names))
    assert read(kept) == read()


@pytest.mark.parametrize("text", ["battery_soc_ratio", 'battery_soc_ratio{a="} 1', "battery_soc_ratio x", "<html>"])
def test_text_that_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)


@given(st.integers(0, len(FULL)), st.text(max_size=5))
def test_a_page_cut_and_mangled_anywhere_is_read_or_refused(place: int, junk: str) -> None:
    try:
        found = read(FULL[:place] + junk)
    except ValueError:
        return
    assert found.soc is None or 0 <= found.soc <= 1


def test_two_values_that_contradict_each_other_are_none() -> None:
    assert read(FULL + "battery_soc_ratio 0.01\n").soc is None
    assert read(FULL + "battery_soc_ratio 0.42\n").soc == 0.42
