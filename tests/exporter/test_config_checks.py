"""What `exporter.yml` names outside of itself is checked, and what is valid but unusual is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actuator.core.settings import Settings
from exporter import cli, config, config_checks
from tests.support import ROOT
from toolkit.config import ConfigError, decode

MAGNUM = "sources:\n  main: {type: magnum, port: PORT}\n"
RTU = 'sources:\n  bms: {type: modbus, profile: jk-bms, url: "rtu://PORT?baudrate=9600", unit_id: 2}\n'
SHIPPED = ROOT / "deploy" / "exporter.yml"
HERE = "http://127.0.0.1:10048/metrics"


@pytest.mark.parametrize("exporter", [MAGNUM, RTU])
@pytest.mark.parametrize("relay", ["{type: serial, port: PORT}", '{type: modbus, url: "rtu://PORT?baudrate=9600"}'])
def test_a_source_with_the_port_of_the_relay_is_refused(tmp_path: Path, exporter: str, relay: str) -> None:
    device, link = tmp_path / "ttyUSB1", tmp_path / "by-id"
    link.symlink_to(device)
    file, actuator = tmp_path / "exporter.yml", tmp_path / "actuator.yml"
    file.write_text(exporter.replace("PORT", str(link)))
    actuator.write_text(f"exporter: {{url: {HERE}}}\nrelay: {relay.replace('PORT', str(device))}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    name = "main" if exporter == MAGNUM else "bms"
    what = f"got {device}, the port of the relay in {actuator}, expected a port of its own"
    assert str(refused.value) == f"{file}:2: sources.{name}: {what}"


@pytest.mark.parametrize(
    "actuator",
    [
        "exporter: {url: http://192.168.1.9:10048/metrics}\nrelay: {type: serial, port: /dev/ttyUSB1}\n",
        f"exporter: {{url: {HERE}}}\nrelay: {{type: serial, port: /dev/ttyUSB2}}\n",
        f"exporter: {{url: {HERE}}}\nrelay: {{type: hid}}\n",
        f"exporter: {{url: {HERE}}}\nrelay: {{type: modbus, url: 7}}\n",
        "exporter: 7\nrelay: {type: serial, port: /dev/ttyUSB1}\n",
        "exporter: {url: 'http://[::1'}\nrelay: {type: serial, port: /dev/ttyUSB1}\n",
        "relay: [",
        "",
    ],
)
def test_another_machines_relay_or_another_port_is_none_of_its_business(tmp_path: Path, actuator: str) -> None:
    (tmp_path / "actuator.yml").write_text(actuator)
    file = tmp_path / "exporter.yml"
    file.write_text(MAGNUM.replace("PORT", "/dev/ttyUSB1"))
    assert list(config.load(file).sources) == ["main"]


def test_the_files_that_are_shipped_agree() -> None:
    assert list(config_checks.relay_port(SHIPPED)) == []
    assert list(config.warnings(config.load(SHIPPED), SHIPPED)) == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("none/energy.json", "there is no folder "),
        ("file/energy.json", " is a file"),
        ("folder", "it is a folder"),
        ("closed/energy.json", "this user cannot write in "),
    ],
)
def test_config_check_refuses_an_energy_state_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.geteuid() == 0:
        monkeypatch.setattr("toolkit.durable_file.tempfile.TemporaryFile", _denied_if_closed)
    file = tmp_path / "exporter.yml"
    file.write_text(f"energy_state: {tmp_path}/{state}\nsources: {{main: {{type: magnum}}}}\n")
    assert cli.main([f"--config.file={file}", "--config.check"]) == 2
    one, two = capsys.readouterr().err.splitlines()
    assert one.startswith(f"{file}:1: energy_state: got {tmp_path}/{state}: ")
    assert reason in one
    assert two.startswith(f"{file}:2: sources.main: ")


def _denied_if_closed(dir: Path) -> object:  # noqa: A002 - the library's name
    if dir.name == "closed":
        raise PermissionError(13, "Permission denied")
    return open(dir / "new", "wb")  # noqa: PTH123 - the caller closes it


def test_config_check_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(f"energy_state: {tmp_path}/energy.json\nsources: {{main: {{type: magnum, port: /dev/null}}}}\n")
    assert cli.main([f"--config.file={file}", "--config.check"]) == 0
    assert list(tmp_path.iterdir()) == [file]


PACK = {"type": "pylontech", "port": "/dev/ttyUSB1"}
MAIN = {"type": "magnum", "port": "/dev/ttyUSB2"}
AIMS = {"type": "aims", "port": "/dev/ttyUSB3"}
TANK = {"type": "modbus", "url": "tcp://h:502", "registers": [{"address": 1, "metric": "modbus_tank_volts"}]}


@pytest.mark.parametrize(
    ("names", "banks", "left_out"),
    [
        (["pack"], {}, ["main: the state of charge of its battery monitor, if it has one, is not used"]),
        (["main"], {}, ["pack: its state of charge is not used"]),
        (["main", "pack"], {}, []),
        (["main"], {"house": ["pack"]}, ["house: its state of charge is not used"]),
        (["main", "house"], {"house": ["pack"]}, []),
        (None, {}, []),
    ],
)
def test_a_source_that_soc_sources_leaves_out_is_a_warning(
    tmp_path: Path, names: list[str] | None, banks: dict[str, list[str]], left_out: list[str]
) -> None:
    soc = {} if names is None else {"sources": names}
    sources = {"pack": PACK, "main": MAIN, "aims": AIMS, "tank": TANK}
    options = decode({"sources": sources, "battery": {"soc": soc, "banks": banks}}, config.Config)
    named = ", ".join(names or ())
    found = list(config.warnings(options, tmp_path / "exporter.yml"))
    assert found == [f"battery.soc.sources: got {named} without {what}" for what in left_out]


def test_config_check_prints_warnings_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(f"sources: {{main: {MAIN}, pack: {PACK}}}\nbattery: {{soc: {{sources: [main]}}}}\n")
    assert cli.main([f"--config.file={file}", "--config.check"]) == 0
    written = capsys.readouterr()
    assert written.out == "config ok\n"
    assert written.err == f"{file}: battery.soc.sources: got main without pack: its state of charge is not used\n"


@pytest.mark.parametrize(
    ("nut", "actuator", "warned"),
    [
        ("{ups: cabin}", "", "12 %"),
        ("{ups: cabin, low: 8%}", "emergency_soc: 8%", "8 %"),
        ("{ups: cabin, low: 11%}", "", None),
        ("{ups: cabin}", "emergency_soc: 20%\nexporter: http://192.168.1.9:10048/metrics", None),
        ("{ups: cabin}", "emergency_soc: often", None),
        ("{ups: cabin, source: aims}", "", None),
    ],
)
def test_a_shutdown_before_the_actuators_emergency_start_is_a_warning(
    tmp_path: Path, nut: str, actuator: str, warned: str | None
) -> None:
    file, other = tmp_path / "exporter.yml", tmp_path / "actuator.yml"
    file.write_text(f"sources: {{main: {MAIN}, aims: {AIMS}}}\nnut: {nut}\n")
    here = "" if "exporter:" in actuator else f"exporter: {HERE}\n"
    other.write_text(f"{here}{actuator}\n")
    found = list(config.warnings(config.load(file), file))
    assert len(found) == (warned is not None)
    if warned is not None:
        assert f"with emergency_soc {warned} in {other}: an upsmon that acts on this machine" in found[0].replace(
            "\u00a0", " "
        )


def test_the_emergency_threshold_without_a_setting_is_the_actuators_own() -> None:
    assert Settings().emergency_soc == config_checks.EMERGENCY_SOC


def test_names_cannot_move_the_cursor_of_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(r'sources: {"evil\n\e[2J\u202e": {type: magnum, nothing: 1}}' + "\n")
    assert cli.main([f"--config.file={file}", "--config.check"]) == 2
    shown = capsys.readouterr().err
    assert (r"evil\n\x1b[2J\u202e" in shown, shown.isascii()) == (True, True), shown
