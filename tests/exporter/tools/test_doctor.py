"""What `magnum-exporter doctor` finds, on real ports and addresses of this machine."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import cli
from exporter.tools.doctor import Page, Refused, examine, read_page
from tests.support import free_port
from toolkit.findings import Finding

HOLD = """
import sys
held = open(sys.argv[1], "rb", buffering=0)
print("open", flush=True)
sys.stdin.read()
"""
HEALTHY = Page(up={"main": True}, soc=0.8, refused={})


@pytest.fixture
def port() -> Iterator[str]:
    """A pseudo-terminal that nobody has open but this test."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    yield name
    os.close(ours)


def written(folder: Path, source: str) -> Path:
    file = folder / "exporter.yml"
    file.write_text(f"sources: {{main: {source}}}\n")
    return file


def wrong(file: Path, page: Page | str) -> list[Finding]:
    return [finding for finding in examine(file, page) if finding.state == "wrong"]


def test_a_healthy_site(tmp_path: Path) -> None:
    file = written(tmp_path, "{type: magnum, port: /dev/absent}")
    assert [finding.state for finding in examine(file, HEALTHY)] == ["well"] * 4


def test_a_web_configuration_that_everybody_may_write_is_wrong(tmp_path: Path) -> None:
    file, web = written(tmp_path, "{type: magnum, port: /dev/absent}"), tmp_path / "exporter-web.yml"
    web.touch()
    web.chmod(0o666)
    (found,) = wrong(file, HEALTHY)
    assert (found.check, found.remedy) == ("secrets", "Run that chmod, as root.")
    assert found.text.startswith(f"--web.config.file: got {web} with mode 0666, which everybody may write")
    web.chmod(0o640)
    assert wrong(file, HEALTHY) == []


def test_every_fault_of_the_file_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "{type: magnum, prt: /dev/x}")
    (first, *_) = wrong(file, HEALTHY)
    assert first.check == "configuration"
    assert "prt" in first.text
    assert "--config.check" in first.remedy


@pytest.mark.parametrize(
    ("source", "page", "text", "remedy"),
    [
        ("{type: magnum, port: /dev/absent}", HEALTHY._replace(up={}), "is not there", "/dev/serial/by-id/"),
        (
            "{type: classic, host: 127.0.0.1, port: PORT}",
            HEALTHY._replace(up={}),
            "cannot be reached",
            "ping 127.0.0.1",
        ),
        (
            "{type: modbus, url: 'tcp://127.0.0.1:PORT', profile: daly}",
            HEALTHY._replace(up={"main": False}),
            "cannot be reached",
            "ping",
        ),
        (
            "{type: magnum, port: /dev/absent}",
            HEALTHY._replace(soc=None, refused={"main": "jump"}),
            "main: jump",
            "Batt",
        ),
    ],
)
def test_a_fault_is_named_with_its_remedy(tmp_path: Path, source: str, page: Page, text: str, remedy: str) -> None:
    (found,) = wrong(written(tmp_path, source.replace("PORT", str(free_port()))), page)
    assert text in found.text
    assert remedy in found.remedy


def test_a_port_that_another_program_holds(tmp_path: Path, port: str) -> None:
    file = written(tmp_path, f"{{type: magnum, port: {port}}}")
    with subprocess.Popen([sys.executable, "-c", HOLD, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (found,) = wrong(file, HEALTHY._replace(up={"main": False}))
        assert f"is held by process {process.pid} (" in found.text
        process.kill()


def test_a_port_that_opens_and_is_silent(tmp_path: Path, port: str) -> None:
    file = written(tmp_path, f"{{type: magnum, port: {port}}}")
    (found,) = wrong(file, HEALTHY._replace(up={"main": False}))
    assert "does not answer" in found.text
    assert "A and B may be swapped" in found.remedy


def test_an_exporter_that_does_not_run(tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, f"{{type: magnum, port: {port}}}")
    url = f"http://127.0.0.1:{free_port()}/metrics"
    assert cli.main(["doctor", f"--config.file={file}", f"--url={url}", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["check"] for one in found if one["state"] == "wrong"] == ["exporter"]
    assert cli.main(["doctor", f"--config.file={file}", f"--url={url}"]) == 1
    assert "systemctl status magnum-exporter" in capsys.readouterr().out


def test_a_page_that_asks_for_a_password_is_no_dead_exporter(tmp_path: Path, port: str) -> None:
    (*_, note) = examine(written(tmp_path, f"{{type: magnum, port: {port}}}"), Refused("401 Unauthorized"))
    assert (note.check, note.state) == ("exporter", "note")
    assert "401 Unauthorized" in note.text


def test_an_address_that_is_no_page() -> None:
    assert read_page("file:///etc/passwd") == (
        "got file:///etc/passwd, expected an address that begins with http:// or https://"
    )
    assert isinstance(read_page(f"http://127.0.0.1:{free_port()}/"), str)


def nut(folder: Path) -> Finding:
    file = folder / "exporter.yml"
    source = "main: {type: magnum, port: /dev/absent}"
    file.write_text(f"sources: {{{source}}}\nnut: {{ups: cabin, socket_folder: {folder}}}\n")
    (found,) = (one for one in examine(file, HEALTHY) if one.check == "nut")
    return found


@pytest.mark.parametrize(
    ("told", "state", "part"),
    [
        (
            'SETINFO driver.name "magnum-exporter"\nSETINFO ups.status "OL DISCHRG"\nDATAOK\nDUMPDONE\n',
            "well",
            "OL DISCHRG",
        ),
        ("DATASTALE\nDUMPDONE\n", "wrong", "stale"),
        ("", "wrong", "stale"),
    ],
)
def test_the_status_for_upsd(tmp_path: Path, told: str, state: str, part: str) -> None:
    with socket.socket(socket.AF_UNIX) as driver:
        driver.bind(str(tmp_path / "magnum-exporter-cabin"))
        driver.listen()

        def answer() -> None:
            with driver.accept()[0] as upsd:
                assert upsd.recv(4096).startswith(b"NOBROADCAST\n")
                upsd.sendall(told.encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        found = nut(tmp_path)
        thread.join(5)
    assert found.state == state
    assert part in found.text


def test_a_socket_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    found = nut(tmp_path)
    assert found.state == "wrong"
    assert f"upsd cannot connect to {tmp_path}/magnum-exporter-cabin: No such file or directory." in found.text
