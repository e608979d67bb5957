"""Public reports of devices that were read wrong: the bytes of each, and the right values."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest

from exporter.discovery.magnum_packets import Listener
from exporter.fields import decode
from exporter.readings import Reading
from exporter.sources.aims.source import AimsSource
from exporter.sources.base import ABSENT, GONE, Family, Source, SourceError
from exporter.sources.magnum.devices import remote
from exporter.sources.magnum.packet import Packet
from exporter.sources.modbus.profiles import PROFILES, profile
from exporter.sources.modbus.protocol import READ_HOLDING
from exporter.sources.modbus.registers import Registers
from exporter.sources.pylontech import line
from exporter.sources.pylontech.config import PylontechConfig
from exporter.sources.pylontech.dialects import DIALECTS, LeftOverError
from exporter.sources.pylontech.frame import Frame, parse
from exporter.sources.pylontech.line import TextLine
from exporter.sources.pylontech.source import PylontechSource
from exporter.sources.vedirect.framing import Framer
from exporter.sources.vedirect.source import VeDirectSource
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.running_sources import Watch, by_metric, options_of
from tests.exporter.harness.scripted_port import ScriptedPort, polled
from toolkit import log
from toolkit.modbus import SerialAddress

publish = Watch().publish
"""Takes what a source publishes by itself; these tests call `poll`."""


# -- a Megatec device that reports one cell's volts (Network UPS Tools, 3482 and 2569)


def megatec(volts: Callable[[], float], rated: float) -> Callable[[bytes], bytes]:
    def answer(command: bytes) -> bytes:
        if command == b"F\r":
            return f"#120.0 017 {rated:05.2f} 60.0\r".encode()
        return f"(000.0 111.0 112.0 010 60.0 {volts():04.2f} 35.0 10001001\r".encode()

    return answer


@pytest.mark.parametrize(
    ("rated", "cells", "discharge"),
    [(48.0, 24, (2.23, 2.10, 2.02, 2.00, 1.95, 1.85)), (24.0, 12, (2.26, 1.95, 1.80, 1.68))],
)
def test_falling_cell_volts_are_falling_battery_volts(rated: float, cells: int, discharge: Sequence[float]) -> None:
    now = [discharge[0]]
    port = ScriptedPort(megatec(lambda: now[0], rated))
    ups = AimsSource("ups", publish, port="ups", interval=5, cells=None)
    for volts in discharge:
        now[0] = volts
        values = polled(ups, port)
        assert values["aims_battery_cell_volts"] == volts
        assert values["aims_battery_volts"] == pytest.approx(volts * cells)


def test_no_battery_volts_until_only_one_count_of_cells_fits() -> None:
    """1.95 V are 24 cells of a 48 V battery, or 30; the count is kept when the device answers again."""
    now = [1.95]
    port = ScriptedPort(megatec(lambda: now[0], 48.0))
    ups = AimsSource("ups", publish, port="ups", interval=5, cells=None)
    assert "aims_battery_volts" not in polled(ups, port)
    now[0] = 2.1
    assert polled(ups, port)["aims_battery_volts"] == pytest.approx(50.4)
    now[0] = 1.85
    for _ in range(4):
        ups.lost()
    assert polled(ups, port)["aims_battery_volts"] == pytest.approx(44.4)


def test_volts_of_a_lithium_cell_are_no_battery_volts() -> None:
    port = ScriptedPort(megatec(lambda: 3.31, 48.0))
    assert "aims_battery_volts" not in polled(AimsSource("ups", publish, port="ups", interval=5, cells=None), port)
    values = polled(AimsSource("ups", publish, port="ups", interval=5, cells=15), port)
    assert values["aims_battery_volts"] == pytest.approx(49.65)


# -- a battery that answers only its own number, and one that has this number where others have a count
# (python-pylontech 42, 10, 15, 23, 30; esphome-pace-bms 58)

US3000C = (
    b"~20024600F07A11020F0CDD0CDD0CDD0CDD0CDD0CDD0CDC0CDD0CDD0CDD0CDD0CDD0CDD0CDD0CDD050BC30BAF0BAA0BAF0BBC0000C0F2FFFF04"
    b"FFFF0000008DA4012110E0F7\r"
)
ONE_PACK = (
    b"~20024600F07A11020F0D450D440D450D440D450D440D3E0D450D4A0D4A0D4B0D4A0D4A0D4A0D4A050BC30BC30BC30BCD0BCD0000C725FFFF04"
    b"FFFF000200CA58012110E27A\r"
)


def batteries(answers: Mapping[bytes, bytes]) -> Callable[[bytes], bytes]:
    """Answer these requests and no others."""
    return lambda request: answers.get(request, b"")


def pylontech(monkeypatch: pytest.MonkeyPatch, answer: Callable[[bytes], bytes], **options: object) -> PylontechPort:
    rack = PylontechPort(answer, **options)
    monkeypatch.setattr(line, "time", rack.port)
    return rack


class PylontechPort:
    """A source with the protocol, on a port in memory."""

    def __init__(self, answer: Callable[[bytes], bytes], **options: object) -> None:
        self.port = ScriptedPort(answer)
        self.line = TextLine(SerialAddress("rack"))
        self.line.join(self, self.line.address)
        self.line._connection = self.port.connection
        config = options_of({"type": "pylontech", "port": "rack", **options})
        assert isinstance(config, PylontechConfig)
        self.source: PylontechSource = config.open("rack", publish)
        self.line.listed[self] = config.units

    def readings(self) -> list[Reading]:
        return list(self.source.poll(self.line))

    def values(self) -> Mapping[str, float]:
        return {name: value for reading in self.readings() for name, value in by_metric(reading).items()}


def test_battery_that_answers_only_its_own_number(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = pylontech(monkeypatch, batteries({b"~20024642E00202FD33\r": US3000C}), address=2)
    (reading,) = rack.readings()
    assert by_metric(reading)["pylontech_battery_volts{1}"] == 49.394
    assert reading.charge is not None
    assert reading.charge.ratio == pytest.approx(0.49, abs=0.005)
    rack.port.writes.clear()
    rack.readings()
    assert rack.port.writes == [b"~20024642E00202FD33\r"]


def test_number_of_the_pack_where_others_have_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = pylontech(monkeypatch, batteries({b"~20024642E00202FD33\r": ONE_PACK}), address=2)
    (reading,) = rack.readings()
    assert by_metric(reading)["pylontech_battery_volts{1}"] == 50.981
    assert "pylontech_battery_volts{2}" not in by_metric(reading)
    assert reading.charge is not None
    # 0xCA58 over 0x12110 mAh.
    assert reading.charge.ratio == pytest.approx(51.8 / 74)


def test_bytes_left_over_are_refused() -> None:
    frame = parse(ONE_PACK[:-1])
    for more in (b"\0", frame.info[2:40]):
        with pytest.raises(LeftOverError):
            DIALECTS["pylontech"].read(replace(frame, info=frame.info + more))


# -- the master of two Pace packs (bmspace 23, 26, 42; the frame is from esphome-pace-bms 30)

PACE_BANK = (
    b"~25014600D0F40002100E1D0E1B0E1D0E180E140E190E130E080E180E190E180E200E200E160E1F0E1A060BF60BE20BF80BE80C0F0C0F0000E1"
    b"8D4E18024E1800C04E2064100E110E1B0E1D0E0F0E110E0E0E110E1D0E190E130E160E180E170E190E1B0E18060C090C0B0C120C1D0C020C12"
    b"0000E1C450D10350DC00074E2064C8A1\r"
)


def test_master_of_a_pace_bank_gives_every_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    one = vector("pace_ascii_analog")["response_ascii"].replace("\\r", "\r").encode()
    answers = {Frame(0x25, 1, 0x42, b"\xff").encode(): PACE_BANK, Frame(0x25, 1, 0x42, b"\x01").encode(): one}
    (reading,) = pylontech(monkeypatch, batteries(answers), dialect="pace").readings()
    values = by_metric(reading)
    assert (values["pylontech_battery_volts{1}"], values["pylontech_battery_volts{2}"]) == (57.741, 57.796)
    assert values["pylontech_full_amphours{2}"] == 207
    assert [pack.name for pack in reading.packs] == ["1", "2"]


def test_unequal_packs_are_weighted_by_their_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """One full and one empty pack are half a battery, not a full one."""
    bank = parse(PACE_BANK[:-1])
    empty = bytearray(bank.info)
    second = 2 + (len(empty) - 2) // 2
    remaining = second + 1 + 32 + 1 + 12 + 4
    empty[remaining : remaining + 2] = round(20700 * 0.05).to_bytes(2, "big")
    answer = replace(bank, info=bytes(empty)).encode()
    rack = pylontech(monkeypatch, batteries({Frame(0x25, 1, 0x42, b"\xff").encode(): answer}), dialect="pace")
    (reading,) = rack.readings()
    assert reading.charge is not None
    assert reading.charge.ratio == pytest.approx((199.92 + 10.35) / (199.92 + 207), abs=0.001)


# -- another master on the line (esphome-pace-bms 50)


def test_lines_of_another_master_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = Frame(0x20, 2, 0, bytes.fromhex("1102") + bytes(40)).encode()
    others = (
        b"~20024642E00202FD33\r" + US3000C.replace(b"~2002", b"~2003") + b"~20024644E00202FD31\r" + alarms + b"\0~2\r"
    )
    rack = pylontech(monkeypatch, batteries({b"~20024642E002FFFD09\r": others + ONE_PACK}))
    assert rack.values()["pylontech_battery_volts{1}"] == 50.981


# -- a well-framed answer in the wrong dialect (python-pylontech 30)


def test_answer_in_another_dialect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = batteries({b"~20024642E00202FD33\r": ONE_PACK})
    rack = pylontech(monkeypatch, answer, dialect="seplos-v2", address=2)
    with pytest.raises(SourceError, match="left over") as refused:
        rack.readings()
    assert refused.value.refused == "left_over"


def test_battery_volts_that_are_not_the_sum_of_the_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = parse(ONE_PACK[:-1])
    volts = frame.info.index(bytes.fromhex("C725"))
    ten_times = frame.info[:volts] + (5098).to_bytes(2, "big") + frame.info[volts + 2 :]
    rack = pylontech(
        monkeypatch, batteries({b"~20024642E00202FD33\r": replace(frame, info=ten_times).encode()}), address=2
    )
    with pytest.raises(SourceError, match=r"battery 5.10 V, its 15 cells together 50.98 V") as refused:
        rack.readings()
    assert refused.value.refused == "cells"


# -- models that no dialect knew (esphome-seplos-bms 177; dbus-serialbattery 1116)

POWERFLO = (
    b"~01014F42B0BA0001100D7C0D7C0D7D0D7C0D750D7B0D7C0D7C0D770D7C0D7C0D7B0D730D7F0D7E0D7E060BAB0B9D0B900B860B860B99000015"
    b"917AA8007AA800097AA81597000064048800000000\x00\x00\x00\x020000000000000000000000000000FFE7041C64D656\r"
)
LIFEPOWER4 = (
    b"~20014A00A0CA1001100D2F0D2C0D2C0D2D0D2D0D2F0D2F0D2F0D2C0D2D0D2D0D2F0D300D2C0D300D2C040B9B0BA50B9B0B9B0BB90BAF029D15"
    b"1521A9268400540F005700620D300D2C00040BA50B9B000ADAC0000A54550005D473000570A600000680000004CA56897E24D1A5\r"
)
"""Published with nkinnan/esphome-pace-bms, protocol version 20."""


def test_midnite_powerflo(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = pylontech(monkeypatch, batteries({b"~01014642E00201FD36\r": POWERFLO}), dialect="midnite")
    (reading,) = rack.readings()
    values = by_metric(reading)
    assert values["pylontech_battery_volts{1}"] == 55.21
    assert values["pylontech_full_amphours{1}"] == 314
    assert values["pylontech_cycles_total{1}"] == 9
    cells = [values[f"pylontech_cell_volts{{1,{number}}}"] for number in range(1, 17)]
    assert all(abs(volts - 3.45) < 0.02 for volts in cells)
    assert reading.charge is not None
    assert reading.charge.ratio == 1


def test_eg4_lifepower4(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = pylontech(monkeypatch, batteries({b"~20014A420000FDA2\r": LIFEPOWER4}), dialect="lifepower4")
    values = rack.values()
    assert values["pylontech_battery_volts{1}"] == 53.97
    assert values["pylontech_battery_amperes{1}"] == 6.69
    assert (values["pylontech_soc_ratio{1}"], values["pylontech_soh_ratio{1}"]) == (0.87, 0.98)
    assert values["pylontech_remaining_amphours{1}"] == 86.17


def test_another_model_is_reported_with_the_dialect_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = b"~01014FC1202C554C313035385F323030313678325F303532320002FEF45A\r"
    answers = {b"~01014642E00201FD36\r": POWERFLO, b"~010146C10000FDA0\r": name}
    answers[Frame(0x20, 1, 0x42, b"\x01").encode()] = POWERFLO
    rack = pylontech(monkeypatch, batteries(answers), dialect="seplos-v2", address=1)
    expected = r"version 01, CID1 4F, UL1058_20016x2_0522\): write `dialect: midnite`"
    with pytest.raises(SourceError, match=expected):
        rack.readings()
    unknown = Frame(0x33, 1, 0, b"", kind=0x50).encode()
    rack = pylontech(monkeypatch, lambda _request: unknown, dialect="seplos-v2", address=1)
    with pytest.raises(SourceError, match=r"version 33, CID1 50\): a model that is not supported"):
        rack.readings()


def test_listen_reports_what_answers_on_the_wrong_line() -> None:
    listener = Listener(io.StringIO(), as_json=False, every=False, coloured=False)
    listener.receive(b"~01014642E00201FD36\r" + POWERFLO[:90], 0.1)
    listener.receive(POWERFLO[90:], 0.2)
    assert listener.findings() == [
        "Not a Magnum network, but batteries of type pylontech.",
        "Address 1: version 01, CID1 4F: write `dialect: midnite` (MidNite PowerFlo).",
    ]


# -- several batteries on one line


def test_several_batteries_each_by_its_number(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = (2, 3, 4)
    answers = {
        Frame(0x20, number, 0x42, bytes((number,))).encode(): replace(parse(US3000C[:-1]), address=number).encode()
        for number in (*numbers, 5)
    }
    rack = pylontech(monkeypatch, batteries(answers), address=list(numbers))
    readings = rack.readings()
    values = {name: value for reading in readings for name, value in by_metric(reading).items()}
    assert [values[f"pylontech_battery_volts{{{number}}}"] for number in numbers] == [49.394] * 3
    assert "another battery answers on this line" in caplog.text
    del answers[Frame(0x20, 3, 0x42, b"\x03").encode()]
    assert [reading.group for reading in rack.readings()] == ["battery 2", "battery 4"]
    assert "battery is lost" in caplog.text


# -- zeros that mean unknown (hass-victron 130; a bench note on an MS4448PAE)


def gx(unit: int, words: Mapping[int, int]) -> Mapping[str, float]:
    record = Registers({(READ_HOLDING, address): word & 0xFFFF for address, word in words.items()})
    device = profile("victron-gx", unit)
    return {sample.metric: sample.value for sample in decode(device.fields, record)}


CAN_BATTERY = {256: 0, 257: 600, 259: 5200, 261: 115, 262: 180, 265: 0, 266: 810, 303: 0, 304: 0, 309: 0}


def test_consumed_amphours_that_a_gx_does_not_know() -> None:
    assert "modbus_consumed_amphours" not in gx(225, CAN_BATTERY)
    assert "modbus_consumed_amphours" not in gx(100, {840: 520, 841: 115, 842: 600, 843: 81, 844: 1, 845: 0, 846: 0})
    assert gx(225, CAN_BATTERY | {266: 1000})["modbus_consumed_amphours"] == 0
    assert gx(225, CAN_BATTERY | {265: 220})["modbus_consumed_amphours"] == 22


def test_current_or_power_that_a_gx_does_not_know() -> None:
    no_current = gx(225, CAN_BATTERY | {261: 0})
    assert "modbus_battery_amperes" not in no_current
    assert no_current["modbus_battery_watts"] == 600
    assert "modbus_battery_watts" not in gx(225, CAN_BATTERY | {257: 0})
    idle = gx(225, CAN_BATTERY | {257: 0, 261: 0})
    assert (idle["modbus_battery_amperes"], idle["modbus_battery_watts"]) == (0, 0)


@pytest.mark.parametrize("name", ["jk-bms", "pace", "seplos-v3", "seplos-v3-bank", "renogy", "daly", "daly-p81"])
def test_amphours_that_a_battery_does_not_know(name: str) -> None:
    device = PROFILES[name]
    words = {(at.function, at.address + device.step * word): 0 for at in device.places for word in range(at.type.words)}
    told = {sample.metric for sample in decode(device.fields, Registers(words, device.step))}
    assert not told & {
        "modbus_remaining_amphours",
        "modbus_full_amphours",
        "modbus_design_amphours",
        "modbus_soc_ratio",
    }


def test_charge_rate_that_a_custom_profile_does_not_use() -> None:
    packet = bytearray(remote.LENGTH)
    packet[remote.BATTERY_TYPE] = remote.FIRST_CUSTOM_TYPE + 44
    assert "magnum_remote_charge_rate_ratio" not in remote_values(packet)
    packet[4] = 60
    assert remote_values(packet)["magnum_remote_charge_rate_ratio"] == 0.6
    packet[remote.BATTERY_TYPE], packet[4] = 4, 0
    assert remote_values(packet)["magnum_remote_charge_rate_ratio"] == 0


def remote_values(packet: bytearray) -> Mapping[str, float]:
    return {sample.metric: sample.value for sample in decode(remote.BASE, Packet(bytes(packet), 48))}


# -- a SmartShunt that measures a source (venus 816)


def blocks(*lines: str) -> bytes:
    body = "".join(f"\r\n{line}" for line in (*lines, "Checksum\t")).encode("latin-1")
    return body + bytes((-sum(body) % 256,))


def shunt(*sent: bytes) -> Mapping[str, float]:
    reader = VeDirectSource("shunt", publish, port="shunt")
    return {
        name: value
        for block in Framer().feed(b"".join(sent))
        for reading in reader._readings(block, 0, 0)
        for name, value in by_metric(reading).items()
    }


LIVE = ("PID\t0xA389", "V\t26201", "I\t14200", "P\t372")
HISTORY = ("H1\t0", "H17\t200", "H18\t300")


def test_current_of_a_monitored_source_is_not_the_batterys() -> None:
    values = shunt(blocks(*LIVE, "MON\t-9"), blocks(*HISTORY))
    assert values["vedirect_source_amperes"] == 14.2
    assert values["vedirect_monitor_mode{solar_charger}"] == 1
    assert values["vedirect_source_joules_total"] == 2 * 3.6e6
    assert not {name for name in values if "battery_amperes" in name or "battery_watts" in name}
    assert not {"vedirect_discharged_joules_total", "vedirect_charged_joules_total"} & set(values)


def test_current_of_a_monitored_load_is_not_the_batterys() -> None:
    values = shunt(blocks(*LIVE, "MON\t3"))
    assert values["vedirect_load_amperes"] == 14.2
    assert "vedirect_battery_amperes" not in values


def test_battery_monitor_keeps_its_current() -> None:
    for mode in ((), ("MON\t0",)):
        values = shunt(blocks(*LIVE, "SOC\t810", *mode), blocks(*HISTORY))
        assert (values["vedirect_battery_amperes"], values["vedirect_soc_ratio"]) == (14.2, 0.81)
        assert values["vedirect_charged_joules_total"] == 3 * 3.6e6


# -- an adapter that flaps: five times in 40 s


class Flapping(Source[None]):
    """A device whose port goes and comes back, now gone, now refused."""

    retry = 0.0
    family = Family("aims", ())

    def __init__(self) -> None:
        super().__init__("flapping", publish)
        self.turn = 0

    def connect(self) -> AbstractContextManager[None]:
        self.turn += 1
        if self.turn % 3 == 0:
            raise SourceError("no permission to open it", cause="forbidden")
        if self.turn % 3 == 1:
            raise SourceError("it is not there", cause=ABSENT)
        return nullcontext()

    def serve(self, connection: None) -> None:
        assert connection is None
        self.recovered()
        if self.turn >= 15:
            self.stop()
        raise SourceError("it is gone", cause=ABSENT)


class Unplugged(Flapping):
    """A device whose port fails while it is open, is not there, and comes back: five times."""

    def connect(self) -> AbstractContextManager[None]:
        self.turn += 1
        if self.turn % 2 == 0:
            raise SourceError("it is not there", cause=ABSENT)
        return nullcontext()

    def serve(self, connection: None) -> None:
        assert connection is None
        self.recovered()
        if self.turn > 2 * 5:
            self.stop()
        raise SourceError("it is gone", cause=GONE)


def test_adapter_that_is_unplugged_five_times_is_two_lines_and_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    unplugged = Unplugged()
    unplugged.start()
    unplugged.join(10)
    assert unplugged.ended
    assert caplog.messages == ["source is lost", "source is back"]
    assert [record.fields.get("suppressed") for record in caplog.records] == [None, 1]  # type: ignore[attr-defined]
    ((_, fields), left_out) = log.limiter.overdue(time.monotonic() + log.HOUR)[0]
    assert (fields["event"], left_out) == ("source is back", 3 * 4)


def test_flapping_adapter_is_one_line_an_hour_for_each_cause(caplog: pytest.LogCaptureFixture) -> None:
    flapping = Flapping()
    flapping.start()
    flapping.join(10)
    assert flapping.ended
    assert len([message for message in caplog.messages if "source is lost" in message]) == 2
