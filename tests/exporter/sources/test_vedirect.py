"""VE.Direct battery monitors: captured blocks, whole and damaged, and the port that carries them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import decode
from exporter.sources.vedirect import fields, source
from exporter.sources.vedirect.framing import Block, Framer
from tests.exporter.harness.device_captures import vector
from tests.exporter.harness.running_sources import running
from tests.exporter.harness.serial_devices import SerialDevice
from tests.support import wait_until

LIVE = bytes.fromhex(vector("vedirect_bmv702_block1")["response_hex"])
HISTORY = bytes.fromhex(vector("vedirect_bmv702_block2")["response_hex"])


def block(lines: Mapping[str, str]) -> bytes:
    """A block of these lines, synthetic, with a right checksum."""
    data = "".join(f"\r\n{label}\t{value}" for label, value in lines.items()).encode() + b"\r\nChecksum\t"
    return data + bytes((-sum(data) % 256,))


def decoded(found: Block) -> Mapping[str, float]:
    return {sample.metric: sample.value for sample in decode((*fields.LIVE, *fields.HISTORY), found)}


def test_captured_measurements() -> None:
    """v:vedirect_bmv702_block1."""
    expect = vector("vedirect_bmv702_block1")["expect"]
    (found,) = Framer().feed(LIVE)
    values = decoded(found)
    assert values["vedirect_battery_volts"] == expect["volts"]
    assert values["vedirect_battery_amperes"] == expect["amps"]
    assert values["vedirect_battery_watts"] == expect["power_w"]
    assert values["vedirect_consumed_amphours"] == -expect["consumed_ah"]
    assert values["vedirect_soc_ratio"] == pytest.approx(expect["soc_percent"] / 100)
    assert values["vedirect_time_to_go_seconds"] == expect["ttg_min"] * 60
    assert values["vedirect_alarm"] == expect["alarm"]
    assert values["vedirect_relay_closed"] == expect["relay"]
    (info,) = (sample for sample in decode(fields.LIVE, found) if sample.metric == "vedirect_info")
    assert info.labels == (expect["PID"], expect["model"], expect["fw"])
    charge = fields.charge(found)
    assert charge is not None
    assert (charge.ratio, charge.amperes) == (0.839, -7.625)


def test_captured_history() -> None:
    """v:vedirect_bmv702_block2."""
    (found,) = Framer().feed(HISTORY)
    values = decoded(found)
    assert values["vedirect_discharged_amphours_total"] == 5526.294
    assert values["vedirect_since_full_seconds"] == 368003
    assert values["vedirect_synchronizations_total"] == 26
    assert values["vedirect_discharged_joules_total"] == 6843 * 36000
    assert values["vedirect_charged_joules_total"] == 8527 * 36000
    assert fields.charge(found) is None


def test_unknown_is_absent() -> None:
    (found,) = Framer().feed(block({"V": "12800", "I": "0", "SOC": "---", "TTG": "-1", "T": "---"}))
    assert set(decoded(found)) == {"vedirect_battery_volts", "vedirect_battery_amperes"}
    charge = fields.charge(found)
    assert charge is not None
    assert charge.ratio is None


def test_negative_temperature() -> None:
    (found,) = Framer().feed(block({"V": "12800", "T": "-15"}))
    assert decoded(found)["vedirect_celsius"] == -15


def test_message_inside_a_block() -> None:
    cut = LIVE.index(b"SOC")
    (found,) = Framer().feed(LIVE[:cut] + b":7F0ED0071\n" + LIVE[cut:])
    assert found["SOC"] == "839"


def test_partial_first_block() -> None:
    framer = Framer()
    assert len(list(framer.feed(LIVE[40:] + LIVE))) == 1
    assert framer.damaged == 0


@given(st.integers(0, len(LIVE) - 1), st.integers(1, 255))
def test_damaged_byte_is_refused(place: int, change: int) -> None:
    framer = Framer()
    good = decoded(next(iter(Framer().feed(LIVE))))
    data = bytearray(LIVE)
    data[place] ^= change
    for found in (*framer.feed(HISTORY + bytes(data)), *framer.feed(LIVE)):
        values = decoded(found)
        assert values.items() <= good.items() | decoded(next(iter(Framer().feed(HISTORY)))).items()


@given(st.lists(st.binary(max_size=200)))
def test_any_bytes_are_safe(chunks: list[bytes]) -> None:
    framer = Framer()
    for chunk in chunks:
        for found in framer.feed(chunk):
            decoded(found)
            fields.charge(found)


@given(st.lists(st.integers(0, len(LIVE + HISTORY)), max_size=8))
def test_any_chunks(cuts: list[int]) -> None:
    framer, data = Framer(), LIVE + HISTORY
    edges = [0, *sorted(cuts), len(data)]
    found = [each for start, end in itertools.pairwise(edges) for each in framer.feed(data[start:end])]
    assert found == list(Framer().feed(data))


def test_silent_port_goes_absent(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LIVE_STALE_AFTER", 2.0)
    monkeypatch.setattr(source.VeDirectSource, "stale_after", 2.0)
    monkeypatch.setattr(source, "SILENT_AFTER", 1.0)
    with (
        SerialDevice() as device,
        running({"shunt": {"type": "vedirect", "port": device.path}}, judged=["shunt"]) as watch,
    ):

        def is_up() -> bool:
            device.send(LIVE + HISTORY)
            return watch.value("vedirect_up", "shunt") == 1 and watch.value("vedirect_cycles_total", "shunt") == 0

        wait_until(is_up, 10, "the monitor is up")
        assert watch.page()["battery_soc_ratio", ()] == 0.839
        watch.until("vedirect_up", "shunt", lambda value: value == 0, 15)
        assert watch.value("vedirect_soc_ratio", "shunt") is None
        wait_until(lambda: "source is lost" in caplog.text, 5, "the log")
        assert len([line for line in caplog.messages if "source is lost" in line]) == 1
        wait_until(is_up, 10, "the monitor is up again")
        assert device.writes == []
