"""Modbus devices as sources: over TCP and on a serial line, when they answer well, wrongly, late or not at all."""

from __future__ import annotations

import itertools
import math
import statistics
import struct
import threading
import time
from pathlib import Path

import pytest

from exporter.fields import decode
from exporter.sources.base import SourceError
from exporter.sources.modbus import rtu
from exporter.sources.modbus.config import ModbusConfig
from exporter.sources.modbus.protocol import RefusedError, Request
from exporter.sources.modbus.registers import Registers
from exporter.sources.modbus.rtu import SerialLine
from exporter.sources.modbus.tcp import connected
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.modbus_servers import (
    Answer,
    RtuDevice,
    TcpDevice,
    from_registers,
    pymodbus_server,
    slowly,
)
from tests.exporter.harness.running_sources import running
from tests.exporter.harness.serial_devices import ByteServer
from tests.support import wait_until
from tests.toolkit.modbus.lines import crc
from tests.toolkit.modbus.wires import TcpWire
from toolkit import config
from toolkit.config import ConfigError
from toolkit.modbus import SerialAddress, TcpAddress

DALY = dict(enumerate(vector("daly_status_frame_80_reg_1")["registers"]))
"""v:daly_status_frame_80_reg_1."""

OWN = {
    "registers": [
        {"address": 100, "metric": "modbus_tank_volts", "scale": 0.1, "help": "Volts at the tank's sender."},
        {"address": 200, "metric": "modbus_fuel_ratio", "scale": 0.01},
    ]
}
LEVEL = {"address": 1, "metric": "modbus_level_ratio"}
BOTH = {100: 111, 200: 22}


def tcp(port: int, **options: object) -> dict[str, object]:
    return {"type": "modbus", "url": f"tcp://127.0.0.1:{port}", "interval": "200ms", **options}


def serial(path: str, **options: object) -> dict[str, object]:
    return {"type": "modbus", "url": f"rtu://{path}?baudrate=115200", "interval": "200ms", **options}


def up(value: float | None) -> bool:
    return value == 1


def down(value: float | None) -> bool:
    return value == 0


def test_battery_comes_out_through_a_real_server() -> None:
    with (
        pymodbus_server(DALY | dict.fromkeys(range(len(DALY), 100), 0), 0xD2) as port,
        running({"bms": tcp(port, profile="daly")}, judged=["bms"]) as watch,
    ):
        watch.until("modbus_up", "bms", up)
        assert watch.value("modbus_battery_volts", "bms") == 52.5
        assert watch.value("modbus_battery_amperes", "bms") == -2.5
        assert watch.value("modbus_soc_ratio", "bms") == pytest.approx(0.561)
        assert watch.value("modbus_cell_volts", "bms", cell="16") == 3.283
        assert watch.page()["battery_soc_ratio", ()] == pytest.approx(0.561)


def test_battery_comes_out_of_a_serial_line() -> None:
    with RtuDevice(from_registers(DALY)) as device, running({"bms": serial(device.path, profile="daly")}) as watch:
        watch.until("modbus_up", "bms", up)
        assert watch.value("modbus_battery_volts", "bms") == 52.5
        assert {unit for unit, _ in device.asked} == {0xD2}
        assert {request[0] for _, request in device.asked} == {3}


def test_serial_adapter_on_the_network() -> None:
    answer = from_registers(DALY)

    def reply_to(frame: bytes) -> bytes:
        reply = frame[:1] + (answer(frame[0], frame[1:6]) or b"")
        return reply + crc(reply)

    with ByteServer(reply_to) as server:
        options = {"type": "modbus", "url": f"rtu://127.0.0.1:{server.port}", "interval": "200ms", "profile": "daly"}
        with running({"bms": options}) as watch:
            watch.until("modbus_up", "bms", up)
            assert watch.value("modbus_battery_volts", "bms") == 52.5


def test_page_is_quick_while_sources_are_blocked() -> None:
    with (
        TcpDevice(slowly(from_registers(DALY), 10)) as device,
        TcpDevice(from_registers(DALY)) as other,
        running({"blocked": tcp(device.port, profile="daly"), "good": tcp(other.port, profile="daly")}) as watch,
    ):
        watch.until("modbus_up", "good", up)
        waited, worked = [], []
        for _ in range(50):
            start, began = time.perf_counter(), time.thread_time()
            watch.scrape()
            waited.append(time.perf_counter() - start)
            worked.append(time.thread_time() - began)
        assert statistics.median(worked) < 0.05, "one may pay for a collection of garbage"
        assert max(waited) < 5, "a page waits for no device; this one takes 10 s to answer"
        assert watch.value("modbus_up", "blocked") == 0
        watch.until("modbus_up", "good", lambda value: value == 1)


def test_adapter_with_an_echo() -> None:
    with (
        RtuDevice(from_registers(DALY), echo=True) as device,
        running({"bms": serial(device.path, profile="daly")}) as watch,
    ):
        watch.until("modbus_up", "bms", up)
        assert watch.value("modbus_battery_volts", "bms") == 52.5


def test_unit_zero_is_a_device_like_any_other() -> None:
    wire = dict.fromkeys(range(37), 0) | {0: 100, 1: 5300, 2: 50, 4: 5000, 5: 10000}
    with RtuDevice(from_registers(wire)) as device, running({"bms": serial(device.path, profile="pace")}) as watch:
        watch.until("modbus_up", "bms", up)
        assert watch.value("modbus_soc_ratio", "bms") == 0.5
        assert {unit for unit, _ in device.asked} == {0}


def test_tcp_has_one_short_connection_for_each_reading() -> None:
    with TcpDevice(from_registers(DALY)) as device, running({"bms": tcp(device.port, profile="daly")}) as watch:
        watch.until("modbus_reads_total", "bms", lambda value: (value or 0) >= 3)
        assert device.most_open == 1
        assert device.connections >= 3


def test_own_registers_become_own_metrics() -> None:
    with TcpDevice(from_registers(BOTH)) as device, running({"tank": tcp(device.port, **OWN)}) as watch:
        watch.until("modbus_up", "tank", up)
        assert watch.value("modbus_tank_volts", "tank") == pytest.approx(11.1)
        assert watch.value("modbus_fuel_ratio", "tank") == 0.22


def test_own_state_of_charge_is_judged_and_its_zero_is_unknown() -> None:
    own = [
        {"address": 7, "function": 4, "metric": "modbus_soc_ratio", "scale": 0.001},
        {"address": 8, "function": 4, "type": "s32", "word_order": "little", "metric": "modbus_battery_amperes"},
        {"address": 10, "function": 4, "type": "f32", "metric": "modbus_celsius", "labels": {"sensor": "tank"}},
    ]
    high, low = struct.unpack(">HH", struct.pack(">f", -12.5))
    wire = {7: 421, 8: 0xFFFE, 9: 0xFFFF, 10: high, 11: low}
    with (
        TcpDevice(from_registers(wire, function=4)) as device,
        running({"bms": tcp(device.port, registers=own)}, judged=["bms"]) as watch,
    ):
        watch.until("modbus_up", "bms", up)
        assert watch.page()["battery_soc_ratio", ()] == pytest.approx(0.421)
        assert watch.value("modbus_battery_amperes", "bms") == -2
        assert watch.value("modbus_celsius", "bms", sensor="tank") == -12.5
        wire[7] = 0
        wait_until(lambda: watch.value("modbus_soc_ratio", "bms") is None, 5, "0 is unknown")
        assert watch.value("modbus_up", "bms") == 1


def test_lost_battery_behind_a_victron_gx_is_down() -> None:
    """An exception 0x0A for a service that is not there, as mappings.cpp of dbus_modbustcp gives it."""
    with (
        TcpDevice(lambda _unit, request: bytes((request[0] | 0x80, 0x0A))) as device,
        running({"bms": tcp(device.port, profile="victron-gx", unit_id=225)}, judged=["bms"]) as watch,
    ):
        watch.until("modbus_read_failures_total", "bms", lambda value: (value or 0) >= 2)
        assert watch.value("modbus_up", "bms") == 0
        assert not [name for name, _ in watch.page() if name in {"battery_soc_ratio", "modbus_soc_ratio"}]


def test_registers_that_a_device_lacks_are_absent_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with TcpDevice(from_registers({100: 111})) as device, running({"lacking": tcp(device.port, **OWN)}) as watch:
        watch.until("modbus_reads_total", "lacking", lambda value: (value or 0) >= 3)
        assert watch.value("modbus_tank_volts", "lacking") == pytest.approx(11.1)
        assert watch.value("modbus_fuel_ratio", "lacking") is None
    assert len([line for line in caplog.messages if "lacks registers" in line]) == 1


BAD: dict[str, Answer] = {
    "no answer": lambda _unit, _request: None,
    "an exception": lambda _unit, request: bytes((request[0] | 0x80, 4)),
    "another function's reply": lambda unit, request: b"\x04" + (from_registers(DALY)(unit, request) or b"")[1:],
    "a short reply": lambda unit, request: b"\x03\x04" + (from_registers(DALY)(unit, request) or b"")[2:6],
    "noise": lambda _unit, _request: b"\xff" * 20,
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_device_on_tcp_goes_absent(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        TcpDevice(from_registers(DALY)) as device,
        TcpDevice(from_registers(DALY)) as other,
        running({"bad": tcp(device.port, profile="daly"), "good": tcp(other.port, profile="daly")}) as watch,
    ):
        watch.until("modbus_up", "bad", up)
        device.answer = BAD[bad]
        watch.until("modbus_up", "bad", down, 2)
        assert watch.value("modbus_soc_ratio", "bad") is None
        watch.until("modbus_up", "good", lambda value: value == 1)
        watch.until("modbus_read_failures_total", "bad", lambda value: (value or 0) >= 2)
        assert watch.value("modbus_read_failures_total", "good") == 0
        assert len([line for line in caplog.messages if "source is lost" in line]) == 1


@pytest.mark.parametrize("bad", BAD)
def test_bad_device_on_a_shared_line_does_not_affect_the_other(bad: str) -> None:
    good = from_registers(DALY)
    answers = {1: good, 2: good}
    units = {"bad": 1, "good": 2}
    with (
        RtuDevice(lambda unit, request: answers[unit](unit, request)) as device,
        running(
            {name: serial(device.path, profile="daly", unit_id=unit, interval="600ms") for name, unit in units.items()}
        ) as watch,
    ):
        watch.until("modbus_up", "bad", up)
        watch.until("modbus_up", "good", up)
        answers[1] = BAD[bad]
        watch.until("modbus_up", "bad", down, 8)
        watch.until("modbus_read_failures_total", "bad", lambda value: (value or 0) >= 2, 15)
        watch.until("modbus_up", "good", lambda value: value == 1)
        assert watch.value("modbus_read_failures_total", "good") == 0
        ages = [reading.at for name, reading in watch.readings if name == "good"]
        assert max(after - before for before, after in itertools.pairwise(ages)) < 5, (
            "it waits for no answer of the bad one"
        )
        answers[1] = good
        watch.until("modbus_up", "bad", up, 10)


def test_late_replies_never_become_the_answer_to_another_request() -> None:
    """Replies come 1.4 and 0.9 s after their requests: the second one falls into the wait for another register."""
    answer = from_registers(BOTH | dict.fromkeys(range(90, 300), 9) | BOTH)
    late = threading.Event()
    delays = itertools.cycle([1.4, 0.9])

    def lately(unit: int, request: bytes) -> bytes | None:
        reply = answer(unit, request)
        if late.is_set() and reply is not None:
            device.later(next(delays), unit, reply)
            return None
        return reply

    with RtuDevice(lately) as device, running({"tank": serial(device.path, **OWN)}) as watch:
        watch.until("modbus_up", "tank", up)
        late.set()
        watch.until("modbus_up", "tank", down, 5)
        watch.until("modbus_read_failures_total", "tank", lambda value: (value or 0) >= 5, 20)
        late.clear()
        watch.until("modbus_up", "tank", up, 15)
        samples = {sample for _, reading in watch.readings for sample in reading.samples}
    assert {(sample.metric, sample.value) for sample in samples} == {
        ("modbus_tank_volts", 11.1),
        ("modbus_fuel_ratio", 0.22),
    }


def test_reply_that_nobody_waited_for_is_thrown_away() -> None:
    with RtuDevice(from_registers(BOTH)) as device:
        line = SerialLine(SerialAddress(device.path, 115200))
        line.join("test", line.address)
        try:
            assert line.read(Request(1, 3, 100, 1)) == (111,)
            device.send(b"\x01\x03\x02\x00\x63")
            assert line.read(Request(1, 3, 200, 1)) == (22,)
        finally:
            line.leave("test")


def test_after_silence_an_answer_of_another_length_is_asked_for_first() -> None:
    wire = dict.fromkeys(range(100, 120), 5)
    answer = from_registers(wire)
    silent = [True]
    with RtuDevice(lambda unit, request: None if silent[0] else answer(unit, request)) as device:
        line = SerialLine(SerialAddress(device.path, 115200))
        line.join("test", line.address)
        try:
            with pytest.raises(SourceError, match="has no answer: nothing whole within 1 s"):
                line.read(Request(1, 3, 100, 4))
            silent[0] = False
            assert line.read(Request(1, 3, 110, 4)) == (5, 5, 5, 5)
            assert line.read(Request(1, 3, 100, 4)) == (5, 5, 5, 5)
        finally:
            line.leave("test")
    counts = [struct.unpack(">H", request[3:])[0] for _, request in device.asked]
    assert counts == [4, 1, 4, 4]


def test_late_refusal_is_not_taken_for_one_of_another_request() -> None:
    answer = from_registers({200: 22})

    def refuse_late(unit: int, request: bytes) -> bytes | None:
        if request[1:3] == b"\x00\x64":
            return None
        device.send(bytes((unit,)) + b"\x83\x02")  # to the request before
        return answer(unit, request)

    with RtuDevice(refuse_late) as device:
        line = SerialLine(SerialAddress(device.path, 115200))
        line.join("test", line.address)
        try:
            with pytest.raises(SourceError, match="has no answer: nothing whole within 1 s"):
                line.read(Request(1, 3, 100, 4))
            with pytest.raises(SourceError, match="refused, or the reply to an earlier request came late") as unsure:
                line.read(Request(1, 3, 200, 1))
            assert not isinstance(unsure.value, RefusedError)
        finally:
            line.leave("test")


def test_unplugged_adapter_is_one_line_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    link = tmp_path / "port"
    with RtuDevice(from_registers(DALY)) as first:
        link.symlink_to(first.path)
        with running({"unplugged": serial(str(link), profile="daly")}) as watch:
            watch.until("modbus_up", "unplugged", up)
            link.unlink()
            first.hang_up()
            # the master goes as an adapter does: reading and writing fail from then on
            first.vanish()
            watch.until("modbus_up", "unplugged", down)
            watch.until("modbus_read_failures_total", "unplugged", lambda value: (value or 0) >= 3)
            assert len([line for line in caplog.messages if "source is lost" in line]) == 1
            with RtuDevice(from_registers(DALY)) as second:
                link.symlink_to(second.path)
                watch.until("modbus_up", "unplugged", up)
                link.unlink()
                second.hang_up()
                second.vanish()
                watch.until("modbus_up", "unplugged", down)
    assert "source failed" not in caplog.text


def test_line_is_closed_when_its_last_user_leaves() -> None:
    with RtuDevice(from_registers(DALY)) as device:
        with running({"one": serial(device.path, profile="daly"), "two": serial(device.path, profile="daly")}) as watch:
            watch.until("modbus_up", "one", up)
            watch.until("modbus_up", "two", up)
        probe = SerialLine(SerialAddress(device.path, 115200))
        probe.join("test", probe.address)
        assert probe.read(Request(0xD2, 3, 0, 1)) == (DALY[0],)
        probe.leave("test")


def test_two_settings_on_one_line_are_refused() -> None:
    with RtuDevice(from_registers(DALY)) as device, running({"first": serial(device.path, profile="daly")}) as watch:
        watch.until("modbus_up", "first", up)
        with pytest.raises(SourceError, match="already in use here at 115200 baud"):
            rtu.line(SerialAddress(device.path, 9600), "second")


def test_a_device_that_answers_as_another_unit_is_named_in_the_error() -> None:
    with (
        TcpWire(lambda asked: iter([asked.frame(b"\x03\x02\0\1", unit=5)])) as device,
        connected(TcpAddress("127.0.0.1", device.port), timeout=0.3) as line,
        pytest.raises(SourceError, match=r"only a reply of unit 5; write unit_id: 5 if that is the device"),
    ):
        line.read(Request(10, 3, 100, 1))


def test_tcp_passes_over_a_reply_that_is_late() -> None:
    calls = itertools.count()

    def answer(unit: int, request: bytes) -> bytes | None:
        if next(calls) == 0:
            time.sleep(0.5)
        return from_registers(BOTH)(unit, request)

    with TcpDevice(answer) as device, connected(TcpAddress("127.0.0.1", device.port), timeout=0.3) as line:
        with pytest.raises(SourceError, match="no answer"):
            line.read(Request(1, 3, 100, 1))
        time.sleep(0.3)
        assert line.read(Request(1, 3, 200, 1)) == (22,)


@pytest.mark.parametrize(
    ("options", "place", "text"),
    [
        ({"url": "udp://x"}, "url", "tcp://HOST:502"),
        ({"url": "rtu:///dev/x?baud=9600"}, "url", "baudrate, parity or stopbits"),
        ({"url": "rtu:///dev/x?baudrate=fast"}, "url", "a number such as 9600"),
        ({"url": "tcp://x"}, "", "neither profile nor registers"),
        ({"url": "tcp://x", "profile": "daly", **OWN}, "", "both profile and registers"),
        ({"url": "tcp://x", "profile": "dali"}, "profile", "daly"),
        ({"url": "tcp://x", "profile": "daly", "interval": "0s"}, "interval", "a duration above 0s"),
        ({"url": "tcp://x", "profile": "daly", "soc": "amphours"}, "soc", "a profile with remaining and full"),
        ({"url": "tcp://x", "current_scale": 0.1, **OWN}, "current_scale", "with a profile"),
        (
            {"url": "tcp://x", "profile": "daly", "current_scale": 1e308},
            "current_scale",
            "from -1000000000 to 1000000000",
        ),
        ({"url": "tcp://x", "profile": "daly", "current_scale": -1e-320}, "current_scale", "amperes of one count"),
        ({"url": "tcp://x", "registers": [{**LEVEL, "scale": 1e308}]}, "registers[0].scale", "to 1000000000"),
        (
            {"url": "tcp://x", "registers": [{**LEVEL, "scale": -1e-320}]},
            "registers[0].scale",
            "the value of one count",
        ),
        ({"url": "tcp://x", "registers": [{**LEVEL, "zero": 1e308}]}, "registers[0].zero", "a number from -1"),
        ({"url": "tcp://x", "profile": "daly", "unit_id": 256}, "unit_id", "255"),
        ({"url": "tcp://x", "registers": [{"address": 1, "metric": "volts"}]}, "registers[0].metric", "modbus_"),
        (
            {"url": "tcp://x", "registers": [{"address": 65535, "type": "u32", "metric": "modbus_x"}]},
            "registers[0].address",
            "below 65536",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], place: str, text: str) -> None:
    from exporter.sources import AnySource  # noqa: PLC0415 - a union, decoded as the configuration file is

    with pytest.raises(ConfigError, match=r".") as refused:
        config.decode({"type": "modbus", **options}, AnySource)  # type: ignore[arg-type]
    assert refused.value.where == place
    assert text in str(refused.value)


@pytest.mark.parametrize("type_", ["u64", "s64", "f32"])
@pytest.mark.parametrize("scale", [1e9, -1e9, 1e-9, 0.1])
@pytest.mark.parametrize("zero", [0, 1e20, -1e20])
def test_every_value_of_an_own_list_is_a_number(type_: str, scale: float, zero: float) -> None:
    options = config.decode(
        {"type": "modbus", "url": "tcp://x", "registers": [{**LEVEL, "type": type_, "scale": scale, "zero": zero}]},
        ModbusConfig,
    )
    for word in (0, 0x7F7F, 0x7FFF, 0x8000, 0xFF7F, 0xFFFF):
        record = Registers({(3, address): word for address in range(1, 5)})
        assert all(math.isfinite(sample.value) for sample in decode(options.device().fields, record))
