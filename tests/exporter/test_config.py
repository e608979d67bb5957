"""What exporter.yml may contain, and how the rest is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter import cli, config, config_checks
from exporter.collector import of_family
from exporter.soc import Lead
from exporter.sources.magnum.config import MagnumConfig
from exporter.sources.modbus.source import FAMILY
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


SEVEN = """\
sources:
  main:    {type: magnum, prot: /dev/ttyUSB0}
  classic: {type: Classics, host: 192.168.1.20}
  west:    {type: classic, host: "192.168.1.20:502"}
  bms:     {type: jk-bms, url: "rtu:///dev/ttyUSB1"}
  pack:    {type: pylontech, port: /dev/ttyUSB2}
  aims:    {type: aims, port: /dev/ttyUSB2, interval: 5}
battery:
  soc: {sources: [classic, bms, pakc], max_age: 60s}
"""


def test_seven_faults_are_seven_lines_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, SEVEN)
    assert cli.main([f"--config.file={file}", "--config.check"]) == 2
    lines = capsys.readouterr().err.replace(f"{file}:", "").splitlines()
    places, ends = zip(*(line.split(": got ")[:2] for line in lines), strict=True)
    assert places == (
        "2: sources.main.prot",
        "3: sources.classic.type",
        "4: sources.west.host",
        "5: sources.bms.type",
        "7: sources.aims.interval",
        "7: sources.aims",
        "9: battery.soc.sources[2]",
    )
    families = "expected one of magnum, classic, modbus, aims, vedirect, pylontech"
    assert ends == (
        'an unknown key, expected one of type, port, peak_window; did you mean "port"?',
        f'"Classics" (text), {families}; did you mean "classic"?',
        '"192.168.1.20:502", a port inside the host, expected host: 192.168.1.20, and port: 502 next to it',
        f'"jk-bms" (text), {families}; did you mean "modbus" with profile: jk-bms?',
        "5 (a number), expected a duration with its unit: write 5s, 5m or 5h",
        "the port of pack, /dev/ttyUSB2, expected a port of its own",
        '"pakc", expected one of the sources: pack, aims; did you mean "pack"?',
    )


@pytest.mark.parametrize(
    "fault",
    ["interval: 0s, profile: daly", "registers: [{address: 1, metric: modbus_x, scale: 0}]"],
)
def test_a_fault_of_the_only_source_is_not_reported_as_no_source_too(tmp_path: Path, fault: str) -> None:
    file = written(tmp_path, f"sources:\n  bms: {{type: modbus, url: tcp://10.0.0.5, {fault}}}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert [one.where.split(".")[:2] for one in refused.value.each()] == [["sources", "bms"]]


@pytest.mark.parametrize("sources", ["{}", "{bms: {type: modbus, url: tcp://10.0.0.5, interval: 0s, profile: daly}}"])
def test_the_other_faults_are_reported_where_no_source_is_right(tmp_path: Path, sources: str) -> None:
    text = f"sources: {sources}\nbattery:\n  soc: {{sources: [bms, typo]}}\n  banks:\n    house: [west]\n"
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    told = str(refused.value)
    assert f'{file}:3: battery.soc.sources[1]: got "typo", expected one of the sources: house' in told
    assert f'{file}:5: battery.banks.house: got "west", expected one of the sources' in told.splitlines()
    assert ("got no source" in told, "interval: got 0s" in told) == (
        (True, False) if sources == "{}" else (False, True)
    )
    assert ("soc.sources[0]" in told) is (sources == "{}")


OWN_LIST = """\
sources:
  one:
    type: modbus
    url: tcp://10.0.0.5
    interval: 0s
    registers:
      - {address: 0, metric: modbus_up}
      - {address: 1, metric: modbus_battery_state}
      - {address: 2, metric: modbus_cell_volts}
      - {address: 3, metric: modbus_tank_volts, scale: 0}
      - {address: 65535, type: u32, metric: modbus_tank_volts}
      - {address: x, metric: modbus_reads_total, labels: 7}
      - {address: 6, metric: tank_volts, scale: 0}
battery: {soc: {lead: best}}
"""


def test_every_fault_of_an_own_list_is_reported_in_one_run_with_others(tmp_path: Path) -> None:
    file = written(tmp_path, OWN_LIST)
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    places = [line.removeprefix(f"{file}:").split(": got")[0] for line in str(refused.value).splitlines()]
    registers = "sources.one.registers"
    assert places == [
        "5: sources.one.interval",
        f"7: {registers}[0].metric",
        f"8: {registers}[1].metric",
        f"9: {registers}[2].labels",
        f"10: {registers}[3].scale",
        f"11: {registers}[4].address",
        f"11: {registers}[4].metric",
        f"12: {registers}[5].address",
        f"12: {registers}[5].labels",
        f"12: {registers}[5].metric",
        f"13: {registers}[6].metric",
        f"13: {registers}[6].scale",
        "14: battery.soc.lead",
    ]


FREE = "a name that is not already in use, also without its _total or _created"


@pytest.mark.parametrize(
    ("registers", "message"),
    [
        ("{address: 1, metric: modbus_up}", '[0].metric: got "modbus_up", expected ' + FREE),
        ("{address: 1, metric: modbus_celsius}", "[0].labels: got none, expected sensor for modbus_celsius"),
        (
            "{address: 1, metric: modbus_x}, {address: 2, metric: modbus_x}",
            "[1].metric: got modbus_x twice, expected different labels for each",
        ),
        (
            "{address: 1, metric: modbus_x, help: X.}, {address: 2, metric: modbus_x, help: Y., labels: {at: b}}",
            (
                '[1]: got the help "Y." and the labels at for modbus_x, '
                'expected the help "X." and the labels none, as sources.bms.registers[0] has'
            ),
        ),
    ],
)
def test_an_own_list_is_refused_with_its_place(tmp_path: Path, registers: str, message: str) -> None:
    source = f"{{type: modbus, url: tcp://10.0.0.5, registers: [{registers}]}}"
    file = written(tmp_path, f"sources:\n  bms: {source}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert str(refused.value) == f"{file}:2: sources.bms.registers{message}"


OF_MODBUS = {metric.name for metric in (*of_family(FAMILY), *FAMILY.metrics)}


class Page(Collector):
    """One series of each metric."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def collect(self) -> Iterator[Metric]:
        for name in self.names:
            yield (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(name, "Text.", 1)

    def is_right(self) -> bool:
        """Return whether a reader of the OpenMetrics format accepts it."""
        registry = CollectorRegistry()
        registry.register(self)
        try:
            list(text_string_to_metric_families(generate_latest(registry).decode()))  # type: ignore[no-untyped-call]
        except ValueError:
            return False
        return True


@pytest.mark.parametrize("metric", sorted(OF_MODBUS))
def test_an_own_metric_has_no_name_that_clashes_on_the_page(tmp_path: Path, metric: str) -> None:
    counted = metric.removesuffix("_total")
    names = sorted({f"{metric}_total", f"{metric}_created", counted, f"{counted}_created"} - OF_MODBUS)
    registers = ", ".join(f"{{address: 1, metric: {name}}}" for name in names)
    file = written(tmp_path, f"sources: {{bms: {{type: modbus, url: tcp://10.0.0.5, registers: [{registers}]}}}}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    told = {(one.where, one.got, one.expected) for one in refused.value.each()}
    assert told == {
        (f"sources.bms.registers[{index}].metric", f'"{name}", beside {metric}', FREE)
        for index, name in enumerate(names)
        if not Page(metric, name).is_right()
    }


@pytest.mark.parametrize(
    ("one", "two", "fault"),
    [
        ("modbus_x", "modbus_x", None),
        ("modbus_x, help: X.", "modbus_x, help: Y.", 'bms.registers[0]: got the help "Y." and the labels none'),
        ("modbus_x, labels: {at: a}", "modbus_x", "bms.registers[0]: got the help"),
        (
            "modbus_x",
            "modbus_x_total",
            'bms.registers[0].metric: got "modbus_x_total", beside modbus_x of sources.tank.',
        ),
    ],
)
def test_two_sources_give_an_own_metric_one_meaning(tmp_path: Path, one: str, two: str, fault: str | None) -> None:
    sources = (
        f"  {name}: {{type: modbus, url: tcp://10.0.0.5, registers: [{{address: 1, metric: {metric}}}]}}\n"
        for name, metric in (("tank", one), ("bms", two))
    )
    file = written(tmp_path, "sources:\n" + "".join(sources))
    if fault is None:
        assert len(config.load(file).sources) == 2
        return
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert str(refused.value).startswith(f"{file}:3: sources.{fault}")
    assert "tank.registers[0]" in str(refused.value)


def test_the_faults_of_own_lists_are_searched_for_in_any_document(tmp_path: Path) -> None:
    parts = ("7", "{x: 7}", "{x: {type: modbus, registers: 7}}", "{x: {type: modbus, registers: [7, {metric: 7}]}}")
    for sources in parts:
        assert list(config_checks.own_metrics(written(tmp_path, f"sources: {sources}\n"))) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("classic.lan:503", "host: classic.lan, and port: 503 next to it"),
        ("[fe80::1]:502", "host: fe80::1, and port: 502 next to it"),
        ("tcp://192.168.1.20", "host: 192.168.1.20"),
    ],
)
def test_a_host_is_only_a_host(tmp_path: Path, host: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(written(tmp_path, f'sources: {{classic: {{type: classic, host: "{host}"}}}}'))
    assert expected in str(refused.value)


@pytest.mark.parametrize("host", ["classic.lan", "192.168.1.20", "fe80::1", "fe80::1%eth0"])
def test_a_host_may_be_a_name_or_any_address(tmp_path: Path, host: str) -> None:
    assert config.load(written(tmp_path, f'sources: {{classic: {{type: classic, host: "{host}"}}}}')).sources


RTU = "type: modbus, profile: jk-bms"


@pytest.mark.parametrize(
    ("two", "message"),
    [
        (f'{{{RTU}, url: "rtu:///dev/ttyUSB9", unit_id: 2}}', ""),
        ('{type: modbus, url: "rtu:///dev/ttyUSB9", registers: [{address: 1, metric: modbus_x_volts}]}', ""),
        (f'{{{RTU}, url: "rtu:///dev/ttyUSB9"}}', "sources.two: got address 1, as one has"),
        (
            f'{{{RTU}, url: "rtu:///dev/ttyUSB9?baudrate=115200", unit_id: 2}}',
            "sources.two: got the port of one, /dev/ttyUSB9, expected a port of its own, or modbus at 9600 baud N1 as",
        ),
        ("{type: pylontech, port: /dev/ttyUSB9}", "got the port of one, /dev/ttyUSB9, expected a port of its own"),
        (f'{{{RTU}, url: "tcp://192.168.1.20:502"}}', ""),
    ],
)
def test_modbus_rtu_shares_a_line_with_its_like(tmp_path: Path, two: str, message: str) -> None:
    file = written(tmp_path, f'sources:\n  one: {{{RTU}, url: "rtu:///dev/ttyUSB9"}}\n  two: {two}\n')
    if not message:
        assert list(config.load(file).sources) == ["one", "two"]
        return
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert message in str(refused.value)


def test_two_names_of_one_port_are_one_port(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/null")
    with pytest.raises(ConfigError) as refused:
        config.load(
            written(
                tmp_path, f"{MAIN.replace('/dev/ttyUSB0', '/dev/null')}  two: {{type: aims, port: {tmp_path}/by-id}}"
            )
        )
    assert "sources.two: got the port of main" in str(refused.value)


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


def test_config_check_refuses_configurations_that_everybody_may_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, web_config = tmp_path / "exporter.yml", tmp_path / "web.yml"
    file.write_text("sources: {main: {type: magnum, port: /dev/null}}\n")
    web_config.touch()
    web_config.chmod(0o666)
    file.chmod(0o646)
    arguments = ["--config.file", str(file), "--web.config.file", str(web_config), "--config.check"]
    assert cli.main(arguments) == 2
    of_web, of_file = capsys.readouterr().err.splitlines()
    assert of_web.startswith(f"--web.config.file: got {web_config} with mode 0666")
    assert of_file.startswith(f"--config.file: got {file} with mode 0646, which everybody may write")
