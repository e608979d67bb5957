"""The program from port to page: captures at the bus's pace, adapters that go and come, signals and reload."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.exporter.harness import captures, published_values
from tests.exporter.harness.magnum_port import MagnumPort
from tests.support import Process, command, free_port, wait_until
from tests.support.exporter import Exporter
from tests.support.http import request

ASKED_BY_THE_ACTUATOR = (
    "battery_soc_ratio",
    "battery_soc_last_update_timestamp_seconds",
    "battery_soc_refused",
    "magnum_up",
    "magnum_last_success_timestamp_seconds",
    "magnum_inverter_ac_input_volts",
    "magnum_inverter_state",
    "magnum_inverter_dc_amperes",
    "magnum_inverter_info",
    "magnum_ags_state",
    "magnum_ags_state_code",
    "magnum_bmk_volts",
    "magnum_inverter_dc_volts",
)


@pytest.fixture
def port(tmp_path: Path) -> MagnumPort:
    return MagnumPort(tmp_path / "adapter")


@pytest.fixture
def config(tmp_path: Path, port: MagnumPort) -> Path:
    file = tmp_path / "exporter.yml"
    file.write_text(f"sources:\n  main: {{type: magnum, port: {port.name}}}\nbattery: {{capacity_ampere_hours: 400}}\n")
    return file


def packets(name: str) -> list[bytes]:
    return [line.data for line in captures.lines(name)]


@pytest.mark.parametrize(
    ("name", "gaps"), [(captures.INVERTING, True), (captures.STANDBY, True), (captures.LONG, False)], ids=str
)
def test_capture_on_a_port(port: MagnumPort, config: Path, name: str, gaps: bool) -> None:  # noqa: FBT001
    wanted = Counter(kind for kind, _ in published_values.packets(captures.stream(name)))
    port.plug()
    with Exporter(config) as exporter:
        wait_until(lambda: exporter.get("/-/ready")[0] == 200, 15, "ready")
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 5, "the port is open")
        port.write(packets(name), gaps=gaps)
        wait_until(
            lambda: exporter.value("magnum_frames_total", device="main", frame="inverter") == wanted["inverter"],
            10,
            "every inverter packet",
        )
        wait_until(
            lambda: all(
                exporter.value("magnum_frames_total", device="main", frame=kind) == count
                for kind, count in wanted.items()
            ),
            5,
            "every other packet",
        )
        assert wanted["inverter"] >= sum(line.kind == "inverter" for line in captures.lines(name))
        values = {
            metric: value for (metric, labels), value in exporter.page().items() if labels == (("device", "main"),)
        }
    last = [line.data for line in captures.lines(name) if line.kind == "inverter"][-20:]
    assert values["magnum_inverter_dc_volts"] in {int.from_bytes(packet[2:4], "big") / 10 for packet in last}
    assert values["magnum_inverter_ac_output_volts"] in {packet[6] for packet in last}
    assert values["magnum_inverter_state_code"] in {packet[0] for packet in last}
    monitors = [line.data for line in captures.lines(name) if line.kind == "bmk"][-8:]
    assert values["magnum_bmk_soc_ratio"] in {packet[1] / 100 for packet in monitors}
    assert values["magnum_bmk_volts"] in {int.from_bytes(packet[2:4], "big") / 100 for packet in monitors}


def test_page_by_name(port: MagnumPort, config: Path) -> None:
    port.plug()
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        port.write(packets(captures.INVERTING))
        query = "?" + "&".join(f"name[]={name}" for name in ASKED_BY_THE_ACTUATOR)
        page = wait_until(lambda: exporter.page(query) if exporter.value("battery_soc_ratio") else None, 5, "the SOC")
        assert {name for name, _ in page} == set(ASKED_BY_THE_ACTUATOR)
        assert page["battery_soc_ratio", ()] == 0.85
        assert page["magnum_ags_state_code", (("device", "main"),)] == 1
        assert page["magnum_inverter_state", (("device", "main"), ("state", "inverting"))] == 1


def test_each_reading_moves_its_time(port: MagnumPort, config: Path) -> None:
    port.plug()
    silence = threading.Event()
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        thread = port.repeat(packets(captures.STANDBY), silence)
        try:
            seen: set[float] = set()
            for number in range(4):
                seen.add(
                    wait_until(
                        lambda: {exporter.value("battery_soc_last_update_timestamp_seconds") or 0.0} - seen - {0.0},
                        10,
                        f"charge {number}",
                    ).pop()
                )
            assert exporter.value("battery_soc_ratio") == 0.89
        finally:
            silence.set()
            thread.join()


def test_adapter_unplugged_and_back(port: MagnumPort, config: Path) -> None:
    silence = threading.Event()
    with Exporter(config) as exporter:
        wait_until(lambda: exporter.value("magnum_up", device="main") == 0, 15, "up is served before the port is there")
        wait_until(lambda: exporter.get("/-/ready")[0] == 200, 5, "ready without the port")
        port.plug()
        thread = port.repeat(packets(captures.INVERTING), silence)
        wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "found")
        silence.set()
        thread.join()
        frames = exporter.value("magnum_frames_total", device="main", frame="inverter")
        port.unplug()
        wait_until(lambda: exporter.value("magnum_up", device="main") == 0, 15, "down")
        assert exporter.value("magnum_inverter_dc_volts", device="main") is None
        assert (exporter.value("magnum_frames_total", device="main", frame="inverter") or 0) >= (frames or 0)
        silence.clear()
        port.plug()
        thread = port.repeat(packets(captures.INVERTING), silence)
        try:
            wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "back under the same name")
            assert exporter.value("magnum_reconnects_total", device="main") == 1
        finally:
            silence.set()
            thread.join()
        output = exporter.process.output
        assert output.count("is not there; check that the adapter is plugged in") == 1, (
            "once an hour, though it came in between"
        )
        assert output.count("is gone") == 1


def test_replug_is_one_loss_and_one_recovery(port: MagnumPort, config: Path) -> None:
    def failures() -> float:
        return exporter.value("magnum_read_failures_total", device="main") or 0

    port.plug()
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        port.unplug()
        wait_until(lambda: failures() >= 3, 15, "attempts without the port")
        port.plug()
        silence = threading.Event()
        thread = port.repeat(packets(captures.INVERTING), silence)
        try:
            wait_until(lambda: "source is back" in exporter.process.output, 15, "the recovery")
        finally:
            silence.set()
            thread.join()
    lines = exporter.process.output.splitlines()
    assert ["is gone" in line for line in lines if "source is lost" in line] == [True]
    assert len([line for line in lines if "source is back" in line]) == 1


def test_port_without_permission(port: MagnumPort, config: Path) -> None:
    port.plug()
    port.name.resolve().chmod(0)
    if os.access(port.name, os.R_OK):
        pytest.skip("this user may open every port")
    with Exporter(config) as exporter:
        wait_until(lambda: "add this program's user to the group dialout" in exporter.process.output, 15, "logged")
        port.name.resolve().chmod(0o600)
        port.write(packets(captures.INVERTING))
        wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "up")


def test_swapped_wires(port: MagnumPort, config: Path) -> None:
    port.plug()
    silence = threading.Event()
    packets = [bytes.fromhex(captures.vector(f"pymagnum-swapped-AB-{number}")["raw_hex"]) for number in range(6)]
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        assert exporter.value("magnum_wires_swapped", device="main") == 0
        thread = port.repeat(packets, silence)
        try:
            wait_until(lambda: exporter.value("magnum_wires_swapped", device="main") == 1, 5, "shown")
            wait_until(lambda: "swap the two data wires" in exporter.process.output, 10, "logged")
            assert exporter.value("magnum_up", device="main") == 0
        finally:
            silence.set()
            thread.join()


def test_bus_off_and_on(port: MagnumPort, config: Path) -> None:
    port.plug()
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        port.write(packets(captures.INVERTING))
        wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "up")
        wait_until(lambda: "is the bus powered" in exporter.process.output, 10, "logged")
        wait_until(lambda: exporter.value("magnum_up", device="main") == 0, 10, "down")
        assert exporter.value("magnum_inverter_dc_volts", device="main") is None
        assert exporter.value("magnum_discarded_bytes_total", device="main") == 0
        port.write(packets(captures.INVERTING)[:20])
        wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "up again")
        wait_until(lambda: 'msg="magnum packets received"' in exporter.process.output, 5, "logged too")
        assert exporter.value("magnum_resyncs_total", device="main") == 0
        assert exporter.process.output.count("no magnum packets") == 1


def test_bytes_without_a_frame_are_counted(port: MagnumPort, config: Path) -> None:
    port.plug()
    with Exporter(config) as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        os.write(port.master, bytes(range(1, 101)))
        counted = "magnum_discarded_bytes_total"
        wait_until(lambda: exporter.value(counted, device="main") == 100, 15, "every byte is counted")


def test_adapter_on_the_network(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        config.write_text(f'sources:\n  main: {{type: magnum, port: "{url}"}}\n')
        with Exporter(config) as exporter:
            for number in range(2):
                connection, _ = server.accept()
                with connection:
                    for packet in packets(captures.INVERTING)[number * 40 : number * 40 + 40]:
                        connection.sendall(packet)
                        time.sleep(0.02)
                    wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 10, "up")
            wait_until(lambda: exporter.value("magnum_reconnects_total", device="main") == 1, 5, "counted")


def test_port_in_use(port: MagnumPort, config: Path) -> None:
    port.plug()
    with Exporter(config) as first:
        wait_until(lambda: "magnum_frames_total" in first.get()[1], 15, "the port is open")
        with Exporter(config) as second:
            wait_until(lambda: "in use by another program" in second.process.output, 15, "logged")
            port.write(packets(captures.INVERTING))
            wait_until(lambda: first.value("magnum_up", device="main") == 1, 5, "the first still reads")
            assert second.value("magnum_up", device="main") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it(config: Path, number: signal.Signals) -> None:
    with Exporter(config) as exporter:
        wait_until(lambda: exporter.get("/-/healthy")[0] == 200, 15, "healthy")
        exporter.process.signal(number)
        assert exporter.process.wait(5) == 0
        assert "Traceback" not in exporter.process.output


def test_reload_takes_all_or_nothing(port: MagnumPort, config: Path) -> None:
    port.plug()
    with Exporter(config, "--web.enable-lifecycle") as exporter:
        wait_until(lambda: "magnum_frames_total" in exporter.get()[1], 15, "the port is open")
        port.write(packets(captures.INVERTING))
        wait_until(lambda: exporter.value("magnum_up", device="main") == 1, 5, "up")
        good = config.read_text()
        config.write_text("sources: {}\n")
        status, sentence = exporter.get("/-/reload", "POST")
        assert status == 500
        assert "expected at least one" in sentence
        assert exporter.value("magnum_exporter_config_last_reload_successful") == 0
        assert exporter.value("magnum_up", device="main") == 1
        config.write_text(good.replace("battery:", "  other: {type: aims, port: /dev/nowhere}\nbattery:"))
        assert exporter.get("/-/reload", "POST")[0] == 200
        assert exporter.page("?name[]=aims_up") == {("aims_up", (("device", "other"),)): 0}, "also by its name"
        assert exporter.value("magnum_up", device="main") == 1, "the unchanged source goes on"
        assert exporter.value("magnum_reconnects_total", device="main") == 0
        config.write_text(good)
        exporter.process.signal(signal.SIGHUP)
        wait_until(lambda: exporter.value("aims_up", device="other") is None, 5, "other is gone")
        assert exporter.value("magnum_exporter_config_last_reload_successful") == 1


def test_reload_needs_its_flag(config: Path) -> None:
    with Exporter(config) as exporter:
        wait_until(lambda: exporter.get("/-/healthy")[0] == 200, 15, "healthy")
        assert exporter.get("/-/reload", "POST")[0] == 403
        status, page = exporter.get("/")
        assert status == 200
        assert 'href="/metrics"' in page


def test_pages_of_other_sites_get_nothing_from_loopback(config: Path) -> None:
    with Exporter(config, "--web.enable-lifecycle") as exporter:
        wait_until(lambda: exporter.get("/-/healthy")[0] == 200, 15, "the exporter to serve")
        url = f"http://127.0.0.1:{exporter.port}"
        for path in ("/", "/metrics"):
            assert request("GET", url + path, headers={"Host": "rebound.example"})[0] == 403
            assert request("GET", url + path, headers={"Host": "localhost:9"})[0] == 200
        for sent in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert request("POST", f"{url}/-/reload", headers=sent)[0] == 403
        assert request("POST", f"{url}/-/reload", headers={"Origin": url})[0] == 200


def test_exporter_that_others_reach_is_read_by_any_name(config: Path) -> None:
    with Exporter(config, f"--web.listen-address=:{free_port()}") as exporter:
        wait_until(lambda: exporter.get("/-/healthy")[0] == 200, 15, "the exporter to serve")
        page = request("GET", f"http://127.0.0.1:{exporter.port}/metrics", headers={"Host": "cabin.example:10048"})
        assert page[0] == 200


def test_address_in_use(config: Path) -> None:
    with Exporter(config) as first:
        wait_until(lambda: first.get("/-/healthy")[0] == 200, 15, "healthy")
        with Process(
            [
                command("magnum-exporter"),
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{first.port}",
            ]
        ) as second:
            assert second.wait(10) == 1
            assert "cannot listen on" in second.output
