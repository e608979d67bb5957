"""listen, record and replay, on captures and on a pseudo-terminal."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from pathlib import Path

import pytest

from exporter import cli
from exporter.discovery.magnum_packets import Listener
from exporter.sources.magnum import capture
from tests.exporter.harness import captures, published_values
from tests.exporter.harness.magnum_port import MagnumPort
from tests.support import Process, command, wait_until


def listen(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.main(["listen", *arguments])
    return code, capsys.readouterr().out


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    file = tmp_path / "swapped.txt"
    file.write_text("\n".join(captures.vector(f"pymagnum-swapped-AB-{number}")["raw_hex"] for number in range(6)))
    return file


def test_listen_lists_devices(capsys: pytest.CaptureFixture[str]) -> None:
    code, output = listen(capsys, str(captures.FOLDER / captures.STANDBY))
    assert code == 0
    assert "Present: MS4448PAE 5.1 parallel_master, remote control, battery monitor (BMK), router (RTR)." in output
    assert "Not present: generator starter (AGS)." in output
    assert re.search(r"0\.061  inverter   info MS4448PAE.*  state charger_standby  .*  dc 50\.5\u00a0V  ", output)
    assert "\x1b" not in output


def test_listen_shows_units_rounds_and_leaves_out_what_was_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = listen(capsys, str(captures.FOLDER / captures.INVERTING))
    output = output.replace("\u00a0", " ")
    for shown in (
        "ac input 121 V  ac input present yes",  # 182 V peak / 1.5 = 121.3 V
        "ags_a1     info 5.3  state off  running no  21 °C",  # 69 °F
        "bmk        info 1.0  soc 85 %  49.1 V  -20 A",
        "low battery cutout 42 V",
        "generator max run 12 h",
    ):
        assert output.count(shown) == 1, shown
    assert output.count("battery type custom") == 1, "eight packets of the remote repeat it"
    assert " led " not in output


def test_listen_shows_every_packet_with_its_bytes_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = listen(capsys, str(captures.FOLDER / captures.STANDBY), "--all")
    assert len(re.findall(r"inverter   000001f9\w+  info .*  led inverter", output)) == 19


def test_hours_of_listening_can_be_read() -> None:
    """90 minutes with nothing but the noise of a real bus; then the load rises, and the bus falls silent."""
    out = io.StringIO()
    began = dt.datetime(2026, 1, 15, 23, tzinfo=dt.UTC)
    listener = Listener(out, as_json=False, every=False, coloured=False, width=100, began=began)
    chunks = capture.load(captures.FOLDER / captures.INVERTING)
    offset = 0.0
    while offset < 5400:
        for chunk in chunks:
            listener.receive(chunk.data, offset + chunk.at)
        offset += 25.0
        listener.receive(b"", offset - 1)
    shown = out.getvalue().splitlines()
    assert sum(line.startswith("Packets: ") for line in shown) == 8, "at 10 s, 20 s and so on, then once an hour"
    assert sum(line.startswith("Present: ") for line in shown) == 8
    changes = [line for line in shown[20:] if line.startswith("2026-01-")]
    assert 15 < len(changes) < 40, "small changes of two kinds of packet: one line each in five minutes"
    assert changes[-1].startswith("2026-01-16 00:2")
    assert max(map(len, changes)) <= 100
    loaded = chunks[0].data.replace(bytes.fromhex("01ec0009"), bytes.fromhex("01ec0019"))
    assert loaded != chunks[0].data
    for number in range(50):
        listener.receive(loaded if number < 5 else b"", offset + number)
    later = out.getvalue().splitlines()[len(shown) :]
    assert any("inverter   dc -25\u00a0A" in line for line in later), "a large change is shown at once"
    silent = [line for line in later if line.startswith("Silent: ")]
    assert len(silent) == len(set(silent)) <= 3, "each is reported once"
    assert silent[-1].startswith("Silent: inverter since 2026-01-16 00:30:04, ")
    assert "router (RTR) since 2026-01-16 00:29:" in silent[-1]


def test_json_of_a_packet_without_a_flag_names_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = listen(capsys, str(captures.FOLDER / captures.INVERTING), "--json")
    first = next(document for document in map(json.loads, output.splitlines()) if document["frame"] == "remote_a0")
    assert first["values"]["magnum_remote_forced"] == ""


def test_listen_reports_swapped_wires(capsys: pytest.CaptureFixture[str], swapped: Path) -> None:
    code, output = listen(capsys, str(swapped))
    assert (code, output) == (1, "A and B are swapped: swap the two data wires.\n")


def test_listen_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = listen(capsys, str(captures.FOLDER / captures.INVERTING), "--json", "--all")
    documents = [json.loads(line) for line in output.splitlines()]
    frames = [document for document in documents if "frame" in document]
    assert len(frames) == 101
    battery = next(document for document in frames if document["frame"] == "bmk")
    assert battery["values"]["magnum_bmk_soc_ratio"] == 0.85
    assert documents[-1]["frames"]["inverter"] == 37


def test_listen_colours(capsys: pytest.CaptureFixture[str]) -> None:
    _, output = listen(capsys, str(captures.FOLDER / captures.STANDBY), "--color=always")
    assert "\x1b[32minverter" in output


def test_listen_reads_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO((captures.FOLDER / captures.STANDBY).read_text()))
    assert "Present: MS4448PAE" in listen(capsys, "-")[1]


def test_listen_unreadable_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["listen", str(tmp_path / "nothing")]) == 1
    assert "is not there; check that the adapter is plugged in" in capsys.readouterr().err
    file = tmp_path / "capture.txt"
    file.write_text("0.1 00FF\n0.2 what is this\n")
    assert cli.main(["listen", str(file)]) == 1
    assert f"{file}:2: got '0.2 what is this', expected seconds and bytes" in capsys.readouterr().err


def test_a_wrong_command_is_answered_with_a_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words, near in ((["lisen", "x"], "listen"), (["listen", "x", "--al"], "--all")):
        with pytest.raises(SystemExit, match="2"):
            cli.main(words)
        assert f'did you mean "{near}"?' in capsys.readouterr().err


def test_the_programs_flags_may_come_before_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--log.level=warn", "listen", str(captures.FOLDER / captures.STANDBY)]) == 0
    assert "Present: MS4448PAE" in capsys.readouterr().out


def test_recording_keeps_bytes_and_times() -> None:
    written = io.StringIO()
    recorder = capture.Recorder(written, dt.datetime(2026, 1, 15, 8, tzinfo=dt.UTC))
    recorder.add(b"\x40\x00", 100.0)
    recorder.add(b"\xff", 100.0317)
    assert written.getvalue() == (
        "# magnum capture 1: seconds since the begin, bytes in hexadecimal; begun 2026-01-15T08:00:00Z\n"
        "0.000 4000\n0.032 FF\n"
    )
    chunks = list(capture.read(io.StringIO(written.getvalue()), "x"))
    assert chunks == [capture.Chunk(0.0, b"\x40\x00"), capture.Chunk(0.032, b"\xff")]


def test_other_captures_get_usual_times() -> None:
    chunks = capture.load(captures.FOLDER / captures.LONG)
    assert len(chunks) == 5000
    cycles = sum(line.kind == "inverter" for line in captures.lines(captures.LONG))
    assert 0.09 < chunks[-1].at / cycles < 0.13


def test_replay_record_and_listen_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port, recorded = tmp_path / "port", tmp_path / "recorded.txt"
    source = captures.FOLDER / captures.INVERTING
    with Process([command("magnum-exporter"), "replay", source, "--link", port, "--speed=2", "--loop"]) as player:
        wait_until(lambda: player.output.strip() == str(port), 10, "the name of the pseudo-terminal")
        assert cli.main(["record", str(port), str(recorded), "--seconds=6"]) == 0
    assert not port.is_symlink(), "a link that is left may lead to another program's terminal"
    capsys.readouterr()
    data = b"".join(chunk.data for chunk in capture.load(recorded))
    assert {packet for _, packet in published_values.packets(data)} <= {
        packet for _, packet in published_values.packets(captures.stream(captures.INVERTING))
    }
    code, output = listen(capsys, str(recorded))
    assert code == 0
    assert (
        "Present: MS4448PAE 5.1 parallel_master, remote control, battery monitor (BMK), generator starter (AGS)"
        in output
    )
    assert cli.main(["record", str(port), str(recorded)]) == 1, "it is not overwritten"


def test_listen_on_a_port(tmp_path: Path) -> None:
    port = MagnumPort(tmp_path / "port")
    port.plug()
    with Process([command("magnum-exporter"), "listen", port.name, "--seconds=4"]) as listener:
        device, opened = port.name.resolve(), Path(f"/proc/{listener.popen.pid}/fd")
        wait_until(lambda: any(file.resolve() == device for file in opened.iterdir()), 30, "the port is open")
        port.write([line.data for line in captures.lines(captures.INVERTING)])
        wait_until(lambda: "Present: MS4448PAE" in listener.output, 15, "who is there")
        assert listener.wait(10) == 0
    port.unplug()
