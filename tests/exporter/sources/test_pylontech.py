"""Pylontech's protocol and its kin: captured frames in each dialect, and a battery on a serial line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.pylontech.dialects import DIALECTS, ContentError, Dialect, pace, pylontech, seplos
from exporter.sources.pylontech.frame import ANALOG_VALUES, Frame, FrameError, parse
from exporter.sources.pylontech.modules import Module, charge, samples
from tests.exporter.harness.device_captures import every, vector
from tests.exporter.harness.running_sources import running
from tests.exporter.harness.serial_devices import SerialDevice

ASK_PACE = Frame(0x25, 1, ANALOG_VALUES, b"\x01")


def line(name: str) -> bytes:
    text: str = vector(name)["response_ascii"]
    return text.removesuffix("\\r").encode()


@pytest.mark.parametrize("name", ["pylontech_0", "pylontech_1", "pylontech_2"])
def test_pylontech_stacks(name: str) -> None:
    """v:pylontech_0 to v:pylontech_2: capacities in two bytes and in three."""
    expect = vector(name)["expect"]
    found = pylontech(parse(line(name)))
    assert len(found) == expect["modules"]
    for number, module in enumerate(found):
        wanted = expect.get(f"module{number}", {})
        values = {
            "cells": len(module.cell_volts),
            "amps": module.amperes,
            "volts": module.volts,
            "remaining_ah": module.remaining,
            "total_ah": module.full,
            "cycles": module.cycles,
        }
        assert {key: values[key] for key in wanted if key != "model"} == {
            key: value for key, value in wanted.items() if key != "model"
        }
    charged = charge(found)
    assert charged.ratio == pytest.approx(expect["soc_ratio"], abs=1e-6)
    watts = sum(module.amperes * module.volts for module in found)
    assert watts == pytest.approx(expect["total_power_w"])
    assert charged.amperes == pytest.approx(sum(module.amperes for module in found))


def test_up2500() -> None:
    """v:pylontech_3: one module with its own number where others have a count."""
    (module,) = pylontech(parse(line("pylontech_3")))
    assert module.ratio == pytest.approx(vector("pylontech_3")["expect"]["soc_ratio"])
    assert len(module.facts.cells) == 8


def test_frame_without_readings() -> None:
    """v:pylontech_4: the reply to a command that is never sent."""
    with pytest.raises(ContentError):
        pylontech(parse(line("pylontech_4")))


def test_pace() -> None:
    """v:pace_ascii_analog."""
    expect = vector("pace_ascii_analog")["expect"]
    (module,) = pace(parse(line("pace_ascii_analog")))
    assert len(module.cell_volts) == expect["cell_count"]
    assert [round(1000 * volts) for volts in module.facts.cells] == expect["cells_mv"]
    assert list(module.celsius) == expect["temps_c"]
    assert (module.amperes, module.volts) == (expect["amps"], expect["volts"])
    assert (module.remaining, module.full, module.design) == (
        expect["remaining_ah"],
        expect["full_ah"],
        expect["design_ah"],
    )
    assert module.cycles == expect["cycles"]
    assert module.ratio == pytest.approx(expect["soc_percent_computed"] / 100, abs=0.0005)


def test_pace_requests_as_captured() -> None:
    """v:pace_ascii_analog: the request, byte for byte."""
    assert ASK_PACE.encode() == vector("pace_ascii_analog")["request_ascii"].replace("\\r", "\r").encode()


def test_seplos_v2() -> None:
    """v:seplos_v2_telemetry: after version, address, kind, code and length."""
    expect = vector("seplos_v2_telemetry")["expect"]
    (module,) = seplos(Frame(0x20, 0, 0, bytes.fromhex(vector("seplos_v2_telemetry")["payload_hex"])[6:]))
    assert (module.amperes, module.volts) == (expect["amps"], expect["volts"])
    assert (module.remaining, module.full, module.design) == (
        expect["residual_ah"],
        expect["battery_ah"],
        expect["rated_ah"],
    )
    assert module.ratio == pytest.approx(expect["soc_percent"] / 100)
    assert module.soh == pytest.approx(expect["soh_percent"] / 100)
    assert module.cycles == expect["cycles"]
    millivolts = [round(1000 * volts) for volts in module.facts.cells]
    assert (min(millivolts), max(millivolts)) == (expect["cells_mv_min"], expect["cells_mv_max"])
    assert list(module.celsius) == expect["temps_c"]


def test_stack_with_an_unknown_soc() -> None:
    known = Module(cell_volts=(), celsius=(), amperes=-1, volts=50, remaining=25, full=50, cycles=1)
    lost = Module(cell_volts=(), celsius=(), amperes=0, volts=0, remaining=0, full=0, cycles=0)
    assert charge((known, known)).ratio == 0.5
    assert charge((known, lost)).ratio is None
    assert charge(()).ratio is None
    zero = Module(cell_volts=(), celsius=(), amperes=0, volts=50, remaining=25, full=50, cycles=0, soc=0)
    assert charge((zero,)).ratio is None
    assert not [sample for sample in samples({"1": zero}) if sample.metric == "pylontech_soc_ratio"]


FRAMES = [name for name in every() if name.startswith(("pylontech_", "pace_ascii")) and name != "pylontech_rt12100"]


@pytest.mark.parametrize("name", FRAMES)
@given(place=st.integers(1, 200), digit=st.sampled_from(b"0123456789ABCDEF"))
def test_damaged_digit_is_refused(name: str, place: int, digit: int) -> None:
    good = bytearray(line(name))
    parse(bytes(good))
    at = 1 + place % (len(good) - 1)
    if good[at] != digit:
        good[at] = digit
        with pytest.raises(FrameError):
            parse(bytes(good))


@given(st.binary(max_size=400), st.sampled_from(list(DIALECTS.values())))
def test_any_bytes_are_safe(data: bytes, dialect: Dialect) -> None:
    with pytest.raises(FrameError):
        parse(data)
    try:
        found = dialect.read(Frame(dialect.version, 1, dialect.success, data))
    except ContentError:
        return
    samples(dict(zip(map(str, range(len(found))), found, strict=True)))
    charge(found)


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_encode_and_parse(info: bytes, version: int, address: int) -> None:
    frame = Frame(version, address, 0, info)
    assert parse(frame.encode()[:-1]) == frame


@pytest.mark.parametrize("echo", [False, True])
def test_stack_on_the_page(echo: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001
    answering = [line("pylontech_1") + b"\r"]

    def answer(request: bytes) -> bytes:
        return (request if echo else b"") + answering[0]

    name = f"stack {echo}"
    options = {"type": "pylontech", "port": "", "interval": "300ms"}
    with SerialDevice(answer) as device, running({name: options | {"port": device.path}}, judged=[name]) as watch:
        watch.until("pylontech_up", name, lambda value: value == 1)
        assert watch.page()["battery_soc_ratio", ()] == pytest.approx(0.8225)
        assert watch.value("pylontech_battery_amperes", name, module="2") == -6.8
        assert watch.value("pylontech_cell_volts", name, module="1", cell="1") == 3.325
        assert set(device.writes) == {b"~20024642E002FFFD09\r"}
        answering[0] = line("pylontech_1")[:100] + b"\r"
        watch.until("pylontech_up", name, lambda value: value == 0)
        assert watch.value("pylontech_battery_volts", name, module="1") is None
        watch.until("pylontech_read_failures_total", name, lambda value: (value or 0) >= 2)
        assert len([line for line in caplog.messages if "source is lost" in line]) == 1
