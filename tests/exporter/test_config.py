"""What exporter.yml may contain, and how the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import cli, config
from exporter.soc import Lead
from exporter.sources.magnum.config import MagnumConfig
from tests.support import ROOT
from toolkit.config import ConfigError


def written(folder: Path, text: str) -> Path:
    file = folder / "exporter.yml"
    file.write_text(text)
    return file


def test_shipped_example() -> None:
    options = config.load(ROOT / "deploy" / "exporter.yml")
    assert options.battery.capacity_ampere_hours == 400
    assert options.battery.soc.sources == ("main",)


def test_battery_is_optional(tmp_path: Path) -> None:
    options = config.load(written(tmp_path, "sources:\n  main: {type: magnum, port: /dev/ttyUSB0}\n"))
    assert options.sources == {"main": MagnumConfig(port="/dev/ttyUSB0")}
    assert options.battery.capacity_ampere_hours is None
    assert options.battery.soc.lead is Lead.FIRST
    assert float(options.battery.soc.max_age) == 60.0


MAIN = "sources:\n  main: {type: magnum, port: /dev/ttyUSB0}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: {}\n", "sources: got no source, expected at least one"),
        ("sources:\n  main: {type: magnum}\n", "exporter.yml:2: sources.main"),
        ("sources:\n  main: {type: magnet, port: x}\n", "exporter.yml:2: sources.main"),
        ('sources:\n  main: {type: magnum, port: ""}\n', "sources.main.port: got nothing"),
        ("sources:\n  main: {type: magnum, port: x, speed: 9}\n", "sources.main.speed"),
        ("sources:\n  main: {type: magnum, port: x, peak_window: 60}\n", "sources.main.peak_window"),
        (f"{MAIN}  two: {{type: magnum, port: /dev/ttyUSB0}}\n", "sources.two: got the port of main"),
        (f"{MAIN}battery: {{capacity_ampere_hours: 0}}\n", "battery.capacity_ampere_hours: got 0"),
        (f"{MAIN}battery: {{soc: {{sources: [mian]}}}}\n", 'battery.soc.sources[0]: got "mian"'),
        (f"{MAIN}battery: {{soc: {{sources: []}}}}\n", "battery.soc.sources: got []"),
        (f"{MAIN}battery: {{soc: {{lead: best}}}}\n", "battery.soc.lead"),
        (f"{MAIN}battery: {{soc: {{max_age: 0s}}}}\n", "battery.soc.max_age"),
    ],
)
def test_wrong_config_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(written(tmp_path, text))
    assert message in str(refused.value)


PYLONTECH = "sources:\n  two: {type: pylontech, port: /dev/ttyUSB1, address: 2}\n"


def test_batteries_share_a_line(tmp_path: Path) -> None:
    more = "  three: {type: pylontech, port: /dev/ttyUSB1, address: [3, 4]}\n"
    assert list(config.load(written(tmp_path, PYLONTECH + more)).sources) == ["two", "three"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("address: [4, 2]", "sources.three: got address 2, as two has"),
        ("baudrate: 115200, address: 3", "sources.three: got the port of two, /dev/ttyUSB1"),
        ("address: [3, 3]", "sources.three.address: got [3, 3]"),
    ],
)
def test_batteries_on_one_line_have_addresses_of_their_own(tmp_path: Path, more: str, message: str) -> None:
    text = f"{PYLONTECH}  three: {{type: pylontech, port: /dev/ttyUSB1, {more}}}\n"
    with pytest.raises(ConfigError) as refused:
        config.load(written(tmp_path, text))
    assert message in str(refused.value)


def test_wrong_config_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "sources:\n  main: {type: magnum, prt: /dev/ttyUSB0}\n")
    assert cli.main([f"--config.file={file}"]) == 2
    output = capsys.readouterr().err
    assert output.startswith(f"{file}:2: sources.main.prt: ")
    assert cli.main([f"--config.file={tmp_path / 'none.yml'}"]) == 2


def test_config_check_only_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, MAIN)
    assert cli.main(["--config.file", str(file), "--config.check"]) == 0
    assert capsys.readouterr().out == "config ok\n"


def test_config_check_refuses_a_web_configuration_that_everybody_may_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, web_config = tmp_path / "exporter.yml", tmp_path / "web.yml"
    file.write_text("sources: {main: {type: magnum, port: /dev/null}}\n")
    web_config.touch()
    web_config.chmod(0o666)
    arguments = ["--config.file", str(file), "--web.config.file", str(web_config), "--config.check"]
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"--web.config.file: got {web_config} with mode 0666")
