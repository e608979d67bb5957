"""What the exporter loads: nothing that its configuration does not need, on a machine with little memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = "import sys; import {module}; print(*sys.modules)"


def loaded(module: str) -> set[str]:
    """Return the modules that are there after an import in a new process."""
    code = _LOADED.format(module=module)
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_a_tool_loads_no_web_framework_and_a_right_configuration_no_search_for_mistakes() -> None:
    assert loaded("exporter.cli").isdisjoint({"aiohttp", "difflib", "toolkit.config.mismatch"})


def test_a_family_is_loaded_with_the_first_source_of_it() -> None:
    configured = loaded("exporter.config")
    opened = loaded(
        "exporter.config, toolkit.config; toolkit.config.decode("
        "{'sources': {'main': {'type': 'magnum', 'port': '/dev/null'}}}, exporter.config.Config)"
        ".sources['main'].open('main', lambda *_: None)"
    )
    sources = {f"exporter.sources.{name}.source" for name in ("aims", "classic", "modbus", "pylontech", "vedirect")}
    assert configured.isdisjoint({*sources, "exporter.sources.magnum.source", "exporter.sources.modbus.profiles"})
    assert opened.isdisjoint(sources)
    assert "exporter.sources.magnum.source" in opened


@pytest.mark.parametrize("module", ["exporter.app", "actuator.service"])
def test_a_program_without_a_broker_loads_no_mqtt(module: str) -> None:
    mqtt = {
        "aiomqtt",
        "paho",
        "toolkit.homeassistant.client",
        "exporter.homeassistant",
        "actuator.report.homeassistant",
    }
    assert loaded(module).isdisjoint(mqtt)


def test_the_driver_for_network_ups_tools_is_loaded_only_where_it_is_configured() -> None:
    assert loaded("exporter.app").isdisjoint(
        f"exporter.nut.{name}" for name in ("driver", "protocol", "status", "variables")
    )
