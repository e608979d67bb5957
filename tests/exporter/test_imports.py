"""What the exporter loads: nothing that its configuration does not need, on a machine with little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.exporter import Exporter

_LOADED = "import sys; import {module}; print(*sys.modules)"


def loaded(module: str) -> set[str]:
    """Return the modules that are there after an import in a new process."""
    code = _LOADED.format(module=module)
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_a_tool_loads_no_web_framework_and_no_search_for_mistakes() -> None:
    assert loaded("exporter.cli").isdisjoint({"aiohttp", "difflib", "toolkit.config.mismatch"})


def test_a_family_is_loaded_with_the_first_source_of_it() -> None:
    configured = loaded("exporter.config")
    opened = loaded(
        "exporter.config, toolkit.config; toolkit.config.decode("
        "{'sources': {'main': {'type': 'magnum', 'port': '/dev/null'}}}, exporter.config.Config)"
        ".sources['main'].open('main', lambda *_: None)"
    )
    sources = {f"exporter.sources.{name}.source" for name in ("aims", "classic", "modbus", "pylontech", "vedirect")}
    of_modbus = {f"exporter.sources.modbus.{name}" for name in ("profiles", "quantities", "register_list", "registers")}
    assert configured.isdisjoint({*sources, *of_modbus, "exporter.sources.magnum.source"})
    assert opened.isdisjoint({*sources, *of_modbus, "exporter.sources.plausibility"})
    assert "exporter.sources.magnum.source" in opened


def test_the_check_of_own_lists_is_loaded_only_with_one(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    module = f"pathlib, exporter.config; exporter.config.load(pathlib.Path({str(file)!r}))"
    check = "exporter.sources.modbus.register_list"
    file.write_text("sources: {bms: {type: modbus, url: tcp://10.0.0.5, profile: daly}}\n")
    assert loaded(module).isdisjoint({check, "exporter.collector", "toolkit.config.mismatch"})
    file.write_text(
        "sources: {bms: {type: modbus, url: tcp://10.0.0.5, registers: [{address: 1, metric: modbus_x}]}}\n"
    )
    assert check in loaded(module)


@pytest.mark.parametrize("module", ["exporter.app", "actuator.service"])
def test_a_program_without_a_broker_loads_no_mqtt(module: str) -> None:
    mqtt = {
        "aiomqtt",
        "paho",
        "toolkit.homeassistant.client",
        "toolkit.homeassistant.discovery",
        "exporter.homeassistant",
        "actuator.intake.mqtt_commands",
        "actuator.report.homeassistant_entities",
    }
    assert loaded(module).isdisjoint(mqtt)


@pytest.mark.parametrize("module", ["exporter.app", "actuator.service"])
def test_a_program_loads_no_reader_of_archives(module: str) -> None:
    assert loaded(module).isdisjoint({"importlib.metadata", "importlib.resources", "zipfile"})


def test_the_service_loads_aiohttps_parser_but_not_frozenlist(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text("sources: {bus: {type: magnum, port: /dev/absent}}\n")
    with Exporter(file) as exporter:
        wait_until(lambda: exporter.get()[0] == 200, 20, "it serves")
        mapped = Path(f"/proc/{exporter.process.popen.pid}/maps").read_text()
    assert "_http_parser" in mapped
    assert "_frozenlist" not in mapped


def test_the_driver_for_network_ups_tools_is_loaded_if_configured() -> None:
    assert loaded("exporter.app").isdisjoint(
        f"exporter.nut.{name}" for name in ("driver", "protocol", "status", "variables")
    )
