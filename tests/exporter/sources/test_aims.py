"""Megatec devices: what real ones said, odd forms and all, and that nothing but harmless questions is ever sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import decode
from exporter.sources.aims import fields
from exporter.sources.aims.fields import RATINGS, STATE, STATUS, cells
from exporter.sources.aims.reply import Reply, ratings, refuses, state
from tests.exporter.harness.device_captures import every, vector
from tests.exporter.harness.running_sources import running
from tests.exporter.harness.serial_devices import ByteServer, Respond, SerialDevice
from tests.support import wait_until

METRIC = {
    "input_v": ("aims_input_volts", 1.0),
    "fault_v": ("aims_input_fault_volts", 1.0),
    "output_v": ("aims_output_volts", 1.0),
    "load_percent": ("aims_load_ratio", 0.01),
    "freq_hz": ("aims_frequency_hertz", 1.0),
    "temp_c": ("aims_celsius", 1.0),
}
FLAG = {
    "utility_fail": "utility_fail",
    "battery_low": "battery_low",
    "avr_or_bypass": "bypass_or_boost",
    "fault": "failed",
    "standby_type": "standby_type",
    "test": "test",
    "shutdown_active": "shutdown_active",
    "beeper": "beeper_on",
}
GOOD = [name for name, each in every().items() if name.startswith("q1_") and isinstance(each["expect"], dict)]
ODD = [name for name, each in every().items() if name.startswith("q1_") and isinstance(each["expect"], str)]


def line(name: str) -> bytes:
    """What came, up to its carriage return; without one, nothing whole has come."""
    raw = vector(name).get("response_hex")
    data = bytes.fromhex(raw) if raw else vector(name)["response_ascii"].replace("\\r", "\r").encode("latin-1")
    whole, carriage_return, _ = data.partition(b"\r")
    return whole if carriage_return else b""


def values_of(reply: Reply) -> Mapping[str, float]:
    return {
        sample.metric + (f"{{{sample.labels[0]}}}" if sample.labels else ""): sample.value
        for sample in decode(STATE, reply)
    }


@pytest.mark.parametrize("name", GOOD)
def test_captured_replies(name: str) -> None:
    """v:q1_*: each number, each bit; a temperature that the device does not measure is absent."""
    expect = vector(name)["expect"]
    reply = state(line(name))
    assert reply is not None
    values = values_of(reply)
    for field, (metric, factor) in METRIC.items():
        wanted = expect.get(field)
        assert values.get(metric) == (None if wanted is None else pytest.approx(wanted * factor)), field
    for field, flag in FLAG.items():
        assert values[f"aims_status{{{flag}}}"] == expect[field], field
    if expect["battery_v"] is not None and expect["battery_v"] < 3:
        assert values["aims_battery_cell_volts"] == expect["battery_v"]
        assert "aims_battery_volts" not in values
    else:
        assert values.get("aims_battery_volts") == expect["battery_v"]
        assert "aims_battery_cell_volts" not in values


@pytest.mark.parametrize("name", [name for name in ODD if name != "q1_edge_dashes"])
def test_captured_lines_without_a_state(name: str) -> None:
    """v:q1_edge_*: refusals, echoes and cut lines are no data."""
    assert state(line(name)) is None


def test_refusals() -> None:
    assert {name for name in ODD if refuses(line(name))} == {"q1_edge_nak", "q1_edge_paren_nak", "q1_edge_ack"}


def test_dashes_leave_out_a_field() -> None:
    """v:q1_edge_dashes."""
    reply = state(line("q1_edge_dashes"))
    assert reply is not None
    values = values_of(reply)
    assert "aims_input_volts" not in values
    assert "aims_frequency_hertz" not in values
    assert values["aims_output_volts"] == 230.3
    assert values["aims_celsius"] == 48


def test_ratings() -> None:
    """v:megatec_F."""
    expect = vector("megatec_F")["expect"]
    reply = ratings(line("megatec_F"))
    assert reply is not None
    values = {sample.metric: sample.value for sample in decode(RATINGS, reply)}
    assert values == {
        "aims_rated_volts": expect["rated_v"],
        "aims_rated_amperes": expect["rated_current"],
        "aims_rated_battery_volts": expect["battery_v"],
        "aims_rated_frequency_hertz": expect["freq_hz"],
    }
    assert ratings(line("megatec_I")) is None


@pytest.mark.parametrize(
    ("cell", "rated", "count"),
    [(2.05, 24.0, 12), (2.27, 48.0, 24), (2.4, 12.0, 6), (1.95, 48.0, None), (2.25, 0.0, None), (0.1, 48, None)],
)
def test_cells_by_the_ratings(cell: float, rated: float, count: int | None) -> None:
    assert cells(cell, rated) == count


@given(st.binary(max_size=80), st.booleans())
def test_any_line_is_safe(data: bytes, begins: bool) -> None:  # noqa: FBT001
    found = b"(" + data if begins else data
    for reply, known in ((state(found), STATE), (ratings(b"#" + data), RATINGS)):
        if reply is not None:
            decode(known, reply)


@given(st.lists(st.from_regex(r"[0-9.\-]{1,6}", fullmatch=True), min_size=7, max_size=7), st.integers(0, 255))
def test_any_words_are_safe(words: list[str], status: int) -> None:
    reply = state(f"({' '.join(words)} {status:08b}".encode())
    assert reply is not None
    values = values_of(reply)
    for mask, name in STATUS.items():
        assert values[f"aims_status{{{name}}}"] == bool(status & mask)


STATE_REPLY = b"(111.0 111.0 112.0 010 60.0 2.05 35.0 00001001\r"
RATING_REPLY = b"#120.0 017 24.00 60.0\r"


def device_that(answers: Mapping[bytes, bytes]) -> Respond:
    waiting = bytearray()

    def respond(data: bytes) -> bytes:
        waiting.extend(data)
        said = b""
        while b"\r" in waiting:
            command, _, rest = bytes(waiting).partition(b"\r")
            waiting[:] = rest
            said += answers.get(command, b"NAK\r")
        return said

    return respond


def options(device: SerialDevice, **more: object) -> dict[str, object]:
    return {"type": "aims", "port": device.path, "interval": "200ms", **more}


def up(value: float | None) -> bool:
    return value == 1


def commands(device: SerialDevice) -> list[bytes]:
    return list(device.writes)


def test_state_and_ratings_on_the_page() -> None:
    with (
        SerialDevice(device_that({b"Q1": b" " + STATE_REPLY, b"F": RATING_REPLY})) as device,
        running({"aims": options(device)}) as watch,
    ):
        watch.until("aims_rated_volts", "aims", lambda value: value == 120)
        assert watch.value("aims_input_volts", "aims") == 111
        assert watch.value("aims_load_ratio", "aims") == 0.1
        assert watch.value("aims_rated_amperes", "aims") == 17
        assert watch.value("aims_battery_cell_volts", "aims") == 2.05
        wait_until(lambda: watch.value("aims_battery_volts", "aims") == pytest.approx(24.6), 5, "12 cells")
        assert watch.value("aims_status", "aims", flag="beeper_on") == 1
        wait_until(lambda: len(device.writes) >= 5, 5, "more polls")
        assert commands(device).count(b"F\r") == 1


def test_cells_in_the_configuration() -> None:
    with (
        SerialDevice(device_that({b"Q1": STATE_REPLY})) as device,
        running({"aims": options(device, cells=24)}) as watch,
    ):
        watch.until("aims_battery_volts", "aims", lambda value: value == pytest.approx(49.2))
        assert watch.value("aims_rated_volts", "aims") is None


@pytest.mark.parametrize(
    "to_q1", [b"Q1\r", b"NAK\r", b"(NAK\r", b"", b"Q1\rQ1\r", b"(231.0 000.0 231.0 003 49.0 13.7 30.8 000010"]
)
def test_other_dialect_is_kept(to_q1: bytes) -> None:
    with (
        SerialDevice(device_that({b"Q1": to_q1, b"QS": STATE_REPLY, b"F": RATING_REPLY})) as device,
        running({"aims": options(device)}) as watch,
    ):
        watch.until("aims_up", "aims", up)
        wait_until(lambda: device.writes.count(b"QS\r") >= 4, 10, "more polls")
        assert commands(device).count(b"Q1\r") == 1


def test_reply_forms() -> None:
    forms = [STATE_REPLY, b" " + STATE_REPLY, STATE_REPLY + b"\0", b"Q1\r" + STATE_REPLY, b"\0\0" + STATE_REPLY]
    forms += [STATE_REPLY[:-1] + b"  \r", STATE_REPLY.replace(b" ", b"  "), b"\n" + STATE_REPLY]
    for form in forms:
        with SerialDevice(device_that({b"Q1": form})) as device, running({"aims": options(device)}) as watch:
            watch.until("aims_up", "aims", up)
            assert watch.value("aims_input_volts", "aims") == 111, form
            assert watch.value("aims_battery_cell_volts", "aims") == 2.05


def test_only_three_requests_are_sent() -> None:
    silent: Respond = lambda _received: b""  # noqa: E731 - a device that only listens
    with SerialDevice(silent) as device, running({"aims": options(device)}) as watch:
        watch.until("aims_read_failures_total", "aims", lambda value: (value or 0) >= 1, 15)
        device.respond = device_that({b"Q1": STATE_REPLY, b"F": RATING_REPLY})
        watch.until("aims_up", "aims", up)
        assert set(device.writes) == {b"Q1\r", b"QS\r", b"F\r"}


@pytest.mark.parametrize("said", [b"", b"NAK\r", b"(NAK\r", b"\xff" * 40 + b"\r", b"(\r", STATE_REPLY[:40]])
def test_bad_device_is_logged_once(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with (
        SerialDevice(device_that({b"Q1": STATE_REPLY})) as device,
        SerialDevice(device_that({b"Q1": STATE_REPLY})) as other,
        running({"bad": options(device), "good": options(other)}) as watch,
    ):
        watch.until("aims_up", "bad", up)
        device.respond = device_that({b"Q1": said, b"QS": said})
        watch.until("aims_up", "bad", lambda value: value == 0, 3)
        assert watch.value("aims_input_volts", "bad") is None
        watch.until("aims_read_failures_total", "bad", lambda value: (value or 0) >= 2)
        watch.until("aims_up", "good", lambda value: value == 1)
        assert watch.value("aims_read_failures_total", "good") == 0
        assert len([line for line in caplog.messages if "source is lost" in line]) == 1
        device.respond = device_that({b"Q1": STATE_REPLY})
        watch.until("aims_up", "bad", up)


def test_late_reply_is_not_taken() -> None:
    """A device that stops, then answers everything that it was asked, in order."""
    old = STATE_REPLY.replace(b"111.0", b"099.0")
    answer = device_that({b"Q1": STATE_REPLY, b"F": RATING_REPLY})
    with SerialDevice(answer) as device, running({"aims": options(device)}) as watch:
        watch.until("aims_rated_volts", "aims", lambda value: value == 120)
        stopped = threading.Event()

        def stop(_data: bytes) -> bytes:
            stopped.set()
            return b""

        device.respond = stop
        assert stopped.wait(5)
        device.respond = lambda _data: b""
        watch.until("aims_up", "aims", lambda value: value == 0, 5)

        def late(data: bytes) -> bytes:
            device.respond = answer
            return old + answer(data)

        device.respond = late
        watch.until("aims_up", "aims", up)
        told_volts = {
            sample.value
            for _, reading in watch.readings
            for sample in reading.samples
            if sample.metric == "aims_input_volts"
        }
    assert told_volts == {111}


def test_unplugged_adapter(caplog: pytest.LogCaptureFixture) -> None:
    device = SerialDevice(device_that({b"Q1": STATE_REPLY}))
    with device, running({"unplugged": options(device)}) as watch:
        watch.until("aims_up", "unplugged", up)
        device.vanish()
        watch.until("aims_up", "unplugged", lambda value: value == 0)
        watch.until("aims_read_failures_total", "unplugged", lambda value: (value or 0) >= 3)
        assert len([line for line in caplog.messages if "source is lost" in line]) == 1
        assert "source failed" not in caplog.text


def test_adapter_on_the_network() -> None:
    answer = device_that({b"Q1": STATE_REPLY, b"F": RATING_REPLY})
    with (
        ByteServer(answer) as server,
        running({"aims": {"type": "aims", "port": server.url, "interval": "200ms"}}) as watch,
    ):
        watch.until("aims_up", "aims", up)
        watch.until("aims_rated_volts", "aims", lambda value: value == 120)
        assert watch.value("aims_input_volts", "aims") == 111


def test_status_bits_are_named() -> None:
    assert sum(fields.STATUS) == 0xFF
